"""The supervisor of a server with several workers: holds their port, starts and replaces them, and stops with them."""

import asyncio
import os
import socket
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from engine.rulebook.report.diagnostics import in_short
from engine.server.background import BackgroundTasks
from engine.server.book.source import BookSource, request_on_sighup
from engine.server.listen import CannotServe, addresses_of, done_before, in_use, stop_on_signals
from engine.server.run import open_access, open_log, patience
from engine.settings import Settings, host_and_port
from engine.telemetry.config import read_otlp_config
from engine.telemetry.counters import counted
from engine.workers.pool import ChallengerRestart, RollingRestart, WorkerPool
from engine.workers.process import WORKER
from engine.workers.spawn_config import BookSnapshot, SpawnConfig, WorkerBook

if TYPE_CHECKING:
    from engine.telemetry.endpoint import Endpoint


log = structlog.get_logger()


@contextmanager
def held_port(host: str, port: int) -> Iterator[int]:
    """Holds the port, or a free one for 0, for the length of a block. Raises CannotServe.

    At first it must be free; then it is opened to the workers, which listen on it by SO_REUSEPORT. The supervisor never
    listens on it, so that it gets no connection, and no other program gets the port while all workers are down.
    """
    with ExitStack() as sockets:
        try:
            for family, address in addresses_of(host):
                holder = sockets.enter_context(socket.socket(family, socket.SOCK_STREAM))
                holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                holder.bind((address, port))
                holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
                port = holder.getsockname()[1]
        except OSError as error:
            raise in_use(host, port, error) from error
        yield port


def metrics_port(settings: Settings, number: int) -> int:
    """The metrics port of a worker: the supervisor's plus the worker's number. 0: none."""
    return settings.metrics_port + number if settings.metrics_port else 0


async def supervise(
    book_snapshot: WorkerBook,
    settings: Settings,
    announce: Callable[[str], None],
    *,
    as_json: bool,
    challenger: BookSnapshot | None = None,
    command: Sequence[str] = WORKER,
) -> None:
    """Serves by `settings.workers` processes until told to stop, and returns when all of them have ended.

    announce: called with each address when all of them serve. challenger: the second book, which decides beside.
    command: starts a worker. Raises CannotServe,
    LedgerUnavailable.
    """
    open_access(settings)
    stop = stop_on_signals()
    read_otlp_config(os.environ)  # so that an error is reported once, and not by each worker
    with ExitStack() as held:
        shared = _with_held_ports(settings, held)
        opening = open_log(settings)
        if not await done_before(opening, stop, patience(settings)):
            log.info("stopped", **counted())
            return
        opening.result().close()
        challenging = None if challenger is None else ChallengerRestart(challenger)

        def spawn_config(number: int, book_snapshot: WorkerBook) -> SpawnConfig:
            own = shared.model_copy(update={"metrics_port": metrics_port(settings, number)})
            return SpawnConfig(
                number, own, book_snapshot, as_json, challenging.snapshot if challenging else None
            )

        pool = WorkerPool(spawn_config, command)
        serving = asyncio.create_task(
            _serve(pool, book_snapshot, challenging, settings, partial(_announce, shared, announce))
        )
        stopping = asyncio.create_task(stop.requested())
        await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
        log.info("draining", seconds=settings.grace)
        serving.cancel()
        stopping.cancel()
        left = await pool.leave(stop)
        failed = (await asyncio.gather(serving, return_exceptions=True))[0]
    log.info("stopped", **counted())
    if isinstance(failed, Exception):
        raise failed
    if not left:
        raise CannotServe("a worker had to be killed: what it had accepted may have got no answer")


def _with_held_ports(settings: Settings, held: ExitStack) -> Settings:
    """The settings with the ports that all workers share, which are held until the stack is closed. Raises CannotServe."""
    ports: dict[str, int | str] = {"port": held.enter_context(held_port(settings.host, settings.port))}
    if settings.http:
        host, port = host_and_port(settings.http)
        ports["http"] = f"{host}:{held.enter_context(held_port(host, port))}"
    return settings.model_copy(update=ports)


def _announce(shared: Settings, announce: Callable[[str], None]) -> None:
    announce(f"{shared.host}:{shared.port}")
    if shared.http:
        announce(f"{'https' if shared.tls_cert else 'http'}://{shared.http}")


async def _serve(
    pool: WorkerPool,
    book_snapshot: WorkerBook,
    challenging: ChallengerRestart | None,
    settings: Settings,
    announce: Callable[[], None],
) -> None:
    """Starts the workers, and replaces them at SIGHUP and, with `watch`, when a book changes. Raises CannotServe.

    Workers that follow a published book do so by themselves.
    """
    rolling_restart = RollingRestart(pool, book_snapshot)
    background = BackgroundTasks()
    book_source = None if settings.book else BookSource(Path(settings.rules), rolling_restart)
    loops: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {}
    requests: list[Callable[[], object]] = []
    if book_source is None:
        loops["renew"] = rolling_restart.follow
        requests.append(rolling_restart.request)
    else:
        loops |= book_source.loops(watch=settings.watch)
        requests.append(partial(book_source.request, even_unchanged=True))
    if challenging is not None:
        challenging.rolling_restart = rolling_restart
        challenger_source = BookSource(Path(settings.challenger), challenging, role="challenger")
        own = challenger_source.loops(watch=settings.watch)
        loops |= {f"{name} of the challenger": loop for name, loop in own.items()}
        requests.append(challenger_source.request)
    request_on_sighup(*requests)
    endpoint = _open_endpoint(settings, pool, rolling_restart, book_source, background)
    await pool.start(book_snapshot, settings.workers)
    announce()
    log.info("watching", workers=settings.workers, version=book_snapshot.version)
    try:
        for name, loop in loops.items():
            background.start(name, loop)
        await background.wait()
    finally:
        background.cancel()
        await rolling_restart.cancel()
        if endpoint is not None:
            await asyncio.to_thread(endpoint.close)


def _open_endpoint(
    settings: Settings,
    pool: WorkerPool,
    rolling_restart: RollingRestart,
    book_source: BookSource[BookSnapshot] | None,
    background: BackgroundTasks,
) -> "Endpoint | None":
    """The supervisor's own metrics and pages; None without a metrics port. Raises CannotObserve."""
    if not settings.metrics_port:
        return None
    # Only a supervisor that is observed imports these.
    from engine.server.gauges import register_workers  # noqa: PLC0415
    from engine.telemetry.endpoint import started  # noqa: PLC0415
    from engine.telemetry.metrics import process_registry  # noqa: PLC0415

    def ready() -> tuple[bool, Mapping[str, Any]]:
        well = pool.serving > 0 and not background.failing
        return well, {"workers": pool.serving, "wanted": settings.workers, "failing": background.failing}

    def book() -> tuple[bool, Mapping[str, Any]]:
        errors = () if book_source is None else book_source.refused
        document = {"version": rolling_restart.version, "errors": [in_short(error) for error in errors]}
        return not errors, document

    registry = process_registry()
    register_workers(registry, lambda: pool.serving)
    pages = {
        "/live": lambda: (True, {}),
        "/ready": ready,
        "/book": book,
        "/settings": lambda: (True, settings.in_force),
    }
    return started(settings.metrics_host, settings.metrics_port, registry, pages)
