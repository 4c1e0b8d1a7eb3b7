"""Ten times as much as it can do: memory stays, what is accepted is answered in time, the rest is refused at once."""

import asyncio
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from unittest.mock import patch

from bench.load import quantile
from engine.api.v1.decisions_pb2 import DecideBatchRequest
from tests.books import write_book
from tests.requests import li_na
from tests.server.http.conftest import HTTP
from tests.servers import serving
from tests.telemetry.shown import free_port
from trial.offered_load import CallSource, HttpSource, OfferedCall, Source, capacity, counted, offered
from trial.result import PATIENCE, Curve, TrialResult, TrialSettings
from trial.watch import Watch

TIMES = 10
SIZE = 50
"""Requests in a call: so that a client of the same language can ask for ten times what the server can do."""
QUEUE_LIMIT = 1000
FILLS = 3 * QUEUE_LIMIT // SIZE
"""Calls that fill the queue: three times as many requests as may wait, more than a queue and the group before it."""
PENDING = 900
"""Calls of a short trial at most: gRPC answers UNAVAILABLE itself when 1,000 wait for a server that is slow to take them."""
CONNECTIONS = 900
"""Over HTTP: fewer than a server keeps."""
MAY_GROW = 96.0
_BUSY_SECONDS = {"TACT_BUSY_TIMEOUT": "600"}
"""The server waits for the log as long as the trial holds it."""


def run(settings: TrialSettings) -> TrialResult:
    """Fills the queue while the log is held; measures what the server can do, and offers ten times as much. By each way."""
    result, port, log = TrialResult(), free_port(), settings.folder / "tact.db"
    options = ("--metrics-port", str(port), "--queue-limit", str(QUEUE_LIMIT), *HTTP)
    with (
        patch.dict(os.environ, _BUSY_SECONDS),
        serving(write_book(settings.folder / "book"), log, *options) as server,
    ):
        with Watch(server, port).looking() as watch:
            over_grpc = asyncio.run(
                _overload(result, partial(Source, server.target, _batches()), log, settings)
            )
            by_connect = partial(HttpSource, server.http, _batches(), int(settings.size(CONNECTIONS, 100)))
            over_http = asyncio.run(_overload(result, by_connect, log, settings))
        result.expect(watch.grown() < MAY_GROW, f"memory grew by {watch.grown():.0f} MB")
        result.curves += watch.curves()
        result.expect(server.stop() == 0, "it did not stop with 0")
    result.summary = (
        f"gRPC: {over_grpc}; HTTP: {over_http}; memory {watch.memory[-1][1]:.0f} MB, {watch.grown():+.0f} MB"
    )
    return result


async def _overload(
    result: TrialResult, connect: Callable[[], CallSource], log: Path, settings: TrialSettings
) -> str:
    """Both overloads, in a line. Only the first is one on any machine: in a short trial a slow client does not overload."""
    source = connect()
    try:
        await source.call(PATIENCE)
        filling = await _fill_queue(source, log)
        _check_statuses(result, filling)
        result.expect(_took(filling, "RESOURCE_EXHAUSTED") != [], "a full queue refused nothing")
        result.expect(_took(filling, "OK") != [], "a full queue was not answered")
        await capacity(source, settings.size(3, 0.2), PATIENCE)  # to be warm
        calls_per_second = await capacity(source, settings.size(5, 0.5), PATIENCE)
        seconds = settings.size(60, 1.5)
        rate = calls_per_second * TIMES
        if settings.short:
            rate = min(rate, PENDING / seconds)
        calls = await offered(source, rate, seconds, settings.size(5, PATIENCE))
    finally:
        await source.close()
    _check_statuses(result, calls)
    accepted, refused = _took(calls, "OK"), _took(calls, "RESOURCE_EXHAUSTED")
    result.expect(refused != [] or settings.short, "nothing was refused")
    result.expect(accepted != [], "nothing was accepted")
    result.curves += _latencies(calls)
    return (
        f"full queue: {counted(filling)}; {calls_per_second * SIZE:,.0f} decisions/s offered {TIMES} times: {counted(calls)};"
        f" accepted within {quantile(accepted, 0.99):.2f} s, refused within {quantile(refused, 0.99):.2f} s (p99)"
    )


async def _fill_queue(source: CallSource, log: Path) -> list[OfferedCall]:
    """Holds the log until a call has ended, which then can only have been refused; all the calls, ended."""
    began = time.perf_counter()

    async def call() -> OfferedCall:
        status = await source.call(2 * PATIENCE)
        return OfferedCall(0.0, time.perf_counter() - began, status)

    with _held(log):
        calls = [asyncio.create_task(call()) for _ in range(FILLS)]
        await asyncio.wait(calls, timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
    return await asyncio.gather(*calls)


@contextmanager
def _held(log: Path) -> Iterator[None]:
    """Keeps the right to write to the log for the length of a block."""
    with closing(sqlite3.connect(log, timeout=PATIENCE, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        yield
        holder.execute("ROLLBACK")


def _batches() -> list[bytes]:
    """Serialised calls of SIZE requests each."""
    calls = [
        [li_na(f"{number}-{customer}", placement="hero") for customer in range(SIZE)] for number in range(32)
    ]
    return [DecideBatchRequest(requests=requests).SerializeToString() for requests in calls]


def _took(calls: list[OfferedCall], status: str) -> list[float]:
    return [call.seconds for call in calls if call.status == status]


def _check_statuses(result: TrialResult, calls: list[OfferedCall]) -> None:
    for call in calls:
        result.check(call.status in {"OK", "RESOURCE_EXHAUSTED"}, f"a call ended with {call.status}")


def _latencies(calls: list[OfferedCall]) -> list[Curve]:
    return [
        Curve(
            "Time of a call",
            "seconds",
            status,
            [(call.due, call.seconds) for call in calls if call.status == status],
        )
        for status in sorted({call.status for call in calls})
    ]
