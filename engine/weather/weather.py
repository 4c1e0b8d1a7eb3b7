"""Weather for decisions: cached, fetched once per cell, never late, never an error."""

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
"""Seconds before a deadline at which waiting ends, so that the decision can still be made by then."""


_NEAR_NOW = 3600 * SECOND
"""How far the time of a request may be from now for the present weather to be its own."""


@dataclass(frozen=True, slots=True)
class WeatherCounters:
    """Counts since the start, for metrics."""

    calls: int
    """Calls to the provider."""
    hits: int
    """Lookups answered from a fresh report."""
    stale_hits: int
    """Lookups answered from an old report, while a new one was fetched."""
    waited: int
    """Lookups answered by a call that ended in time."""
    missing: int
    """Lookups not answered: too late, failed, or no call was allowed."""
    failures: Mapping[str, int]
    """Failed calls by reason (`engine.weather.provider.FailureReason`)."""
    breaker: BreakerState
    cells: int
    """Cached cells."""


class Weather:
    """The weather at given coordinates, from the provider at `settings.weather_url`; without a provider, no weather.

    Use it from one event loop. clock: monotonic seconds, for ages, pauses and deadlines; wall: seconds since 1970, for the
    local date.
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
        self._calls: dict[Cell, asyncio.Task[WeatherReport | None]] = {}
        self._counted: Counter[str] = Counter()
        self._failures: Counter[str] = Counter()

    @property
    def enabled(self) -> bool:
        """Whether there is a provider."""
        return self._provider is not None

    async def at(self, latitude: float, longitude: float, *, deadline: float | None = None) -> Attributes:
        """The present `weather.*` attributes at the coordinates; empty if they are not available in time. Never raises.

        latitude, longitude: degrees (WGS 84). deadline: in seconds of `clock`; waits no longer than that, nor than
        `settings.weather_timeout`. The call to the provider goes on after a caller stops waiting or is cancelled, and its
        report is cached.
        """
        cell = cell_of(latitude, longitude)
        if self._provider is None or cell is None:
            return NOTHING
        cached, now = self._cache.get(cell), self._clock()
        age = now - cached.read_at
        if cached.report is not None and age < self._settings.weather_fresh:
            return self._answer("hits", cached.report)
        call = self._call(cell, self._provider, cached, now)
        if cached.report is not None and age < self._settings.weather_stale:
            return self._answer("stale_hits", cached.report)
        report = await self._wait(call, now, deadline) if call else None
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
        """The counts so far."""
        names = ("calls", "hits", "stale_hits", "waited", "missing")
        return WeatherCounters(
            **{name: self._counted[name] for name in names},
            failures=dict(self._failures),
            breaker=self._breaker.state,
            cells=len(self._cache),
        )

    async def close(self) -> None:
        """Cancel calls under way and close the connections; from then on there is no weather."""
        provider, self._provider = self._provider, None
        calls = list(self._calls.values())
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        if provider is not None:
            await provider.close()

    def _answer(self, counter: str, report: WeatherReport | None) -> Attributes:
        self._counted[counter] += 1
        return NOTHING if report is None else report.at(self._wall())

    def _call(
        self, cell: Cell, provider: "Provider", cached: CachedReport, now: float
    ) -> "asyncio.Task[WeatherReport | None] | None":
        """The cell's only call: under way, or begun now; None if no call is allowed."""
        if cell in self._calls:
            return self._calls[cell]
        if now < cached.retry_at or len(self._calls) >= self._settings.weather_calls:
            return None
        if not self._breaker.allows():
            return None
        # A context of its own: the call outlives the request that begins it, whose log fields are not its own.
        call = asyncio.create_task(self._fetch(cell, provider), name="weather", context=Context())
        self._calls[cell] = call
        return call

    async def _fetch(self, cell: Cell, provider: "Provider") -> WeatherReport | None:
        """Call the provider and cache the result. Raises nothing but its own cancellation."""
        self._counted["calls"] += 1
        try:
            report = await provider.fetch(cell)
        except ProviderFailed as error:
            self._failed(cell, error.reason)
            return None
        except Exception:  # no fault of this package may fail a decision
            log.exception("weather call broke")
            self._failed(cell, FailureReason.BROKEN)
            return None
        finally:
            del self._calls[cell]
        self._breaker.succeeded()
        self._cache.put(cell, CachedReport(report, read_at=self._clock()))
        return report

    def _failed(self, cell: Cell, reason: FailureReason) -> None:
        self._failures[reason] += 1
        before = self._breaker.state
        self._breaker.failed()
        if before is not BreakerState.OPEN and self._breaker.state is BreakerState.OPEN:
            log.warning("weather provider left alone", reason=reason, seconds=self._settings.weather_pause)
        retry_at = self._clock() + self._settings.weather_pause
        self._cache.put(cell, replace(self._cache.get(cell), retry_at=retry_at))

    async def _wait(
        self, call: "asyncio.Task[WeatherReport | None]", now: float, deadline: float | None
    ) -> WeatherReport | None:
        """The call's report if it arrives in time; the call goes on if not."""
        timeout = self._settings.weather_timeout
        if deadline is not None:
            timeout = min(timeout, deadline - now - _MARGIN)
        if timeout <= 0:
            return None
        await asyncio.wait({call}, timeout=timeout)
        return call.result() if call.done() and not call.cancelled() else None


def _provider(settings: Settings, make_client: "ClientFactory | None") -> "Provider":
    """Open the provider. Imports httpx here, since it takes long and only servers with weather need it."""
    from engine.weather.provider import Provider, open_client  # noqa: PLC0415

    return Provider(settings, make_client or open_client)
