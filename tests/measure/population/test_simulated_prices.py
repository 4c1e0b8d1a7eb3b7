"""Simulations by prices of what is scarce: by columns as on a log, as a server decides, and as the command says."""

import json
from collections.abc import Mapping
from contextlib import closing
from datetime import date
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from engine.cli import app
from engine.cli.price_file import read_prices
from engine.decide.compiled import CompiledBook
from engine.decide.experiments.bid_prices import BidPrice, PreviewedPrices
from engine.ledger.queries.prices import AHEAD, write_prices
from engine.ledger.store.open import open_store
from engine.ledger.store.rows import DecisionRow
from engine.measure.population import by_columns
from engine.measure.population.simulate import SimulationPlan, simulate, stage
from engine.measure.population.tally import Visit
from engine.model.instant import DAY
from engine.rulebook.text.datetimes import parse_moment
from tests.books import write_book
from tests.decide.arbitrate.shop import compiled_book
from tests.logs import sqlite_log
from tests.measure.population.test_by_columns import check, simulated
from tests.measure.population.test_simulate import check_answers

START = date(2026, 3, 2)
BOOK = """
book: {name: scarce, timezone: Europe/Paris, salt: s, currency: EUR, arbitration: {scarce: prices}}
attributes:
  profile.cream: {type: number, min: 0, max: 1}
  profile.oil: {type: number, min: 0, max: 1}
  profile.phone: {type: text}
channels:
  mail: {kind: outbound, address: profile.phone, consent: not_needed, cost: 0.25}
  sms: {kind: outbound, address: profile.phone, consent: not_needed, cost: 0.5, capacity: {limit: 50, per: calendar week}}
offers:
  cream: {name: x, value: 10, stock: 12, content: {default: {text: x}}}
  oil: {name: x, value: 8, stock: 14, content: {default: {text: x}}}
  card: {name: x, value: 2, content: {default: {text: x}}}
  tip: {name: x, value: 1, content: {default: {text: x}}}
layers: {half: {salt: h, slots: {yes: 0-50%, no: 50-100%}}}
campaigns:
  cream: {offer: cream, slot: half/yes, channels: [mail], propensity: {attribute: profile.cream, default: 0.1}}
  creams: {offer: cream, tier: 1, when: {profile.cream: {gte: 0.9}}, channels: [mail, sms]}
  oil: {offer: oil, channels: [mail], control: 20%, propensity: {attribute: profile.oil, default: 0.1}, limits: {total: 20}}
  card: {offer: card, category: service, channels: [mail], when: {profile.oil: {gte: 0.8}}}
  tip: {offer: tip, channels: [mail]}
pressure:
  caps:
    monthly: {limit: 3, per: rolling 30d, count: {kind: outbound}}
    creams: {limit: 1, per: rolling 3d, count: {campaign: cream}}
"""
COUNTERS = ("cream/stock", "oil/stock", "oil/total", "sms/capacity")
WAYS = ("best", "value")


@cache
def scarce() -> CompiledBook:
    """The book, compiled once."""
    return compiled_book(BOOK)


