"""A worker process: serves what it is ordered to, and shows that it is alive.

What shows it is its event loop: a worker whose C code hangs while it keeps the interpreter's lock falls silent, and the
supervisor kills it. Should the supervisor be gone as well, the system does, by an alarm that every sign of life puts off.
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
    """Serves by the orders on standard input; the exit code is 1 where that cannot be done."""
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
        log.error("cannot serve", error=str(error))  # noqa: TRY400 a sentence says it all
        sys.exit(1)


async def _main(spawn_config: SpawnConfig) -> None:
    stop = Stop()
    running = asyncio.get_running_loop()
    running.add_signal_handler(signal.SIGTERM, stop.drain)
    running.add_signal_handler(signal.SIGINT, stop.hurry)
    running.add_reader(CONFIG_FD, partial(_heed, stop))
    signs = asyncio.create_task(_show_life(spawn_config.settings.liveness))
    lifecycle = Lifecycle(lambda _: _say(SERVING), stop, shared=True)
    try:
        await serve(spawn_config.book_snapshot.compiled(), spawn_config.settings, lifecycle)
    finally:
        signs.cancel()
        ignore_stop_signals()


async def _show_life(limit: float) -> None:
    while True:
        signal.setitimer(signal.ITIMER_REAL, 2 * limit)
        _say(ALIVE)
        await asyncio.sleep(limit / _SIGNS)


def _say(word: bytes) -> None:
    """Tells the supervisor; one that is gone, or too busy to read what came before, need not hear it."""
    with suppress(BrokenPipeError, BlockingIOError):
        os.write(REPORT_FD, word + b"\n")


def _heed(stop: Stop) -> None:
    """The supervisor says nothing after the orders: what can be read is its end."""
    asyncio.get_running_loop().remove_reader(CONFIG_FD)
    log.error("the supervisor is gone")
    stop.drain()


if __name__ == "__main__":
    main()
