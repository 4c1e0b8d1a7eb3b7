"""Runs a server from its start until everything that it accepted is committed."""

import asyncio
import gc
import os
import sys
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import structlog

from engine.decide.compiled import CompiledBook
from engine.decide.experiments.learning import Learned
from engine.engine import Engine
from engine.ledger.ledger import Ledger
from engine.ledger.store.open import open_store
from engine.model.trends import TrendCounts
from engine.rulebook.report.diagnostics import in_short
from engine.server.access.callers import may_simulate
from engine.server.access.wiring import AccessWiring
from engine.server.background import BackgroundTasks, in_thread
from engine.server.book.challenger import Challenger, ChallengerBooks
from engine.server.book.follow import BookFollower, BookOrigin
from engine.server.book.serving import Learner, PriceReader, ServingBook, ServingBooks
from engine.server.book.source import BookSource, request_on_sighup
from engine.server.budgets import BudgetFollower
from engine.server.clock import ServerClock
from engine.server.feeds import Feeds
from engine.server.health import Health
from engine.server.interfaces import SERVICE, Interfaces, Served
from engine.server.listen import (
    CannotServe,
    Stop,
    check_access,
    done_before,
    ended,
)
from engine.server.privacy import PrivacyService
from engine.server.rulebooks import RulebooksService
from engine.server.service import DecisionsService
from engine.server.streams import Streams
from engine.server.trends import TrendFollower
from engine.settings import Settings
from engine.telemetry.config import read_otlp_config
from engine.telemetry.counters import counted
from engine.weather import Weather
from engine.wire.limits import limits_of
from engine.wire.parse import Parser

if TYPE_CHECKING:
    from engine.ledger.store.store import Store
    from engine.server.observer import Observer
    from engine.telemetry.metrics import Metrics


log = structlog.get_logger()


_ANSWER_SECONDS = 3.0
"""How long the log may take to answer beyond the time that other processes may keep it busy."""


_PUSH_SECONDS = 10.0
"""How long a collector may take to accept the last figures."""


_HUNG_SECONDS = 10.0
"""Without a turn of the event loop, after which the process counts as hung."""


_GC_THRESHOLDS = (50_000, 20, 100)
"""A call leaves little that only the collector frees; Python's own thresholds cost a tenth of the throughput."""


_SWITCH_SECONDS = 0.001
"""How long the event loop may keep the ledger's thread waiting for the interpreter; Python's own 5 ms makes small groups."""


def run_loop(main: Coroutine[Any, Any, None]) -> None:
    """Runs a server to its end on uvloop, where there is one for the platform."""
    try:
        import uvloop  # noqa: PLC0415 not to be had on every platform
    except ImportError:
        asyncio.run(main)
    else:
        uvloop.run(main)


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """How a server says that it listens, and is told to stop."""

    announce: Callable[[str], None]
    """Called with each address that is listened on, that of gRPC first."""
    stop: Stop
    shared: bool = False
    """Whether it is a worker: others listen on its port, and its supervisor replaces it when the book changes."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a server consists of, besides its port."""

    serving_books: ServingBooks
    book_source: BookOrigin
    wiring: AccessWiring
    ledger: Ledger
    weather: Weather
    learned: Learned
    """The posteriors of campaigns that learn, for every version of the book."""
    observer: "Observer | None"
    """None where nothing is observed."""
    trends: TrendCounts
    """The counts of trends, for every version of the book."""
    challenger: Challenger | None = None
    """None where no second book decides."""
    challenger_source: BookSource[CompiledBook] | None = None
    """Reads the challenger's folder; in a worker the supervisor does."""

    @property
    def metrics(self) -> "Metrics | None":
        """Counts what calls do; None where nothing is observed."""
        return None if self.observer is None else self.observer.metrics


async def serve(
    compiled: CompiledBook,
    settings: Settings,
    lifecycle: Lifecycle,
    challenger_book: CompiledBook | None = None,
) -> None:
    """Serves until told to stop, and returns when everything accepted is committed.

    challenger_book: decides beside, after the replies. Raises CannotServe, CannotObserve, LedgerUnavailable.
    """
    wiring = open_access(settings)
    sys.setswitchinterval(_SWITCH_SECONDS)
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)
    opening = open_log(settings)
    if not await done_before(opening, lifecycle.stop, patience(settings)):
        log.info("stopped", **counted())
        return
    ledger = Ledger(opening.result(), limit=settings.queue_limit)
    weather, learned, trends = Weather(settings), Learned(), TrendCounts()
    observer = open_observer(settings, shared=lifecycle.shared)

    def open_serving(compiled: CompiledBook) -> ServingBook:
        return ServingBook(
            Parser(compiled, may_simulate=may_simulate, limits=limits_of(settings)),
            Engine(
                compiled,
                ledger,
                weather if weather.enabled else None,
                learned,
                None if observer is None else observer.metrics,
                trends,
            ),
        )

    serving_books = ServingBooks(compiled, open_serving)
    try:
        book_source: BookOrigin = (
            BookFollower(settings, serving_books, ledger)
            if settings.book
            else BookSource(Path(settings.rules), serving_books)
        )
        parts = Parts(serving_books, book_source, wiring, ledger, weather, learned, observer, trends)
        if challenger_book is not None:
            parts = _with_challenger(parts, challenger_book, settings)
        await _serve(parts, settings, lifecycle)
    finally:
        await weather.close()
        await _close(ledger, observer, settings, lifecycle.stop)
    log.info("stopped", **counted())


