"""The ledger on PostgreSQL: processes that commit to the same log compared with copying the same rows, and growth."""

import json
import statistics
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from typing import NamedTuple

import psutil

from bench.books import compiled_book
from bench.fill_postgres import fill
from bench.ledger import Evaluations, half_known, settled
from bench.processes import CannotMeasure, running
from bench.ratio import Ratio
from bench.replica import CAMPAIGNS, POOL
from bench.table import Step, silent
from engine.ledger.store.open import open_store
from tests.postgres import PostgresServer, postgres

GROUP = 64


class Work(NamedTuple):
    """What processes did that worked at once."""

    rate: float
    """Decisions a second."""
    client: float
    """Seconds of their processor time, a decision."""
    server: float
    """Seconds of PostgreSQL's, a decision."""

    @property
    def busy(self) -> float:
        """Seconds of processor time in all, a decision."""
        return self.client + self.server


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    groups: int
    """Of each process, in a round."""
    rounds: int
    replicas: tuple[int, ...] = (1, 2, 4)
    logs: tuple[int, int] = (10_000, 2_000_000)
    """Decisions in the short and in the long log."""
    growth_rounds: int = 40


FULL = Size(groups=40, rounds=5)
QUICK = replace(FULL, groups=20, rounds=2, logs=(10_000, 200_000), growth_rounds=15)


@contextmanager
def prepared(kind: str, url: str, size: Size, number: int, *more: str) -> Iterator["subprocess.Popen[str]"]:
    """A process that waits for its line."""
    words = ("-m", "bench.replica", kind, url, str(GROUP), str(size.groups), str(number), *more)
    with running(*words, stdin=subprocess.PIPE) as process:
        if process.stdout is None or process.stdout.readline() != "ready\n":
            raise CannotMeasure(" ".join(words))
        yield process


def work(server: PostgresServer, kind: str, replicas: int, url: str, size: Size, *more: str) -> Work:
    """What so many processes do that work at once."""
    with ExitStack() as stack:
        processes = [
            stack.enter_context(prepared(kind, url, size, number, *more)) for number in range(replicas)
        ]
        before = _busy(server)
        for process in processes:
            print(file=process.stdin, flush=True)
        done = [_done(process) for process in processes]
        by_server = _busy(server) - before
    elapsed = max(end for _, end, _ in done) - min(start for start, _, _ in done)
    decisions = replicas * size.groups * GROUP
    return Work(decisions / elapsed, sum(busy for _, _, busy in done) / decisions, by_server / decisions)


def _done(process: "subprocess.Popen[str]") -> tuple[float, float, float]:
    """When the process began and ended, and its processor time."""
    line = process.stdout.readline() if process.stdout else ""
    if not line:
        raise CannotMeasure("a process did not finish")
    start, end, busy = json.loads(line)
    return start, end, busy


def _busy(server: PostgresServer) -> float:
    """Seconds of processor time of all processes of the server so far, those that have ended included."""
    parent = psutil.Process(server.pid)
    times = parent.cpu_times()
    seconds = times.user + times.system + times.children_user + times.children_system
    for child in parent.children():
        with suppress(psutil.NoSuchProcess):
            of_child = child.cpu_times()
            seconds += of_child.user + of_child.system
    return float(seconds)


def beside_raw(server: PostgresServer, replicas: int, size: Size) -> list[Ratio]:
    """Committing compared with copying, in turn, each in a fresh log: by the clock and by processor time."""
    mine: list[Work] = []
    theirs: list[Work] = []
    for number in range(size.rounds + 1):  # the first is warm-up
        name = f"r{replicas}_{number}"
        log, raw = (server.create_database(f"{kind}_{name}", template="empty") for kind in ("log", "raw"))
        mine.append(work(server, "settle", replicas, log, size))
        theirs.append(work(server, "raw", replicas, raw, size, log))
        for kind in ("log", "raw"):
            server.drop_database(f"{kind}_{name}")
    turns = list(zip(mine[1:], theirs[1:], strict=True))
    ours, limit = (statistics.median(turn.rate for turn in of_kind[1:]) for of_kind in (mine, theirs))
    name = f"postgres: settled / copied, {replicas} processes on one log, groups of {GROUP}"
    return [
        Ratio(
            name,
            statistics.median(a.rate / b.rate for a, b in turns),
            0.5,
            f"{ours:,.0f}/s ({1e6 / ours:.0f} µs) against {limit:,.0f}/s ({1e6 / limit:.0f} µs)",
        ),
        Ratio(
            f"{name}, by processor time",
            statistics.median(b.busy / a.busy for a, b in turns),
            0.6,
            f"{_micros(mine[1:])} against {_micros(theirs[1:])}",
        ),
    ]


def _micros(turns: Sequence[Work]) -> str:
    client, server = (
        statistics.median(part) * 1e6 for part in zip(*(turn[1:] for turn in turns), strict=True)
    )
    return f"{client:.0f} µs in Python and {server:.0f} in PostgreSQL"


def growth(server: PostgresServer, size: Size, step: Step) -> Ratio:
    """The cost of a decision in a long log against a short one: half of each group are known customers."""
    evaluations, stores = Evaluations(compiled_book(CAMPAIGNS), POOL), {}
    for rows in size.logs:
        step(f"postgres: a log of {rows:,} decisions")
        url = server.create_database(f"log_{rows}", template="empty")
        store = open_store(url)
        for start in range(0, POOL, 200):
            settled(store, evaluations.group(range(start, start + 200)))
        store.close()
        fill(url, rows, time.time_ns() // 1000)
        stores[rows] = open_store(url)
    step("postgres: growth")
    times: dict[int, list[float]] = {rows: [] for rows in stores}
    for number in range(size.growth_rounds):
        for rows, store in stores.items():
            times[rows].append(
                settled(store, evaluations.group(half_known(rows, GROUP, number))) / GROUP * 1e6
            )
    for store in stores.values():
        store.close()
    short, long = (statistics.median(costs[len(costs) // 5 :]) for costs in times.values())
    few, many = size.logs
    return Ratio(
        f"postgres: growth from {few:,} to {many:,} decisions, as 1.3 / growth",
        1.3 * short / long,
        1.0,
        f"{long / short:.2f}x: {short:.0f} and {long:.0f} µs a decision in groups of {GROUP}",
    )


def ratios(*, quick: bool = False, step: Step = silent) -> Sequence[Ratio]:
    """All ratios of PostgreSQL, on a server of its own that writes to disk as it does by default."""
    size = QUICK if quick else FULL
    step("postgres: start")
    with postgres(shared_buffers="512MB", max_wal_size="4GB", max_locks_per_transaction="256") as server:
        open_store(server.create_database("empty")).close()
        measured: list[Ratio] = []
        for replicas in size.replicas:
            step(f"postgres: {replicas} processes")
            measured += beside_raw(server, replicas, size)
        return [*measured, growth(server, size, step)]
