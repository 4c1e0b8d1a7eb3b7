"""The ledger compared with its limit, inserting the same rows into the same tables; and the growth of its cost."""

import gc
import shutil
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

from bench.books import CAMPAIGNS, CUSTOMERS, compiled_book, customer, messages, request_id
from bench.fill import fill
from bench.processes import BUILD, CannotMeasure
from bench.ratio import Ratio
from bench.table import Step, silent
from engine.api.v1.decisions_pb2 import DecideRequest
from engine.decide.compiled import CompiledBook
from engine.decide.evaluate import Evaluation, evaluate
from engine.ledger.commit.decisions import DecideCommand
from engine.ledger.commit.group import commit_group
from engine.ledger.errors import LedgerError
from engine.ledger.store.open import open_store
from engine.ledger.store.store import Store
from engine.wire.parse import Parser

Group = list[Evaluation]
Rows = list[list[tuple[Any, ...]]]
"""The rows of a group, by table."""
TABLES = ("decisions", "requests", "contacts", "persons")
IF_NEW = {"persons": " ON CONFLICT DO NOTHING"}
BYTES_A_DECISION = 4_000
"""Of disk while filling, more than measured."""


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    campaigns: int
    pool: int
    """Different requests."""
    groups: tuple[int, ...]
    decisions: int
    """Decisions of a round, about."""
    rounds: int
    logs: tuple[int, int]
    """Decisions in the short and in the long log."""
    pattern: int
    """Decisions by the engine that serve as the pattern of the logs."""
    growth_rounds: int


FULL = Size(CAMPAIGNS, 10_000, (64, 256, 500), 2_000, 9, (10_000, 5_000_000), 2_000, 60)
QUICK = replace(FULL, pool=2_000, rounds=3, logs=(10_000, 200_000), growth_rounds=20)


class Evaluations:
    """Evaluations without end, each of a request with an id of its own."""

    def __init__(self, compiled: CompiledBook, pool: int) -> None:
        self.compiled = compiled
        self.messages = list(messages(pool))
        self.seconds = 0.0
        """Seconds spent on evaluating."""
        self._parser = Parser(compiled)
        self._numbers = count(time.time_ns())

    def group(self, numbers: Sequence[int]) -> Group:
        """Evaluations for the customers with these numbers, whose requests are like those of the pool."""
        now = time.time_ns() // 1000
        group = []
        for number in numbers:
            message = DecideRequest()
            message.CopyFrom(self.messages[number % len(self.messages)])
            message.customer.id = customer(number)
            message.request_id = request_id(next(self._numbers))
            request = self._parser.parse(message, now)
            start = time.perf_counter()
            group.append(evaluate(self.compiled, request))
            self.seconds += time.perf_counter() - start
        return group


class Raw:
    """The limit: another file with the same tables and pragmas, filled by executemany."""

    def __init__(self, path: Path) -> None:
        open_store(f"sqlite:///{path}").close()
        self._connection = sqlite3.connect(path, timeout=60, isolation_level=None, cached_statements=128)
        for pragma in (
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
            "cache_size = -65536",
        ):
            self._connection.execute(f"PRAGMA {pragma}")

    def insert(self, rows: Rows) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        for table, table_rows in zip(TABLES, rows, strict=True):
            if table_rows:
                marks = ", ".join("?" * len(table_rows[0]))
                self._connection.executemany(
                    f"INSERT INTO {table} VALUES ({marks}){IF_NEW.get(table, '')}", table_rows
                )
        self._connection.execute("COMMIT")

    def close(self) -> None:
        self._connection.close()


class Seconds:
    """Seconds of rounds, by the clock and of the thread's processor time, which other programs change less."""

    def __init__(self) -> None:
        self.clock: list[float] = []
        self.processor: list[float] = []

    @contextmanager
    def measured(self, *, keep: bool) -> Iterator[None]:
        """Measures the block; `keep`: whether it counts, which a warm-up does not."""
        clock, processor = time.perf_counter(), time.thread_time()
        yield
        if keep:
            self.clock.append(time.perf_counter() - clock)
            self.processor.append(time.thread_time() - processor)


def settled(store: Store, group: Group) -> float:
    """Seconds to commit the group."""
    start = time.perf_counter()
    answers = commit_group(store, [DecideCommand(evaluation) for evaluation in group])
    elapsed = time.perf_counter() - start
    for answer in answers:
        if isinstance(answer, LedgerError):
            raise CannotMeasure(f"a decision was not kept: {answer}") from answer
    return elapsed


def written(path: Path, after: int, size: int) -> Iterator[Rows]:
    """The rows of all but the first `after` decisions, in groups of so many decisions."""
    connection = sqlite3.connect(path)
    try:
        decisions = connection.execute(
            "SELECT * FROM decisions WHERE rowid > ? ORDER BY rowid", (after,)
        ).fetchall()
        for start in range(0, len(decisions), size):
            run = decisions[start : start + size]
            ids = [row[0] for row in run]
            marks = ", ".join("?" * len(ids))
            decision_rows = [
                connection.execute(f"SELECT * FROM {table} WHERE decision_id IN ({marks})", ids).fetchall()
                for table in TABLES[1:-1]
            ]
            yield [run, *decision_rows, [row[2:4] for row in run]]  # the person, and when
    finally:
        connection.close()


