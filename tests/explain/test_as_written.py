"""Conditions are shown as the book writes them: `2w` is not 14d, `24h` not 1d, `1e6` not 1000000."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from engine.cli import app
from engine.conditions import model
from engine.conditions.model import Condition
from engine.conditions.trace import text_of
from engine.decide.compiled import compile_book
from engine.model.instant import DAY
from engine.rulebook.load import load_files
from engine.rulebook.model.book import Book
from engine.rulebook.model.policies import Gap, Pause, Rolling
from engine.rulebook.report.diagnostics import render
from tests.books import write_book

BOOK = """
book: {name: written, timezone: Europe/Paris, salt: s}
attributes:
  profile.seen:  {type: time}
  profile.born:  {type: date}
  profile.spend: {type: number}
  profile.sizes: {type: list of number}
  profile.phone: {type: text}
places:
  store: {latitude: 48.85, longitude: 2.35}
channels:
  sms: {kind: outbound, address: profile.phone, consent: sms, on_silence: confirm}
offers:
  cream: {name: Cream, value: 1, content: {default: {text: A cream for you}}}
campaigns:
  first:  {offer: cream, channels: [sms], when: CONDITION}
  second: {offer: cream, channels: [sms], when: {profile.seen: {within: 14d}}}
"""

CONDITIONS = [
    ("{profile.seen: {within: 2w}}", "profile.seen within 2w"),
    ("{profile.seen: {within: 24h}}", "profile.seen within 24h"),
    ("{profile.seen: {within: 90m}}", "profile.seen within 90m"),
    ("{profile.born: {within: 1w}}", "profile.born within 1w"),
    ("{profile.spend: {gte: 1e6}}", "profile.spend gte 1e6"),
    ("{profile.spend: 2.50}", "profile.spend eq 2.50"),
    ("{profile.spend: +7}", "profile.spend eq +7"),
    ("{profile.spend: 7}", "profile.spend eq 7"),
    ("{profile.spend: {between: [1e3, 0x10000]}}", "profile.spend between [1e3, 0x10000]"),
    ("{profile.spend: [1.0, 2.0]}", "profile.spend in [1.0, 2.0]"),
    ("{profile.sizes: {has: 4e1}}", "profile.sizes has 4e1"),
    ("{profile.seen: {after: 2026-03-01T10:00}}", "profile.seen after 2026-03-01T10:00:00+01:00"),
    ("{near: {place: store, within_km: 1e1}}", "distance to store km lte 1e1"),
    (
        "{behaviour: {event: view, within: 2w, where: {value: {gte: 5.00}}, count: {gte: 2}}}",
        "count of view where value gte 5.00 within 2w gte 2",
    ),
    (
        "{behaviour: {event: view, within: 336h, sum: {of: value, gt: 1e2}}}",
        "sum of value of view within 336h gt 1e2",
    ),
    ("{behaviour: {event: view, within: 14d, count: {gte: 2}}}", "count of view within 14d gte 2"),
]


def loaded(condition: str) -> Book:
    """The book with the condition."""
    result = load_files({"book.yaml": BOOK.replace("CONDITION", condition).encode()})
    assert result.book is not None, render(result.diagnostics)
    return result.book


def when(book: Book, name: str) -> Condition:
    """The campaign's condition."""
    return book.campaigns[name].when


@pytest.mark.parametrize(("condition", "text"), CONDITIONS)
def test_a_test_is_shown_as_written(condition: str, text: str) -> None:
    """Times alone are on the book's clock, in RFC 3339."""
    book = loaded(condition)
    assert text_of(when(book, "first"), compile_book(book).times) == text


def test_how_a_test_is_written_makes_no_other_test_of_it() -> None:
    """Equal spans and numbers are one test, one aggregate and one entry of the index."""
    book = loaded("{profile.seen: {within: 2w}}")
    assert when(book, "first") == when(book, "second")
    assert hash(when(book, "first")) == hash(when(book, "second"))
    views = loaded(
        "{any: [{behaviour: {event: view, within: 2w, count: {gte: 2}}},"
        " {behaviour: {event: view, within: 14d, count: {gte: 2.0}}}]}"
    )
    assert list(views.derived.aggregates) == ["count of view within 14d"]
    assert len(set(model.tests_of(when(views, "first")))) == 1


SCENARIO = """
tests:
  - name: not seen for two weeks
    now: 2026-03-10T10:00
    customer: {profile: {seen: "2026-01-01T00:00", phone: "1", spend: 5}, consents: [sms]}
    expect: {campaign: first}
"""


def test_failed_scenarios_and_explanations_show_it(tmp_path: Path) -> None:
    """With the values of the customer as such."""
    condition = "{profile.seen: {within: 2w}, profile.spend: {gte: 1e6}}"
    book = write_book(tmp_path / "book", BOOK.replace("CONDITION", condition))
    (book / "tests").mkdir()
    (book / "tests" / "t.yaml").write_text(SCENARIO, encoding="utf-8")
    printed = CliRunner().invoke(app, ["test", str(book)]).output
    assert "profile.seen within 2w, it is 2026-01-01T00:00:00+01:00" in printed
    assert "profile.spend gte 1e6, it is 5" in printed


PRESSURE = """
pressure:
  caps:   {fortnight: {limit: 2, per: rolling 2w}}
  gaps:   {breath: {at_least: 24h}}
  pauses: {peace: {outcome: ignored, times: 3, within: 336h, for: 4w}}
"""


def test_windows_of_rules_are_shown_as_written() -> None:
    """Of caps, gaps and pauses; equal ones are equal policies, however they are written."""
    result = load_files({"book.yaml": (BOOK.replace("CONDITION", "{profile.spend: 1}") + PRESSURE).encode()})
    assert result.book is not None, render(result.diagnostics)
    compiled = compile_book(result.book)
    rules = compiled.compiled_campaigns[0].campaign_channels["sms"].rules
    assert {rule.name: rule.window for rule in rules} == {
        "fortnight": "rolling 2w",
        "breath": "24h",
        "peace": "4w after 3 in 336h",
    }
    pressure = result.book.pressure
    assert pressure.caps["fortnight"].window == Rolling(14 * DAY)
    assert pressure.gaps["breath"] == Gap("breath", DAY)
    assert pressure.pauses["peace"] == Pause("peace", frozenset({"ignored"}), 28 * DAY, 3, 14 * DAY)
