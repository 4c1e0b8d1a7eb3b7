"""How `tact test` is asked, and how it ends."""

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from engine.cli import app
from tests.books import write_book
from tests.server.test_derived import SHOP

GOLDEN = Path(__file__).parent / "golden"


def book_with(folder: Path, *cases: str) -> Path:
    """The small book with scenario files."""
    book = write_book(folder / "book")
    for case in cases:
        (book / "tests").mkdir(exist_ok=True)
        shutil.copyfile(GOLDEN / f"{case}.yaml", book / "tests" / f"{case}.yaml")
    return book


def run(*arguments: object) -> Result:
    """The command's end."""
    return CliRunner().invoke(app, ["test", *map(str, arguments)])


def test_json_of_a_failure(tmp_path: Path) -> None:
    """Machines get one document, in which a failing test has its differences with their places."""
    result = run(book_with(tmp_path, "failing"), "--json")
    report = json.loads(result.stdout)
    assert result.exit_code == 4
    assert (report["book"], report["passed"], report["failed"], len(report["version"])) == (
        "spring",
        1,
        6,
        64,
    )
    first = report["tests"][0]
    assert (first["name"], first["file"], first["line"]) == (
        "it fell at its condition",
        "tests/failing.yaml",
        7,
    )
    assert first["ok"] is False
    assert first["differences"][0] == {
        "step": None,
        "key": "campaign",
        "file": "tests/failing.yaml",
        "line": 10,
        "column": 24,
        "expected": "cream-cold",
        "got": "lotion-mild",
        "why": [
            "cream-cold: not_eligible, its condition does not hold",
            "  false   weather.temperature_c lt 10, it is 12",
        ],
    }
    assert report["tests"][-1]["differences"] == []


def test_json_of_mistakes(tmp_path: Path) -> None:
    """A scenario file that is wrong gives the same document, with diagnostics and no tests."""
    result = run(book_with(tmp_path, "passing", "mistakes"), "--json")
    report = json.loads(result.stdout)
    assert result.exit_code == 3
    assert (report["book"], report["tests"]) == ("spring", [])
    assert {diagnostic["file"] for diagnostic in report["diagnostics"]} == {
        "tests/mistakes.yaml",
        "tests/passing.yaml",
    }


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_book_that_does_not_load(options: tuple[str, ...], tmp_path: Path) -> None:
    """Nothing is played on a broken book: its diagnostics come, and exit code 3."""
    result = run(write_book(tmp_path, "book: {name: x}"), *options)
    assert result.exit_code == 3
    assert "`timezone` is missing" in result.output


def test_filter(tmp_path: Path) -> None:
    """Only tests whose names contain the text are played, however it is capitalised."""
    result = run(book_with(tmp_path, "passing"), "--filter", "Weekly CAP")
    assert result.stdout == "ok      the weekly cap, step by step\nspring: 1 passed\n"


def test_filter_that_names_nothing(tmp_path: Path) -> None:
    """A filter that no name contains is a mistake of usage."""
    result = run(book_with(tmp_path, "passing"), "--filter", "weakly")
    assert (result.exit_code, result.stderr) == (2, "tact: no test's name contains 'weakly'\n")


def test_no_scenarios(tmp_path: Path) -> None:
    """A book without scenarios is no failure, but it is said."""
    result = run(book_with(tmp_path))
    assert (result.exit_code, result.stdout) == (
        0,
        "spring: no scenarios; write some into its folder tests/\n",
    )


def test_customers_of_other_files(tmp_path: Path) -> None:
    """A customer of one file serves the tests of all, also those below folders of tests/."""
    book = book_with(tmp_path, "passing")
    (book / "tests" / "a").mkdir()
    text = "tests: [{name: far, now: 2026-03-10T10:00, customer: li-na, expect: {campaign: cream-cold}}]"
    (book / "tests" / "a" / "far.yaml").write_text(text, encoding="utf-8")
    result = run(book, "--filter", "far")
    assert (result.exit_code, result.stdout) == (0, "ok      far\nspring: 1 passed\n")


KEPT = """
book: {name: kept, timezone: UTC}
events: {stored: true, newest: NEWEST, keep: 30d}
channels: {web: {kind: inbound}}
placements: {hero: {channel: web}}
offers: {thanks: {name: Thanks, content: {default: {title: Thank you}}}}
campaigns:
  thanks: {offer: thanks, when: {behaviour: {event: purchase, within: 30d, count: {gte: 1}}}, placements: [hero]}
"""
BROWSING = """
customers: {ann: {location: {country: FR}}}
tests:
  - name: five page views later the purchase is known
    customer: ann
    story:
      - {at: 2026-03-10T09:00, record: [{type: purchase, value: 3}]}
      - at: 2026-03-10T10:00
        record: [{type: page_view}, {type: page_view}, {type: page_view}, {type: page_view}, {type: page_view}]
      - {at: 2026-03-10T11:00, decide: {placement: hero}, expect: {outcome: offer}}
"""


@pytest.mark.parametrize(
    ("newest", "code"),
    [("5", 4), ("6", 0), ("{page_view: 5, default: 1}", 0), ("{purchase: 1, page_view: 1}", 0)],
)
def test_what_a_story_records_is_kept_as_the_book_says(tmp_path: Path, newest: str, code: int) -> None:
    """Five page views push out a purchase where they share the room, and not where each type has its own."""
    book = write_book(tmp_path / "book", KEPT.replace("NEWEST", newest))
    (book / "tests").mkdir()
    (book / "tests" / "browsing.yaml").write_text(BROWSING, encoding="utf-8")
    result = run(book)
    assert result.exit_code == code, result.output


VISITS = """
customers:
  visitor: {events: [{type: add_to_cart, at: 2026-03-10T09:00, item: soap}]}
tests:
  - name: a cart that was left is answered with its item
    now: 2026-03-10T10:00
    customer: visitor
    placement: hero
    expect: {offer: back, content: {title: Your soap}}
  - name: a day later it is forgotten
    now: 2026-03-11T10:00
    customer: visitor
    placement: hero
    expect: {outcome: nothing}
"""


def test_events_of_a_customer_are_played(tmp_path: Path) -> None:
    """A scenario's customer has done things, at moments on the book's clock, and the book decides by them."""
    book = write_book(tmp_path / "book", SHOP)
    (book / "tests").mkdir()
    (book / "tests" / "visits.yaml").write_text(VISITS, encoding="utf-8")
    result = run(book)
    assert result.exit_code == 0, result.output
    assert "2" in result.output
