"""The provider: its requests, and every way in which it can fail."""

import asyncio
import gzip
import json

import pytest

from engine.settings import Settings
from engine.weather.cache import Cell
from engine.weather.provider import LARGEST_ANSWER, FailureReason, Provider, ProviderFailed
from tests.weather.station import Answer, Station, forecast, reply, station

HARBIN = Cell(458, 1265)
GOOD = json.dumps(forecast()).encode()
BOMB = gzip.compress(b" " * 50_000_000 + GOOD)


async def fetched(url: str, *, call_timeout: float = 60.0, times: int = 1) -> float:
    """The temperature that the provider reports."""
    provider = Provider(Settings(weather_url=url, weather_call_timeout=call_timeout))
    try:
        for _ in range(times):
            report = await provider.fetch(HARBIN)
    finally:
        await provider.close()
    return float(str(report.now["weather.temperature_c"]))


async def test_what_is_asked(harbin: Station) -> None:
    """One GET with rounded coordinates, the variables, the units by name, and nothing of the customer's."""
    assert await fetched(f"{harbin.url}/base/") == 3.1
    assert harbin.received[0].startswith("GET /base/v1/forecast?")
    assert harbin.query() == {
        "latitude": "45.8",
        "longitude": "126.5",
        "current": "temperature_2m,apparent_temperature,relative_humidity_2m,wind_speed_10m,precipitation,is_day,weather_code",
        "daily": "temperature_2m_min,temperature_2m_max,precipitation_sum,wind_speed_10m_max,weather_code",
        "timezone": "auto",
        "forecast_days": "3",
        "temperature_unit": "celsius",
        "wind_speed_unit": "kmh",
        "precipitation_unit": "mm",
    }
    headers = {line.partition(":")[0].lower() for line in harbin.received[0].splitlines()[1:] if line}
    assert headers == {"host", "accept", "accept-encoding", "connection", "user-agent"}


async def test_connection_is_kept_and_cookies_are_not(harbin: Station) -> None:
    """Calls share a connection; the provider's cookies are not sent back."""
    harbin.answer = reply(forecast(), headers=("set-cookie: who=you; path=/",))
    await fetched(harbin.url, times=3)
    assert (len(harbin.received), harbin.connections) == (3, 1)
    assert "cookie" not in harbin.received[-1].lower()


async def closes(writer: asyncio.StreamWriter) -> None:
    """Ends the connection without a word."""
    writer.close()


async def babbles(writer: asyncio.StreamWriter) -> None:
    """Answers without an end."""
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n")
    while not writer.is_closing():
        writer.write(b" " * 65536)
        await writer.drain()


async def garbles(writer: asyncio.StreamWriter) -> None:
    """Answers what is not HTTP."""
    writer.write(b"\x00\x01 SSH-2.0\r\n\r\n")
    writer.close()


async def head_without_end(writer: asyncio.StreamWriter) -> None:
    """Sends headers for ever."""
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while not writer.is_closing():
        writer.write(b"x: " + b"y" * 65536 + b"\r\n")
        await writer.drain()


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        pytest.param(reply(b"{'temperature': 3}"), FailureReason.MALFORMED, id="not JSON"),
        pytest.param(reply(b""), FailureReason.MALFORMED, id="empty"),
        pytest.param(reply(b"\xff\xfe\xff"), FailureReason.MALFORMED, id="not text"),
        pytest.param(reply(b"[" * 200_000), FailureReason.MALFORMED, id="deep"),
        pytest.param(
            reply(b'{"current": {"temperature_2m": ' + b"9" * 9000 + b"}}"),
            FailureReason.MALFORMED,
            id="digits",
        ),
        pytest.param(
            reply(b'{"error": true, "reason": "no"}'), FailureReason.MALFORMED, id="a reason in 200"
        ),
        pytest.param(reply({"current": "warm", "daily": 7}), FailureReason.MALFORMED, id="wrong types"),
        pytest.param(reply(GOOD, media_type="text/html"), FailureReason.CONTENT_TYPE, id="JSON called HTML"),
        pytest.param(
            reply(b"<html>", media_type="application/json"), FailureReason.MALFORMED, id="HTML called JSON"
        ),
        pytest.param(reply(GOOD, status="500 Internal Server Error"), FailureReason.STATUS, id="500"),
        pytest.param(reply(GOOD, status="429 Too Many Requests"), FailureReason.STATUS, id="429"),
        pytest.param(reply(GOOD, status="206 Partial Content"), FailureReason.STATUS, id="206"),
        pytest.param(reply(GOOD + b" " * LARGEST_ANSWER), FailureReason.TOO_LARGE, id="huge"),
        pytest.param(babbles, FailureReason.TOO_LARGE, id="endless"),
        pytest.param(
            reply(BOMB, headers=("content-encoding: gzip",)), FailureReason.ENCODING, id="gzip bomb"
        ),
        pytest.param(reply(BOMB[:LARGEST_ANSWER]), FailureReason.MALFORMED, id="gzip bomb called JSON"),
        pytest.param(reply(GOOD[:200], length=len(GOOD)), FailureReason.UNREACHABLE, id="closes mid-way"),
        pytest.param(closes, FailureReason.UNREACHABLE, id="closes at once"),
        pytest.param(garbles, FailureReason.UNREACHABLE, id="not HTTP"),
        pytest.param(head_without_end, FailureReason.UNREACHABLE, id="endless head"),
    ],
)
async def test_bad_answers(harbin: Station, answer: Answer, reason: FailureReason) -> None:
    """A bad answer is a failure with its reason."""
    harbin.answer = answer
    with pytest.raises(ProviderFailed) as failed:
        await fetched(harbin.url)
    assert failed.value.reason is reason


