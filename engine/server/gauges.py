"""Metrics that are read from the server's parts whenever they are collected."""

from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial

from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from engine.decide.compiled import CompiledBook
from engine.ledger.ledger import Ledger
from engine.server.book.challenger import Challenger
from engine.server.book.follow import BookFollower, BookOrigin
from engine.server.book.serving import ServingBooks
from engine.server.book.source import BookSource, Reloaded
from engine.server.budgets import BudgetFollower
from engine.server.clock import ServerClock
from engine.server.health import Health
from engine.telemetry.metrics import Reading, ReadOnDemand
from engine.weather import BreakerState, Weather
from engine.weather.provider import FailureReason


def register_book(registry: CollectorRegistry, serving_books: ServingBooks, book_source: BookOrigin) -> None:
    """The live version, the results of reloads, and the errors of a book that is refused."""

    def info() -> Iterator[Reading]:
        book = serving_books.current.engine.compiled.book
        yield (book.name, book.version), 1

    family = partial(
        GaugeMetricFamily, "tact_book_info", "The live book: always 1.", labels=("book", "version")
    )
    registry.register(ReadOnDemand(family, info))
    _counter(
        registry,
        "tact_reloads",
        "Reloads of the book.",
        lambda: {result: book_source.counts[result] for result in Reloaded},
        label="result",
    )
    _gauge(
        registry,
        "tact_book_errors",
        "Errors in the book of the folder, which keep it from being live.",
        lambda: len(book_source.refused),
    )


def register_follower(
    registry: CollectorRegistry, serving_books: ServingBooks, follower: BookFollower
) -> None:
    """What is staged, and whether the server serves what the log has live."""

    def staged() -> Iterator[Reading]:
        if serving_books.staged is not None:
            serving, rollout = serving_books.staged
            yield (serving.engine.compiled.book.name, serving.version), rollout.share

    help_ = "Share of the persons for whom a staged version decides."
    family = partial(GaugeMetricFamily, "tact_book_staged_share", help_, labels=("book", "version"))
    registry.register(ReadOnDemand(family, staged))
    _gauge(
        registry,
        "tact_book_refused",
        "Whether a version that is live or staged in the log cannot be served here: 1 or 0.",
        lambda: follower.refuses,
    )
    _gauge(
        registry,
        "tact_book_age_seconds",
        "Since when it is not known that what is served is what the log has live and staged.",
        lambda: follower.age,
    )


def register_server(registry: CollectorRegistry, ledger: Ledger, health: Health, clock: ServerClock) -> None:
    """The queue, readiness, and the clock."""
    _gauge(registry, "tact_queue_depth", "Requests that wait to be settled.", lambda: ledger.depth)
    _gauge(registry, "tact_ready", "Whether the server is ready: 1 or 0.", lambda: health.ready)
    _gauge(
        registry,
        "tact_clock_ahead_seconds",
        "How far the server's clock is before the system's, which was set back.",
        lambda: clock.ahead / 1e6,
    )


def register_http(registry: CollectorRegistry, connections: Collection[object]) -> None:
    """Connections over HTTP: those that are open."""
    _gauge(
        registry,
        "tact_http_connections",
        "Connections over HTTP, idle ones too.",
        lambda: len(connections),
    )


def register_budgets(registry: CollectorRegistry, budgets: BudgetFollower) -> None:
    """What the live book's budgets have spent, and their limits."""

    def spent() -> Iterator[Reading]:
        for budget in budgets.spent():
            yield (budget.name, budget.currency), budget.spent

    def limits() -> Iterator[Reading]:
        for budget in budgets.spent():
            yield (budget.name, budget.currency), budget.limit

    for name, help_, read in (
        ("tact_budget_spent", "What a budget has spent in its period, of all servers together.", spent),
        ("tact_budget_limit", "What a budget may spend in its period.", limits),
    ):
        family = partial(GaugeMetricFamily, name, help_, labels=("budget", "currency"))
        registry.register(ReadOnDemand(family, read))


def register_challenger(
    registry: CollectorRegistry, challenger: Challenger, challenger_source: BookSource[CompiledBook]
) -> None:
    """What the challenger did, and the errors in its folder's book."""
    _counter(
        registry,
        "tact_challenges",
        "Decisions that were offered to the challenger, by what became of them.",
        lambda: challenger.counts,
        label="result",
    )
    _gauge(
        registry,
        "tact_challenger_errors",
        "Errors in the book of the challenger's folder, which keep it from deciding.",
        lambda: len(challenger_source.refused),
    )


def register_weather(registry: CollectorRegistry, weather: Weather) -> None:
    """Where the weather of decisions came from, the calls to its provider, and its cache."""
    _counter(
        registry,
        "tact_weather_answers",
        "Weather for decisions, by where it came from.",
        lambda: _answers(weather),
        label="source",
    )
    registry.register(
        ReadOnDemand(
            partial(CounterMetricFamily, "tact_weather_calls", "Calls to the weather provider.", labels=()),
            lambda: [((), weather.counters().calls)],
        )
    )
    _counter(
        registry,
        "tact_weather_failures",
        "Calls to the weather provider that failed.",
        lambda: {**dict.fromkeys(FailureReason, 0), **weather.counters().failures},
        label="reason",
    )
    _gauge(
        registry,
        "tact_weather_cells",
        "Places whose weather is remembered.",
        lambda: weather.counters().cells,
    )
    _gauge(
        registry,
        "tact_weather_away",
        "Whether the weather provider is left alone, since it failed: 1 or 0.",
        lambda: weather.counters().breaker is not BreakerState.CLOSED,
    )


def register_workers(registry: CollectorRegistry, serving: Callable[[], int]) -> None:
    """The number of workers that serve: the supervisor's only metric of its own."""
    _gauge(registry, "tact_workers", "Workers that serve; only of a supervisor.", serving)


def _answers(weather: Weather) -> Mapping[str, int]:
    counters = weather.counters()
    return {
        "fresh": counters.hits,
        "stale": counters.stale_hits,
        "call": counters.waited,
        "missing": counters.missing,
    }


def _counter(
    registry: CollectorRegistry, name: str, help_: str, read: Callable[[], Mapping[str, int]], *, label: str
) -> None:
    """Registers a counter with one label, whose counts are read by its values."""

    def series() -> Iterator[Reading]:
        for value, count in read().items():
            yield (value,), count

    registry.register(ReadOnDemand(partial(CounterMetricFamily, name, help_, labels=(label,)), series))


def _gauge(registry: CollectorRegistry, name: str, help_: str, read: Callable[[], float]) -> None:
    Gauge(name, help_, registry=registry).set_function(read)
