"""Fixtures: a weather station, a clock, and the weather service."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeAlias

import pytest

from engine.settings import Settings
from engine.weather import Weather
from tests.weather.station import TEN_O_CLOCK, Station, station

MakeWeather: TypeAlias = Callable[..., Weather]


class Clock:
    """A clock in seconds, set by the test."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        """The present time."""
        return self.now


@pytest.fixture
async def harbin() -> AsyncIterator[Station]:
    """A station that answers correctly."""
    async with station() as opened:
        yield opened


@pytest.fixture
def clock() -> Clock:
    """Monotonic seconds."""
    return Clock(1000.0)


@pytest.fixture
def wall() -> Clock:
    """Seconds since 1970."""
    return Clock(TEN_O_CLOCK)


@pytest.fixture
async def make(harbin: Station, clock: Clock, wall: Clock) -> AsyncIterator[MakeWeather]:
    """Makes a Weather from the station, with long timeouts by default; options: settings without `weather_`."""
    made: list[Weather] = []

    def build(**options: Any) -> Weather:
        given = {"url": harbin.url, "timeout": 60.0, "call_timeout": 60.0, **options}
        settings = Settings(**{f"weather_{name}": value for name, value in given.items()})
        made.append(Weather(settings, clock=clock, wall=wall))
        return made[-1]

    yield build
    for made_weather in made:
        await made_weather.close()


async def landed(weather: Weather) -> None:
    """Returns when no call is under way."""
    while weather._calls:
        await asyncio.wait(set(weather._calls.values()))