async def test_nan_costs_itself_only(harbin: Station) -> None:
    """NaN, which is no JSON but is sent by some, does not cost the other values."""
    harbin.answer = reply(forecast(wind_speed_10m=float("nan")))
    assert await fetched(harbin.url) == 3.1


async def test_largest_answer(harbin: Station) -> None:
    """An answer of just the allowed size is read."""
    harbin.answer = reply(GOOD + b" " * (LARGEST_ANSWER - len(GOOD)))
    assert await fetched(harbin.url) == 3.1


async def test_nobody_there(harbin: Station) -> None:
    """A refused connection is a failure."""
    async with station() as gone:
        url = gone.url
    with pytest.raises(ProviderFailed, match="unreachable"):
        await fetched(url)


async def test_silence_and_trickle(harbin: Station) -> None:
    """The limit is on the whole call: neither silence nor one byte at a time outlasts it."""
    harbin.open.clear()
    with pytest.raises(ProviderFailed, match="timeout"):
        await fetched(harbin.url, call_timeout=0.05)
    harbin.open.set()

    async def trickles(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n")
        while not writer.is_closing():
            writer.write(b" ")
            await asyncio.sleep(0.01)

    harbin.answer = trickles
    with pytest.raises(ProviderFailed, match="timeout"):
        await fetched(harbin.url, call_timeout=0.15)


async def test_redirect_is_not_followed(harbin: Station) -> None:
    """A redirect is a failure, and is not followed."""
    async with station() as elsewhere:
        harbin.answer = reply(GOOD, status="302 Found", headers=(f"location: {elsewhere.url}/v1/forecast",))
        with pytest.raises(ProviderFailed, match="status"):
            await fetched(harbin.url)
        assert elsewhere.connections == 0


async def test_environment_is_not_read(harbin: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy named in the environment is not used."""
    async with station() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        assert await fetched(harbin.url) == 3.1
        assert (len(harbin.received), proxy.connections) == (1, 0)


async def test_connections_come_back(harbin: Station) -> None:
    """Calls that are given up return their connections: after many, the next one finds a free one (httpcore #1093)."""
    provider = Provider(Settings(weather_url=harbin.url, weather_call_timeout=0.05, weather_calls=2))
    harbin.open.clear()
    for _ in range(5):
        ends = await asyncio.gather(*(provider.fetch(HARBIN) for _ in range(2)), return_exceptions=True)
        assert [str(end) for end in ends] == ["timeout", "timeout"]
    await provider.close()
    patient = Provider(Settings(weather_url=harbin.url, weather_call_timeout=60, weather_calls=2))
    harbin.received.clear()
    for _ in range(5):
        calls = [asyncio.create_task(patient.fetch(HARBIN)) for _ in range(2)]
        await harbin.arrived(2)
        harbin.received.clear()
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
    harbin.open.set()
    assert (await patient.fetch(HARBIN)).now
    await patient.close()


@pytest.mark.parametrize(
    "url", ["harbin", "ftp://harbin", "https://", "https://harbin/?key=1", "https://harbin/#here"]
)
def test_bad_address(url: str) -> None:
    """An address that cannot be a provider's is refused when the settings are read."""
    with pytest.raises(ValueError, match="weather_url"):
        Settings(weather_url=url)
