"""The client: a process of its own that takes jobs as lines of JSON and answers each with a line of JSON.

It sends bytes that were serialised before and does not read the answers, so that it costs as little as a client in
Python can. A job is {target, method, kind, seconds} with `clients` for kind "closed" (each sends its next request
when the last one is answered), `rate` for "paced" (requests leave at their times, answered or not, and latency counts from
that time), and `size` for batches. `python -m bench.load CUSTOMERS MODULE`: of how many customers, and whose `bodies` their
requests are.
"""

import asyncio
import gc
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
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

    def __init__(self, pool: list[bytes]) -> None:
        self._pool = pool
        self._next = 0

    def one(self) -> bytes:
        number = self._next
        self._next += 1
        return with_id(self._pool[number % len(self._pool)], request_id(number))

    def many(self, size: int) -> bytes:
        return batch([self.one() for _ in range(size)])

    def messages(self, size: int) -> Callable[[], bytes]:
        return self.one if size == 1 else lambda: self.many(size)


async def closed(send: Send, make: Callable[[], bytes], clients: int, seconds: float) -> list[float]:
    """Latencies of the calls of so many clients, each with one call under way."""
    clock, latencies = time.perf_counter, []
    end = clock() + seconds

    async def client() -> None:
        while (start := clock()) < end:
            await send(make())
            latencies.append(clock() - start)

    await asyncio.gather(*(client() for _ in range(clients)))
    return latencies


async def paced(
    send: Send, make: Callable[[], bytes], rate: float, seconds: float
) -> tuple[list[float], int]:
    """Latencies from the times at which calls were due, evenly spaced, and how many calls failed.

    gRPC's server cancels calls when more than a thousand pend, as they may where the machine is busy with other things.
    """
    clock, latencies, failed = time.perf_counter, [], 0
    loop, calls = asyncio.get_running_loop(), set()
    count = int(rate * seconds)
    start = clock() + 0.05

    async def call(due: float) -> None:
        nonlocal failed
        try:
            await send(make())
        except grpc.aio.AioRpcError:
            failed += 1
        latencies.append(clock() - due)

    def begin(due: float) -> None:
        task = loop.create_task(call(due))
        calls.add(task)

    def pace() -> None:  # a thread: the loop's own timers tick in milliseconds
        for number in range(count):
            due = start + number / rate
            if (wait := due - clock()) > 0:
                time.sleep(wait)
            loop.call_soon_threadsafe(begin, due)

    thread = threading.Thread(target=pace, daemon=True)
    thread.start()
    await asyncio.to_thread(thread.join)
    await asyncio.sleep(0)
    await asyncio.gather(*calls)
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
        latencies = await closed(send, make, job["clients"], job["seconds"])
    else:
        latencies, failed = await paced(send, make, job["rate"], job["seconds"])
    elapsed = time.perf_counter() - start
    latencies.sort()
    return {
        "calls": len(latencies),
        "failed": failed,
        "per_second": len(latencies) * size / elapsed,
        "p50": quantile(latencies, 0.50),
        "p99": quantile(latencies, 0.99),
    }


def quantile(ordered: list[float], share: float) -> float:
    """In milliseconds."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000


def _lines() -> Iterator[str]:
    while line := sys.stdin.readline():
        yield line


async def main(pool: list[bytes]) -> None:
    gc.disable()  # a pause of the client is no latency of the server; jobs are short
    source = Source(pool)
    channels: dict[str, grpc.aio.Channel] = {}
    print(json.dumps({"ready": True}), flush=True)
    for line in _lines():
        print(json.dumps(await run(json.loads(line), source, channels)), flush=True)
    for channel in channels.values():
        await channel.close()


if __name__ == "__main__":
    uvloop.run(main(import_module(sys.argv[2]).bodies(int(sys.argv[1]))))
