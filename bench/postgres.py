"""The ledger on PostgreSQL: processes that commit to the same log compared with copying the same rows, and growth."""

import json
import statistics
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

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
Moments = tuple[float, float]
"""When a process began, and when it ended."""


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


def rate(kind: str, replicas: int, url: str, size: Size, *more: str) -> float:
    """Decisions a second of so many processes that work at once."""
    with ExitStack() as stack:
        processes = [
            stack.enter_context(prepared(kind, url, size, number, *more)) for number in range(replicas)
        ]
        for process in processes:
            print(file=process.stdin, flush=True)
        moments = [_moments(process) for process in processes]
    elapsed = max(end for _, end in moments) - min(start for start, _ in moments)
    return replicas * size.groups * GROUP / elapsed


def _moments(process: "subprocess.Popen[str]") -> Moments:
    line = process.stdout.readline() if process.stdout else ""
    if not line:
        raise CannotMeasure("a process did not finish")
    start, end = json.loads(line)
    return start, end


def beside_raw(server: PostgresServer, replicas: int, size: Size) -> Ratio:
    """Committing compared with copying, in turn, each in a fresh log."""
    mine, theirs = [], []
    for number in range(size.rounds + 1):  # the first is warm-up
        name = f"r{replicas}_{number}"
        log, raw = (server.create_database(f"{kind}_{name}", template="empty") for kind in ("log", "raw"))
        mine.append(rate("settle", replicas, log, size))
        theirs.append(rate("raw", replicas, raw, size, log))
        for kind in ("log", "raw"):
            server.drop_database(f"{kind}_{name}")
    ours, limit = statistics.median(mine[1:]), statistics.median(theirs[1:])
    return Ratio(
        f"postgres: settled / copied, {replicas} processes on one log, groups of {GROUP}",
        statistics.median(a / b for a, b in zip(mine[1:], theirs[1:], strict=True)),
        0.5,
        f"{ours:,.0f}/s ({1e6 / ours:.0f} µs) against {limit:,.0f}/s ({1e6 / limit:.0f} µs)",
    )


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
        measured = []
        for replicas in size.replicas:
            step(f"postgres: {replicas} processes")
            measured.append(beside_raw(server, replicas, size))
        return [*measured, growth(server, size, step)]
