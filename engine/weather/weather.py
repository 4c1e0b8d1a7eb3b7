"""Weather for decisions: remembered, asked for once, never late, never an error."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextvars import Context
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import structlog

from engine.model.instant import SECOND, Instant
from engine.model.request import Request
from engine.model.values import Attributes
from engine.settings import Settings
from engine.weather.breaker import Breaker, BreakerState
from engine.weather.cache import Cache, CachedReport, Cell, cell_of
from engine.weather.provider import FailureReason, ProviderFailed
from engine.weather.report import NOTHING, WeatherReport

if TYPE_CHECKING:
    from engine.weather.provider import ClientFactory, Provider

log = structlog.get_logger()


_MARGIN = 0.002
"""Seconds before a deadline at which waiting ends, so that the answer is there by then."""


_NEAR_NOW = 3600 * SECOND
"""How far the time of a request may be from now for the present weather to be its own."""


@dataclass(frozen=True, slots=True)
class WeatherCounters:
    """What happened since the start, for metrics."""

    calls: int
    """Calls to the provider."""
    hits: int
    """Answered from a fresh report."""
    stale_hits: int
    """Answered from an old report, while a new one was asked for."""
    waited: int
    """Answered by a call that ended in time."""
    missing: int
    """Not answered: too late, failed, or no call was allowed."""
    failures: Mapping[str, int]
    """Calls that failed, by reason (`engine.weather.provider.Reason`)."""
    breaker: BreakerState
    cells: int
    """Squares remembered."""


class Weather:
    """The weather at a place, from the provider at `settings.weather_url`; without one there is none.

    Belongs to one event loop. clock: seconds that only grow, for ages, pauses and deadlines; wall: seconds since 1970, for
    the date at a place.
    """

    def __init__(
        self,
        settings: Settings,
        make_client: "ClientFactory | None" = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._provider = _provider(settings, make_client) if settings.weather_url else None
        self._clock = clock
        self._wall = wall
        self._cache = Cache(settings.weather_cache_cells)
        self._breaker = Breaker(settings.weather_failures, settings.weather_pause, clock)
        self._flights: dict[Cell, asyncio.Task[WeatherReport | None]] = {}
        self._counted: Counter[str] = Counter()
        self._failures: Counter[str] = Counter()

    @property
    def enabled(self) -> bool:
        """Whether there is a provider to ask."""
        return self._provider is not None

    async def at(self, latitude: float, longitude: float, *, deadline: float | None = None) -> Attributes:
        """The `weather.*` attributes at a place now; empty when they are not to be had in time. Raises nothing.

        latitude, longitude: degrees (WGS 84). deadline: a moment of `clock`; waits no longer than that, nor than
        `settings.weather_timeout`. Whoever stops waiting, or is cancelled, does not stop the call: its answer is remembered.
        """
        cell = cell_of(latitude, longitude)
        if self._provider is None or cell is None:
            return NOTHING
        known, now = self._cache.get(cell), self._clock()
        age = now - known.read_at
        if known.report is not None and age < self._settings.weather_fresh:
            return self._answer("hits", known.report)
        flight = self._flight(cell, self._provider, known, now)
        if known.report is not None and age < self._settings.weather_stale:
            return self._answer("stale_hits", known.report)
        report = await self._wait(flight, now, deadline) if flight else None
        return self._answer("waited" if report else "missing", report)

    async def add_to(
        self, requests: Sequence[Request], names: frozenset[str], *, deadline: float | None = None
    ) -> Sequence[Request]:
        """The requests with those of the `weather.*` attributes that are named and that they do not bring themselves.

        Unchanged are requests without a location and requests about another hour: the provider knows the weather of now.
        """
        now = int(self._wall() * SECOND)
        return await asyncio.gather(*(self._added(request, names, now, deadline) for request in requests))

    async def _added(
        self, request: Request, names: frozenset[str], now: Instant, deadline: float | None
    ) -> Request:
        given = request.attributes
        latitude, longitude = given.get("location.latitude"), given.get("location.longitude")
        if given.keys() >= names or abs(request.now - now) > _NEAR_NOW:
            return request
        if not isinstance(latitude, int | float) or not isinstance(longitude, int | float):
            return request
        attributes = await self.at(latitude, longitude, deadline=deadline)
        named = {name: value for name, value in attributes.items() if name in names}
        return request._replace(attributes={**named, **given})

    def counters(self) -> WeatherCounters:
        """What happened so far."""
        names = ("calls", "hits", "stale_hits", "waited", "missing")
        return WeatherCounters(
            **{name: self._counted[name] for name in names},
            failures=dict(self._failures),
            breaker=self._breaker.state,
            cells=len(self._cache),
        )

    async def close(self) -> None:
        """Ends the calls that are under way and closes the connections; from then on there is no weather."""
        provider, self._provider = self._provider, None
        flights = list(self._flights.values())
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)
        if provider is not None:
            await provider.close()

    def _answer(self, how: str, report: WeatherReport | None) -> Attributes:
        self._counted[how] += 1
        return NOTHING if report is None else report.at(self._wall())

    def _flight(
        self, cell: Cell, provider: "Provider", known: CachedReport, now: float
    ) -> "asyncio.Task[WeatherReport | None] | None":
        """The one call for the square: under way, or begun now; None when none is allowed."""
        if cell in self._flights:
            return self._flights[cell]
        if now < known.ask_after or len(self._flights) >= self._settings.weather_calls:
            return None
        if not self._breaker.allows():
            return None
        # A context of its own: the call outlives the request that begins it, and is no part of it.
        flight = asyncio.create_task(self._fly(cell, provider), name="weather", context=Context())
        self._flights[cell] = flight
        return flight

    async def _fly(self, cell: Cell, provider: "Provider") -> WeatherReport | None:
        """Calls, and remembers how it went. Raises nothing but its own cancellation."""
        self._counted["calls"] += 1
        try:
            report = await provider.fetch(cell)
        except ProviderFailed as failed:
            self._failed(cell, failed.reason)
            return None
        except Exception:  # no mistake here may cost a decision
            log.exception("weather call broke")
            self._failed(cell, FailureReason.BROKEN)
            return None
        finally:
            del self._flights[cell]
        self._breaker.succeeded()
        self._cache.put(cell, CachedReport(report, read_at=self._clock()))
        return report

    def _failed(self, cell: Cell, reason: FailureReason) -> None:
        self._failures[reason] += 1
        before = self._breaker.state
        self._breaker.failed()
        if before is not BreakerState.OPEN and self._breaker.state is BreakerState.OPEN:
            log.warning("weather provider left alone", reason=reason, seconds=self._settings.weather_pause)
        again = self._clock() + self._settings.weather_pause
        self._cache.put(cell, replace(self._cache.get(cell), ask_after=again))

    async def _wait(
        self, flight: "asyncio.Task[WeatherReport | None]", now: float, deadline: float | None
    ) -> WeatherReport | None:
        """The call's report, if it comes in time; the call goes on if not."""
        patience = self._settings.weather_timeout
        if deadline is not None:
            patience = min(patience, deadline - now - _MARGIN)
        if patience <= 0:
            return None
        await asyncio.wait({flight}, timeout=patience)
        return flight.result() if flight.done() and not flight.cancelled() else None


def _provider(settings: Settings, make_client: "ClientFactory | None") -> "Provider":
    """Loads httpx, which takes a server that fetches no weather long enough to be left out."""
    from engine.weather.provider import Provider, open_client  # noqa: PLC0415

    return Provider(settings, make_client or open_client)
