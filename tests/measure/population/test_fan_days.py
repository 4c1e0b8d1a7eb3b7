"""`rules/fan-days` promises five days and five hundred scarves: so many are given, whoever is decided first."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from engine.cli import app

BOOK = Path(__file__).parents[3] / "rules" / "fan-days"
FANS = 503


def fans(file: Path, points: float) -> Path:
    """More fans than scarves, each with a work of so many points."""
    work = {"type": "judged", "item": "W-1", "value": points, "at": "2026-04-12T12:00"}
    common = {"profile": {"email": "a@example.org", "age": 30, "verified": True}}
    rows = ({"customer": f"fan-{number}", "events": [work], **common} for number in range(FANS))
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("points", "day", "counter", "limit"),
    [(9.9, "2026-04-13", "team-day/stock", 5), (6.5, "2026-04-24", "scarf/stock", 500)],
)
def test_what_is_promised_is_given(tmp_path: Path, points: float, day: str, counter: str, limit: int) -> None:
    """No more and no less, and everybody else is blocked by the stock."""
    people = fans(tmp_path / "fans.jsonl", points)
    arguments = ("simulate", BOOK, people, "--start", day, "--days", 1, "--json")
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    outcomes = {name: number for name, number in report["outcomes"].items() if number}
    assert outcomes == {"offer": limit, "blocked": FANS - limit}
    assert {stock["counter"]: stock["taken"] for stock in report["stock"]}[counter] == limit
