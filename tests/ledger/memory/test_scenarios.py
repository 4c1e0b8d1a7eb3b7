"""Scenarios that record: played like any other, and refused where what they record would be."""

from pathlib import Path

import pytest

from engine.rulebook.report.diagnostics import Diagnostic
from engine.scenario.model import Result
from engine.scenario.play import play
from engine.scenario.read import load_scenario_files
from tests.books import SPRING, compiled_book
from tests.ledger.memory.books import REMEMBERING

STORY = """
tests:
  - name: remembered
    customer: {profile: {email: a@example.org}, consents: [email]}
    story:
      - {at: 2026-03-10T10:00, record: [STEP]}
      - {at: 2026-03-12T09:00, decide: {}, expect: {signals: [cart-abandoned, hesitant], content: {title: Your soap}}}
      - {at: 2026-03-12T09:00, decide: {}, expect: {not: {signals: cart-abandoned}}}
"""
CART = "{type: add_to_cart, item: soap}"


def read(folder: Path, step: str, book: str = REMEMBERING) -> tuple[list[Result], tuple[Diagnostic, ...]]:
    """What comes of the story with this event."""
    compiled = compiled_book(folder, book)
    loaded = load_scenario_files({"tests/story.yaml": STORY.replace("STEP", step).encode()}, compiled)
    return play(compiled, loaded.scenarios), loaded.diagnostics


def test_a_story_remembers(tmp_path: Path) -> None:
    """What a step records is known to the next, and what is not so is told by the signals that hold."""
    ((result,), diagnostics) = read(tmp_path, CART)
    assert diagnostics == ()
    (difference,) = result.differences
    assert (difference.key, difference.expected) == ("not.signals", "not cart-abandoned")
    assert difference.got == "cart-abandoned, hesitant"


def test_what_is_not_kept_is_a_difference(tmp_path: Path) -> None:
    """A second event of a name is a mistake of the story that shows when it is played."""
    ((result,), _) = read(tmp_path, "{type: view, event_id: x}, {type: view, event_id: x}, " + CART)
    first = result.differences[0]
    assert (first.key, first.expected, first.got) == ("record x", "accepted", "duplicate")


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ("{type: add_to_cart, itm: soap}", "did you mean 'item'"),
        ("{item: soap}", "event.type: is required"),
        ("{type: view, at: noon}", "'noon' is not a time"),
        ("{type: view, at: 2026-W05-7T10:00}", "'2026-W05-7T10:00' is not a time"),
        ("{type: view, at: 2026-02-01T10:00}", "must be within the 10 days"),
        ("{type: delivered, channel: fax}", "'fax' is not a channel of the live book"),
    ],
)
def test_a_bad_event_has_its_place(tmp_path: Path, step: str, message: str) -> None:
    """It is found while the files are read, at the event in its list."""
    results, (diagnostic,) = read(tmp_path, step)
    assert results == []
    assert message in diagnostic.message
    assert (diagnostic.file, diagnostic.line, diagnostic.column) == ("tests/story.yaml", 6, 41)


def test_a_book_that_keeps_nothing_records_nothing(tmp_path: Path) -> None:
    """The step is a mistake, not a step without effect."""
    results, diagnostics = read(tmp_path, CART, SPRING)
    assert results == []
    assert any("keeps no events" in one.message for one in diagnostics)


def test_an_outcome_is_of_a_step_that_asked(tmp_path: Path) -> None:
    """A step that comes later, or records, made no decision."""
    for step in (1, 2):
        results, (diagnostic,) = read(tmp_path, f"{{type: delivered, of: {step}}}")
        assert results == []
        assert "must be the number of an earlier step that decides" in diagnostic.message
        assert (diagnostic.line, diagnostic.column) == (6, 63)
