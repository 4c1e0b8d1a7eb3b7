"""A server's life: open the log, serve, and when told to stop drain and leave."""

import asyncio
import gc
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import grpc
import structlog
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from engine.api.v1 import decisions_pb2
from engine.counters import counted
from engine.decide import Engine
from engine.instant import Instant
from engine.ledger.errors import LedgerError
from engine.ledger.open import open_store
from engine.live import LiveBook
from engine.server.access.callers import may_simulate
from engine.server.access.door import Door
from engine.server.desk import Desk, Desks
from engine.server.handlers import decisions_handler
from engine.server.listen import CannotServe, bind, channel_options, check_access, drain
from engine.server.parse import Parser
from engine.server.reload import Reloader
from engine.server.service import DecisionsService
from engine.server.stop import Stop
from engine.server.watch import follow
from engine.settings import Settings
from engine.settle.ledger import Ledger
from engine.weather import Weather

log = structlog.get_logger()

SERVICE = decisions_pb2.DESCRIPTOR.services_by_name["Decisions"].full_name
_PROBE_SECONDS = 2.0
_GC_THRESHOLDS = (50_000, 20, 100)
"""A call leaves little that only the collector frees; Python's own thresholds cost a tenth of the throughput."""
_SWITCH_SECONDS = 0.001
"""How long the event loop may keep the ledger's thread waiting for the interpreter; Python's own 5 ms makes small groups."""


def wall_clock() -> Instant:
    """Now."""
    return time.time_ns() // 1000


@dataclass(frozen=True, slots=True)
class Place:
    """Where a server stands: whom it tells that it listens, who tells it to stop, and whether it is one of several."""

    announce: Callable[[str], None]
    """Called once, with the address that is listened on."""
    stop: Stop
    shared: bool = False
    """Whether others listen on its port; then it keeps its book, and who watches them all brings a changed one to life."""


async def serve(live: LiveBook, settings: Settings, place: Place) -> None:
    """Serves until told to stop, and returns when everything accepted is settled.

    Raises CannotServe, LedgerUnavailable.
    """
    door = open_door(settings)
    sys.setswitchinterval(_SWITCH_SECONDS)
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)
    ledger = Ledger(open_store(settings.log, busy_timeout=settings.busy_timeout), limit=settings.queue_limit)
    weather = Weather(settings)

    def open_desk(live: LiveBook) -> Desk:
        engine = Engine(live, ledger, weather if weather.enabled else None)
        return Desk(Parser(live, may_simulate=may_simulate), engine)

    desks = Desks(open_desk(live))
    try:
        reloader = Reloader(Path(settings.rules), desks, open_desk)
        await _serve(desks, reloader, door, settings, ledger, place)
    finally:
        await weather.close()
        await asyncio.to_thread(ledger.close)
    log.info("stopped", **counted())


async def _serve(
    desks: Desks, reloader: Reloader, door: Door, settings: Settings, ledger: Ledger, place: Place
) -> None:
    live = desks.live.engine.live
    server = grpc.aio.server(
        options=channel_options(settings, shared=place.shared), interceptors=(door.gate,)
    )
    service = DecisionsService(desks, wall_clock, longest=settings.request_timeout)
    server.add_generic_rpc_handlers((decisions_handler(service),))
    status = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(status, server)
    reflection.enable_server_reflection((SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME), server)
    port = bind(server, settings, door.credentials())
    guarding = asyncio.create_task(door.follow())
    tasks = [asyncio.create_task(_probe(ledger, status, settings))]
    if not place.shared:
        tasks += _reloading(reloader, settings)
    await server.start()
    place.announce(f"{settings.host}:{port}")
    log.info("serving", book=live.book.name, version=live.book.version, campaigns=len(live.plans))
    await place.stop.told()
    log.info("draining", seconds=settings.grace)
    for task in tasks:
        task.cancel()
    await status.enter_graceful_shutdown()
    await drain(server, settings.grace, place.stop)
    guarding.cancel()


def _reloading(reloader: Reloader, settings: Settings) -> "list[asyncio.Task[None]]":
    """Has the book loaded anew at SIGHUP, and where that is wanted when its files change."""
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reloader.ask)
    tasks = [asyncio.create_task(reloader.run())]
    if settings.watch:
        tasks.append(asyncio.create_task(follow(Path(settings.rules), reloader.ask)))
    return tasks


def open_door(settings: Settings) -> Door:
    """Who may call, and how; raises CannotServe unless it is safe to serve so."""
    check_access(settings)
    try:
        return Door(settings)
    except ValueError as error:
        raise CannotServe(str(error)) from None


async def _probe(ledger: Ledger, status: "health.aio.HealthServicer", settings: Settings) -> None:
    """Keeps the health service true: SERVING while the store takes transactions."""
    while True:
        try:
            async with asyncio.timeout(settings.busy_timeout + _PROBE_SECONDS):
                await ledger.submit(())
            serving = health_pb2.HealthCheckResponse.SERVING
        except (LedgerError, TimeoutError) as error:
            log.warning("the log does not answer", error=str(error) or "no answer in time")
            serving = health_pb2.HealthCheckResponse.NOT_SERVING
        for service in ("", SERVICE):
            await status.set(service, serving)
        await asyncio.sleep(_PROBE_SECONDS)
