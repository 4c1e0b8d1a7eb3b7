"""Each book below rules/ is one that a good team would sign: it measures, stops, limits, sleeps, links and speaks twice."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
from typer.testing import CliRunner

from engine.cli import app
from engine.conditions.model import ALWAYS
from engine.ledger.commit.events import RecordCommand
from engine.ledger.commit.outcomes import ReportCommand
from engine.model.outcome import OutcomeType
from engine.rulebook.model.book import Book, Campaign, Content, Factor, Kind, Variant
from engine.rulebook.model.experiments import Experiments
from engine.rulebook.model.policies import Pause
from engine.scenario.model import Decide, Link, Record, Scenario, StoryStep
from tests.scenario.test_books import BOOKS, RULES, scenarios_of

TO_STAFF = {"team"}
"""Channels on which our own people are told."""


class Shipped(NamedTuple):
    """A book with its scenarios."""

    book: Book
    scenarios: Sequence[Scenario]


def read(folder: Path) -> Shipped:
    """The book in the folder."""
    compiled, scenarios = scenarios_of(folder)
    assert compiled.book.campaigns
    assert scenarios
    return Shipped(compiled.book, scenarios)


def lacks(shipped: Shipped) -> set[str]:
    """What the book lacks of all that a book has."""
    book, scenarios = shipped
    checks = {
        "comparison": compares(book),
        "end": any(ends(book, OutcomeType.CONVERTED)),
        "limit": any(campaign.per_customer or campaign.total for campaign in book.campaigns.values()),
        "quiet": bool(sending(book)) and all(sleeps(book, channel) for channel in sending(book)),
        "language": any(speaks_twice(book, content) for content in contents(book))
        and all(speaks_twice(book, content) for content in served(book)),
        "text in it": any(hears_another(book, step) for scenario in scenarios for step in scenario.steps),
        "sold, then stopped": any(sold_and_stopped(book, scenario) for scenario in scenarios),
        "measured": any(measured(scenario) for scenario in scenarios),
        "link": any(linked(scenario) for scenario in scenarios),
    }
    return {name for name, holds in checks.items() if not holds}


@pytest.mark.parametrize("folder", BOOKS, ids=lambda path: path.name)
def test_a_book_lacks_nothing(folder: Path) -> None:
    """Comparison, end, limit, quiet hours, two languages, two names, and the story from sold to measured are there."""
    assert lacks(read(folder)) == set()
    checked = CliRunner().invoke(app, ["check", "--strict", str(folder)])
    assert checked.exit_code == 0, checked.output


@pytest.mark.parametrize("folder", BOOKS, ids=lambda path: path.name)
def test_the_table_of_books_names_a_story(folder: Path) -> None:
    """The README's row of the book quotes a scenario that is sold and then stopped, and links its file."""
    lines = (RULES.parent / "README.md").read_text(encoding="utf-8").splitlines()
    (row,) = [line for line in lines if line.startswith(f"| [{folder.name}](")]
    book, scenarios = read(folder)
    quoted = [scenario for scenario in scenarios if f"“{scenario.name}”" in row]
    assert len(quoted) == 1
    assert sold_and_stopped(book, quoted[0])
    assert f"(rules/{folder.name}/{quoted[0].source[0]})" in row


def compares(book: Book) -> bool:
    """Whether some persons are left out by lot, to know what the others bring."""
    controls = (campaign.control for campaign in book.campaigns.values())
    return bool(book.experiments.holdouts) or any(controls)


def ends(book: Book, outcome: OutcomeType) -> Iterator[Pause]:
    """The pauses and stops that the outcome starts."""
    stops = (stop for campaign in book.campaigns.values() for stop in campaign.stop)
    yield from (pause for pause in (*book.pressure.pauses.values(), *stops) if outcome in pause.outcomes)


def sending(book: Book) -> set[str]:
    """The outbound channels that campaigns use."""
    used = {name for campaign in book.campaigns.values() for name in campaign.channels}
    return {name for name in used if book.channels[name].kind is Kind.OUTBOUND}


def sleeps(book: Book, channel: str) -> bool:
    """Whether there are hours at which the channel sends nothing, or only what the rule excepts."""
    return any(
        rule.hours is not None and (not rule.select.channel or channel in rule.select.channel)
        for rule in book.pressure.quiet.values()
    )


def contents(book: Book) -> Iterator[Content]:
    """All texts: of variants, and of offers."""
    yield from (variant.content for campaign in book.campaigns.values() for variant in campaign.variants)
    yield from (offer.content for offer in book.offers.values() if offer.content)


def served(book: Book) -> Iterator[Content]:
    """The texts of service to customers, which nobody may miss for their language; our own people read one."""
    for campaign in book.campaigns.values():
        if campaign.category == "service" and not set(campaign.channels) & TO_STAFF:
            yield from (variant.content for variant in campaign.variants if variant.content.default)


def speaks_twice(book: Book, content: Content) -> bool:
    """Whether there is a text in a language that is not the book's."""
    return bool(content.locales.keys() - {book.locale})


def hears_another(book: Book, step: StoryStep) -> bool:
    """Whether the step expects a text for a customer whose language is not the book's."""
    match step.act:
        case Decide(request=request):
            language = str(request.attributes.get("profile.language", book.locale))
            texts = [name for name in expectations(step) if name.startswith("content.")]
            return bool(texts) and not language.startswith(book.locale)
    return False


def expectations(step: StoryStep) -> dict[str, object]:
    """What the step expects, by key; negations are left out."""
    return {expected.key: expected.wanted for expected in step.expected if not expected.negated}