def write_crowd(path: Path, number: int, seed: int) -> Path:
    """Customers of few interests, so that scores are often equal to a cut-off."""
    draw = Random(seed)
    rows = [f"c{at:03},{draw.randrange(11) / 10},{draw.randrange(11) / 10},1" for at in range(number)]
    lines = ["customer,profile.cream,profile.oil,profile.phone", *rows]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The book, sixty customers, and what previews of both ways printed of them: best.json, value.json."""
    made = tmp_path_factory.mktemp("prices")
    write_book(made / "book", BOOK)
    write_crowd(made / "people.csv", 60, 1)
    for way in WAYS:
        words = ["presend", str(made / "book"), str(made / "people.csv"), "--preview", "--json"]
        result = CliRunner().invoke(app, [*words, "--scarce", way, "--now", f"{START}T10:00"])
        assert result.exit_code == 0, result.output
        (made / f"{way}.json").write_text(result.stdout, encoding="utf-8")
    return made


def run(folder: Path, *options: object, start: date = START) -> Result:
    """The end of `tact simulate` of the sixty customers."""
    words = ("simulate", folder / "book", folder / "people.csv", "--start", start, *options)
    return CliRunner().invoke(app, [str(word) for word in words])


def random_prices() -> st.SearchStrategy[list[BidPrice]]:
    """Prices and cut-offs, at scores that occur, of some counters; some end in the days that are simulated."""
    score = st.sampled_from([0.0, 1.0, 2.0, 4.0, 5.0, 7.0])
    tiers = st.sampled_from([0, 0, 0, 1, -1, None])
    first = parse_moment(f"{START}T00:00", scarce().book.timezone)
    ends = st.none() | st.integers(0, 4).map(lambda days: first + days * DAY)

    def of(counter: str) -> st.SearchStrategy[BidPrice]:
        cut = st.builds(BidPrice, st.just(counter), tiers, st.just(0.0), score, st.just(0), ends, st.none())
        paid = st.builds(BidPrice, st.just(counter), tiers, score, st.none(), st.just(0), ends, st.none())
        return cut | paid

    return st.lists(st.sampled_from(COUNTERS).flatmap(of), max_size=4, unique_by=lambda own: own.counter)


@settings(max_examples=10, deadline=None)
@given(random_prices(), st.integers(0, 1000))
def test_columns_simulate_any_prices_as_on_a_log(bid_prices: list[BidPrice], seed: int) -> None:
    """Equal scores, tiers, slots, controls, caps and ends included."""
    plan = SimulationPlan(START, 4, seed, prices=PreviewedPrices(tuple(bid_prices), "drawn"))
    with TemporaryDirectory() as drawn:
        people = write_crowd(Path(drawn) / "people.csv", 40, seed)
        if by_columns.covers(scarce(), plan):
            check(scarce(), people, plan)
        else:
            (capacity,) = (price for price in bid_prices if price.counter == "sms/capacity")
            assert capacity.price, "columns decide by all prices that are the same on all channels"


@pytest.mark.parametrize("way", WAYS)
def test_what_a_preview_found_is_simulated_alike(way: str, folder: Path) -> None:
    """By columns and on a log, and otherwise than without prices."""
    previewed = read_prices(folder / f"{way}.json", 0)
    plan = SimulationPlan(START, 5, prices=previewed)
    document = check(scarce(), folder / "people.csv", plan)
    assert document["prices"]
    without = check(scarce(), folder / "people.csv", SimulationPlan(START, 5))
    assert without["prices"] == []
    assert document["forms"] != without["forms"]


def test_rules_of_who_is_in_another_slot_are_not_evaluated(folder: Path) -> None:
    """Where prices lower scores, too: who cannot get cream is not counted with the rules of cream."""
    dear = BidPrice("cream/stock", 0, 0.5, None, 0, None)
    plan = SimulationPlan(START, 2, prices=PreviewedPrices((dear,), "test"))
    document = check(scarce(), folder / "people.csv", plan)
    evaluated = {rule["rule"]: rule["evaluated"] for rule in document["rules"]}
    assert 0 < evaluated["creams"] < evaluated["monthly"]


def test_prices_that_differ_by_channel_are_simulated_on_a_log(folder: Path) -> None:
    """Columns do not cover them, as long as they hold at all; the capacity's price keeps all from texts."""
    book = BOOK.replace("channels: [mail, sms]", "channels: [sms, mail]").replace("stock: 12", "stock: 99")
    first = parse_moment(f"{START}T00:00", scarce().book.timezone)
    dear = BidPrice("sms/capacity", 1, 99.0, None, 0, first + DAY)
    plan = SimulationPlan(START, 2, prices=PreviewedPrices((dear,), "test"))
    compiled = compiled_book(book)
    assert by_columns.covers(compiled, SimulationPlan(START, 2))
    assert not by_columns.covers(compiled, plan)
    written = simulated(compiled, folder / "people.csv", plan)[1].decode().splitlines()
    texts = [row.split(",")[1] for row in written[1:] if ",sms," in row]
    assert texts
    assert all(moment.startswith("2026-03-03") for moment in texts)


