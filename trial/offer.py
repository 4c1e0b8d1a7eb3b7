"""Calls offered at a rate, whether the server keeps up or not."""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import grpc

OPTIONS = (("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0))
BATCH = "/tact.v1.Decisions/DecideBatch"


@dataclass(frozen=True)
class Ended:
    """One call: when it was due, how long after that it ended, and how."""

    due: float
    seconds: float
    status: str


class Source:
    """Connections to a server, and the calls on them."""

    def __init__(self, target: str, bodies: list[bytes], connections: int = 4) -> None:
        self._channels = [grpc.aio.insecure_channel(target, options=OPTIONS) for _ in range(connections)]
        self._sends: list[Callable[..., Awaitable[Any]]] = [one.unary_unary(BATCH) for one in self._channels]
        self._bodies, self._next = bodies, 0

    async def call(self, deadline: float) -> str:
        """Makes the next call; its status."""
        number = self._next
        self._next += 1
        send, body = self._sends[number % len(self._sends)], self._bodies[number % len(self._bodies)]
        try:
            await send(body, timeout=deadline)
        except grpc.aio.AioRpcError as error:
            return error.code().name
        return "OK"

    async def close(self) -> None:
        """Ends the connections."""
        for one in self._channels:
            await one.close()


async def capacity(source: Source, seconds: float, callers: int = 8) -> float:
    """Calls a second that are answered when as many callers each wait for their answer."""
    end, answered = time.monotonic() + seconds, 0

    async def caller() -> None:
        nonlocal answered
        while time.monotonic() < end:
            answered += await source.call(30) == "OK"

    await asyncio.gather(*(caller() for _ in range(callers)))
    return answered / seconds


async def offered(source: Source, rate: float, seconds: float, deadline: float) -> list[Ended]:
    """Calls that leave at their times, evenly spaced, answered or not."""
    loop, began, ended, calls = asyncio.get_running_loop(), time.monotonic() + 0.1, list[Ended](), set[Any]()

    async def call(due: float) -> None:
        status = await source.call(deadline)
        ended.append(Ended(due - began, time.monotonic() - due, status))

    def begin(due: float) -> None:
        calls.add(loop.create_task(call(due)))

    def pace() -> None:  # a thread: the loop's own timers tick in milliseconds
        for number in range(int(rate * seconds)):
            due = began + number / rate
            time.sleep(max(0.0, due - time.monotonic()))
            loop.call_soon_threadsafe(begin, due)

    thread = threading.Thread(target=pace, daemon=True)
    thread.start()
    await asyncio.to_thread(thread.join)
    await asyncio.sleep(0)
    await asyncio.gather(*calls)
    return ended


def counted(ended: list[Ended]) -> str:
    """How the calls ended, the most frequent first."""
    return ", ".join(
        f"{count:,} {status}" for status, count in Counter(one.status for one in ended).most_common()
    )


def quantile(values: list[float], share: float) -> float:
    """The value below which the share of them lies; 0 of none."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] if values else 0.0
