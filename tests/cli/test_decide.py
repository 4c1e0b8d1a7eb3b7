"""`tact decide`: the answer and why, for people and for machines."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from engine.cli import app

BOOK = Path(__file__).parents[2] / "rules" / "telecom-churn"
LEAVING = """
customer: maeve
profile: {tenure_months: 96, monthly_bill: 72.5, callback_number: "+44 20 7946 0001"}
consents: [phone]
events: [{type: page_view, page: /account/transfer-code, at: 2026-03-10T09:58}]
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
