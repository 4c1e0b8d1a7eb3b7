"""The event loop that servers run on."""

import asyncio
import gc
import signal
import sys
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import structlog
from grpc_health.v1.health import SERVICE_NAME as HEALTH_SERVICE
from grpc_health.v1.health_pb2_grpc import add_HealthServicer_to_server
from grpc_reflection.v1alpha import reflection

from engine.api.v1 import decisions_pb2
from engine.decide.compiled import CompiledBook
from engine.decide.experiments.learning import Learned
from engine.engine import Engine
from engine.ledger.ledger import Ledger
from engine.ledger.store.open import open_store
from engine.rulebook.report.diagnostics import in_short
from engine.server.access.callers import may_simulate
from engine.server.access.wiring import AccessWiring
from engine.server.book.reload import Reloader
from engine.server.book.serving import ServingBook, ServingBooks
from engine.server.clock import ServerClock
from engine.server.gauges import readings_of_book, readings_of_server, readings_of_weather
from engine.server.handlers import decisions_handler
from engine.server.health import Health
from engine.server.learner import Learner
from engine.server.listen import CannotServe, bind, channel_options, check_access, drain
from engine.server.observed import ObservedEngine, ObservedParser
from engine.server.observer import Observer, observer
from engine.server.service import DecisionsService
from engine.server.stop import Stop
from engine.server.streams import Streams
from engine.settings import Settings
from engine.telemetry.counters import counted
from engine.weather import Weather
from engine.wire.limits import most_of
from engine.wire.parse import Parser


def run_loop(main: Coroutine[Any, Any, None]) -> None:
    """Runs a server to its end on uvloop, where there is one for the platform."""
    try:
        import uvloop  # noqa: PLC0415 not to be had on every platform
    except ImportError:
        asyncio.run(main)
    else:
        uvloop.run(main)


_HANGS = 10.0
"""Seconds without a turn of the event loop after which the process counts as hung."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What outlives calls."""

    serving_books: ServingBooks
    reloader: Reloader
    wiring: AccessWiring
    ledger: Ledger
    weather: Weather
    learned: Learned
    """What is known of the variants of campaigns that learn, for every version of the book."""
    observer: Observer | None
    """None where nobody looks."""


def show(parts: Parts, observer: Observer, health: Health, clock: ServerClock) -> None:
    """Begins to show the server. Raises CannotObserve."""
    parts.ledger.watch(observer.metrics.group)
    readings = readings_of_book(parts.serving_books, parts.reloader)
    readings += readings_of_server(parts.ledger, health, clock)
    if parts.weather.enabled:
        readings += readings_of_weather(parts.weather)

    def live() -> tuple[bool, Mapping[str, Any]]:
        silent = health.silent
        return silent < _HANGS, {"silent_seconds": round(silent, 1)}

    def ready() -> tuple[bool, Mapping[str, Any]]:
        return health.ready, {"ready": health.ready, "trouble": parts.ledger.trouble}

    def book() -> tuple[bool, Mapping[str, Any]]:
        now, wrong = parts.serving_books.compiled.engine.compiled, parts.reloader.refused
        document = {
            "book": now.book.name,
            "version": now.book.version,
            "campaigns": len(now.compiled_campaigns),
        }
        return not wrong, {**document, "errors": [in_short(one) for one in wrong]}

    observer.open(readings, {"/live": live, "/ready": ready, "/book": book})


log = structlog.get_logger()


SERVICE = decisions_pb2.DESCRIPTOR.services_by_name["Decisions"].full_name


_MORE_SECONDS = 3.0
"""How long the log may take to answer beyond what it may be kept busy by others."""


_GC_THRESHOLDS = (50_000, 20, 100)
"""A call leaves little that only the collector frees; Python's own thresholds cost a tenth of the throughput."""


_SWITCH_SECONDS = 0.001
"""How long the event loop may keep the ledger's thread waiting for the interpreter; Python's own 5 ms makes small groups."""


@dataclass(frozen=True, slots=True)
class ServingPlace:
    """Where a server stands: whom it tells that it listens, who tells it to stop, and whether it is one of several."""

    announce: Callable[[str], None]
    """Called once, with the address that is listened on."""
    stop: Stop
    shared: bool = False
    """Whether others listen on its port; then it keeps its book, and who watches them all brings a changed one to life."""


