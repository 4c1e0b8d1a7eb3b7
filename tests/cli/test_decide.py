"""`tact decide`: the answer and why, for people and for machines."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from engine.cli import app
from tests.books import write_book

BOOK = Path(__file__).parents[2] / "rules" / "telecom-churn"
LEAVING = """
customer: maeve
profile: {tenure_months: 96, monthly_bill: 72.5, callback_number: "+44 20 7946 0001"}
consents: [phone]
events: [{type: code_requested, category: PAC, at: 2026-03-10T09:58}]
now: 2026-03-10T10:00Z
"""
CHAIN = {
    "asked-to-leave": [],
    "churn-risk": ["asked-to-leave"],
    "save-the-customer": ["asked-to-leave", "churn-risk"],
    "save-a-valued-one": ["asked-to-leave", "churn-risk", "save-the-customer"],
}


@pytest.fixture
def leaving(tmp_path: Path) -> Path:
    """A context file of somebody who fetched the code to take his number along."""
    file = tmp_path / "leaving.yaml"
    file.write_text(LEAVING, encoding="utf-8")
    return file


def test_signals_come_with_the_chain_that_led_to_them(leaving: Path) -> None:
    """A line for each signal that held, with those that led to it in their order."""
    result = CliRunner().invoke(app, ["decide", str(BOOK), "--context", str(leaving)])
    assert result.exit_code == 0, result.output
    lines = [line for line in result.output.splitlines() if line.startswith("signal ")]
    expected = [f"signal {name}" + (f", from {', '.join(led)}" if led else "") for name, led in CHAIN.items()]
    assert sorted(lines) == sorted(expected)


def test_json_has_the_same_chain(leaving: Path) -> None:
    """`--json` gives the explanation of the contract, with conditions and values of every signal."""
    result = CliRunner().invoke(app, ["decide", str(BOOK), "--context", str(leaving), "--json"])
    assert result.exit_code == 0, result.output
    signals = {signal["name"]: signal for signal in json.loads(result.output)["signals"]}
    assert {name: signal.get("led_by", []) for name, signal in signals.items()} == CHAIN
    seen = signals["asked-to-leave"]["condition"]
    assert (seen["verdict"], seen["value"]) == ("VERDICT_TRUE", "1")


NIGHT_BOOK = """
book: {name: night, timezone: Europe/Paris}
attributes: {profile.phone: {type: text}}
channels:
  sms: {kind: outbound, address: profile.phone, consent: ads}
  call: {kind: outbound, address: profile.phone, consent: ads}
offers: {tea: {name: Tea, content: {default: {text: Tea}}}}
campaigns: {tea: {offer: tea, channels: [sms, call]}}
pressure:
  quiet:
    nights: {channel: sms, from: "20:00", until: "09:00"}
    late: {channel: call, from: "22:00", until: "07:00"}
"""


def test_both_next_moments_are_printed(tmp_path: Path) -> None:
    """The first channel may be used at nine, the other at seven: `decide` and `explain` print both moments, JSON has them."""
    book, context = write_book(tmp_path / "book", NIGHT_BOOK), tmp_path / "context.yaml"
    context.write_text(
        '{customer: ann, profile: {phone: "1"}, consents: [ads], now: 2026-03-10T23:00+01:00}',
        encoding="utf-8",
    )
    decided = CliRunner().invoke(app, ["decide", str(book), "--context", str(context)]).output
    assert "next allowed at 2026-03-11 09:00:00+01:00\nnext any at 2026-03-11 07:00:00+01:00\n" in decided
    explained = CliRunner().invoke(app, ["explain", str(book), "--context", str(context)]).output
    assert [line.strip()[:12] for line in explained.splitlines() if "next a" in line] == [
        "next allowed",
        "next any at ",
    ]
    document = CliRunner().invoke(app, ["decide", str(book), "--context", str(context), "--json"]).output
    response = json.loads(document)["response"]
    assert (response["next_allowed_at"], response["next_any_at"]) == (
        "2026-03-11T08:00:00Z",
        "2026-03-11T06:00:00Z",
    )
