"""The books below rules/ do what their scenarios expect, and their scenarios say enough."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from engine.cli import app
from engine.live import compile_book
from engine.rulebook.load import load
from engine.scenario.read import load_scenarios

RULES = Path(__file__).parents[2] / "rules"
BOOKS = sorted(path for path in RULES.iterdir() if path.is_dir())


@pytest.mark.parametrize("book", BOOKS, ids=lambda path: path.name)
def test_a_book_passes(book: Path) -> None:
    """`tact test` is content with the book."""
    result = CliRunner().invoke(app, ["test", str(book)])
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("book", BOOKS, ids=lambda path: path.name)
def test_every_campaign_is_expected(book: Path) -> None:
    """Some scenario expects each campaign, each of its variants, and each cap to hold something back."""
    loaded = load(book).book
    assert loaded is not None
    scenarios = load_scenarios(book, compile_book(loaded)).scenarios
    steps = [step for one in scenarios for step in one.steps]
    seen: set[tuple[str, str]] = set()
    for step in steps:
        wanted = {one.key: one.wanted for one in step.expected if not one.negated}
        names = {str(wanted.get("campaign", "")), *map(str, wanted.get("campaigns", ()))}  # type: ignore[arg-type]
        seen |= {(name, "") for name in names} | {(name, str(wanted.get("variant", ""))) for name in names}
        seen |= {
            ("cap", name) for name in loaded.caps if name in str(wanted.get("by", wanted.get("reasons", "")))
        }
    wanted_of_all = {(one.name, "") for one in loaded.campaigns.values()}
    wanted_of_all |= {(one.name, each.name) for one in loaded.campaigns.values() for each in one.variants}
    wanted_of_all |= {("cap", name) for name in loaded.caps}
    assert sorted(wanted_of_all - seen) == []
