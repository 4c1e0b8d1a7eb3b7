"""A worker process: serves as its configuration says, and shows that it is alive.

Its event loop sends the signs of life: a worker whose C code hangs while it holds the interpreter's lock falls silent, and the
supervisor kills it. If the supervisor is gone too, the system does, by an alarm that every sign of life puts off.
"""

import asyncio
import faulthandler
import os
import signal
import sys
from contextlib import suppress
from functools import partial

import structlog

from engine.ledger.errors import LedgerError
from engine.server import logs, run
from engine.server.listen import CannotServe, Stop, ignore_stop_signals
from engine.server.run import Lifecycle, serve
from engine.telemetry.config import CannotObserve
from engine.workers.spawn_config import (
    ALIVE,
    CONFIG_FD,
    DUMP_SIGNAL,
    REPORT_FD,
    SERVING,
    SpawnConfig,
    read_spawn_config,
)

log = structlog.get_logger()


_SIGNS = 10
"""Signs of life within the time after which a silent worker is killed."""


def main() -> None:
    """Serves by the configuration on standard input; exits with 1 if it cannot."""
    faulthandler.enable(REPORT_FD)
    faulthandler.register(DUMP_SIGNAL, REPORT_FD)
    spawn_config = read_spawn_config()
    if spawn_config is None:
        sys.exit(1)
    logs.configure(
        as_json=spawn_config.as_json, level=spawn_config.settings.message_level, worker=spawn_config.number
    )
    os.set_blocking(REPORT_FD, False)
    try:
        run.run_loop(_main(spawn_config))
    except (CannotServe, CannotObserve, LedgerError) as error:
        log.error("cannot serve", error=str(error))  # noqa: TRY400 the message says it all
        sys.exit(1)


async def _main(spawn_config: SpawnConfig) -> None:
    stop = Stop()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.drain)
    loop.add_signal_handler(signal.SIGINT, stop.hurry)
    loop.add_reader(CONFIG_FD, partial(_drain_orphaned, stop))
    signs = asyncio.create_task(_show_life(spawn_config.settings.liveness))
    lifecycle = Lifecycle(lambda _: _report(SERVING), stop, shared=True)
    try:
        challenger = None if spawn_config.challenger is None else spawn_config.challenger.compiled()
        await serve(spawn_config.book_snapshot.compiled(), spawn_config.settings, lifecycle, challenger)
    finally:
        signs.cancel()
        ignore_stop_signals()


async def _show_life(limit: float) -> None:
    while True:
        signal.setitimer(signal.ITIMER_REAL, 2 * limit)
        _report(ALIVE)
        await asyncio.sleep(limit / _SIGNS)


def _report(word: bytes) -> None:
    """Writes a line for the supervisor; dropped if the supervisor is gone, or too busy to read what came before."""
    with suppress(BrokenPipeError, BlockingIOError):
        os.write(REPORT_FD, word + b"\n")


def _drain_orphaned(stop: Stop) -> None:
    """The supervisor writes nothing after the configuration: what can be read is its end."""
    asyncio.get_running_loop().remove_reader(CONFIG_FD)
    log.error("the supervisor is gone")
    stop.drain()


if __name__ == "__main__":
    main()
