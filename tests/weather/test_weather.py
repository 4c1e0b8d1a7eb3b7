"""Weather for decisions: fetched once, cached, never late, never an error."""

import asyncio
import math
import time

import pytest

from engine.settings import Settings
from engine.weather import BreakerState, Weather
from tests.weather.conftest import Clock, MakeWeather, landed
from tests.weather.station import Station, forecast, reply, station

HARBIN = (45.803, 126.534)
TEMPERATURE = "weather.temperature_c"
HOUR = 3600


async def test_first_asks_and_second_remembers(harbin: Station, make: MakeWeather) -> None:
    """The first lookup waits for the call; the second, of the same cell, is answered from the cache."""
    weather = make()
    first = await weather.at(*HARBIN)
    assert first[TEMPERATURE] == 3.1
    assert first["weather.tomorrow.hail"] is True
    assert await weather.at(45.79, 126.52) == first
    assert len(harbin.received) == 1
    counters = weather.counters()
    assert (counters.calls, counters.waited, counters.hits, counters.cells) == (1, 1, 1, 1)


async def test_off_by_default() -> None:
    """Without a provider there is no weather, and no call."""
    weather = Weather(Settings())
    assert not weather.enabled
    assert await weather.at(*HARBIN) == {}
    assert weather.counters().calls == 0
    await weather.close()


@pytest.mark.parametrize("coordinates", [(91, 0), (0, 181), (math.nan, 0), (0, math.inf)])
async def test_nowhere(harbin: Station, make: MakeWeather, coordinates: tuple[float, float]) -> None:
    """Coordinates out of range have no weather, and cause no call."""
    assert await make().at(*coordinates) == {}
    assert harbin.received == []


async def test_edges_are_one_place(harbin: Station, make: MakeWeather) -> None:
    """Both names of the 180th meridian, every longitude at a pole and both zeros are one cell each."""
    weather = make()
    for coordinates in [
        (10, 180),
        (10, -180),
        (90, 0),
        (90, -180),
        (90, 77),
        (-90, 180),
        (-90, -0.0),
        (0.0, 0.0),
        (-0.0, -0.0),
    ]:
        assert await weather.at(*coordinates)
    assert len(harbin.received) == 4


async def test_a_thousand_ask_once(harbin: Station, make: MakeWeather) -> None:
    """A thousand simultaneous lookups of one cell cause one call, and all get its report."""
    harbin.open.clear()
    weather = make()
    askers = [asyncio.create_task(weather.at(*HARBIN)) for _ in range(1000)]
    await harbin.arrived(1)
    harbin.open.set()
    answers = await asyncio.gather(*askers)
    assert all(answer[TEMPERATURE] == 3.1 for answer in answers)
    assert len(harbin.received) == 1


async def test_deadline(harbin: Station, make: MakeWeather) -> None:
    """A lookup whose deadline comes before the answer returns nothing by then; the report is cached for the next."""
    harbin.open.clear()
    weather = Weather(Settings(weather_url=harbin.url, weather_timeout=60, weather_call_timeout=60))
    assert await weather.at(*HARBIN, deadline=time.monotonic() + 0.1) == {}
    await harbin.arrived(1)
    harbin.open.set()
    await landed(weather)
    assert (await weather.at(*HARBIN, deadline=time.monotonic()))[TEMPERATURE] == 3.1
    assert len(harbin.received) == 1
    await weather.close()


async def test_patience(harbin: Station, make: MakeWeather) -> None:
    """Without a deadline, and with a far one, a lookup waits no longer than the setting."""
    harbin.open.clear()
    weather = make(timeout=0.02)
    assert await weather.at(*HARBIN) == {}
    assert await weather.at(*HARBIN, deadline=weather._clock() + 60) == {}
    assert weather.counters().missing == 2
    harbin.open.set()
    await landed(weather)
    assert await weather.at(*HARBIN)
    assert len(harbin.received) == 1


async def test_no_time_at_all(harbin: Station, make: MakeWeather, clock: Clock) -> None:
    """A deadline that has passed causes no wait, but the call is made for the next lookup."""
    weather = make()
    assert await weather.at(*HARBIN, deadline=clock.now - 1) == {}
    await landed(weather)
    assert await weather.at(*HARBIN)
    assert len(harbin.received) == 1


async def test_cancelled_asker(harbin: Station, make: MakeWeather) -> None:
    """Cancelling one waiting lookup does not affect the call and the other lookups."""
    harbin.open.clear()
    weather = make()
    first, other = (asyncio.create_task(weather.at(*HARBIN)) for _ in range(2))
    await harbin.arrived(1)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    harbin.open.set()
    assert (await other)[TEMPERATURE] == 3.1
    assert len(harbin.received) == 1


async def test_stale_while_revalidate(harbin: Station, make: MakeWeather, clock: Clock) -> None:
    """An old report is returned at once while one call fetches a new one; a report too old is not returned."""
    weather = make(fresh=HOUR, stale=3 * HOUR)
    await weather.at(*HARBIN)
    clock.now += HOUR - 1
    await weather.at(*HARBIN)
    assert len(harbin.received) == 1

    clock.now += 2
    harbin.open.clear()
    harbin.answer = reply(forecast(temperature_2m=9.0))
    assert [(await weather.at(*HARBIN))[TEMPERATURE] for _ in range(3)] == [3.1, 3.1, 3.1]
    await harbin.arrived(2)
    harbin.open.set()
    await landed(weather)
    assert (await weather.at(*HARBIN))[TEMPERATURE] == 9.0
    assert (len(harbin.received), weather.counters().stale_hits) == (2, 3)

    clock.now += 3 * HOUR
    harbin.open.clear()
    assert await weather.at(*HARBIN, deadline=clock.now + 0.01) == {}


