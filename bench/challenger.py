"""What a challenger costs: the service with and without a second book that decides beside it, called in turn by one client."""

import sqlite3
import statistics
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

from bench import books
from bench.books import CAMPAIGNS, CUSTOMERS
from bench.processes import BUILD, client, tact
from bench.ratio import NO_TARGET, Ratio
from bench.table import Step, silent

_CLIENTS = (1, 16)


def ratios(*, quick: bool = False, step: Step = silent) -> list[Ratio]:
    """Rate and latencies of `Decide` without and with a challenger."""
    seconds, rounds = (0.5, 2) if quick else (2.0, 9)
    BUILD.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BUILD, prefix="bench-challenger-") as name:
        folder = Path(name)
        step("challenger: servers and client")
        live = books.write_book(folder / "live", CAMPAIGNS)
        second = books.write(_other(), folder / "second")
        with (
            tact(live, folder / "alone.db") as alone,
            tact(live, folder / "beside.db", "--challenger", str(second)) as beside,
            client(CUSTOMERS) as caller,
        ):
            for target in (alone, beside):
                caller.run(target, seconds, clients=_CLIENTS[-1])
            measured: list[Ratio] = []
            for clients in _CLIENTS:
                step(f"challenger: {clients} clients")
                runs = [
                    [caller.run(target, seconds, clients=clients) for target in (alone, beside)]
                    for _ in range(rounds)
                ]
                measured += _compared(runs, f"closed loop of {clients} clients")
            step("challenger: latency at a third of saturation")
            rate = statistics.median(run["per_second"] for run, _ in runs) / 3
            paced = [
                [caller.run(target, seconds, rate=rate) for target in (alone, beside)] for _ in range(rounds)
            ]
        return [
            *measured,
            *_compared(paced, f"{rate:,.0f} calls a second")[1:],
            _challenged(folder / "beside.db"),
        ]


def _other() -> dict[str, Any]:
    """The live book with another tier for one campaign in two, so that many decisions differ."""
    book = books.book(CAMPAIGNS)
    for campaign in list(book["campaigns"].values())[::2]:
        campaign["tier"] = 2
    return book


def _challenged(log: Path) -> Ratio:
    """How many decisions the challenger made; the others were dropped, since the server was busy."""
    with closing(sqlite3.connect(log)) as connection:
        decided, challenged = (
            connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("decisions", "challenges")
        )
    return Ratio(
        "challenger: challenged / decided", challenged / decided, NO_TARGET, f"{challenged:,} of {decided:,}"
    )


def _compared(runs: list[list[dict[str, Any]]], load: str) -> list[Ratio]:
    """How much of the rate is left, and how much longer a call takes: medians over the turns."""
    return [
        Ratio(
            f"challenger: {name} with / without, {load}"
            if name == "rate"
            else f"challenger: {name} without / with, {load}",
            statistics.median(_ratio(alone, beside, figure) for alone, beside in runs),
            NO_TARGET,
            f"{_median(runs, 1, figure):,.1f} against {_median(runs, 0, figure):,.1f} {unit}",
        )
        for name, figure, unit in (("rate", "per_second", "/s"), ("p50", "p50", "ms"), ("p99", "p99", "ms"))
    ]


def _ratio(alone: dict[str, Any], beside: dict[str, Any], figure: str) -> float:
    """At or below 1: the challenger's cost."""
    if figure == "per_second":
        return float(beside[figure] / alone[figure])
    return float(alone[figure] / beside[figure])


def _median(runs: list[list[dict[str, Any]]], index: int, figure: str) -> float:
    return float(statistics.median(run[index][figure] for run in runs))