def reports(step: StoryStep, outcome: OutcomeType) -> bool:
    """Whether the step reports such an outcome."""
    match step.act:
        case Record(events=commands):
            kinds = [command.event.type for command in commands if isinstance(command, ReportCommand)]
            return outcome in kinds
    return False


def sold_and_stopped(book: Book, scenario: Scenario) -> bool:
    """Whether the story offers a campaign, reports that it was taken, and then expects what ended it by name."""
    rules = [pause.name for pause in ends(book, OutcomeType.CONVERTED)]
    offered = sold = False
    for step in scenario.steps:
        seen = expectations(step)
        if sold and any(rule in f"{seen.get('by', '')} {seen.get('reasons', '')}" for rule in rules):
            return True
        offered = offered or bool({"campaign", "campaigns"} & seen.keys())
        sold = sold or (offered and reports(step, OutcomeType.CONVERTED))
    return False


def measured(scenario: Scenario) -> bool:
    """Whether the story expects that an offer is withheld, and then reports what that person bought all the same."""
    withheld = False
    for step in scenario.steps:
        if withheld and reports(step, OutcomeType.CONVERTED):
            return True
        withheld = withheld or expectations(step).get("outcome") == "control"
    return False


def linked(scenario: Scenario) -> bool:
    """Whether the story links two names after something was kept under each, or one, and then expects a decision."""
    kept = known = False
    for step in scenario.steps:
        match step.act:
            case Link():
                known = kept
            case Record(events=commands):
                kept = kept or any(isinstance(command, RecordCommand) for command in commands)
            case Decide():
                if known and step.expected:
                    return True
                kept = True
    return False


def with_campaigns(change: Callable[[Campaign], Campaign]) -> Callable[[Shipped], Shipped]:
    """Changes each campaign of the book."""

    def changed(shipped: Shipped) -> Shipped:
        campaigns = {name: change(campaign) for name, campaign in shipped.book.campaigns.items()}
        return shipped._replace(book=replace(shipped.book, campaigns=campaigns))

    return changed


def with_steps(keep: Callable[[StoryStep], bool]) -> Callable[[Shipped], Shipped]:
    """Leaves out steps of the scenarios."""

    def changed(shipped: Shipped) -> Shipped:
        scenarios = [
            replace(scenario, steps=tuple(step for step in scenario.steps if keep(step)))
            for scenario in shipped.scenarios
        ]
        return shipped._replace(scenarios=scenarios)

    return changed


def in_one_language(shipped: Shipped) -> Shipped:
    """Leaves out all translations."""
    bare = with_campaigns(lambda campaign: replace(campaign, variants=untranslated(campaign)))(shipped)
    offers = {name: replace(offer, content=None) for name, offer in bare.book.offers.items()}
    return bare._replace(book=replace(bare.book, offers=offers))


def untranslated(campaign: Campaign) -> tuple[Variant, ...]:
    """The campaign's variants without translations."""
    return tuple(
        replace(variant, content=replace(variant.content, locales={})) for variant in campaign.variants
    )


def uncompared(shipped: Shipped) -> Shipped:
    """Leaves out controls and holdouts."""
    bare = with_campaigns(lambda campaign: replace(campaign, control=None))(shipped)
    return bare._replace(book=replace(bare.book, experiments=Experiments()))


def sleepless(shipped: Shipped) -> Shipped:
    """Leaves out quiet hours."""
    return shipped._replace(book=replace(shipped.book, pressure=replace(shipped.book.pressure, quiet={})))


def endless(shipped: Shipped) -> Shipped:
    """Leaves out stops and pauses."""
    bare = with_campaigns(lambda campaign: replace(campaign, stop=()))(shipped)
    return bare._replace(book=replace(bare.book, pressure=replace(bare.book.pressure, pauses={})))


MUTATIONS: dict[str, Callable[[Shipped], Shipped]] = {
    "comparison": uncompared,
    "end": endless,
    "limit": with_campaigns(lambda campaign: replace(campaign, per_customer=None, total=None)),
    "quiet": sleepless,
    "language": in_one_language,
    "text in it": with_steps(
        lambda step: not any(name.startswith("content.") for name in expectations(step))
    ),
    "sold, then stopped": with_steps(lambda step: "by" not in expectations(step)),
    "measured": with_steps(lambda step: expectations(step).get("outcome") != "control"),
    "link": with_steps(lambda step: not isinstance(step.act, Link)),
}


@pytest.mark.parametrize("missing", MUTATIONS)
def test_what_is_taken_away_is_missed(missing: str) -> None:
    """A book without one of these is found out, and nothing was missing before."""
    whole = read(RULES / "impulse-near-store")
    assert lacks(whole) == set()
    assert missing in lacks(MUTATIONS[missing](whole))


def test_no_response_moves_the_town_hall() -> None:
    """Its campaigns have one text without values, read no attribute and no contact, and learn nothing."""
    book, _ = read(RULES / "town-hall")
    assert {offer.promise for offer in book.offers.values()} == {"both-plans-are-heard"}
    for campaign in book.campaigns.values():
        (variant,) = campaign.variants
        assert variant.when == ALWAYS
        assert (campaign.learn, campaign.boosts, campaign.value) == (None, (), None)
        assert campaign.propensity == Factor(1.0)
        assert re.findall("attribute='([^']*)'", repr(campaign.when)) == ["count of registered within 60d"]
        fields = (variant.content, *variant.content.locales.values())
        assert not any("Placeholder" in repr(content) for content in fields)
