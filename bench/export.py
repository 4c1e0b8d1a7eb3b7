"""What an export costs, beside reading the same log by sqlite3; and what one costs that finds little new."""

import sqlite3
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from bench.fill import fill
from bench.ratio import Ratio
from bench.table import Step, silent
from demo.households import households, request_of
from demo.server import book_folder
from demo.story import MOMENTS
from engine.decide.compiled import CompiledBook, compile_book
from engine.decide.evaluate import evaluate
from engine.decide.signals.python_evaluator import PythonEvaluator
from engine.ledger.commit.decisions import DecideCommand
from engine.ledger.commit.group import commit_group
from engine.ledger.store.open import open_store
from engine.measure.export.export import export
from engine.model.instant import from_datetime
from engine.rulebook.load import load
from engine.wire.parse import Parser

PATTERNS = 600
_READ = "SELECT decision_id, person, at, outcome, campaign, offer, variant, channel, trace FROM decisions"


def export_ratios(*, quick: bool = False, step: Step = silent) -> list[Ratio]:
    """The ratios of exports of a log whose decisions are those of the demo, over 100 days."""
    rows = 20_000 if quick else 500_000
    with tempfile.TemporaryDirectory() as name:
        path, out = Path(name) / "tact.db", Path(name) / "out"
        url = f"sqlite:///{path}"
        step(f"a log of {rows:,} decisions")
        _decide(url)
        fill(path, rows, time.time_ns() // 1000)
        step("export")
        reading = _seconds(lambda: _fetch_all(path))
        first = _seconds(lambda: export(url, out))
        _decide(url, rows // 100)
        again = _seconds(lambda: export(url, out))
    return [
        Ratio(
            "measure: sqlite3 fetchall / export",
            reading / first,
            1 / 6,
            f"{reading:.1f} s against {first:.1f} s, {rows:,} decisions",
        ),
        Ratio(
            "measure: first export / after 1 % new decisions",
            first / again,
            1.5,  # one month of four is written anew
            f"{first:.1f} s against {again:.1f} s",
        ),
    ]


def _seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def _fetch_all(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(_READ).fetchall()


def _decide(url: str, number: int = PATTERNS) -> None:
    """Decides for so many of the demo's households, over and over."""
    store, compiled = open_store(url), _compiled()
    parser, at = Parser(compiled, may_simulate=lambda: True), from_datetime(MOMENTS[0])
    for start in range(0, number, 256):
        group = [households()[n % len(households())] for n in range(start, min(number, start + 256))]
        requests = [parser.parse(request_of(household, MOMENTS[0]), at) for household in group]
        commands = [
            DecideCommand(evaluate(compiled, request._replace(request_id=""))) for request in requests
        ]
        commit_group(store, commands)
    store.close()


def _compiled() -> CompiledBook:
    book = load(book_folder()).book
    if book is None:
        raise RuntimeError("the demo's book does not load")
    return compile_book(book, PythonEvaluator)
