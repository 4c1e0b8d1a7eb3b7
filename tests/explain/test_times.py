"""Times, spans and large whole numbers in explanations."""

import json
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from typer.testing import CliRunner

from engine.cli import app
from engine.model.texts import number_text, span_text, time_text
from tests.books import write_book

BOOK = """
book: {name: times, timezone: Asia/Shanghai}
attributes:
  profile.seen: {type: time}
  profile.joined: {type: time}
  profile.born: {type: date}
  profile.views: {type: integer}
channels:
  web: {kind: inbound}
offers:
  news: {name: News, value: 4006381333932, content: {default: {text: News}}}
campaigns:
  recent:
    offer: news
    channels: [web]
    when: {profile.seen: {within: 36h}}
  early:
    offer: news
    channels: [web]
    when:
      profile.joined: {before: "2026-01-01T10:00"}
      profile.born: {before: 2000-01-01}
      profile.views: {gte: 4006381333932}
  ranked:
    offer: news
    channels: [web]
"""

CONTEXT = """
customer: ann
channels: [web]
now: 2026-02-10T10:00:00+08:00
profile:
  seen: 2026-02-01T02:00:00Z
  joined: 2026-02-01T10:00:00.000001+08:00
  born: 2001-01-01
  views: 4006381333931
"""

SCENARIO = """
customers:
  ann: {profile: {views: 1}}
tests:
  - name: recent
    customer: ann
    channels: [web]
    now: 2026-02-10T10:00+08:00
    with: {profile: {seen: "2026-02-01T02:00:00Z"}}
    expect: {campaign: recent}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The book, the customer and a scenario."""
    book = write_book(tmp_path / "book", BOOK)
    (tmp_path / "context.yaml").write_text(CONTEXT, encoding="utf-8")
    (book / "tests").mkdir()
    (book / "tests" / "times.yaml").write_text(SCENARIO, encoding="utf-8")
    return tmp_path


def run(*arguments: object) -> str:
    """What the command prints."""
    environment = {"COLUMNS": "250", "NO_COLOR": "1"}
    return CliRunner(env=environment).invoke(app, [*map(str, arguments)]).stdout


def test_json(folder: Path) -> None:
    """Machines get the test as written, and times in RFC 3339 with the book's offset."""
    answer = json.loads(run("explain", folder / "book", "--context", folder / "context.yaml", "--json"))
    early, _, recent = answer["campaigns"]
    assert (recent["condition"]["text"], json.loads(recent["condition"]["value"])) == (
        "profile.seen within 36h",
        "2026-02-01T10:00:00+08:00",
    )
    flip = recent["flips"][0]
    assert json.loads(flip["before"]) == "2026-02-01T10:00:00+08:00"
    assert json.loads(flip["after"]) == "2026-02-10T10:00:00+08:00"
    assert (
        "profile.seen were 2026-02-10T10:00:00+08:00 instead of 2026-02-01T10:00:00+08:00" in flip["sentence"]
    )
    assert [(part["text"], json.loads(part["value"])) for part in early["condition"]["parts"]] == [
        ("profile.born before 2000-01-01", "2001-01-01"),
        ("profile.joined before 2026-01-01T10:00:00+08:00", "2026-02-01T10:00:00.000001+08:00"),
        ("profile.views gte 4006381333932", 4006381333931),
    ]


@pytest.mark.parametrize("command", ["explain", "decide"])
def test_tables(folder: Path, command: str) -> None:
    """People read no microseconds, and no number with an exponent."""
    shown = run(command, folder / "book", "--context", folder / "context.yaml")
    assert "4006381333932" in shown
    assert "e+" not in shown
    assert "176" not in shown.replace("4006381333932", "").partition("book ")[0]
    if command == "explain":
        assert "profile.seen within 36h  (it is 2026-02-01T10:00:00+08:00)" in shown
        assert "profile.views gte 4006381333932  (it is 4006381333931)" in shown


def test_scenarios(folder: Path) -> None:
    """`tact test` says the test as the book writes it."""
    shown = run("test", folder / "book")
    assert "profile.seen within 36h, it is 2026-02-01T10:00:00+08:00" in shown


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.00001, "0.00001"),
        (-2.5e-7, "-0.00000025"),
        (4_006_381_333_932, "4006381333932"),
        (4_006_381_333_932.0, "4006381333932"),
        (1_234_567.5, "1234567.5"),
        (0.1 + 0.2, "0.3"),
        (1e300, "1e+300"),
        (-3.0, "-3"),
    ],
)
def test_numbers(number: float, text: str) -> None:
    """Whole numbers have all of their digits; others lose the residue of their arithmetic."""
    assert number_text(number) == text


def test_spans() -> None:
    """A span is in the largest unit that divides it."""
    spans = [7 * 86_400, 36 * 3600, 15 * 60, 90]
    assert [span_text(seconds * 1_000_000) for seconds in spans] == ["7d", "36h", "15m", "90s"]
    assert span_text(1) == "1e-06s"


def test_the_ends_of_the_calendar() -> None:
    """A moment whose local time is beyond the calendar is shown in UTC."""
    last = 253_402_300_799_000_000
    assert time_text(last, ZoneInfo("Asia/Shanghai")) == "9999-12-31T23:59:59+00:00"
    assert time_text(last * 10, ZoneInfo("Asia/Shanghai")) == str(last * 10)
