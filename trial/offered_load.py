"""Calls offered to a server at a rate, whether it keeps up or not."""

import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import cycle
from typing import Any, Protocol

import grpc
import httpx

from bench.load import closed, paced

OPTIONS = (("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0))
BATCH = "/tact.v1.Decisions/DecideBatch"


@dataclass(frozen=True)
class OfferedCall:
    """A call that has ended: when it was due, in seconds since the first one, how long after that it ended, and its status."""

    due: float
    seconds: float
    status: str


class CallSource(Protocol):
    """Makes calls to a server, one after the other or many at a time."""

    async def call(self, deadline: float) -> str:
        """Makes the next call; its status."""

    async def close(self) -> None:
        """Ends the connections."""


class Source:
    """A connection to a server, and the calls on it.

    Only one: gRPC itself cancels calls when more than 1,000 wait for the server to take them, and a connection has as many
    streams at most.
    """

    def __init__(self, target: str, bodies: list[bytes]) -> None:
        self._channel = grpc.aio.insecure_channel(target, options=OPTIONS)
        self._send: Callable[..., Awaitable[Any]] = self._channel.unary_unary(BATCH)
        self._bodies = cycle(bodies)

    async def call(self, deadline: float) -> str:
        """Makes the next call; its status."""
        try:
            await self._send(next(self._bodies), timeout=deadline)
        except grpc.aio.AioRpcError as error:
            return error.code().name
        return "OK"

    async def close(self) -> None:
        """Ends the connection."""
        await self._channel.close()


_STATUSES = {200: "OK", 429: "RESOURCE_EXHAUSTED", 503: "UNAVAILABLE", 504: "DEADLINE_EXCEEDED"}
"""gRPC's words for the statuses of HTTP that are expected here."""


class HttpSource:
    """The same over HTTP, by Connect in Protobuf. most: connections, each of which has one call at a time."""

    def __init__(self, url: str, bodies: list[bytes], most: int) -> None:
        limits = httpx.Limits(max_connections=most, max_keepalive_connections=most)
        self._web = httpx.AsyncClient(base_url=url, limits=limits)
        self._bodies = cycle(bodies)

    async def call(self, deadline: float) -> str:
        """Makes the next call; its status."""
        headers = {"content-type": "application/proto", "connect-timeout-ms": str(int(deadline * 1000))}
        try:
            answer = await self._web.post(
                BATCH, content=next(self._bodies), headers=headers, timeout=2 * deadline
            )
        except httpx.PoolTimeout:
            return "RESOURCE_EXHAUSTED"  # of the client: no connection was free
        except httpx.TransportError as error:
            return type(error).__name__
        return _STATUSES.get(answer.status_code, str(answer.status_code))

    async def close(self) -> None:
        """Ends the connections."""
        await self._web.aclose()


async def capacity(source: CallSource, seconds: float, deadline: float, callers: int = 8) -> float:
    """Calls answered a second when so many callers each wait for their answer before the next call."""
    began, answered = time.perf_counter(), 0

    async def call() -> None:
        nonlocal answered
        status = await source.call(deadline)
        answered += status == "OK"

    await closed(call, callers, seconds)
    return answered / (time.perf_counter() - began)


async def offered(source: CallSource, rate: float, seconds: float, deadline: float) -> list[OfferedCall]:
    """Calls that leave at their times, evenly spaced, answered or not."""
    ended: list[tuple[float, float, str]] = []

    async def call(due: float) -> None:
        status = await source.call(deadline)
        ended.append((due, time.perf_counter() - due, status))

    first = await paced(call, rate, seconds)
    return [OfferedCall(due - first, took, status) for due, took, status in ended]


def counted(calls: list[OfferedCall]) -> str:
    """How the calls ended, the most frequent first."""
    statuses = Counter(call.status for call in calls)
    return ", ".join(f"{count:,} {status}" for status, count in statuses.most_common())
