"""Trends beyond the server: what a log with them says of another book, of its export, and of a population without any."""

import json
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from engine.cli import app
from engine.decide.compiled import CompiledBook
from engine.decide.evaluate import evaluate
from engine.explain.books import Books
from engine.ledger.commit.books import KeepBookCommand
from engine.ledger.commit.decisions import DecideCommand
from engine.ledger.commit.group import commit_group
from engine.ledger.store.open import open_store
from engine.measure.diff import diff_log
from engine.measure.evaluate import EvaluationPlan, evaluate_log
from engine.measure.export.export import export
from engine.model.instant import DAY
from engine.model.request import Request
from engine.model.trends import GivenTrends, Series, TrendReading
from tests.books import compiled_book
from tests.ledger.commit.test_trends import BOOK, NOW, SERIES
from tests.logs import Log
from tests.measure.export.kit import dicts_of

QUIET = BOOK.replace("ratio: {gte: 3}", "ratio: {gte: 9}")
"""Reads the same numbers, and is alarmed later."""
OTHER = BOOK.replace("within: 2h", "within: 3h")
"""Reads numbers that the log does not have."""


def known(number: int, usual: float) -> Mapping[Series, Mapping[str, TrendReading]]:
    """So many complaints of nougat, where so many are usual."""
    return {SERIES: {"nougat": TrendReading(number, usual)}}


@pytest.fixture
def compiled(tmp_path: Path) -> CompiledBook:
    """The book that decided."""
    return compiled_book(tmp_path / "book", BOOK)


@pytest.fixture
def log(any_log: Log, compiled: CompiledBook) -> Log:
    """Of five customers; for two a trend holds, four times the usual number, and of one none is known."""
    readings = [known(2, 1), known(8, 2), known(12, 3), {}, None]
    with closing(open_store(any_log.url)) as store:
        commit_group(store, [KeepBookCommand(compiled.book, NOW)])
        for number, reading in enumerate(readings):
            attributes = {"profile.phone": "1", "profile.product": "nougat"}
            trends = None if reading is None else GivenTrends(reading)
            request = Request(f"c{number}", NOW + number, attributes, trends=trends)
            commit_group(store, [DecideCommand(evaluate(compiled, request))])
        late = Request("late", NOW + 30 * DAY, {})  # the windows of the others are over
        commit_group(store, [DecideCommand(evaluate(compiled, late))])
    return any_log


def test_books_are_compared_at_the_trends_of_then(log: Log, compiled: CompiledBook, tmp_path: Path) -> None:
    """A book that is alarmed later sells where the other apologised; one that reads other windows cannot decide."""
    quiet, other = (compiled_book(tmp_path / name, text) for name, text in (("q", QUIET), ("o", OTHER)))
    with closing(open_store(log.url)) as store:
        same, later, unread = (
            diff_log(store, (compiled, new), books=Books(store)) for new in (compiled, quiet, other)
        )
    assert (same.one_step.same, same.rolled_on.same) == (6, 6)
    for compared in (later.one_step, later.rolled_on):
        assert {
            (change.before.text, change.after.text): number for change, number in compared.changes.items()
        } == {("apologise on sms", "sell on sms"): 2}
    why = "the new book reads trend count of complaint by product eq nougat within 3h against 7d, which was not logged"
    assert unread.undecidable == {why: 6}
    assert unread.one_step.same == 0


def test_a_book_is_evaluated_at_the_trends_of_then(log: Log, compiled: CompiledBook, tmp_path: Path) -> None:
    """What the other book would show where it is not alarmed was never shown; without the numbers nothing can be said."""
    quiet, other = (compiled_book(tmp_path / name, text) for name, text in (("q", QUIET), ("o", OTHER)))
    plan = EvaluationPlan("converted", 7 * DAY)
    with closing(open_store(log.url)) as store:
        same, later, unread = (
            evaluate_log(store, log.url, new, plan, books=Books(store)) for new in (compiled, quiet, other)
        )
    assert (same.undecidable, same.never_shown) == ({}, {})
    assert later.never_shown == {"sell on sms": 2}
    assert list(unread.undecidable.values()) == [5]
    assert "within 3h against 7d, which was not logged" in next(iter(unread.undecidable))


def test_the_export_has_what_was_known_of_a_trend(log: Log, tmp_path: Path) -> None:
    """Number and ratio are among the attributes of a decision, as the log has them; nothing where nothing was known."""
    export(log.url, tmp_path / "out")
    about = "of complaint by product eq nougat within 2h against 7d"
    exported = {
        row["customer"]: json.loads(row["attributes"]) for row in dicts_of(tmp_path / "out", "decisions")
    }
    assert {
        name: (attributes.get(f"trend count {about}"), attributes.get(f"trend ratio {about}"))
        for name, attributes in exported.items()
    } == {
        "c0": (2, 2.0),
        "c1": (8, 4.0),
        "c2": (12, 4.0),
        "c3": (0, 0.0),
        "c4": (None, None),
        "late": (None, None),
    }


def test_a_simulation_knows_no_trend(compiled: CompiledBook, tmp_path: Path) -> None:
    """As a server in its first day: what a trend pauses goes out, and what a trend begins does not."""
    people = tmp_path / "people.csv"
    people.write_text("customer,profile.phone,profile.product\nann,1,nougat\nbob,2,\n", encoding="utf-8")
    words = [
        "simulate",
        str(tmp_path / "book"),
        str(people),
        "--start",
        "2026-03-02",
        "--days",
        "1",
        "--json",
    ]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    campaigns = {campaign["campaign"]: campaign for campaign in json.loads(result.stdout)["campaigns"]}
    assert (campaigns["sell"]["contacts"], campaigns["apologise"]["contacts"]) == (2, 0)
