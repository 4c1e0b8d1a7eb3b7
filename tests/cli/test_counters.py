"""`tact counters`: what stocks, totals, capacities and budgets have used and left, by the log."""

import json
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from engine.cli import app
from engine.decide.evaluate import evaluate
from engine.ledger.commit.decisions import DecideCommand
from engine.ledger.commit.group import commit_group
from engine.ledger.store.open import open_store
from engine.model.instant import from_datetime
from engine.model.request import Request
from tests.books import compiled_book
from tests.logs import Log

NOW = from_datetime(datetime(2026, 3, 10, 10, tzinfo=UTC))
BOOK = """
book: {name: shared, timezone: Asia/Shanghai, currency: EUR}
attributes: {profile.phone: {type: text}}
channels:
  call: {kind: outbound, address: profile.phone, consent: not_needed, cost: 6.505, capacity: {limit: 5, per: calendar day}}
offers: {tea: {name: Tea, stock: 1200, content: {default: {text: Tea}}}}
campaigns: {tea: {offer: tea, channels: [call], budget: {limit: 13.01 EUR, per: calendar month}}}
"""
WHOLE = BOOK.replace("currency: EUR}", "currency: EUR, budget: {limit: 5000 EUR, per: calendar quarter}}")

PLACES = (
    BOOK.replace(", stock: 1200", "")
    .replace(", budget: {limit: 13.01 EUR, per: calendar month}", "")
    .replace("capacity: {limit: 5, per", "capacity_each: {by: nearest.dealers.name, limit: calls, per")
    + "places: {dealers: {file: dealers.csv}}\n"
)


@pytest.fixture
def log(any_log: Log, tmp_path: Path) -> Log:
    """After two calls."""
    compiled = compiled_book(tmp_path / "book", BOOK)
    with closing(open_store(any_log.url)) as store:
        for name in ("ann", "bob", "cid"):
            request = Request(name, NOW, {"profile.phone": "1"})
            commit_group(store, [DecideCommand(evaluate(compiled, request))])
    return any_log


def counters(book: Path, log: Log, *words: str) -> Result:
    """The command's end, on the day after the calls unless it says otherwise."""
    on = () if "--on" in words else ("--on", "2026-03-10T12:00Z")
    return CliRunner(env={"COLUMNS": "200"}).invoke(
        app, ["counters", str(book), "--log", log.url, *on, *words]
    )


def test_what_is_used_and_left(log: Log, tmp_path: Path) -> None:
    """Contacts of stocks and capacities, amounts of budgets; when each begins anew, on the book's clock."""
    result = counters(tmp_path / "book", log)
    assert result.exit_code == 0, result.output
    rows = [
        [cell.strip() for cell in line.split("│")[1:-1]] for line in result.stdout.splitlines() if "│" in line
    ]
    assert rows == [
        ["tea/stock", "stock", "2", "1,200", "1,198", "all time", "never"],
        ["call/capacity", "capacity", "2", "5", "3", "calendar day", "2026-03-11T00:00:00+08:00"],
        ["tea/campaign_budget", "budget", "13.01 EUR", "13.01 EUR", "0.00 EUR", "calendar month",
         "2026-04-01T00:00:00+08:00"],
    ]  # fmt: skip


def test_another_period_and_another_book(log: Log, tmp_path: Path) -> None:
    """The next month is empty; a budget that the log does not have yet counts what contacts of its period cost."""
    compiled_book(tmp_path / "whole", WHOLE)
    later = json.loads(counters(tmp_path / "whole", log, "--json", "--on", "2026-04-01T10:00+08:00").stdout)
    now = json.loads(counters(tmp_path / "whole", log, "--json").stdout)
    assert {row["rule"]: (row["used"], row["left"]) for row in now["counters"]} == {
        "tea/stock": (2, 1198),
        "call/capacity": (2, 3),
        "tea/campaign_budget": (13.01, 0),
        "book/budget": (13.01, 4986.99),
    }
    assert {row["rule"]: row["used"] for row in later["counters"]} == {
        "tea/stock": 2,
        "call/capacity": 0,
        "tea/campaign_budget": 0,
        "book/budget": 0,
    }
    assert now["counters"][-1] == {
        "rule": "book/budget",
        "kind": "budget",
        "used": 13.01,
        "limit": 5000,
        "left": 4986.99,
        "currency": "EUR",
        "per": "calendar quarter",
        "begins_anew": "2026-04-01T00:00:00+08:00",
    }
    assert log.rows("select count(*) from counters where counter = 'book/budget'") == [(0,)]


def test_ends(log: Log, tmp_path: Path) -> None:
    """A book without any says so; mistakes are usage errors, a broken book is 3."""
    compiled_book(
        tmp_path / "none", BOOK.split("offers:", maxsplit=1)[0].split(", capacity", maxsplit=1)[0] + "}\n"
    )
    result = counters(tmp_path / "none", log)
    assert (result.exit_code, result.stdout) == (0, "the book has no stock, total, capacity or budget\n")
    result = counters(tmp_path / "book", log, "--on", "tomorrow")
    assert (result.exit_code, "--on needs a time" in result.stderr) == (2, True)
    result = CliRunner().invoke(
        app, ["counters", str(tmp_path / "book"), "--log", f"sqlite:///{tmp_path}/no.db"]
    )
    assert (result.exit_code, "there is no log" in result.stderr) == (2, True)
    (tmp_path / "book" / "book.yaml").write_text("book: 7\n", encoding="utf-8")
    assert counters(tmp_path / "book", log).exit_code == 3


def test_places(any_log: Log, tmp_path: Path) -> None:
    """Each place that took anything, by its name; of the others their number, and all of them for machines."""
    folder = tmp_path / "places"
    folder.mkdir()
    sites = "".join(f"Site {number},{number},0,{number}\n" for number in range(9))
    (folder / "dealers.csv").write_text(f"name,latitude,longitude,calls\n{sites}", encoding="utf-8")
    compiled = compiled_book(folder, PLACES)
    with closing(open_store(any_log.url)) as store:
        for latitude in (3, 3, 0, 1, 8):
            attributes = {"profile.phone": "1", "location.latitude": latitude, "location.longitude": 0}
            request = Request(f"c{latitude}", NOW, attributes)
            commit_group(store, [DecideCommand(evaluate(compiled, request))])
    shown = counters(folder, any_log).stdout
    assert [line.split("│")[1].strip() for line in shown.splitlines() if "/capacity_each at" in line] == [
        f"call/capacity_each at Site {number}" for number in (1, 3, 8)
    ]
    assert "call/capacity_each: 6 more places, of which none has taken anything" in shown
    listed = json.loads(counters(folder, any_log, "--json").stdout)["counters"]
    assert {row["place"]: (row["used"], row["left"]) for row in listed} == {
        f"Site {number}": (used, number - used) for number, used in enumerate((0, 1, 0, 2, 0, 0, 0, 0, 1))
    }
    assert listed[3] == {
        "rule": "call/capacity_each", "place": "Site 3", "kind": "capacity", "used": 2, "limit": 3, "left": 1,
        "per": "calendar day", "begins_anew": "2026-03-11T00:00:00+08:00",
    }  # fmt: skip
