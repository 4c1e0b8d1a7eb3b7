"""The example books, and what their scenarios ask."""

from pathlib import Path

from engine.decide.compiled import CompiledBook, compile_book
from engine.model.request import Request
from engine.rulebook.load import load
from engine.scenario.model import Decide
from engine.scenario.read import load_scenarios

RULES = Path(__file__).parents[2] / "rules"
BOOKS = sorted(path for path in RULES.iterdir() if path.is_dir())
MOST = 25
"""Requests of a book."""


def loaded(folder: Path) -> CompiledBook:
    """The book in a folder."""
    book = load(folder).book
    assert book is not None
    return compile_book(book)


def requests_of(folder: Path, compiled: CompiledBook) -> list[Request]:
    """What the book's scenarios ask, or some of it where that is much."""
    scenarios = load_scenarios(folder, compiled).scenarios
    requests = [
        step.act.request for scenario in scenarios for step in scenario.steps if isinstance(step.act, Decide)
    ]
    return requests[:: max(1, len(requests) // MOST)]