def beside_raw(evaluations: Evaluations, folder: Path, size: int, scale: Size) -> list[Ratio]:
    """Committing compared with inserting, in turn, in groups of the same size: by the clock, and by processor time."""
    groups, rounds = max(2, scale.decisions // size), scale.rounds
    path = folder / f"settled{size}.db"
    store, raw = open_store(f"sqlite:///{path}"), Raw(folder / f"raw{size}.db")
    mine, theirs, kept, evaluations.seconds = Seconds(), Seconds(), 0, 0.0
    customers = count()
    try:
        for number in range(rounds + 1):  # the first is warm-up
            batch = [
                evaluations.group([next(customers) % CUSTOMERS for _ in range(size)]) for _ in range(groups)
            ]
            gc.collect()
            with mine.measured(keep=number > 0):
                for group in batch:
                    settled(store, group)
            rows = list(written(path, kept, size))
            kept += size * groups
            with theirs.measured(keep=number > 0):
                for group_rows in rows:
                    raw.insert(group_rows)
    finally:
        store.close()
        raw.close()
    decisions = size * groups
    proposing = evaluations.seconds / (decisions * (rounds + 1)) * 1e6
    name = f"ledger: settled / inserted, decisions a second in groups of {size}"
    return [
        _beside(name, (mine.clock, theirs.clock), decisions, proposing),
        _beside(f"{name}, by processor time", (mine.processor, theirs.processor), decisions, proposing),
    ]


def _beside(
    name: str, seconds: tuple[Sequence[float], Sequence[float]], decisions: int, proposing: float
) -> Ratio:
    """seconds: of each round, ours and the limit's. proposing: µs a decision."""
    ours, limits = (statistics.median(of_rounds) / decisions * 1e6 for of_rounds in seconds)
    return Ratio(
        name,
        statistics.median(limit / took for took, limit in zip(*seconds, strict=True)),
        0.5,
        f"{1e6 / ours:,.0f}/s ({ours:.0f} µs) against {1e6 / limits:,.0f}/s ({limits:.0f} µs);"
        f" with proposing {1e6 / (ours + proposing):,.0f}/s",
    )


def filled(evaluations: Evaluations, path: Path, rows: int, pattern: int) -> Store:
    """A store with so many decisions in it."""
    if shutil.disk_usage(path.parent).free < rows * BYTES_A_DECISION:
        raise CannotMeasure(f"{rows:,} decisions need {rows * BYTES_A_DECISION / 1e9:.0f} GB of disk")
    store = open_store(f"sqlite:///{path}")
    for start in range(0, pattern, 200):
        settled(store, evaluations.group(range(start, min(pattern, start + 200))))
    store.close()
    fill(path, rows, time.time_ns() // 1000)
    return open_store(f"sqlite:///{path}")


def growth(evaluations: Evaluations, folder: Path, scale: Size, step: Step) -> Ratio:
    """The cost of a decision in a long log against a short one: half of each group are known customers."""
    size, (few, many) = 256, scale.logs
    stores = []
    for rows in scale.logs:
        step(f"ledger: a log of {rows:,} decisions")
        stores.append(filled(evaluations, folder / f"log{rows}.db", rows, scale.pattern))
    step("ledger: growth")
    times: dict[int, list[float]] = {rows: [] for rows in scale.logs}
    try:
        for number in range(scale.growth_rounds):
            for rows, store in zip(scale.logs, stores, strict=True):
                group = evaluations.group(half_known(rows, size, number))
                times[rows].append(settled(store, group) / size * 1e6)
    finally:
        for store in stores:
            store.close()
    short, long = (statistics.median(costs[len(costs) // 5 :]) for costs in times.values())
    large = (folder / f"log{many}.db").stat().st_size
    return Ratio(
        f"ledger: growth from {few:,} to {many:,} decisions, as 1.3 / growth",
        1.3 * short / long,
        1.0,
        f"{long / short:.2f}x: {short:.0f} and {long:.0f} µs a decision in groups of {size}, log of {large / 1e9:.1f} GB",
    )


def half_known(rows: int, size: int, number: int) -> list[int]:
    """Numbers of customers, half of them known to the log, spread over it."""
    known = rows // 5
    scattered = [(number * size + n) * 0x9E37_79B9 % known for n in range(size // 2)]
    fresh = range(10_000_000 + number * size, 10_000_000 + number * size + size // 2)
    return [*scattered, *fresh]


def ratios(*, quick: bool = False, step: Step = silent) -> list[Ratio]:
    """All ratios of the ledger, in about three minutes, most of them spent on filling a log of 5 million decisions."""
    BUILD.mkdir(exist_ok=True)
    size = QUICK if quick else FULL
    step("ledger: requests")
    evaluations = Evaluations(compiled_book(size.campaigns), size.pool)
    with tempfile.TemporaryDirectory(dir=BUILD, prefix="bench-ledger-") as name:
        folder = Path(name)
        measured: list[Ratio] = []
        for group in size.groups:
            step(f"ledger: groups of {group}")
            measured += beside_raw(evaluations, folder, group, size)
        return [*measured, growth(evaluations, folder, size, step)]
