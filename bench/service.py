"""The service compared with its limits: a server that only reads and writes messages, and one that also makes rows durable.

Every server is a process of its own, and the same client process calls them in turn, so that all see the same noise.
"""

import statistics
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from bench import books, derived, everything
from bench.books import CAMPAIGNS, CUSTOMERS
from bench.processes import BUILD, Client, client, echo, floor, tact, typical
from bench.ratio import NO_TARGET, Ratio
from bench.table import Step, silent

Figures = dict[str, Any]
CLIENTS = (1, 16, 64)
BATCH = 500
BATCHES_AT_ONCE = 2
"""One is committed while the next is read."""
SAMPLE = 200
"""Requests from whose answers the typical answer is taken."""


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    campaigns: int
    customers: int
    seconds: float
    """Seconds of a turn."""
    rounds: int


FULL = Size(CAMPAIGNS, CUSTOMERS, 2.0, 5)
QUICK = replace(FULL, seconds=0.5, rounds=2)


@dataclass(frozen=True)
class Targets:
    """The servers' addresses."""

    decide: str
    echo: str
    floor: str | None = None


class Service:
    """A client with its servers, and how long to measure."""

    def __init__(
        self, client: Client, targets: Targets, size: Size, step: Step, name: str = "Decide"
    ) -> None:
        self._client, self._name = client, name
        self._decide, self._limit, self._floor = targets.decide, targets.echo, targets.floor
        self._size, self._seconds, self._rounds = size, size.seconds, size.rounds
        self._step = step

    def ratios(self) -> list[Ratio]:
        """Throughput at each number of clients, the tail at half of the last one's, and batches."""
        throughputs, saturated = self._throughputs()
        return [*throughputs, *self._tail(*saturated), *self._batches()]

    def throughputs(self) -> list[Ratio]:
        """Throughput alone."""
        return self._throughputs()[0]

    def _throughputs(self) -> tuple[list[Ratio], tuple[list[Figures], list[Figures]]]:
        self._step(f"service: {self._name}, warm-up")
        for target in (self._decide, self._limit, self._floor):
            if target:
                self._client.run(target, self._seconds, clients=CLIENTS[-1])
        throughputs: list[Ratio] = []
        saturated: tuple[list[Figures], list[Figures]] = ([], [])
        for clients in CLIENTS:
            ratios, saturated = self._throughput(clients)
            throughputs += ratios
        return throughputs, saturated

    def _turns(self, *calls: Callable[[], Figures], times: int = 1) -> list[list[Figures]]:
        """The figures of each call, taken in turn."""
        rounds = [[call() for call in calls] for _ in range(self._rounds * times)]
        return [list(figures) for figures in zip(*rounds, strict=True)]

    def _calls(self, target: str, clients: int) -> Callable[[], Figures]:
        return lambda: self._client.run(target, self._seconds, clients=clients)

    def _throughput(self, clients: int) -> tuple[list[Ratio], tuple[list[Figures], list[Figures]]]:
        self._step(f"service: {self._name} and its limits at {clients} clients")
        targets = [target for target in (self._decide, self._limit, self._floor) if target]
        decide, limit, *floors = self._turns(*(self._calls(target, clients) for target in targets))
        at = f"calls a second at {clients} clients"
        ratios = [
            Ratio(
                f"service: {self._name} / echo, {at}",
                _median_ratio(decide, limit, "per_second"),
                0.6,
                f"{_figures(decide)} against {_figures(limit)}; {self._size.campaigns:,} campaigns, caps, durable log",
            )
        ]
        if floors:
            ratios += self._beside_floor(at, decide, limit, *floors)
        return ratios, (decide, limit)

    def _beside_floor(
        self, at: str, decide: list[Figures], limit: list[Figures], durable: list[Figures]
    ) -> list[Ratio]:
        """The share of the echo that is left with durable rows, and the share of that with deciding."""
        rows = f"{_figures(durable)} with ready-made rows"
        return [
            Ratio(
                f"service: floor / echo, {at}",
                _median_ratio(durable, limit, "per_second"),
                NO_TARGET,
                f"{rows} against {_figures(limit)}",
            ),
            Ratio(
                f"service: {self._name} / floor, {at}",
                _median_ratio(decide, durable, "per_second"),
                NO_TARGET,
                f"{_figures(decide)} against {rows}",
            ),
        ]

    def _tail(self, decide: list[Figures], limit: list[Figures]) -> list[Ratio]:
        """The p99 at half of each server's highest rate: many short turns, since a stall of the machine spoils a turn.

        At half of the echo's rate the client is near its own limit, which flatters `Decide`; so the echo is also measured at
        `Decide`'s rate.
        """
        self._step("service: latency at half of saturation")
        rate, limit_rate = (_median(figures, "per_second") / 2 for figures in (decide, limit))
        mine, theirs, calm = self._turns(
            lambda: self._client.run(self._decide, self._seconds, rate=rate),
            lambda: self._client.run(self._limit, self._seconds, rate=limit_rate),
            lambda: self._client.run(self._limit, self._seconds, rate=rate),
            times=2,
        )
        return [
            Ratio(
                f"service: p99 at {name}, as 3 x echo / Decide",
                3 * _median(echo, "p99") / _median(mine, "p99"),
                1.0,
                f"{_figures(mine)} against {_figures(echo)}; from the time at which each call was due",
            )
            for name, echo in (
                ("half of each one's saturation", theirs),
                ("half of Decide's saturation", calm),
            )
        ]

    def _batches(self) -> list[Ratio]:
        """Batches beside single calls; and beside them the floor's batches, in which nothing is read or decided."""
        self._step(f"service: DecideBatch of {BATCH}")
        targets = [target for target in (self._decide, self._floor) if target]
        unary, batch, *floors = self._turns(
            lambda: self._client.run(self._decide, self._seconds, clients=CLIENTS[-1]),
            *(self._batched(target) for target in targets),
        )
        beside = f"{BATCHES_AT_ONCE} at once, against {_figures(unary)} at {CLIENTS[-1]} clients"
        ratios = [
            Ratio(
                f"service: DecideBatch of {BATCH} / Decide, decisions a second",
                _median_ratio(batch, unary, "per_second"),
                8.0,
                f"{_figures(batch)} a batch, {beside}",
            )
        ]
        for durable in floors:
            ratio = _median_ratio(durable, unary, "per_second")
            figures = f"{_figures(durable)} a batch with ready-made rows, {beside}"
            ratios.append(
                Ratio(f"service: floor of DecideBatch of {BATCH} / Decide", ratio, NO_TARGET, figures)
            )
        return ratios

    def _batched(self, target: str) -> Callable[[], Figures]:
        return lambda: self._client.run(
            target, self._seconds, "DecideBatch", clients=BATCHES_AT_ONCE, size=BATCH
        )


