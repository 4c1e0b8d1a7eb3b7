"""Scenarios and context files that state what is asked for what is scarce."""

import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from engine.cli import app
from engine.decide.compiled import CompiledBook
from engine.rulebook.report.diagnostics import render
from engine.scenario.context_file import load_context
from engine.scenario.play import play
from engine.scenario.read import load_scenario_files
from engine.workbench import jobs
from engine.workbench.jobs import OpenedFiles
from tests.books import write_book
from tests.decide.arbitrate.shop import compiled_book

BOOK = """
book: {{name: fair, timezone: Europe/Paris, salt: "2026", arbitration: {{scarce: {scarce}}}}}
attributes: {{profile.phone: {{type: text}}, profile.want: {{type: number, min: 0, max: 1}}}}
channels: {{sms: {{kind: outbound, address: profile.phone, consent: sms, on_silence: confirm}}}}
offers:
  seat: {{name: Seat, value: 10, stock: 5, content: {{default: {{text: A seat for you}}}}}}
  soap: {{name: Soap, value: 3, content: {{default: {{text: A soap for you}}}}}}
campaigns:
  seat: {{offer: seat, channels: [sms], propensity: {{attribute: profile.want, default: 0.1}}}}
  soap: {{offer: soap, channels: [sms]}}
"""
TEST = """
tests:
  - name: ada
    customer: {{profile: {{phone: "1", want: 0.5}}, consents: [sms]}}
    now: 2026-03-10T12:00
    prices: {prices}
    expect: {expect}
"""
STATED = [
    ("{seat/stock: {price: 1.5}}", "{campaign: seat, score: 3.5}"),
    ("{seat/stock: {price: 2.5}}", "{campaign: soap}"),
    ("{seat/stock: {above: 4.9}}", "{campaign: seat, score: 5}"),
    ("{seat/stock: {above: 5}}", "{campaign: soap, reasons: out_of_stock seat/stock}"),
    ("{seat/stock: {price: 0, tier: 1}}", "{campaign: soap, reasons: out_of_stock seat/stock}"),
    ("{seat/stock: {price: 9, tier: -1}}", "{campaign: seat, score: 5}"),
]
"""Prices, and what comes of them."""
MISTAKES = [
    ("order", "{seat/stock: {price: 1}}", "gives what is scarce to who comes first, and reads no prices"),
    ("prices", "{seats/stock: {price: 1}}", "the book has no counter 'seats/stock'"),
    ("prices", "{seat/stock: {tier: 1}}", "either a `price`, or `above`"),
    ("prices", "{seat/stock: {price: 1, above: 2}}", "either a `price`, or `above`"),
    ("prices", "{seat/stock: {price: -1}}", "`price` must be at least 0"),
    ("prices", "{seat/stock: {price: .nan}}", "price"),
    ("prices", "{seat/stock: {above: 1, tier: 1e30}}", "tier"),
    ("prices", "{seat/stock: 3}", "price"),
    ("prices", "[3]", "prices"),
]
"""By how a book gives what is scarce: what is stated, and what is said of it."""


@pytest.fixture(scope="module")
def compiled() -> CompiledBook:
    """A book that gives its seats by price."""
    return compiled_book(BOOK.format(scarce="prices"))


@pytest.mark.parametrize(("prices", "expect"), STATED)
def test_a_test_decides_by_its_prices(prices: str, expect: str, compiled: CompiledBook) -> None:
    """A price is taken from the score, a cut-off refuses, and tiers above the one that runs short pay nothing."""
    read = load_scenario_files({"t.yaml": TEST.format(prices=prices, expect=expect).encode()}, compiled)
    assert read.scenarios, render(read.diagnostics)
    (result,) = play(compiled, read.scenarios)
    assert result.differences == ()


def test_a_test_that_fails_says_to_whom_it_went(compiled: CompiledBook) -> None:
    """The lines below a difference name the cut-off."""
    text = TEST.format(prices="{seat/stock: {above: 5}}", expect="{campaign: seat}")
    (result,) = play(compiled, load_scenario_files({"t.yaml": text.encode()}, compiled).scenarios)
    why = "\n".join(line for difference in result.differences for line in difference.why)
    assert "seat/stock went to customers with a score above 5" in why


