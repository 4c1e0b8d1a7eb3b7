"""The port that all workers of a server listen on."""

import asyncio
import os
import signal
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from engine.ledger.store.open import open_store
from engine.rulebook.report.diagnostics import in_short
from engine.server.book.watch import follow
from engine.server.listen import CannotServe, in_use
from engine.server.run import open_access
from engine.server.stop import stop_on_signals
from engine.settings import Settings
from engine.telemetry.config import read_otlp_config
from engine.telemetry.counters import counted
from engine.workers.book_snapshot import BookSnapshot
from engine.workers.pool import WorkerPool
from engine.workers.process import WORKER
from engine.workers.rolling_restart import RollingRestart
from engine.workers.spawn_config import SpawnConfig

if TYPE_CHECKING:
    from engine.telemetry.endpoint import Endpoint


@contextmanager
def held_port(settings: Settings) -> Iterator[int]:
    """The port of the settings, or a free one for 0, kept for the length of a block. Raises CannotServe.

    Nobody else may have it at the beginning; then it is opened to the workers, who listen on it by SO_REUSEPORT. It is never
    listened on here, so that no connection comes to the supervisor, and no other program gets it while all workers are down.
    """
    with ExitStack() as held:
        try:
            port = settings.port
            for family, address in _addresses(settings.host):
                one = held.enter_context(socket.socket(family, socket.SOCK_STREAM))
                one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                one.bind((address, port))
                one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
                port = one.getsockname()[1]
        except OSError as error:
            raise in_use(settings) from error
        yield port


def _addresses(host: str) -> list[tuple[socket.AddressFamily, str]]:
    """Those that the host stands for: one, or both loopback addresses of `localhost`."""
    found = socket.getaddrinfo(host.strip("[]"), None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return [(family, str(address[0])) for family, _, _, _, address in found]


def metrics_port(settings: Settings, number: int) -> int:
    """The port of a worker's figures: as far from the supervisor's as its number says. 0: none."""
    return settings.metrics_port + number if settings.metrics_port else 0


def shown(settings: Settings, pool: WorkerPool, rolling_restart: RollingRestart) -> "Endpoint | None":
    """The supervisor's endpoint; None where nobody looks. Raises CannotObserve."""
    if not settings.metrics_port:
        return None
    from engine.server.gauges import register_workers  # noqa: PLC0415 only a supervisor that is observed imports them
    from engine.telemetry.endpoint import started  # noqa: PLC0415
    from engine.telemetry.metrics import process_registry  # noqa: PLC0415

    def ready() -> tuple[bool, Mapping[str, Any]]:
        return pool.serving > 0, {"workers": pool.serving, "wanted": settings.workers}

    def book() -> tuple[bool, Mapping[str, Any]]:
        wrong = rolling_restart.refused
        return not wrong, {"version": rolling_restart.version, "errors": [in_short(one) for one in wrong]}

    registry = process_registry()
    register_workers(registry, lambda: pool.serving)
    pages = {"/live": lambda: (True, {}), "/ready": ready, "/book": book}
    return started(settings.metrics_host, settings.metrics_port, registry, pages)


log = structlog.get_logger()


async def supervise(
    book_snapshot: BookSnapshot,
    settings: Settings,
    announce: Callable[[str], None],
    *,
    as_json: bool,
    command: Sequence[str] = WORKER,
) -> None:
    """Serves by `settings.workers` processes until told to stop, and returns when all of them have left.

    announce: called once with the address, when all of them serve. command: starts a worker. Raises CannotServe,
    LedgerUnavailable.
    """
    open_access(settings)
    stop = stop_on_signals()
    read_otlp_config(os.environ)  # what is wrong there is said once, and not by each worker
    with held_port(settings) as port:
        open_store(settings.log, busy_timeout=settings.busy_timeout).close()
        ordered = settings.model_copy(update={"port": port})

        def spawn_config(number: int, book_snapshot: BookSnapshot) -> SpawnConfig:
            own = ordered.model_copy(update={"metrics_port": metrics_port(settings, number)})
            return SpawnConfig(number, own, book_snapshot, as_json)

        pool = WorkerPool(spawn_config, command)
        serving = asyncio.create_task(
            _serve(pool, book_snapshot, settings, partial(announce, f"{settings.host}:{port}"))
        )
        told = asyncio.create_task(stop.told())
        await asyncio.wait((serving, told), return_when=asyncio.FIRST_COMPLETED)
        log.info("draining", seconds=settings.grace)
        serving.cancel()
        told.cancel()
        left = await pool.leave(stop)
        failed = (await asyncio.gather(serving, return_exceptions=True))[0]
    log.info("stopped", **counted())
    if isinstance(failed, Exception):
        raise failed
    if not left:
        raise CannotServe("a worker had to be killed: what it had accepted may have got no answer")


async def _serve(
    pool: WorkerPool, book_snapshot: BookSnapshot, settings: Settings, announce: Callable[[], None]
) -> None:
    """Starts the workers, and renews them at SIGHUP and, where that is wanted, when the book changes. Raises CannotServe."""
    folder = Path(settings.rules)
    rolling_restart = RollingRestart(pool, folder, book_snapshot.version)
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, rolling_restart.restart)
    endpoint = shown(settings, pool, rolling_restart)
    await pool.start(book_snapshot, settings.workers)
    announce()
    log.info("watching", workers=settings.workers, version=book_snapshot.version)
    try:
        async with asyncio.TaskGroup() as both:
            both.create_task(rolling_restart.run())
            if settings.watch:
                both.create_task(follow(folder, rolling_restart.look))
    finally:
        if endpoint is not None:
            await asyncio.to_thread(endpoint.close)