def ratios(*, quick: bool = False, step: Step = silent) -> list[Ratio]:
    """All ratios of the service, in about five minutes."""
    BUILD.mkdir(exist_ok=True)
    size = QUICK if quick else FULL
    with tempfile.TemporaryDirectory(dir=BUILD, prefix="bench-service-") as name:
        folder = Path(name)
        attributes = f"Decide with {len(derived.CONDITIONS)} derived attributes"
        return [
            *_plain(folder / "plain", size, step),
            # fewer customers, since each of them has events
            *_throughputs(
                folder / "derived", replace(size, customers=size.customers // 5), step, derived, attributes
            ),
            *_throughputs(folder / "everything", size, step, everything, "Decide with everything on"),
        ]


def _plain(folder: Path, size: Size, step: Step) -> list[Ratio]:
    """All ratios of the book without further features."""
    step("service: servers and client")
    rules, log = books.write_book(folder / "rules", size.campaigns), folder / "tact.db"
    with tact(rules, log) as decide:
        answer = typical(decide, books.bodies(SAMPLE))
        with (
            echo(answer, folder) as limit,
            floor(answer, folder, log) as durable,
            client(size.customers) as caller,
        ):
            return Service(caller, Targets(decide, limit, durable), size, step).ratios()


def _throughputs(folder: Path, size: Size, step: Step, module: ModuleType, name: str) -> list[Ratio]:
    """The throughput with the book and the requests of another module."""
    step(f"service: servers and client of {name}")
    rules = books.write(module.book(size.campaigns), folder / "rules")
    with (
        tact(rules, folder / "tact.db") as decide,
        echo(typical(decide, module.bodies(SAMPLE)), folder) as limit,
        client(size.customers, module.__name__) as caller,
    ):
        return Service(caller, Targets(decide, limit), size, step, name).throughputs()


def _median(figures: list[Figures], name: str) -> float:
    return float(statistics.median(run[name] for run in figures))


def _median_ratio(left: list[Figures], right: list[Figures], name: str) -> float:
    return float(statistics.median(a[name] / b[name] for a, b in zip(left, right, strict=True)))


def _figures(figures: list[Figures]) -> str:
    rate, p50, p99 = (_median(figures, name) for name in ("per_second", "p50", "p99"))
    failed = sum(run["failed"] for run in figures)
    note = f" ({failed} of {sum(run['calls'] for run in figures)} calls failed)" if failed else ""
    return f"{rate:,.0f}/s p50 {p50:.2f} ms p99 {p99:.2f} ms{note}"
