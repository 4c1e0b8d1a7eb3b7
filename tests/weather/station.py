"""A weather station: an HTTP server on loopback whose answers a test sets."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from queue import Queue
from threading import Thread
from typing import Any, TypeAlias
from urllib.parse import parse_qs, urlsplit

Answer: TypeAlias = Callable[[asyncio.StreamWriter], Awaitable[None]]


def forecast(**current: Any) -> dict[str, Any]:
    """An answer in Open-Meteo's form, for Harbin on 10 March 2026; current: values in the place of the usual ones."""
    now = {
        "time": "2026-03-10T10:00",
        "interval": 900,
        "temperature_2m": 3.1,
        "relative_humidity_2m": 30,
        "apparent_temperature": -1.4,
        "is_day": 1,
        "precipitation": 0.2,
        "weather_code": 71,
        "wind_speed_10m": 14.5,
    }
    return {
        "latitude": 45.75,
        "longitude": 126.625,
        "generationtime_ms": 0.1,
        "utc_offset_seconds": 28800,
        "timezone": "Asia/Shanghai",
        "timezone_abbreviation": "GMT+8",
        "elevation": 150.0,
        "current_units": {"temperature_2m": "°C", "wind_speed_10m": "km/h", "precipitation": "mm"},
        "current": {**now, **current},
        "daily_units": {"temperature_2m_min": "°C", "wind_speed_10m_max": "km/h"},
        "daily": {
            "time": ["2026-03-10", "2026-03-11", "2026-03-12"],
            "weather_code": [71, 96, 3],
            "temperature_2m_max": [4.0, 5.5, 9.0],
            "temperature_2m_min": [-8.0, -2.5, 1.0],
            "precipitation_sum": [1.0, 12.5, 0.0],
            "wind_speed_10m_max": [20.0, 31.0, 9.5],
        },
    }


TEN_O_CLOCK = 1773108000.0
"""2026-03-10T10:00+08:00, in seconds since 1970."""


def reply(
    body: bytes | dict[str, Any],
    *,
    status: str = "200 OK",
    media_type: str = "application/json; charset=utf-8",
    headers: tuple[str, ...] = (),
    length: int | None = None,
) -> Answer:
    """An answer of these parts; length: a Content-Length that is not the body's, after which the connection ends."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status}", f"content-type: {media_type}", *headers]
    head = "\r\n".join([*lines, f"content-length: {len(content) if length is None else length}", "", ""])

    async def write(writer: asyncio.StreamWriter) -> None:
        writer.write(head.encode() + content)
        await writer.drain()
        if length is not None:
            writer.close()

    return write


class Station:
    """A running server: the requests it received, and how it answers."""

    def __init__(self) -> None:
        self.url = ""
        self.answer: Answer = reply(forecast())
        self.received: list[str] = []
        """Request heads, first to last."""
        self.connections = 0
        self.open = asyncio.Event()
        """While cleared, requests wait for their answers."""
        self.open.set()
        self._arrived = asyncio.Condition()
        self._writers: set[asyncio.StreamWriter] = set()

    def query(self, number: int = -1) -> dict[str, str]:
        """The parameters of a request."""
        target = self.received[number].split(" ", 2)[1]
        return {name: values[0] for name, values in parse_qs(urlsplit(target).query).items()}

    async def arrived(self, count: int) -> None:
        """Returns when that many requests have come."""
        async with self._arrived:
            await self._arrived.wait_for(lambda: len(self.received) >= count)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.connections += 1
        self._writers.add(writer)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while not writer.is_closing():
                head = await reader.readuntil(b"\r\n\r\n")
                async with self._arrived:
                    self.received.append(head.decode())
                    self._arrived.notify_all()
                await self.open.wait()
                await self.answer(writer)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        self._writers.discard(writer)

    async def end(self) -> None:
        """Closes every connection and waits for their ends."""
        self.open.set()
        while self._writers:
            for writer in self._writers:
                writer.close()
            await asyncio.sleep(0.001)


@asynccontextmanager
async def station() -> AsyncIterator[Station]:
    """A station on a free port of loopback."""
    opened = Station()
    server = await asyncio.start_server(opened.serve, "127.0.0.1", 0)
    opened.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield opened
    finally:
        server.close()
        await opened.end()
        await server.wait_closed()


@contextmanager
def station_apart() -> Iterator[str]:
    """The URL of a station that runs in a thread of its own, for tests that wait."""
    loop, ready, ended = asyncio.new_event_loop(), Queue[str](), asyncio.Event()

    async def run() -> None:
        async with station() as opened:
            ready.put(opened.url)
            await ended.wait()

    thread = Thread(target=loop.run_until_complete, args=(run(),))
    thread.start()
    try:
        yield ready.get()
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join()
        loop.close()
