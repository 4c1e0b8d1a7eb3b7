"""Makes a log of any size out of one that the engine wrote: `python -m bench.multiply LOG COPIES`.

The engine decides for the demo's households on 20 days, 49,380 decisions, by the demo's book without its dates, and takes
their outcomes. Every copy has persons, decision_ids, events and orders of its own, and lies a whole number of weeks later, up
to eleven; nothing in that book tells these weeks apart. A copy's persons have ids whose hashes fall into the same controls
and variants as the originals'; so every decision of every copy replays to the byte.
"""

import re
import sqlite3
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from bench.table import Step, silent
from demo.households import draw, households, request_of
from demo.server import book_folder
from engine.decide.compiled import CompiledBook, compile_book
from engine.decide.evaluate import evaluate
from engine.decide.experiments.assignments import assignments
from engine.decide.signals.python_evaluator import PythonEvaluator
from engine.ledger.commit.books import KeepBookCommand
from engine.ledger.commit.decisions import DecideCommand
from engine.ledger.commit.group import commit_group
from engine.ledger.commit.outcomes import ReportCommand
from engine.ledger.store.open import open_store
from engine.ledger.store.store import Store
from engine.model.decision import Decision
from engine.model.event import Event
from engine.model.instant import from_datetime
from engine.rulebook.load import load_files
from engine.rulebook.model.book import Book
from engine.wire.parse import Parser

BEGIN = datetime.fromisoformat("2026-03-02T10:00+08:00")
DAYS = 20
WEEKS = 12
"""Copies are distributed over so many weeks."""
_BETWEEN = 10
"""Seconds from one household to the next."""
_WEEK = 7 * 86_400_000_000
_MOMENT = re.compile(r"(?<![\d.])(17\d{14})(?!\d)")
"""A moment in microseconds, in JSON."""
_GROUP = 256


def copy_log(path: Path, copies: int, step: Step = silent) -> int:
    """Writes a new log with so many copies of the engine's decisions; how many decisions it has."""
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        base = Path(folder, "base.db")
        step("a log by the engine")
        _make_base(f"sqlite:///{base}")
        open_store(f"sqlite:///{path}").close()
        return _multiply(base, path, copies, step)


def compiled_book() -> CompiledBook:
    """The demo's book without days on which campaigns begin and end and without months: a calendar month is 30 days."""
    texts = {path.name: path.read_text("utf-8") for path in book_folder().glob("*.yaml")}
    undated = {
        name: re.sub(r"(?m)^ *active: .*\n|^.*\bnow\.month\b.*\n", "", text) for name, text in texts.items()
    }
    months = re.compile(r"calendar month, clock: \w+")
    book = load_files({name: months.sub("rolling 30d", text).encode() for name, text in undated.items()}).book
    if book is None:
        raise RuntimeError("the book does not load")
    return compile_book(book, PythonEvaluator)


def _make_base(url: str) -> None:
    store, compiled = open_store(url), compiled_book()
    parser = Parser(compiled, may_simulate=lambda: True)
    commit_group(store, [KeepBookCommand(compiled.book, from_datetime(BEGIN))])
    for day in range(DAYS):
        for start in range(0, len(households()), _GROUP):
            commands = []
            for number, household in enumerate(households()[start : start + _GROUP], start):
                moment = BEGIN + timedelta(days=day, seconds=_BETWEEN * number)
                request = parser.parse(request_of(household, moment), from_datetime(moment))
                commands.append(DecideCommand(evaluate(compiled, request)))
            decisions = commit_group(store, commands)
            _report(store, compiled, [d for d in decisions if isinstance(d, Decision)])
        _order(store, compiled, day)
    store.close()


def _report(store: Store, compiled: CompiledBook, decisions: Sequence[Decision]) -> None:
    """Every message arrives after a minute, and every fourth is clicked an hour later."""
    events = [
        (decision, type_, decision.at + minutes * 60_000_000)
        for number, decision in enumerate(decisions)
        for type_, minutes in (("delivered", 1), ("clicked", 61))
        if decision.offers and (type_ == "delivered" or number % 4 == 0)
    ]
    commands = [
        ReportCommand(
            compiled, "", decision.decision_id, Event(f"{type_}-{decision.decision_id}", type_, at, {}), at
        )
        for decision, type_, at in events
    ]
    commit_group(store, commands)


def _order(store: Store, compiled: CompiledBook, day: int) -> None:
    """A household orders on a day with a probability of 4 %, whatever was sent."""
    at, commands = from_datetime(BEGIN + timedelta(days=day, hours=9)), []
    for household in households():
        if draw(household, f"order {day}") < 0.04:
            order = f"order-{household.number}-{day}"
            fields: dict[str, Any] = {"value": 40 + household.number % 160, "currency": "CNY"}
            event = Event(order, "converted", at, fields)
            commands.append(ReportCommand(compiled, household.customer, "", event, at, order=order))
    commit_group(store, commands)


