"""Scenarios that state what is asked for what is scarce."""

import pytest

from engine.decide.compiled import CompiledBook
from engine.rulebook.report.diagnostics import render
from engine.scenario.play import play
from engine.scenario.read import load_scenario_files
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


@pytest.fixture(scope="module")
def compiled() -> CompiledBook:
    """A book that gives its seats by price."""
    return compiled_book(BOOK.format(scarce="prices"))


@pytest.mark.parametrize(
    ("prices", "expect"),
    [
        ("{seat/stock: {price: 1.5}}", "{campaign: seat, score: 3.5}"),
        ("{seat/stock: {price: 2.5}}", "{campaign: soap}"),
        ("{seat/stock: {above: 4.9}}", "{campaign: seat, score: 5}"),
        ("{seat/stock: {above: 5}}", "{campaign: soap, reasons: out_of_stock seat/stock}"),
        ("{seat/stock: {price: 0, tier: 1}}", "{campaign: soap, reasons: out_of_stock seat/stock}"),
        ("{seat/stock: {price: 9, tier: -1}}", "{campaign: seat, score: 5}"),
    ],
)
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


@pytest.mark.parametrize(
    ("scarce", "prices", "message"),
    [
        ("order", "{seat/stock: {price: 1}}", "gives what is scarce to who comes first, and reads no prices"),
        ("prices", "{seats/stock: {price: 1}}", "the book has no counter 'seats/stock'"),
        ("prices", "{seat/stock: {tier: 1}}", "either a `price`, or `above`"),
        ("prices", "{seat/stock: {price: 1, above: 2}}", "either a `price`, or `above`"),
        ("prices", "{seat/stock: {price: -1}}", "`price` must be at least 0"),
        ("prices", "{seat/stock: {price: .nan}}", "price"),
        ("prices", "{seat/stock: {above: 1, tier: 1e30}}", "tier"),
        ("prices", "{seat/stock: 3}", "price"),
        ("prices", "[3]", "prices"),
    ],
)
def test_mistakes_have_their_place(scarce: str, prices: str, message: str) -> None:
    """Counters that are not there, books without prices, and numbers that are none."""
    compiled = compiled_book(BOOK.format(scarce=scarce))
    text = TEST.format(prices=prices, expect="{campaign: seat}")
    read = load_scenario_files({"t.yaml": text.encode()}, compiled)
    assert not read.scenarios
    assert message in render(read.diagnostics)
