"""The books below rules/ do what their scenarios expect, and their scenarios say enough."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner

from engine.cli import app
from engine.decide.compiled import CompiledBook, compile_book
from engine.decide.evaluate import evaluate
from engine.model.event import Event
from engine.model.request import Request
from engine.rulebook.load import load
from engine.rulebook.report.diagnostics import Severity
from engine.scenario.model import Decide, Record, Scenario, StoryStep
from engine.scenario.read import load_scenarios

RULES = Path(__file__).parents[2] / "rules"
BOOKS = sorted(path for path in RULES.iterdir() if path.is_dir())


@pytest.fixture(params=BOOKS, ids=lambda path: path.name)
def book(request: pytest.FixtureRequest) -> Path:
    """Each of the books."""
    return Path(request.param)


def scenarios_of(book: Path) -> tuple[CompiledBook, tuple[Scenario, ...]]:
    """The book, and its scenarios."""
    loaded = load(book).book
    assert loaded is not None
    compiled = compile_book(loaded)
    return compiled, load_scenarios(book, compiled).scenarios


def test_a_book_passes(book: Path) -> None:
    """`tact test` is content with the book."""
    result = CliRunner().invoke(app, ["test", str(book)])
    assert result.exit_code == 0, result.output


def test_a_book_is_clean(book: Path) -> None:
    """`tact check` finds nothing, not even a name that nobody uses."""
    assert [
        diagnostic for diagnostic in load(book).diagnostics if diagnostic.severity is not Severity.NOTE
    ] == []
    assert [diagnostic.message for diagnostic in load(book).diagnostics if diagnostic.code == "unused"] == []


def test_every_campaign_variant_and_rule_is_expected(book: Path) -> None:
    """Some scenario expects each campaign, each of its variants, and each rule of pressure to hold back."""
    compiled, scenarios = scenarios_of(book)
    steps = [step for scenario in scenarios for step in scenario.steps]
    seen = {subject for step in steps for subject in expected(step, compiled.book.pressure.names)}
    campaigns = compiled.book.campaigns.values()
    wanted = {("campaign", campaign.name, "") for campaign in campaigns}
    wanted |= {
        ("variant", campaign.name, variant.name) for campaign in campaigns for variant in campaign.variants
    }
    wanted |= {("rule", name, "") for name in compiled.book.pressure.names}
    assert sorted(wanted - seen) == []


def expected(step: StoryStep, rules: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """What the step expects to see; a variant is that of the first offer."""
    wanted = {expectation.key: expectation.wanted for expectation in step.expected if not expectation.negated}
    several = wanted.get("campaigns", ())
    names = [str(wanted[key]) for key in ("campaign",) if key in wanted]
    names += several if isinstance(several, tuple) else ()
    yield from (("campaign", name, "") for name in names)
    if names and "variant" in wanted:
        yield "variant", names[0], str(wanted["variant"])
    held_back = f"{wanted.get('by', '')} {wanted.get('reasons', '')}"
    yield from (("rule", name, "") for name in rules if name in held_back)


def test_every_signal_is_expected(book: Path) -> None:
    """Some scenario expects each signal to hold."""
    compiled, scenarios = scenarios_of(book)
    steps = [step for scenario in scenarios for step in scenario.steps]
    wanted = [
        expectation.wanted
        for step in steps
        for expectation in step.expected
        if expectation.key == "signals" and not expectation.negated
    ]
    seen = {name for names in wanted if isinstance(names, tuple) for name in names}
    assert sorted(compiled.book.derived.signals.keys() - seen) == []


def test_every_pattern_holds_somewhere(book: Path) -> None:
    """In some scenario each pattern holds, and in some it does not, of what was recorded before and what is sent."""
    compiled, scenarios = scenarios_of(book)
    known = [
        evaluate(compiled, request).request.attributes
        for scenario in scenarios
        for request in requests_of(scenario)
    ]
    for name in compiled.book.derived.patterns:
        assert {f"pattern.{name}" in attributes for attributes in known} == {True, False}, name


def requests_of(scenario: Scenario) -> Iterator[Request]:
    """The requests of the scenario's steps, each with the events that were recorded before it."""
    recorded: list[Event] = []
    for step in scenario.steps:
        match step.act:
            case Record(events=events):
                recorded += [command.event for command in events]
            case Decide(request=request):
                yield request._replace(events=(*recorded, *request.events))
