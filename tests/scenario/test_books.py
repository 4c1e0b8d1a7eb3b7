"""The books below rules/ do what their scenarios expect, and their scenarios say enough."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner

from engine.cli import app
from engine.decide import ask
from engine.live import LiveBook, compile_book
from engine.rulebook.diagnostics import Severity
from engine.rulebook.load import load
from engine.scenario.model import Decide, Step
from engine.scenario.read import load_scenarios

RULES = Path(__file__).parents[2] / "rules"
BOOKS = sorted(path for path in RULES.iterdir() if path.is_dir())


@pytest.fixture(params=BOOKS, ids=lambda path: path.name)
def book(request: pytest.FixtureRequest) -> Path:
    """Each of the books."""
    return Path(request.param)


def steps_of(book: Path) -> tuple[LiveBook, list[Step]]:
    """The book, and all steps of its scenarios."""
    loaded = load(book).book
    assert loaded is not None
    live = compile_book(loaded)
    return live, [step for one in load_scenarios(book, live).scenarios for step in one.steps]


def test_a_book_passes(book: Path) -> None:
    """`tact test` is content with the book."""
    result = CliRunner().invoke(app, ["test", str(book)])
    assert result.exit_code == 0, result.output


def test_a_book_is_clean(book: Path) -> None:
    """`tact check` finds nothing, not even a name that nobody uses."""
    assert [one for one in load(book).diagnostics if one.severity is not Severity.NOTE] == []
    assert [one.message for one in load(book).diagnostics if one.code == "unused"] == []


def test_every_campaign_variant_and_rule_is_expected(book: Path) -> None:
    """Some scenario expects each campaign, each of its variants, and each rule of pressure to hold back."""
    live, steps = steps_of(book)
    seen = {each for step in steps for each in expected(step, live.book.pressure.names)}
    campaigns = live.book.campaigns.values()
    wanted = {("campaign", one.name, "") for one in campaigns}
    wanted |= {("variant", one.name, each.name) for one in campaigns for each in one.variants}
    wanted |= {("rule", name, "") for name in live.book.pressure.names}
    assert sorted(wanted - seen) == []


def expected(step: Step, rules: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """What the step expects to see; a variant is that of the first offer."""
    wanted = {one.key: one.wanted for one in step.expected if not one.negated}
    several = wanted.get("campaigns", ())
    names = [str(wanted[key]) for key in ("campaign",) if key in wanted]
    names += several if isinstance(several, tuple) else ()
    yield from (("campaign", name, "") for name in names)
    if names and "variant" in wanted:
        yield "variant", names[0], str(wanted["variant"])
    held_back = f"{wanted.get('by', '')} {wanted.get('reasons', '')}"
    yield from (("rule", name, "") for name in rules if name in held_back)


def test_every_signal_and_pattern_holds_somewhere(book: Path) -> None:
    """In some scenario each signal and each pattern holds, and in some it does not."""
    live, steps = steps_of(book)
    requests = [step.act.request for step in steps if isinstance(step.act, Decide)]
    known = [ask(live, one).request.attributes for one in requests]
    derived = live.book.derived
    for name in (
        *(f"signal.{one}" for one in derived.signals),
        *(f"pattern.{one}" for one in derived.patterns),
    ):
        assert {name in one for one in known} == {True, False}, name
