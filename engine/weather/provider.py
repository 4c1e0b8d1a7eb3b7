"""Why the provider has no report for us."""

import asyncio
import json
from collections.abc import Callable
from enum import StrEnum
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TypeAlias

import httpx

from engine.settings import Settings
from engine.weather.cache import Cell
from engine.weather.report import NOW, TOMORROW, WeatherReport, read_report


class FailureReason(StrEnum):
    """Why there is no report."""

    TIMEOUT = "timeout"
    """Not all of the answer came in time."""
    UNREACHABLE = "unreachable"
    """No connection, or it broke."""
    STATUS = "status"
    """Not 200; redirects are not followed."""
    CONTENT_TYPE = "content_type"
    """Not JSON by its own word."""
    ENCODING = "encoding"
    """Compressed, though we asked that it not be."""
    TOO_LARGE = "too_large"
    """More than the provider's LARGEST_ANSWER."""
    MALFORMED = "malformed"
    """Not JSON, or nothing in it to be believed."""
    BROKEN = "broken"
    """None of these: a mistake of ours."""


class ProviderFailed(Exception):
    """There is no report, for a reason."""

    def __init__(self, reason: FailureReason) -> None:
        super().__init__(reason.value)
        self.reason = reason


LARGEST_ANSWER = 256 * 1024
"""Bytes; a usual answer has about one and a half thousand."""


_PATH = "/v1/forecast"


_FIXED = {
    "current": ",".join([*(number.name for number in NOW), "is_day", "weather_code"]),
    "daily": ",".join([*(number.name for number in TOMORROW), "weather_code"]),
    "timezone": "auto",
    "forecast_days": "3",  # so that what was read before midnight still has a tomorrow after it
    "temperature_unit": "celsius",
    "wind_speed_unit": "kmh",
    "precipitation_unit": "mm",
}


ClientFactory: TypeAlias = Callable[[Settings], httpx.AsyncClient]
"""Makes the client that all calls share."""


def open_client(settings: Settings) -> httpx.AsyncClient:
    """A pooled client: no redirects, no cookies, nothing from the environment (proxies, certificates, .netrc)."""
    return httpx.AsyncClient(
        timeout=httpx.Timeout(settings.weather_call_timeout),
        limits=httpx.Limits(
            max_connections=settings.weather_calls,
            max_keepalive_connections=settings.weather_calls,
            keepalive_expiry=30,
        ),
        headers={"accept": "application/json", "accept-encoding": "identity", "user-agent": "tact"},
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        follow_redirects=False,
        trust_env=False,
    )


class Provider:
    """A provider at `settings.weather_url`."""

    def __init__(self, settings: Settings, make_client: ClientFactory = open_client) -> None:
        self._url = settings.weather_url.rstrip("/") + _PATH
        self._timeout = settings.weather_call_timeout
        self._client = make_client(settings)

    async def fetch(self, cell: Cell) -> WeatherReport:
        """The report of a square, within `settings.weather_call_timeout`; raises ProviderFailed."""
        try:
            async with asyncio.timeout(
                self._timeout
            ):  # httpx's own limits are for each read, not for all of them
                body = await self._get(cell)
        except (TimeoutError, httpx.TimeoutException) as late:
            raise ProviderFailed(FailureReason.TIMEOUT) from late
        except httpx.HTTPError as broken:
            raise ProviderFailed(FailureReason.UNREACHABLE) from broken
        return _parse(body)

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.aclose()

    async def _get(self, cell: Cell) -> bytes:
        latitude, longitude = cell.coordinates()
        params = {"latitude": latitude, "longitude": longitude, **_FIXED}
        async with self._client.stream("GET", self._url, params=params) as response:
            _inspect(response)
            body = bytearray()
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > LARGEST_ANSWER:
                    raise ProviderFailed(FailureReason.TOO_LARGE)
        return bytes(body)


def _inspect(response: httpx.Response) -> None:
    """Refuses by the head what need not be read; raises ProviderFailed."""
    if response.status_code != httpx.codes.OK:
        raise ProviderFailed(FailureReason.STATUS)
    media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise ProviderFailed(FailureReason.CONTENT_TYPE)
    if response.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise ProviderFailed(FailureReason.ENCODING)


def _parse(body: bytes) -> WeatherReport:
    """The report in a body; raises ProviderFailed. The standard reader takes NaN, so that one does not cost the rest."""
    try:
        report = read_report(json.loads(body))
    except (ValueError, RecursionError) as wrong:
        raise ProviderFailed(FailureReason.MALFORMED) from wrong
    if report is None:
        raise ProviderFailed(FailureReason.MALFORMED)
    return report
