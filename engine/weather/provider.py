"""The HTTP client of a weather provider with Open-Meteo's forecast API."""

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
    """Why a call gave no report; the values are labels of a metric."""

    TIMEOUT = "timeout"
    """The complete response did not arrive in time."""
    UNREACHABLE = "unreachable"
    """The connection failed."""
    STATUS = "status"
    """The status is not 200; redirects are not followed."""
    CONTENT_TYPE = "content_type"
    """The content type is not JSON."""
    ENCODING = "encoding"
    """The response is compressed, although the request forbids it."""
    TOO_LARGE = "too_large"
    """The response is larger than LARGEST_ANSWER."""
    MALFORMED = "malformed"
    """The response is not JSON, or has no plausible value."""
    BROKEN = "broken"
    """An exception in this package."""


class ProviderFailed(Exception):
    """The provider gave no report."""

    def __init__(self, reason: FailureReason) -> None:
        super().__init__(reason.value)
        self.reason = reason


LARGEST_ANSWER = 256 * 1024
"""Bytes; a usual response has about 1,500."""


_PATH = "/v1/forecast"


_FIXED = {
    "current": ",".join([*(number.name for number in NOW), "is_day", "weather_code"]),
    "daily": ",".join([*(number.name for number in TOMORROW), "weather_code"]),
    "timezone": "auto",
    "forecast_days": "3",  # a report received before midnight still has a tomorrow after it
    "temperature_unit": "celsius",
    "wind_speed_unit": "kmh",
    "precipitation_unit": "mm",
}


ClientFactory: TypeAlias = Callable[[Settings], httpx.AsyncClient]
"""Opens the client that all calls share."""


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
    """The provider at `settings.weather_url`."""

    def __init__(self, settings: Settings, make_client: ClientFactory = open_client) -> None:
        self._url = settings.weather_url.rstrip("/") + _PATH
        self._timeout = settings.weather_call_timeout
        self._client = make_client(settings)

    async def fetch(self, cell: Cell) -> WeatherReport:
        """Fetch the report of a cell within `settings.weather_call_timeout`. Raises ProviderFailed."""
        try:
            async with asyncio.timeout(self._timeout):  # httpx's own limits are for each read
                body = await self._get(cell)
        except (TimeoutError, httpx.TimeoutException) as error:
            raise ProviderFailed(FailureReason.TIMEOUT) from error
        except httpx.HTTPError as error:
            raise ProviderFailed(FailureReason.UNREACHABLE) from error
        return _parse(body)

    async def close(self) -> None:
        """Close the connections."""
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
    """Check status and headers before the body is read. Raises ProviderFailed."""
    if response.status_code != httpx.codes.OK:
        raise ProviderFailed(FailureReason.STATUS)
    media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise ProviderFailed(FailureReason.CONTENT_TYPE)
    if response.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise ProviderFailed(FailureReason.ENCODING)


def _parse(body: bytes) -> WeatherReport:
    """The report in a body. Raises ProviderFailed.

    json accepts NaN where orjson does not, so that one NaN does not cost the other values.
    """
    try:
        report = read_report(json.loads(body))
    except (ValueError, RecursionError) as error:
        raise ProviderFailed(FailureReason.MALFORMED) from error
    if report is None:
        raise ProviderFailed(FailureReason.MALFORMED)
    return report