async def serve(live: CompiledBook, settings: Settings, place: ServingPlace) -> None:
    """Serves until told to stop, and returns when everything accepted is settled.

    Raises CannotServe, CannotObserve, LedgerUnavailable.
    """
    wiring = open_door(settings)
    sys.setswitchinterval(_SWITCH_SECONDS)
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)
    ledger = Ledger(open_store(settings.log, busy_timeout=settings.busy_timeout), limit=settings.queue_limit)
    weather, look, learned = Weather(settings), observer(settings, shared=place.shared), Learned()

    def open_desk(live: CompiledBook) -> ServingBook:
        within = weather if weather.enabled else None
        most = most_of(settings)
        if look is None:
            return ServingBook(
                Parser(live, may_simulate=may_simulate, most=most), Engine(live, ledger, within, learned)
            )
        parser = ObservedParser(live, look.metrics, may_simulate=may_simulate, most=most)
        return ServingBook(parser, ObservedEngine(live, ledger, within, look.metrics, learned))

    serving_books = ServingBooks(open_desk(live))
    try:
        reloader = Reloader(Path(settings.rules), serving_books, open_desk)
        await _serve(Parts(serving_books, reloader, wiring, ledger, weather, learned, look), settings, place)
    finally:
        await weather.close()
        await asyncio.to_thread(ledger.close)
        if look is not None:
            await asyncio.to_thread(look.close)
    log.info("stopped", **counted())


async def _serve(parts: Parts, settings: Settings, place: ServingPlace) -> None:
    live, clock = parts.serving_books.compiled.engine.compiled, ServerClock()
    health = Health((SERVICE,), parts.ledger, parts.reloader, patience=settings.busy_timeout + _MORE_SECONDS)
    interceptors: list[grpc.aio.ServerInterceptor] = [parts.wiring.access]
    if parts.observer is not None:
        show(parts, parts.observer, health, clock)
        interceptors.insert(0, parts.observer.calls())
    server = grpc.aio.server(
        options=channel_options(settings, shared=place.shared), interceptors=interceptors
    )
    streams = Streams(settings.stream_window)
    service = DecisionsService(parts.serving_books, clock, streams, longest=settings.request_timeout)
    server.add_generic_rpc_handlers((decisions_handler(service),))
    add_HealthServicer_to_server(health.servicer, server)
    reflection.enable_server_reflection((SERVICE, HEALTH_SERVICE, reflection.SERVICE_NAME), server)
    port = bind(server, settings, parts.wiring.credentials())
    guarding = asyncio.create_task(parts.wiring.follow())
    learner = Learner(parts.serving_books, parts.ledger, clock, parts.learned)
    await asyncio.gather(health.look(), learner.look())
    tasks = [asyncio.create_task(one) for one in (health.follow(), health.beat(), learner.follow())]
    if not place.shared:
        tasks += _reloading(parts.reloader, settings)
    await server.start()
    place.announce(f"{settings.host}:{port}")
    log.info(
        "serving",
        book=live.book.name,
        version=live.book.version,
        campaigns=len(live.compiled_campaigns),
        signals=live.signals.evaluator.name if live.signals else "none",
    )
    await place.stop.told()
    log.info("draining", seconds=settings.grace)
    for task in tasks:
        task.cancel()
    await health.drain()
    streams.drain()
    await drain(server, settings.grace, place.stop)
    guarding.cancel()


def _reloading(reloader: Reloader, settings: Settings) -> "list[asyncio.Task[None]]":
    """Has the book loaded anew at SIGHUP, and where that is wanted when its files change."""
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reloader.ask)
    tasks = [asyncio.create_task(reloader.run())]
    if settings.watch:
        from engine.server.book.watch import follow  # noqa: PLC0415 only who watches pays for it

        tasks.append(asyncio.create_task(follow(Path(settings.rules), reloader.ask)))
    return tasks


def open_door(settings: Settings) -> AccessWiring:
    """Who may call, and how; raises CannotServe unless it is safe to serve so."""
    check_access(settings)
    try:
        return AccessWiring(settings)
    except ValueError as error:
        raise CannotServe(str(error)) from None
