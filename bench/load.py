"""The client process: reads jobs as lines of JSON and answers each with a line of JSON.

It sends bytes that were serialised before and does not parse the answers, so that it costs as little as a client in
Python can. A job is {target, method, kind, seconds} with `clients` for kind "closed" (each sends its next request
when the last one is answered), `rate` for "paced" (requests leave at their times, answered or not, and latency counts from
that time), and `size` for batches. `python -m bench.load CUSTOMERS MODULE`: the number of customers, and the module whose
`bodies` are the requests.
"""

import asyncio
import gc
import json
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from importlib import import_module
from typing import Any, cast

import grpc
import uvloop

from bench.books import batch, request_id, with_id
from bench.echo import OPTIONS, SERVICE

Send = Callable[[bytes], Any]
Job = dict[str, Any]


class Source:
    """Requests without end: the customers in turn, each time with a request_id of its own."""

    def __init__(self, bodies: list[bytes]) -> None:
        self._bodies = bodies
        self._next = 0

    def request(self) -> bytes:
        number = self._next
        self._next += 1
        return with_id(self._bodies[number % len(self._bodies)], request_id(number))

    def batch(self, size: int) -> bytes:
        return batch([self.request() for _ in range(size)])

    def messages(self, size: int) -> Callable[[], bytes]:
        return self.request if size == 1 else lambda: self.batch(size)


async def closed(send: Callable[[], Awaitable[object]], clients: int, seconds: float) -> list[float]:
    """Latencies of the calls of so many clients, each with one call under way; at least one call of each."""
    clock, latencies = time.perf_counter, list[float]()
    end = clock() + seconds

    async def client() -> None:
        start = clock()
        while True:
            await send()
            now = clock()
            latencies.append(now - start)
            if now >= end:
                return
            start = now

    await asyncio.gather(*(client() for _ in range(clients)))
    return latencies


async def paced(call: Callable[[float], Coroutine[Any, Any, None]], rate: float, seconds: float) -> float:
    """Begins calls evenly spaced in time, at least one, whether earlier ones are answered or not, and waits for all of them.

    call: takes the time at which it is due, on time.perf_counter's clock. Returns the time at which the first was due.
    """
    clock, loop, calls = time.perf_counter, asyncio.get_running_loop(), list["asyncio.Task[None]"]()
    first = clock() + 0.05

    def begin(due: float) -> None:
        calls.append(loop.create_task(call(due)))

    def pace() -> None:  # a thread: the loop's own timers tick in milliseconds
        for number in range(max(1, int(rate * seconds))):
            due = first + number / rate
            if (wait := due - clock()) > 0:
                time.sleep(wait)
            loop.call_soon_threadsafe(begin, due)

    thread = threading.Thread(target=pace, daemon=True)
    thread.start()
    await asyncio.to_thread(thread.join)
    await asyncio.sleep(0)
    await asyncio.gather(*calls)
    return first


async def _latencies_at(
    send: Send, make: Callable[[], bytes], rate: float, seconds: float
) -> tuple[list[float], int]:
    """Latencies from the times at which calls were due, and how many calls failed.

    gRPC's server cancels calls when more than a thousand pend, as they may where the machine is busy with other things.
    """
    latencies, failed = list[float](), 0

    async def call(due: float) -> None:
        nonlocal failed
        try:
            await send(make())
        except grpc.aio.AioRpcError:
            failed += 1
        latencies.append(time.perf_counter() - due)

    await paced(call, rate, seconds)
    return latencies, failed


async def run(job: Job, source: Source, channels: dict[str, grpc.aio.Channel]) -> Job:
    """Does a job; its figures."""
    channel = channels.get(job["target"])
    if channel is None:
        channel = channels[job["target"]] = grpc.aio.insecure_channel(job["target"], options=OPTIONS)
    send = cast("Send", channel.unary_unary(f"/{SERVICE}/{job['method']}"))
    size = job.get("size", 1)
    gc.collect()
    make = source.messages(size)
    start, failed = time.perf_counter(), 0
    if job["kind"] == "closed":
        latencies = await closed(lambda: send(make()), job["clients"], job["seconds"])
    else:
        latencies, failed = await _latencies_at(send, make, job["rate"], job["seconds"])
    elapsed = time.perf_counter() - start
    return {
        "calls": len(latencies),
        "failed": failed,
        "per_second": len(latencies) * size / elapsed,
        "p50": quantile(latencies, 0.50) * 1000,
        "p99": quantile(latencies, 0.99) * 1000,
    }


def quantile(values: list[float], share: float) -> float:
    """The value below which the share of them lies; 0 of none."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] if values else 0.0


def _lines() -> Iterator[str]:
    while line := sys.stdin.readline():
        yield line


async def main(bodies: list[bytes]) -> None:
    gc.disable()  # a pause of the client is no latency of the server; jobs are short
    source = Source(bodies)
    channels: dict[str, grpc.aio.Channel] = {}
    print(json.dumps({"ready": True}), flush=True)
    for line in _lines():
        print(json.dumps(await run(json.loads(line), source, channels)), flush=True)
    for channel in channels.values():
        await channel.close()


if __name__ == "__main__":
    uvloop.run(main(import_module(sys.argv[2]).bodies(int(sys.argv[1]))))
