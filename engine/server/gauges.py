"""What a server can be asked at any time: the book, its reloads, the queue, the weather, health, the clock."""

from collections.abc import Callable, Mapping

from engine.ledger.ledger import Ledger
from engine.server.book.reload import Reloaded, Reloader
from engine.server.book.serving import ServingBooks
from engine.server.clock import ServerClock
from engine.server.health import Health
from engine.telemetry.figures import About, GaugeReading, Labels
from engine.weather import BreakerState, Weather


def readings_of_book(serving_books: ServingBooks, reloader: Reloader) -> list[GaugeReading]:
    """The live version, what came of reloads, and what is wrong with the folder's book."""

    def info() -> Mapping[Labels, float]:
        book = serving_books.compiled.engine.compiled.book
        return {(book.name, book.version): 1}

    return [
        GaugeReading(About("tact_book_info", "The live book: always 1.", ("book", "version")), info),
        GaugeReading(
            About("tact_reloads", "Reloads of the book.", ("result",)),
            lambda: {(one,): reloader.counts[one] for one in Reloaded},
            grows=True,
        ),
        _one(
            "tact_book_errors",
            "Errors in the book of the folder, which keep it from being live.",
            lambda: len(reloader.refused),
        ),
    ]


def readings_of_server(ledger: Ledger, health: Health, clock: ServerClock) -> list[GaugeReading]:
    """The queue, readiness, and the clock."""
    return [
        _one("tact_queue_depth", "Requests that wait to be settled.", lambda: ledger.depth),
        _one("tact_ready", "Whether the server is ready: 1 or 0.", lambda: health.ready),
        GaugeReading(
            About(
                "tact_clock_ahead_seconds",
                "How far the server's clock is before the system's, which was set back.",
            ),
            lambda: {(): clock.ahead / 1e6},
        ),
    ]


def readings_of_weather(weather: Weather) -> list[GaugeReading]:
    """How the weather was come by."""
    return [
        GaugeReading(
            About("tact_weather_answers", "Weather for decisions, by where it came from.", ("source",)),
            lambda: _answers(weather),
            grows=True,
        ),
        GaugeReading(
            About("tact_weather_calls", "Calls to the weather provider."),
            lambda: {(): weather.counters().calls},
            grows=True,
        ),
        GaugeReading(
            About("tact_weather_failures", "Calls to the weather provider that failed.", ("reason",)),
            lambda: {(reason,): count for reason, count in weather.counters().failures.items()},
            grows=True,
        ),
        _one("tact_weather_cells", "Places whose weather is remembered.", lambda: weather.counters().cells),
        _one(
            "tact_weather_away",
            "Whether the weather provider is left alone, since it failed: 1 or 0.",
            lambda: weather.counters().breaker is not BreakerState.CLOSED,
        ),
    ]


def _answers(weather: Weather) -> Mapping[Labels, float]:
    counted = weather.counters()
    return {
        ("fresh",): counted.hits,
        ("stale",): counted.stale_hits,
        ("call",): counted.waited,
        ("missing",): counted.missing,
    }


def _one(name: str, help_: str, look: Callable[[], float]) -> GaugeReading:
    return GaugeReading(About(name, help_), lambda: {(): float(look())})