@pytest.mark.parametrize("way", WAYS)
def test_equal_to_a_server_with_the_prices_in_its_log(way: str, folder: Path, tmp_path: Path) -> None:
    """Which answers the same requests, one after the other, as the simulation decided."""
    previewed = read_prices(folder / f"{way}.json", 0)
    plan = SimulationPlan(START, 2, prices=previewed)
    decided: list[tuple[Visit, DecisionRow]] = []
    staged = stage(folder / "people.csv", scarce(), plan, tmp_path)
    simulate(scarce(), staged, plan, on_decision=lambda visit, row: decided.append((visit, row)))
    log, since = sqlite_log(tmp_path), plan.begins(scarce().book.timezone)
    with closing(open_store(log.url)) as store, store.transaction():
        write_prices(store, read_prices(folder / f"{way}.json", since).prices, run="p", now=since - AHEAD)
    check_answers(folder / "book", log, decided)
    assert any("out_of_stock" in row.answer for _, row in decided)


@pytest.mark.parametrize("way", WAYS)
def test_the_command_says_which_prices_decided(way: str, folder: Path) -> None:
    """In its document and on the screen; the note that there are none is gone."""
    file = folder / f"{way}.json"
    preview = json.loads(file.read_text(encoding="utf-8"))
    result = run(folder, "--prices", file, "--days", 3, "--json")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report["schema"] == 1
    assert [price["counter"] for price in report["prices"]] == [
        counter["counter"] for counter in preview["scarce"]["counters"]
    ]
    run_name = f"scarce {preview['book_version']} {way} {preview['now']}"
    assert {price["run"] for price in report["prices"]} == {run_name}
    assert not any("plan of prices" in note for note in report["notes"])
    shown = run(folder, "--prices", file, "--days", 3).stdout
    assert f"prices were found by {run_name}" in " ".join(shown.split())
    assert "only above score" in shown
    plain = run(folder, "--days", 3, "--json")
    without = json.loads(plain.stdout)
    assert without["prices"] == []
    assert any("--prices FILE" in note for note in without["notes"])


def priced(folder: Path, *counters: Mapping[str, Any], **more: Any) -> Path:
    """A file with prices, in the form of a preview."""
    document = {"book": "scarce", "book_version": "v", "now": "2026-03-02T10:00+01:00", **more}
    document.setdefault("scarce", {"way": "value", "counters": counters})
    (folder / "prices.json").write_text(json.dumps(document), encoding="utf-8")
    return folder / "prices.json"


def counter(name: str, **more: Any) -> dict[str, Any]:
    """A counter as a preview by `value` prints it."""
    return {"counter": name, "cut_off": None, "price": 3.0, "price_tier": 0, "until": None, **more}


def test_a_price_ends_with_the_period_of_its_counter(folder: Path, tmp_path: Path) -> None:
    """As it does in a log: from then on whoever comes first gets it, which a note says, as it does of unknown counters."""
    until = parse_moment("2026-03-04T00:00", scarce().book.timezone)
    ending = counter("cream/stock", price=1e6, price_tier=1, until=until)
    file = priced(tmp_path, ending, counter("old/stock"), counter("oil/stock", price_tier=None))
    written = tmp_path / "out.csv"
    result = run(folder, "--prices", file, "--days", 4, "--json", "--csv", written)
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report["prices"][0] == {
        "counter": "cream/stock",
        "tier": 1,
        "price": 1e6,
        "cut_off": None,
        "until": "2026-03-03T23:00:00+00:00",
        "run": "scarce v value 2026-03-02T10:00+01:00",
    }
    notes = " ".join(report["notes"])
    assert "what is asked for cream/stock ends at 2026-03-04 00:00+01:00" in notes
    assert "the book has no counter old/stock" in notes
    rows = [row.split(",") for row in written.read_text(encoding="utf-8").splitlines()]
    moments = {row[1][:10] for row in rows if row[6] == "cream"}
    assert moments
    assert min(moments) == "2026-03-04"


