"""Capacities of places beyond the server: another table at the decisions of a log, its export, and a population."""

import json
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from engine.cli import app
from engine.decide.compiled import CompiledBook
from engine.explain.books import Books
from engine.ledger.store.open import open_store
from engine.measure.diff import diff_log
from engine.measure.evaluate import EvaluationPlan, evaluate_log
from engine.measure.export.export import export
from engine.measure.report.replays import _without
from engine.model.instant import DAY
from tests.books import compiled_book
from tests.ledger.commit.shared import NOW, settle
from tests.ledger.commit.test_capacity_each import BOOK, near
from tests.logs import Log
from tests.measure.export.kit import dicts_of
from tests.replays import assert_replays

TABLE = "name,latitude,longitude,calls\nLyon / Est,45.7,4.9,3\nParis,48.9,2.3,{}\nNice,43.7,7.3,0\n"


def book(folder: Path, calls: int, table: str = TABLE) -> CompiledBook:
    """The book, with so many calls a day in Paris."""
    folder.mkdir()
    (folder / "dealers.csv").write_text(table.format(calls), encoding="utf-8")
    return compiled_book(folder, BOOK.replace("CONTROL", ""))


@pytest.fixture
def compiled(tmp_path: Path) -> CompiledBook:
    """The book that decided: two calls a day in Paris."""
    return book(tmp_path / "book", 2)


@pytest.fixture
def log(any_log: Log, compiled: CompiledBook) -> Log:
    """Of five customers in Paris, five in Lyon and two of whom no place is known; five are called."""
    with closing(open_store(any_log.url)) as store:
        for number in range(5):
            settle(
                compiled, store, [near(dealer, number, NOW + number) for dealer in ("Paris", "Lyon / Est")]
            )
        settle(compiled, store, [near("", number, NOW + 9) for number in range(2)])
        settle(compiled, store, [near("", "late", NOW + 30 * DAY)])
    return any_log


def test_tables_are_compared_at_the_places_of_then(log: Log, compiled: CompiledBook, tmp_path: Path) -> None:
    """With two calls more in Paris two customers more are called, and nobody in Lyon."""
    more = book(tmp_path / "more", 4)
    with closing(open_store(log.url)) as store:
        same, other = (diff_log(store, (compiled, new), books=Books(store)) for new in (compiled, more))
    assert (same.one_step.same, same.rolled_on.same) == (13, 13)
    assert other.undecidable == {}
    changes = {
        (change.before.text, change.after.text): number for change, number in other.rolled_on.changes.items()
    }
    assert changes == {("blocked", "talk on phone"): 2}
    moved = book(tmp_path / "moved", 4, TABLE.replace("2.3,", "2.4,"))
    with closing(open_store(log.url)) as store:
        unknown = diff_log(store, (compiled, moved), books=Books(store))
    assert unknown.undecidable == {"the new book defines nearest.dealers.name otherwise": 13}


def test_a_rule_is_taken_away_from_its_own_channel(tmp_path: Path) -> None:
    """Without the capacity of one channel's places, those of another channel hold on."""
    web = "channels:\n  web: {kind: inbound, capacity_each: {by: nearest.dealers.name, limit: 1, per: calendar day}}\n"
    text = BOOK.replace("channels:\n", web).replace("CONTROL", ", placements: [hero]")
    folder = tmp_path / "two"
    book(folder, 1)
    compiled = compiled_book(folder, text + "placements: {hero: {channel: web}}\n")
    (campaign,) = compiled.compiled_campaigns
    without = _without(campaign, "phone/capacity_each").campaign_channels
    assert {name: channel.places is None for name, channel in without.items()} == {
        "phone": True,
        "web": False,
    }


def test_a_book_is_evaluated_at_the_places_of_then(log: Log, compiled: CompiledBook) -> None:
    """Every decision can be made again."""
    with closing(open_store(log.url)) as store:
        plan = EvaluationPlan("converted", 7 * DAY)
        assert evaluate_log(store, log.url, compiled, plan, books=Books(store)).undecidable == {}


def test_the_export_names_the_rule(log: Log, tmp_path: Path) -> None:
    """One name for all places, so that they can be grouped; which place it was is an attribute of the decision."""
    assert_replays(log.url)
    export(log.url, tmp_path / "out")
    decisions = dicts_of(tmp_path / "out", "decisions")
    nearest = {
        row["decision_id"]: json.loads(row["attributes"]).get("nearest.dealers.name") for row in decisions
    }
    blocked = Counter(
        (row["code"], row["name"], nearest[row["decision_id"]])
        for row in dicts_of(tmp_path / "out", "candidates")
        if row["code"] != "chosen"
    )
    full = "over_capacity", "phone/capacity_each"
    assert blocked == {(*full, "Paris"): 3, (*full, "Lyon / Est"): 2, (*full, None): 3}


def test_a_population_gets_what_each_place_can_give(tmp_path: Path) -> None:
    """A simulation calls at each dealer as many a day as it takes; its rule is listed."""
    book(tmp_path / "book", 2)
    people = tmp_path / "people.csv"
    rows = [f"{at},{number},1" for number, at in enumerate(("48.9,2.3", "45.7,4.9", "43.7,7.3", ",") * 6)]
    people.write_text(
        "location.latitude,location.longitude,customer,profile.phone\n" + "\n".join(rows), encoding="utf-8"
    )
    words = [
        "simulate",
        str(tmp_path / "book"),
        str(people),
        "--start",
        "2026-03-02",
        "--days",
        "2",
        "--json",
    ]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    (talk,) = document["campaigns"]
    assert talk["contacts"] == 2 * (2 + 3)
    assert {"rule": "phone/capacity_each", "evaluated": 48, "blocked": 38} in document["rules"]
