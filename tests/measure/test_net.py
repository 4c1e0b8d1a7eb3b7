"""Net scores beyond a single decision: simulated, compared with gross ones on a log, and evaluated on it."""

import json
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
from engine.model.instant import DAY
from engine.model.request import Request
from tests.books import compiled_book
from tests.logs import Log

NOW = 1_773_108_000_000_000
GROSS = """
book: {name: dear, timezone: UTC, salt: s, currency: EUR}
attributes: {profile.phone: {type: text}, profile.worth: {type: number, min: 0, max: 1}}
channels:
  call: {kind: outbound, address: profile.phone, consent: not_needed, cost: 6.5}
  mail: {kind: outbound, address: profile.phone, consent: not_needed, cost: 0.01}
offers:
  visit: {name: Visit, value: 20, content: {default: {text: Visit}}}
  tea: {name: Tea, value: 5, content: {default: {text: Tea}}}
campaigns:
  visit: {offer: visit, channels: [call], propensity: {attribute: profile.worth, default: 0.5}}
  tea: {offer: tea, channels: [mail], propensity: 0.5}
"""
NET = GROSS.replace("currency: EUR}", "currency: EUR, arbitration: {score: net}}")
DEARER = NET.replace("cost: 6.5", "cost: 12")
WORTH = {"ann": 0.9, "bob": 0.4, "cid": 0.2}
"""The visit's gross score is 18, 8 and 4, its net score 11.5, 1.5 and -2.5; the tea's is 2.5 and 2.49."""


@pytest.fixture
def gross(tmp_path: Path) -> CompiledBook:
    """The book that decided: by gross scores."""
    return compiled_book(tmp_path / "gross", GROSS)


@pytest.fixture
def log(any_log: Log, gross: CompiledBook) -> Log:
    """Of three customers, by gross scores: all are called."""
    with closing(open_store(any_log.url)) as store:
        commit_group(store, [KeepBookCommand(gross.book, NOW)])
        for name, worth in WORTH.items():
            request = Request(name, NOW, {"profile.phone": "1", "profile.worth": worth})
            commit_group(store, [DecideCommand(evaluate(gross, request))])
        commit_group(store, [DecideCommand(evaluate(gross, Request("late", NOW + 30 * DAY, {})))])
    return any_log


def test_books_are_compared(log: Log, gross: CompiledBook, tmp_path: Path) -> None:
    """Net scores move those to the mail whose call earns less than it; a dearer call moves nobody further."""
    net, dearer = (compiled_book(tmp_path / name, text) for name, text in (("net", NET), ("dearer", DEARER)))
    with closing(open_store(log.url)) as store:
        moved, more, same = (
            diff_log(store, pair, books=Books(store)) for pair in ((gross, net), (net, dearer), (net, net))
        )
    for compared in (moved.one_step, moved.rolled_on):
        texts = {
            (change.before.text, change.after.text): number for change, number in compared.changes.items()
        }
        assert texts == {("visit on call", "tea on mail"): 2}
    # of ann 18 - 12 = 6 is still more than the tea's 2.49
    assert (more.one_step.same, same.one_step.same, same.rolled_on.same) == (4, 4, 4)
    assert moved.undecidable == {}


def test_a_net_book_is_evaluated(log: Log, gross: CompiledBook, tmp_path: Path) -> None:
    """What it would show by the mail was never shown by a book that called everybody; nothing else stands against it."""
    net, plan = compiled_book(tmp_path / "net", NET), EvaluationPlan("converted", 7 * DAY)
    with closing(open_store(log.url)) as store:
        own, other = (evaluate_log(store, log.url, book, plan, books=Books(store)) for book in (gross, net))
    assert (own.never_shown, own.undecidable) == ({}, {})
    assert other.undecidable == {}
    assert other.never_shown == {"tea on mail": 2}


@pytest.mark.parametrize(
    ("text", "contacts", "cost", "lost"),
    [
        (GROSS, {"visit": 3, "tea": 0}, 19.5, {"outranked": 3}),
        (NET, {"visit": 1, "tea": 2}, 6.52, {"outranked": 3}),
        (NET.split("  tea: {offer: tea, channels")[0], {"visit": 2}, 13, {"not_worth_it": 1}),
    ],
)
def test_a_population_is_simulated(
    text: str, contacts: dict[str, int], cost: float, lost: dict[str, int], tmp_path: Path
) -> None:
    """Contacts, what they cost, and that a call is not worth it: by the book's score."""
    compiled_book(tmp_path / "book", text)
    people = tmp_path / "people.csv"
    rows = [f"{name},1,{worth}" for name, worth in WORTH.items()]
    people.write_text("\n".join(["customer,profile.phone,profile.worth", *rows]), encoding="utf-8")
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
    report = json.loads(result.stdout)
    assert {row["campaign"]: row["contacts"] for row in report["campaigns"]} == contacts
    assert report["cost"]["total"] == pytest.approx(cost)
    reasons: dict[str, int] = {}
    for row in report["campaigns"]:
        for loss in row["lost"]:
            reasons[loss["reason"]] = reasons.get(loss["reason"], 0) + loss["decisions"]
    assert reasons == lost