@pytest.mark.parametrize(
    ("counters", "more", "message"),
    [
        ([counter("gone/stock")], {}, "has no price of a counter of scarce; its counters are: cream/stock"),
        ([], {}, "has no price of a counter of scarce"),
        ([counter("cream/stock", until=1)], {}, "end before 2026-03-02, with the periods of their counters"),
        ([], {"scarce": {"way": "order", "counters": []}}, "was shared out in order, which needs no prices"),
        ([], {"scarce": None}, "is not what tact presend --preview"),
        ([], {"scarce": {"way": "luck", "counters": []}}, "is not what tact presend --preview"),
        ([], {"scarce": {"way": ["best"], "counters": []}}, "is not what tact presend --preview"),
        ([counter("cream/stock"), counter("cream/stock")], {}, "is not what tact presend --preview"),
        ([counter("cream/stock", price=-1)], {}, "is not what tact presend --preview"),
        ([counter("cream/stock", price=float("inf"))], {}, "is not what tact presend --preview"),
        ([counter("cream/stock", price="3")], {}, "is not what tact presend --preview"),
        ([counter("cream/stock", price=10**400)], {}, "is not what tact presend --preview"),
        ([counter("cream/stock", price_tier=1.5)], {}, "is not what tact presend --preview"),
        ([counter("cream/stock", price_tier=1 << 63)], {}, "is not what tact presend --preview"),
        ([counter("cream/stock", until="tomorrow")], {}, "is not what tact presend --preview"),
        ([counter("cream/stock", until=(1 << 63) - 1)], {}, "is not what tact presend --preview"),
        ([counter("\ud800")], {}, "is not what tact presend --preview"),
        ([counter("cream/stock")], {"book": "\x1b[2J"}, "is not what tact presend --preview"),
        (
            [],
            {"scarce": {"way": "best", "counters": [counter("x", cut_off={"tier": None, "score": 1})]}},
            "is not what tact presend --preview",
        ),
    ],
)
def test_files_that_are_refused(
    counters: list[Any], more: dict[str, Any], message: str, folder: Path, tmp_path: Path
) -> None:
    """Prices of another book or of another time, and what is no such file: exit code 2, and what is wrong."""
    result = run(folder, "--prices", priced(tmp_path, *counters, **more), "--days", 1)
    assert (result.exit_code, message in result.stderr) == (2, True), result.stderr


@pytest.mark.parametrize("text", [b"", b"\xff", b"[]", b"[" * 100_000, b'{"book": "x"}', b"null"])
def test_what_is_no_document_is_refused(text: bytes, folder: Path, tmp_path: Path) -> None:
    """By the command that simulates by prices as by the one that sets them."""
    file, log = tmp_path / "prices.json", sqlite_log(tmp_path)
    file.write_bytes(text)
    setting = CliRunner().invoke(app, ["prices", log.url, "--set", str(file)])
    for result in (run(folder, "--prices", file), setting):
        assert result.exit_code == 2
        assert result.stderr == (
            f"tact: {file} is not what tact presend --preview --scarce best or value --json prints\n"
        )


def test_a_file_that_is_not_there(folder: Path) -> None:
    """The command names it, and why it cannot be read."""
    result = run(folder, "--prices", folder / "none.json")
    assert result.exit_code == 2
    assert "none.json cannot be read: No such file or directory" in result.stderr


def test_a_book_that_reads_no_prices(folder: Path, tmp_path: Path) -> None:
    """It is said what would have to stand in it, as tests of the book say it."""
    book = write_book(tmp_path / "book", BOOK.replace(", arbitration: {scarce: prices}", ""))
    words = ("simulate", book, folder / "people.csv", "--prices", folder / "value.json")
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == 2
    assert "this book gives what is scarce to who comes first, and reads no prices" in result.stderr
    assert "`arbitration: {scarce: prices}`" in result.stderr
