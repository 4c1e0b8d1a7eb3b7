"""Ten times as much as it can do: memory stays, what is accepted is answered in time, the rest is refused at once."""

import asyncio

from engine.api.v1.decisions_pb2 import DecideBatchRequest
from tests.books import write_book
from tests.requests import li_na
from tests.servers import serving
from tests.telemetry.shown import free_port
from trial.offer import Ended, Source, capacity, counted, offered, quantile
from trial.result import Curve, Finding, Place
from trial.watch import Watch

TIMES = 10
SIZE = 50
"""Requests in a call: so that a client of the same language can ask for ten times what the server can do."""
MAY_GROW = 96.0


def run(place: Place) -> Finding:
    """Measures what it can do, and then offers ten times as much."""
    finding, port = Finding(), free_port()
    options = ("--metrics-port", str(port), "--queue-limit", "1000")
    with serving(write_book(place.folder / "book"), place.folder / "tact.db", *options) as server:
        with Watch(server, port).looking() as watch:
            can, ended = asyncio.run(_offer(server.target, place))
        _judge(finding, can, ended)
        finding.expect(watch.grown() < MAY_GROW, f"memory grew by {watch.grown():.0f} MB")
        finding.curves += [*watch.curves(), *_latencies(ended)]
        finding.expect(server.stop() == 0, "it did not stop with 0")
    finding.said += f"; memory {watch.memory[-1][1]:.0f} MB, {watch.grown():+.0f} MB"
    return finding


async def _offer(target: str, place: Place) -> tuple[float, list[Ended]]:
    bodies = [_batch(number) for number in range(32)]
    source = Source(target, bodies)
    try:
        await source.call(30)
        await capacity(source, place.size(3, 0.2))  # to be warm
        can = await capacity(source, place.size(5, 0.5))
        return can, await offered(source, can * TIMES, place.size(60, 1.5), place.size(5, 60))
    finally:
        await source.close()


def _batch(number: int) -> bytes:
    requests = [li_na(f"{number}-{one}", placement="hero") for one in range(SIZE)]
    return DecideBatchRequest(requests=requests).SerializeToString()


def _judge(finding: Finding, can: float, ended: list[Ended]) -> None:
    accepted = [one.seconds for one in ended if one.status == "OK"]
    refused = [one.seconds for one in ended if one.status == "RESOURCE_EXHAUSTED"]
    finding.trials = len(ended)
    for status in sorted({one.status for one in ended} - {"OK", "RESOURCE_EXHAUSTED"}):
        finding.failures += [f"a call ended with {status}"] * sum(one.status == status for one in ended)
    finding.expect(bool(refused), "nothing was refused")
    finding.expect(bool(accepted), "nothing was accepted")
    finding.said = (
        f"{can * SIZE:,.0f} decisions/s offered {TIMES} times: {counted(ended)};"
        f" accepted within {quantile(accepted, 0.99):.2f} s, refused within {quantile(refused, 0.99):.2f} s (p99)"
    )


def _latencies(ended: list[Ended]) -> list[Curve]:
    return [
        Curve(
            "Time of a call",
            "seconds",
            status,
            [(one.due, one.seconds) for one in ended if one.status == status],
        )
        for status in sorted({one.status for one in ended})
    ]