@pytest.mark.parametrize(("scarce", "prices", "message"), MISTAKES)
def test_mistakes_have_their_place(scarce: str, prices: str, message: str) -> None:
    """Counters that are not there, books without prices, and numbers that are none."""
    compiled = compiled_book(BOOK.format(scarce=scarce))
    text = TEST.format(prices=prices, expect="{campaign: seat}")
    read = load_scenario_files({"t.yaml": text.encode()}, compiled)
    assert not read.scenarios
    assert message in render(read.diagnostics)


def context(folder: Path, prices: str) -> Path:
    """Ada's context file, with prices."""
    file = folder / "ada.yaml"
    text = """customer: ada
profile: {phone: "1", want: 0.5}
consents: [sms]
now: 2026-03-10T12:00
"""
    file.write_text(f"{text}prices: {prices}\n", encoding="utf-8")
    return file


def run(command: str, folder: Path, prices: str, *options: str, scarce: str = "prices") -> Result:
    """The end of `tact decide` or `tact explain` for Ada."""
    book = write_book(folder / "book", BOOK.format(scarce=scarce))
    return CliRunner().invoke(app, [command, str(book), "--context", str(context(folder, prices)), *options])


@pytest.mark.parametrize(("prices", "expect"), STATED)
def test_a_context_decides_by_its_prices(prices: str, expect: str, tmp_path: Path) -> None:
    """`tact decide` says of the same prices what a test of the book does."""
    expected, result = yaml.safe_load(expect), run("decide", tmp_path, prices, "--json")
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    (offer,) = document["response"]["offers"]
    assert offer["campaign"] == expected["campaign"]
    assert offer["score"] == expected.get("score", offer["score"])
    by_name = {campaign["campaign"]: campaign["reason"] for campaign in document["campaigns"]}
    if "reasons" in expected:
        assert by_name["seat"] == {"code": "REASON_CODE_OUT_OF_STOCK", "name": "seat/stock"}


def test_a_decision_by_prices_is_explained(tmp_path: Path) -> None:
    """`tact explain` says to whom it went; without prices, or with none, nothing is scarce."""
    explained = run("explain", tmp_path, "{seat/stock: {above: 5}}", "--sentences")
    assert "seat/stock went to customers with a score above 5" in explained.stdout
    for prices in ("{}", "null"):
        result = run("decide", tmp_path, prices, "--json")
        assert result.exit_code == 0, result.output
        assert json.loads(result.stdout)["response"]["offers"][0]["campaign"] == "seat"


@pytest.mark.parametrize(("scarce", "prices", "message"), MISTAKES)
def test_mistakes_of_contexts_have_their_place(
    scarce: str, prices: str, message: str, tmp_path: Path
) -> None:
    """They are those of tests, with the line in the context file; the exit code is 2."""
    result = run("decide", tmp_path, prices, scarce=scarce)
    assert result.exit_code == 2
    assert message in result.stderr
    assert "ada.yaml:5:" in result.stderr


def test_a_server_is_told_no_prices(tmp_path: Path) -> None:
    """It has those in its log, so a context with prices is not sent to it."""
    result = run("explain", tmp_path, "{seat/stock: {price: 1}}", "--server", "127.0.0.1:1")
    assert result.exit_code == 2
    assert "a server decides by the prices in its log" in result.stderr


def test_the_console_tries_out_by_the_same_prices(tmp_path: Path, compiled: CompiledBook) -> None:
    """And the scenario that it makes of it states them, reads, and passes."""
    text = context(tmp_path, "{seat/stock: {above: 5}}").read_text(encoding="utf-8")
    opened = OpenedFiles({"book.yaml": BOOK.format(scarce="prices")})
    tried = jobs.try_out(opened, {"context": text, "given": {}})
    assert [offer["campaign"] for offer in tried["explained"]["response"]["offers"]] == ["soap"]
    read = load_scenario_files({"t.yaml": tried["scenario"]["text"].encode()}, compiled)
    assert read.scenarios, render(read.diagnostics)
    (result,) = play(compiled, read.scenarios)
    assert result.differences == ()
    assert result.scenario.prices == load_context(tmp_path / "ada.yaml", compiled).given.prices  # type: ignore[union-attr]