async def test_old_is_kept_when_refreshing_fails(harbin: Station, make: MakeWeather, clock: Clock) -> None:
    """A failed refresh keeps the old report, and the cell is fetched again only after the pause."""
    weather = make(pause=30)
    await weather.at(*HARBIN)
    harbin.answer = reply(b"", status="503 Service Unavailable")
    clock.now += HOUR
    for _ in range(3):
        assert (await weather.at(*HARBIN))[TEMPERATURE] == 3.1
        await landed(weather)
    assert len(harbin.received) == 2
    clock.now += 31
    harbin.answer = reply(forecast(temperature_2m=9.0))
    await weather.at(*HARBIN)
    await landed(weather)
    assert (await weather.at(*HARBIN))[TEMPERATURE] == 9.0


async def test_midnight_passes(make: MakeWeather, wall: Clock) -> None:
    """A cached report gives the tomorrow of the moment of the lookup."""
    weather = make()
    name = "weather.tomorrow.temperature_max_c"
    assert (await weather.at(*HARBIN))[name] == 5.5
    wall.now += 14 * HOUR
    assert (await weather.at(*HARBIN))[name] == 9.0


async def test_breaker(harbin: Station, make: MakeWeather, clock: Clock) -> None:
    """After failures in a row no calls are made; after the pause one call is tried, and its success closes the breaker."""
    weather = make(failures=3, pause=30)
    harbin.answer = reply(b"", status="500 Internal Server Error")
    for latitude in range(5):
        assert await weather.at(latitude, 0) == {}
    counters = weather.counters()
    assert (len(harbin.received), counters.breaker, dict(counters.failures)) == (
        3,
        BreakerState.OPEN,
        {"status": 3},
    )

    clock.now += 31
    harbin.answer = reply(forecast())
    harbin.open.clear()
    trial = asyncio.create_task(weather.at(50, 0))
    await harbin.arrived(4)
    assert weather.counters().breaker is BreakerState.HALF_OPEN
    assert await weather.at(51, 0) == {}
    harbin.open.set()
    assert (await trial)[TEMPERATURE] == 3.1
    assert weather.counters().breaker is BreakerState.CLOSED
    assert await weather.at(51, 0)
    assert len(harbin.received) == 5


async def test_remembered_weather_outlives_the_provider(harbin: Station, make: MakeWeather) -> None:
    """An open breaker stops calls, not answers from the cache."""
    weather = make(failures=1)
    await weather.at(*HARBIN)
    harbin.answer = reply(b"", status="500 Internal Server Error")
    await weather.at(0, 0)
    assert weather.counters().breaker is BreakerState.OPEN
    assert await weather.at(*HARBIN)


async def test_nobody_there(make: MakeWeather) -> None:
    """An unreachable provider means no weather, and no error."""
    async with station() as gone:
        url = gone.url
    weather = make(url=url)
    assert await weather.at(*HARBIN) == {}
    assert dict(weather.counters().failures) == {"unreachable": 1}


async def test_our_own_mistake(make: MakeWeather, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even a fault of this package in a call fails no decision."""
    weather = make()
    assert weather._provider is not None
    monkeypatch.setattr(weather._provider, "_url", None)
    assert await weather.at(*HARBIN) == {}
    assert dict(weather.counters().failures) == {"broken": 1}


async def test_calls_are_bounded(harbin: Station, make: MakeWeather, clock: Clock) -> None:
    """No more calls than allowed are under way; a lookup that would need one more returns nothing at once."""
    weather = make(calls=2)
    harbin.open.clear()
    askers = [asyncio.create_task(weather.at(latitude, 0)) for latitude in range(2)]
    await harbin.arrived(2)
    assert [await weather.at(latitude, 0) for latitude in range(2, 20)] == [{}] * 18
    harbin.open.set()
    assert all(await asyncio.gather(*askers))
    assert (len(harbin.received), harbin.connections) == (2, 2)


async def test_memory_is_bounded(harbin: Station, make: MakeWeather) -> None:
    """No more cells than allowed are cached; the least recently used is dropped."""
    weather = make(cache_cells=3)
    for latitude in range(10):
        await weather.at(latitude, 0)
    assert weather.counters().cells == 3
    await weather.at(9, 0)
    assert len(harbin.received) == 10
    await weather.at(0, 0)
    assert len(harbin.received) == 11


async def test_close(harbin: Station, make: MakeWeather) -> None:
    """Closing ends the calls under way and waiting lookups; after it there is no weather, and closing again does nothing."""
    weather = make()
    harbin.open.clear()
    asker = asyncio.create_task(weather.at(*HARBIN))
    await harbin.arrived(1)
    await weather.close()
    assert await asker == {}
    assert await weather.at(*HARBIN) == {}
    assert len(harbin.received) == 1
    await weather.close()
