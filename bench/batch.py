"""Populations: the time of a customer by columns, against the engine's functions in a loop and the whole per-request path."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from time import process_time

import numpy as np
import pyarrow as pa

from bench.books import CITIES, SEGMENTS, book, compiled, compiled_book, messages
from bench.ratio import Ratio
from bench.table import Step, silent
from engine.api.v1.decisions_pb2 import DecideRequest
from engine.batch.arrow import ArrowReader
from engine.batch.decide import decide_batch
from engine.batch.kernel import Kernel
from engine.batch.lanes import ColumnPlan
from engine.client import request
from engine.decide.compiled import CompiledBook, keep_loaded
from engine.decide.evaluate import evaluate
from engine.decide.select import select
from engine.ledger.commit.decisions import DecideCommand
from engine.ledger.commit.group import commit_group
from engine.ledger.errors import LedgerError
from engine.ledger.store.open import open_store
from engine.measure.population.people import RowReader
from engine.wire.parse import Parser
from engine.wire.respond import respond

NOW = 1_773_108_000_000_000
GROUP = 64


def ratios(*, quick: bool = False, step: Step = silent) -> list[Ratio]:
    """Microseconds of processor time a customer, taken side by side."""
    size, looped = (32_768, 500) if quick else (2_097_152, 3_000)
    step("batch: 1,000 campaigns")
    many, table = compiled_book(1_000), _table(size)
    keep_loaded()  # as servers and sends do
    columns = _columns(many, table)
    loop = _loop(many, table, looped)
    path = _path(many, list(messages(looped)))
    step("batch: 10 campaigns")
    columns_of_few = _columns(compiled_book(10), table)
    step("batch: 30 campaigns by 8 interests")
    interests = compiled_interests()
    hard = _columns(interests, _interests(size))
    hard_path = _path(interests, list(_interested(looped)))
    return [
        Ratio(
            "preview / evaluate and select in a loop",
            loop / columns,
            20,
            f"{columns:.1f} against {loop:.1f} µs a customer, 1,000 campaigns, {size:,} customers",
        ),
        Ratio(
            "preview / whole per-request path",
            path / columns,
            50,
            f"{columns:.1f} against {path:.1f} µs a customer, SQLite, groups of {GROUP}",
        ),
        Ratio(
            "a sixth of the growth from 10 to 1,000 campaigns",
            6 * columns_of_few / columns,
            1,
            f"{columns_of_few:.1f} and {columns:.1f} µs a customer",
        ),
        Ratio(
            "preview by 8 interests / whole per-request path",
            hard_path / hard,
            40,
            f"{hard:.1f} against {hard_path:.1f} µs a customer, 30 campaigns open to all",
        ),
    ]


def _table(size: int) -> pa.RecordBatch:
    """Customers with the values of `bench.books.messages`, made by columns."""
    random, rows = np.random.default_rng(1), np.arange(size)
    texts = {
        "customer": [f"customer-{row:08}" for row in range(size)],
        "profile.first_name": [f"Name{row % 1000}" for row in range(size)],
        "profile.email": [f"{row}@example.org" for row in range(size)],
        "profile.phone": [f"138{row:08}" for row in range(size)],
    }
    drawn = {
        "profile.segment": [f"segment{number}" for number in range(SEGMENTS)],
        "location.city": [f"city{number}" for number in range(CITIES)],
        "weather.temperature_c": [float(number) for number in range(-10, 41)],
        "profile.score": [number / 1000 for number in range(1001)],
        "profile.age": list(range(18, 91)),
    }
    columns = {name: pa.array(values) for name, values in texts.items()}
    for name, values in drawn.items():
        columns[name] = pa.array(values).take(pa.array(random.integers(0, len(values), size)))
    columns["consent__email"] = pa.array(rows >= 0)
    columns["consent__sms"] = pa.array(random.random(size) < 0.8)
    return pa.RecordBatch.from_pydict(columns)


def compiled_interests() -> CompiledBook:
    """30 campaigns open to everybody, ranked by 8 predicted interests."""
    written = book(1)
    written["attributes"] |= {
        f"profile.interest{number}": {"type": "number", "min": 0, "max": 1} for number in range(8)
    }
    content = {"default": {"title": "New", "text": "Look."}}
    written["campaigns"] = {
        f"campaign{number:02}": {
            "offer": f"offer{number}",
            "channels": ["email", "sms"],
            "propensity": {"attribute": f"profile.interest{number % 8}", "default": 0.1},
            "variants": {"a": {"share": 1, "content": content}},
        }
        for number in range(30)
    }
    return compiled(written)


def _interests(size: int) -> pa.RecordBatch:
    random, table = np.random.default_rng(2), _table(size)
    for number in range(8):
        table = table.append_column(f"profile.interest{number}", pa.array(random.random(size).round(3)))
    return table


def _interested(count: int) -> Iterator[DecideRequest]:
    table = _interests(count).to_pylist()
    for row in table:
        profile = {
            name.removeprefix("profile."): value for name, value in row.items() if name.startswith("profile.")
        }
        consents = ["email", "sms"] if row["consent__sms"] else ["email"]
        yield request(row["customer"], profile=profile, consents=consents)


def _columns(compiled: CompiledBook, table: pa.RecordBatch) -> float:
    """From the batch to the table of decisions."""
    reader = ArrowReader(compiled, NOW, (), RowReader(compiled))
    kernel = Kernel(compiled, ColumnPlan(NOW))
    return _timed(lambda: decide_batch(kernel, reader, table), table.num_rows)


def _loop(compiled: CompiledBook, table: pa.RecordBatch, number: int) -> float:
    people = ArrowReader(compiled, NOW, (), RowReader(compiled)).people(table.slice(0, number))
    requests = [people.request(row) for row in range(number)]

    def decide() -> None:
        for parsed in requests:
            select(evaluate(compiled, parsed), (), parsed.customer)

    return _timed(decide, len(requests))


def _path(compiled: CompiledBook, sent: Sequence[DecideRequest]) -> float:
    """From the message to the response, committed to SQLite."""
    parser = Parser(compiled)
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(f"sqlite:///{Path(folder)}/tact.db")
        try:

            def decide() -> None:
                for start in range(0, len(sent), GROUP):
                    parsed = [parser.parse(message, NOW) for message in sent[start : start + GROUP]]
                    commands = [DecideCommand(evaluate(compiled, request)) for request in parsed]
                    for decision in commit_group(store, commands):
                        if isinstance(decision, LedgerError):
                            raise decision
                        respond(decision)

            return _timed(decide, len(sent))
        finally:
            store.close()


def _timed(work: Callable[[], object], customers: int) -> float:
    """Microseconds of processor time a customer."""
    start = process_time()
    work()
    return (process_time() - start) / customers * 1e6
