"""`tact presend --preview --scarce`: the plan is the engine's own decisions, one by one, or better."""

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from engine.batch.results import decide_by_engine
from engine.cli import app
from engine.decide.compiled import CompiledBook, compile_book
from engine.decide.pressure.counters import CountsAsRead, QuotaKey
from engine.model.request import Request
from engine.model.values import Value
from engine.rulebook.load import load_text
from engine.rulebook.text.datetimes import parse_moment
from tests.logs import Log

NOW = "2026-03-02T10:00"
BOOK = """
book: {name: scarce, timezone: Europe/Paris, salt: s, currency: EUR, budget: {limit: 30 EUR, per: calendar month}}
attributes:
  profile.cream: {type: number, min: 0, max: 1}
  profile.oil: {type: number, min: 0, max: 1}
  profile.phone: {type: text}
channels:
  email: {kind: outbound, address: profile.phone, consent: not_needed, cost: 0.25}
  sms: {kind: outbound, address: profile.phone, consent: not_needed, cost: 0.5, capacity: {limit: 30, per: calendar day}}
offers:
  cream: {name: x, value: 10, stock: 20, content: {default: {text: x}}}
  oil: {name: x, value: 8, stock: 25, content: {default: {text: x}}}
  tip: {name: x, value: 1, content: {default: {text: x}}}
campaigns:
  cream: {offer: cream, channels: [sms, email], propensity: {attribute: profile.cream, default: 0.1}}
  oil: {offer: oil, channels: [sms, email], propensity: {attribute: profile.oil, default: 0.1}, control: 20%}
  tip: {offer: tip, channels: [email]}
"""


def customers(number: int) -> list[tuple[str, float, float]]:
    """Customers with what they are interested in."""
    draw = Random(7)
    return [(f"c{at:04}", round(draw.random(), 2), round(draw.random(), 2)) for at in range(number)]


@pytest.fixture
def book(tmp_path: Path) -> Path:
    """A book with stocks, a capacity and a budget."""
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "book.yaml").write_text(BOOK, encoding="utf-8")
    return tmp_path / "book"


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """Two hundred customers."""
    path = tmp_path / "people.csv"
    rows = [f"{name},{cream},{oil},1" for name, cream, oil in customers(200)]
    path.write_text("\n".join(["customer,profile.cream,profile.oil,profile.phone", *rows]), encoding="utf-8")
    return path


def run(*arguments: object) -> Result:
    """The command's end."""
    return CliRunner().invoke(app, ["presend", *map(str, arguments)])


def shared_out(book: Path, people: Path, way: str, *more: str) -> dict[str, Any]:
    """What the preview says of it."""
    result = run(book, people, "--preview", "--json", "--scarce", way, "--now", NOW, *more)
    assert result.exit_code == 0, result.output
    document: dict[str, Any] = json.loads(result.stdout)["scarce"]
    return document


def one_by_one(compiled: CompiledBook) -> dict[tuple[str, str], int]:
    """Offers by campaign and channel, had the customers come one after the other."""
    now = parse_moment(NOW, compiled.book.timezone)
    used: dict[QuotaKey, int] = {}
    offers: dict[tuple[str, str], int] = {}
    by_name = {own.campaign.name: own for own in compiled.compiled_campaigns}
    for name, cream, oil in customers(200):
        attributes: dict[str, Value] = {"profile.cream": cream, "profile.oil": oil, "profile.phone": "1"}
        decided = decide_by_engine(compiled, Request(name, now, attributes), CountsAsRead(used))
        for chosen in decided.decision.chosen:
            if chosen.withheld is None:
                form = chosen.campaign, chosen.channel
                offers[form] = offers.get(form, 0) + 1
                for rule in by_name[chosen.campaign].campaign_channels[chosen.channel].quotas:
                    used[rule.key(now)] = used.get(rule.key(now), 0) + rule.amount
    return offers


def test_in_order_is_what_the_engine_decides_one_by_one(book: Path, people: Path) -> None:
    """Also where a stock, a capacity and a budget run out on the way, and an experiment withholds some."""
    loaded = load_text(json.dumps({"book.yaml": BOOK})).book
    assert loaded is not None
    compiled = compile_book(loaded)
    document = shared_out(book, people, "order")
    offers = {(own["campaign"], own["channel"]): own["offers"] for own in document["campaigns"]}
    expected = one_by_one(compiled)
    assert {form: number for form, number in offers.items() if number} == expected
    assert expected["oil", "email"], "some get it on the further channel, when the first is full"


def test_counters_start_at_what_a_log_has_left(book: Path, people: Path, tmp_path: Path) -> None:
    """What an earlier send took is not there to be shared out."""
    log, first = f"sqlite:///{tmp_path}/tact.db", tmp_path / "first.csv"
    first.write_text("".join(people.read_text(encoding="utf-8").splitlines(keepends=True)[:16]), "utf-8")
    missing = run(book, people, "--preview", "--scarce", "best", "--log", log)
    assert missing.exit_code == 2
    assert "there is no log at" in missing.output
    assert run(book, first, "--out", tmp_path / "out", "--log", log, "--now", NOW).exit_code == 0
    document = shared_out(book, people, "best", "--log", log)
    sms = next(own for own in document["counters"] if own["counter"] == "sms/capacity")
    assert (sms["limit"], sms["left"]) == (30, 30 - _taken(log, "sms"))
    assert 0 < sms["taken"] <= sms["left"]
    cream = next(own for own in document["counters"] if own["counter"] == "cream/stock")
    assert cream["left"] < cream["limit"]


def _taken(log: str, channel: str) -> int:
    rows = Log(log).rows(f"SELECT count(*) FROM contacts WHERE channel = '{channel}' AND state <> 'shadow'")
    return int(rows[0][0])


def test_better_ways_are_worth_more_and_say_what_one_more_is_worth(book: Path, people: Path) -> None:
    """Nothing is oversold, what is scarce has a cut-off and a price, and the bound is the same for all."""
    order, best, value = (shared_out(book, people, way) for way in ("order", "best", "value"))
    assert order["value"] < best["value"] <= value["value"] <= value["bound"]
    assert value["share"] > 0.98
    for document in (order, best, value):
        assert all(own["taken"] <= own["limit"] for own in document["counters"])
    cream = next(own for own in best["counters"] if own["counter"] == "cream/stock")
    assert cream["demand"] > cream["limit"] == cream["taken"] == 20
    assert cream["cut_off"]["score"] > 0
    assert next(own for own in value["counters"] if own["counter"] == "cream/stock")["price"] > 0


def test_people_read_the_plan(book: Path, people: Path) -> None:
    """Cut-offs, prices, and how near it is to the best."""
    result = run(book, people, "--preview", "--scarce", "value", "--now", NOW)
    assert result.exit_code == 0
    for text in ("shared out: value", "cream/stock", "of the best possible", "get another than their first"):
        assert text in result.stdout