class _Rows(NamedTuple):
    """The rows of the engine's log, by table, as dictionaries."""

    decisions: list[dict[str, Any]]
    contacts: list[dict[str, Any]]
    outcomes: list[dict[str, Any]]


def _multiply(base: Path, path: Path, copies: int, step: Step) -> int:
    with sqlite3.connect(base) as source:
        source.row_factory = sqlite3.Row
        rows = _Rows(
            *([dict(row) for row in source.execute(f"SELECT * FROM {table}")] for table in _Rows._fields)
        )
        books = [tuple(row) for row in source.execute("SELECT version, text, first_at FROM books")]
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -1000000"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("BEGIN")
    connection.executemany("INSERT INTO books (version, text, first_at) VALUES (?, ?, ?)", books)
    persons, originals = _Persons(compiled_book().book), {row["person"] for row in rows.decisions}
    for week in range(min(WEEKS, copies)):
        shifted = _shifted(rows, week * _WEEK)
        for copy in range(week, copies, WEEKS):
            step(f"copy {copy:,} of {copies:,}")
            like = {person: persons.like(person) for person in sorted(originals)}
            for table, copied in zip(_Rows._fields, _copied(shifted, copy, like), strict=True):
                _insert(connection, table, copied)
    connection.execute("COMMIT")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.close()
    return copies * len(rows.decisions)


def _shifted(rows: _Rows, delay: int) -> _Rows:
    """The rows so many microseconds later, moments in JSON too."""

    def later(text: str) -> str:
        return _MOMENT.sub(lambda moment: str(int(moment[1]) + delay), text)

    def moved(row: dict[str, Any], *columns: str) -> dict[str, Any]:
        return row | {name: row[name] + delay for name in columns if row[name] is not None}

    decisions = []
    for row in rows.decisions:
        texts = {name: later(row[name]) for name in ("trace", "answer", "inputs")}
        decisions.append(moved(row, "at", "next_allowed_at", "expires_at") | texts)
    return _Rows(
        decisions,
        [moved(row, "at", "expires_at") for row in rows.contacts],
        [moved(row, "at", "decided_at", "recorded_at") for row in rows.outcomes],
    )


class _Persons:
    """Gives each person of a copy an id of its own, with the assignments of the original."""

    def __init__(self, book: Book) -> None:
        self._book, self._made = book, 0
        self._unused: defaultdict[tuple[object, ...], list[str]] = defaultdict(list)

    def like(self, person: str) -> str:
        """A new id whose assignments are the person's."""
        known = self._assigned(person)
        while not self._unused[known]:
            self._made += 1
            made = f"person-{self._made:08}"
            self._unused[self._assigned(made)].append(made)
        return self._unused[known].pop()

    def _assigned(self, person: str) -> tuple[object, ...]:
        of_person = assignments(self._book, person, from_datetime(BEGIN))
        return tuple((part.inside, part.drawn) for part in of_person)


def _copied(rows: _Rows, copy: int, like: dict[str, str]) -> Iterator[list[dict[str, Any]]]:
    """The rows of a copy: its persons, decisions, events and orders. like: its person by the original."""
    ids = {}
    for number, row in enumerate(rows.decisions):
        milliseconds = f"{row['at'] // 1000:012x}"
        ids[row["decision_id"]] = f"{milliseconds[:8]}-{milliseconds[8:]}-7{copy:03x}-8000-{number:012x}"

    def own(row: dict[str, Any]) -> dict[str, Any]:
        return {"decision_id": ids.get(row["decision_id"]), "person": like[row["person"]]}

    yield [
        row | own(row) | {"answer": row["answer"].replace(row["decision_id"], ids[row["decision_id"]], 1)}
        for row in rows.decisions
    ]
    yield [row | own(row) for row in rows.contacts]
    yield [
        row
        | own(row)
        | {
            "event_id": f"{row['event_id']}-{copy}",
            "order_id": row["order_id"] and f"{row['order_id']}-{copy}",
        }
        for row in rows.outcomes
    ]


def _insert(connection: sqlite3.Connection, table: str, rows: Sequence[dict[str, Any]]) -> None:
    names = list(rows[0])
    values = ", ".join(f":{name}" for name in names)
    connection.executemany(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({values})", rows)


def main(
    log: Annotated[Path, typer.Argument(help="The file to make.")],
    copies: Annotated[int, typer.Argument(help="How many times 49,380 decisions.")],
) -> None:
    """Make a log of copies."""
    began = time.perf_counter()
    decisions = copy_log(log.absolute(), copies, lambda text: typer.echo(text, err=True))
    typer.echo(f"{decisions:,} decisions in {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    typer.run(main)