def _with_challenger(parts: Parts, challenger_book: CompiledBook, settings: Settings) -> Parts:
    """The parts with a challenger, and what reads its folder."""

    def open_serving(compiled: CompiledBook) -> ServingBook:
        # whoever may not set `now` was refused by the live book's parser
        parser = Parser(compiled, may_simulate=lambda: True, limits=limits_of(settings))
        return ServingBook(parser, Engine(compiled, parts.ledger, trends=parts.trends))

    books = ChallengerBooks(challenger_book, open_serving)
    weather = parts.weather if parts.weather.enabled else None
    challenger = Challenger(books, parts.ledger, weather, parts.learned)
    source = BookSource(Path(settings.challenger), books, role="challenger")
    return replace(parts, challenger=challenger, challenger_source=source)


async def _close(ledger: Ledger, observer: "Observer | None", settings: Settings, stop: Stop) -> None:
    """Commits what waits and pushes the last figures, for as long as the log and the collector answer."""
    if not await ended(in_thread(ledger.close), stop, patience(settings), lambda: ledger.committed):
        log.error("the log did not answer: what waited for it is not committed")
    if observer is not None and not await ended(in_thread(observer.close), stop, _PUSH_SECONDS):
        log.error("the last figures could not be sent")


def open_log(settings: Settings) -> "asyncio.Future[Store]":
    """Opens the log in a thread, so that one that does not answer keeps no signal waiting."""
    return in_thread(partial(open_store, settings.log, busy_timeout=settings.busy_timeout))


def patience(settings: Settings) -> float:
    """Seconds after which a log that has not answered is in trouble."""
    return settings.busy_timeout + _ANSWER_SECONDS


def open_access(settings: Settings) -> AccessWiring:
    """Who may call, and over what. Raises CannotServe unless it is safe to serve so."""
    check_access(settings)
    try:
        return AccessWiring(settings)
    except ValueError as error:
        raise CannotServe(str(error)) from None


def open_observer(settings: Settings, *, shared: bool = False) -> "Observer | None":
    """Observes the server as the settings and the environment say; None where they say nothing. Raises CannotObserve."""
    otlp = read_otlp_config(os.environ)
    if not (settings.metrics_port or settings.message_level == "debug" or otlp):
        return None
    from engine.server.observer import Observer  # noqa: PLC0415 only a server that is observed imports it

    return Observer(settings, otlp, shared=shared)


def _log_serving(compiled: CompiledBook) -> None:
    log.info(
        "serving",
        book=compiled.book.name,
        version=compiled.book.version,
        campaigns=len(compiled.compiled_campaigns),
        signals=compiled.signals.evaluator.name if compiled.signals else "none",
    )


async def _serve(parts: Parts, settings: Settings, lifecycle: Lifecycle) -> None:
    compiled, clock = parts.serving_books.current.engine.compiled, ServerClock()
    background = BackgroundTasks()
    health = Health((SERVICE,), parts.ledger, parts.book_source, background, patience=patience(settings))
    budgets = BudgetFollower(parts.serving_books, parts.ledger, clock)
    if parts.observer is not None:
        _observe(parts, settings, parts.observer, health, clock, budgets)
    streams = Streams(settings.stream_window, settings.message_bytes)
    service = DecisionsService(
        parts.serving_books,
        clock,
        streams,
        longest=settings.request_timeout,
        metrics=parts.metrics,
        challenger=parts.challenger,
    )
    feeds = Feeds(parts.ledger, streams, clock, settings.watchers)
    calls = None if parts.observer is None else parts.observer.calls()
    rulebooks = RulebooksService(parts.ledger, clock, settings)
    privacy = PrivacyService(parts.ledger, clock, settings)
    served = Served(service, rulebooks, privacy, feeds, health, parts.serving_books)
    interfaces = Interfaces(served, parts.wiring, settings, calls, shared=lifecycle.shared)
    followers = _followers(parts, clock, budgets)
    lasting = parts.wiring.loops() | interfaces.loops()
    ending_last = [background.start(name, loop) for name, loop in lasting.items()]
    looks = [health.look(), *(follower.look() for follower in followers.values()), parts.serving_books.keep()]
    if isinstance(parts.book_source, BookFollower):
        looks.append(parts.book_source.look())  # what is staged is served from the first call on
    looking = asyncio.gather(*looks)
    if not await done_before(looking, lifecycle.stop):
        looking.cancel()
        return
    looking.result()
    challenging = await _start_challenger(parts, settings, lifecycle)
    loops = {"health": health.follow, "event loop": health.beat}
    loops |= {name: follower.follow for name, follower in followers.items()}
    loops |= _book_loops(parts, settings, lifecycle)
    ending_first = [background.start(name, loop) for name, loop in loops.items()]
    await interfaces.start()
    for address in interfaces.addresses:
        lifecycle.announce(address)
    _log_serving(compiled)
    await lifecycle.stop.requested()
    log.info("draining", seconds=settings.grace)
    for task in ending_first:
        task.cancel()
    health.drain()
    streams.drain()
    parts.wiring.admission.drain()
    await interfaces.drain(lifecycle.stop)
    if not await ended(in_thread(feeds.close), lifecycle.stop, patience(settings)):
        log.error("the log did not answer those who watch it")
    if parts.challenger is not None:
        await parts.challenger.finish()
    challenging.cancel()
    for task in ending_last:
        task.cancel()


def _book_loops(
    parts: Parts, settings: Settings, lifecycle: Lifecycle
) -> Mapping[str, Callable[[], Coroutine[Any, Any, None]]]:
    """What keeps the book up to date; of a worker's folder the supervisor does. SIGHUP has it done at once."""
    if not lifecycle.shared:
        others = [parts.challenger_source.request] if parts.challenger_source else []
        request_on_sighup(parts.book_source.request, *others)
    if isinstance(parts.book_source, BookFollower):
        return parts.book_source.loops()
    return {} if lifecycle.shared else parts.book_source.loops(watch=settings.watch)


Follower: TypeAlias = Learner | PriceReader | TrendFollower | BudgetFollower


def _followers(parts: Parts, clock: ServerClock, budgets: BudgetFollower) -> Mapping[str, Follower]:
    """What reads the log beside the calls, by name."""
    followers: dict[str, Follower] = {
        "learning": Learner(parts.serving_books, parts.ledger, clock, parts.learned),
        "prices": PriceReader(parts.serving_books, parts.ledger, parts.learned),
        "trends": TrendFollower(parts.serving_books, parts.ledger, clock, parts.trends),
    }
    return followers if parts.observer is None else {**followers, "budgets": budgets}


async def _start_challenger(parts: Parts, settings: Settings, lifecycle: Lifecycle) -> BackgroundTasks:
    """Starts the tasks of the challenger, if there is one; apart from the others, since readiness does not depend on them."""
    challenging = BackgroundTasks()
    if parts.challenger is not None and parts.challenger_source is not None:
        await parts.challenger.books.keep()
        loops = {"challenger": parts.challenger.follow}
        if not lifecycle.shared:
            loops |= parts.challenger_source.loops(watch=settings.watch)
        for name, loop in loops.items():
            challenging.start(name, loop)
        log.info("challenging", version=parts.challenger.books.version)
    return challenging


def _observe(
    parts: Parts,
    settings: Settings,
    observer: "Observer",
    health: Health,
    clock: ServerClock,
    budgets: BudgetFollower,
) -> None:
    """Begins to show the server's metrics and its pages for probes. Raises CannotObserve."""
    from engine.server import gauges  # noqa: PLC0415 only a server that is observed imports it

    registry = observer.metrics.registry
    parts.ledger.watch(observer.metrics.group)
    gauges.register_book(registry, parts.serving_books, parts.book_source)
    if isinstance(parts.book_source, BookFollower):
        gauges.register_follower(registry, parts.serving_books, parts.book_source)
    if parts.challenger is not None and parts.challenger_source is not None:
        gauges.register_challenger(registry, parts.challenger, parts.challenger_source)
    gauges.register_server(registry, parts.ledger, health, clock)
    gauges.register_budgets(registry, budgets)
    if parts.weather.enabled:
        gauges.register_weather(registry, parts.weather)

    def live() -> tuple[bool, Mapping[str, Any]]:
        silent = health.silent
        return silent < _HUNG_SECONDS, {"silent_seconds": round(silent, 1)}

    def ready() -> tuple[bool, Mapping[str, Any]]:
        return health.ready, {"ready": health.ready, "trouble": health.trouble}

    def book() -> tuple[bool, Mapping[str, Any]]:
        compiled, source = parts.serving_books.current.engine.compiled, parts.book_source
        staged = parts.serving_books.staged
        document = {
            "book": compiled.book.name,
            "version": compiled.book.version,
            "campaigns": len(compiled.compiled_campaigns),
            "errors": [in_short(error) for error in source.refused],
        }
        if staged is not None:
            document |= {"staged": staged.serving.version, "share": staged.rollout.share}
        return not source.refuses, document

    pages = {"/live": live, "/ready": ready, "/book": book, "/settings": lambda: (True, settings.in_force)}
    observer.open(pages)
