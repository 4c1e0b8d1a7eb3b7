"""Coverage: which campaigns, variants, audiences, rules and branches of conditions the played scenarios reached.

A campaign is reached when it is chosen, also where an experiment withholds it; a variant when it is given; an audience when
it holds; a rule when it blocks. A test of a condition, and a condition of several tests as a whole, has two branches: it
holds and it does not hold. Conditions count where a decision evaluates them: a campaign's when the call asks for it while it
runs, those of boosts and variants when it is ranked, a signal's always. The tests of an audience count once, as its own.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from engine.conditions.evaluate import Verdict
from engine.conditions.model import ALWAYS, All, Any_, Audience, Condition, None_, Test
from engine.conditions.trace import Trace, text_of, trace
from engine.decide.compiled import CompiledBook
from engine.decide.evaluate import Evaluation
from engine.explain import CampaignExplained, Explained
from engine.model.decision import WITHHELD, Decision, ReasonCode
from engine.model.texts import TimeAttributes
from engine.rulebook.model.book import Book, Campaign
from engine.rulebook.model.derived import Signal


class CoverageKind(StrEnum):
    """The kinds of what scenarios can reach, in the order of reports."""

    CAMPAIGN = "campaign"
    VARIANT = "variant"
    AUDIENCE = "audience"
    RULE = "rule"
    BRANCH = "branch"


_NEVER = {
    CoverageKind.CAMPAIGN: "is never chosen",
    CoverageKind.VARIANT: "is never given",
    CoverageKind.AUDIENCE: "never holds",
    CoverageKind.RULE: "never blocks",
}
_EVALUATED_NOT = (ReasonCode.NOT_REQUESTED, ReasonCode.NOT_ACTIVE)


class CoverageItem(NamedTuple):
    """One thing that scenarios can reach."""

    kind: CoverageKind
    name: str
    """Of a branch: where its condition is, such as `campaign spring, when`."""
    detail: str = ""
    """Of a branch: the test, and whether it holds."""
    node: tuple[int, ...] = ()
    """Of a branch: the position in its condition; tests that read alike are told apart by it."""
    holds: bool = False
    """Of a branch: the verdict."""

    @property
    def text(self) -> str:
        """What was not reached, as a phrase."""
        return f"{self.name} {_NEVER[self.kind]}" if self.kind in _NEVER else f"{self.name}: {self.detail}"


class _Node(NamedTuple):
    """A test, or a condition as a whole."""

    owner: str
    path: tuple[int, ...]
    text: str

    def branch(self, *, holds: bool) -> CoverageItem:
        """The branch of the verdict."""
        never = "never holds" if holds else "always holds"
        return CoverageItem(CoverageKind.BRANCH, self.owner, f"{self.text} {never}", self.path, holds)


def _nodes(
    owner: str, condition: Condition, times: TimeAttributes, path: tuple[int, ...] = ()
) -> Iterator[_Node]:
    """The condition as a whole and its tests, without those of audiences."""
    match condition:
        case Test():
            yield _Node(owner, path, text_of(condition, times))
        case All(parts=parts) | Any_(parts=parts) | None_(parts=parts):
            if not path and condition != ALWAYS:
                yield _Node(owner, path, "the condition as a whole")
            for index, part in enumerate(parts):
                yield from _nodes(owner, part, times, (*path, index))


def _owned(book: Book) -> Iterator[tuple[str, Condition]]:
    """Every condition of the book, with where it is."""
    for name, audience in book.audiences.items():
        yield f"audience {name}", audience
    for name, signal in book.derived.signals.items():
        yield f"signal {name}, when", signal.when
        if signal.until is not None:
            yield f"signal {name}, until", signal.until
    for campaign in book.campaigns.values():
        yield f"campaign {campaign.name}, when", campaign.when
        yield from _of_ranked(campaign)
    for name, when in book.pressure.conditions.items():
        yield _of_rule(name), when


def _of_rule(name: str) -> str:
    return f"rule {name}, when"


def _of_ranked(campaign: Campaign) -> Iterator[tuple[str, Condition]]:
    """The conditions that are evaluated once the campaign is ranked."""
    for number, boost in enumerate(campaign.boosts, 1):
        yield f"campaign {campaign.name}, boost {number}", boost.when
    for variant in campaign.variants:
        yield f"campaign {campaign.name}, variant {variant.name}", variant.when


def _items(compiled: CompiledBook) -> Iterator[CoverageItem]:
    book = compiled.book
    for campaign in book.campaigns.values():
        yield CoverageItem(CoverageKind.CAMPAIGN, campaign.name)
        for variant in campaign.variants:
            yield CoverageItem(CoverageKind.VARIANT, f"{variant.name} of {campaign.name}")
    for name in book.audiences:
        yield CoverageItem(CoverageKind.AUDIENCE, name)
    for name in book.rules:
        yield CoverageItem(CoverageKind.RULE, name)
    for owner, condition in _owned(book):
        for node in _nodes(owner, condition, compiled.times):
            yield node.branch(holds=True)
            yield node.branch(holds=False)


@dataclass(slots=True)
class Coverage:
    """What the scenarios of one book reached so far."""

    compiled: CompiledBook
    items: tuple[CoverageItem, ...] = field(init=False)
    """All that there is to reach."""
    reached: set[CoverageItem] = field(default_factory=set)
    _known: frozenset[CoverageItem] = field(init=False)

    def __post_init__(self) -> None:
        self.items = tuple(dict.fromkeys(_items(self.compiled)))
        self._known = frozenset(self.items)

    @property
    def missing(self) -> list[CoverageItem]:
        """What no scenario reached, by kind and in the book's order."""
        kinds = list(CoverageKind)
        rest = (item for item in self.items if item not in self.reached)
        return sorted(rest, key=lambda item: kinds.index(item.kind))

    @property
    def percent(self) -> float:
        """The share of all items that was reached, in percent; 100 for a book without any."""
        return 100 * len(self.reached) / len(self.items) if self.items else 100.0

    def see(self, evaluation: Evaluation, decision: Decision, explained: Explained) -> None:
        """Adds what one decision reached; explained: the explanation of the same request."""
        for campaign in explained.campaigns:
            self._see_campaign(evaluation, campaign)
        for offer in decision.offers:
            self._reach(CoverageKind.VARIANT, f"{offer.variant} of {offer.campaign}")
        for name, signal in self._signals():
            self._evaluate(evaluation, f"signal {name}, when", signal.when)
            if signal.until is not None:
                self._evaluate(evaluation, f"signal {name}, until", signal.until)

    def _see_campaign(self, evaluation: Evaluation, explained: CampaignExplained) -> None:
        campaign, code = self.compiled.book.campaigns[explained.campaign], explained.reason.code
        if code is ReasonCode.CHOSEN or code in WITHHELD:
            self._reach(CoverageKind.CAMPAIGN, campaign.name)
        if code not in _EVALUATED_NOT:
            self._evaluate(evaluation, f"campaign {campaign.name}, when", campaign.when)
        if explained.score is not None:
            for owner, condition in _of_ranked(campaign):
                self._evaluate(evaluation, owner, condition)
        if explained.readings:
            for name, when in self.compiled.book.pressure.conditions.items():
                self._evaluate(evaluation, _of_rule(name), when)
        for reading in explained.readings:
            if reading.blocks:
                self._reach(CoverageKind.RULE, reading.rule)

    def _evaluate(self, evaluation: Evaluation, owner: str, condition: Condition) -> None:
        traced = trace(condition, evaluation.request.attributes, evaluation.moment, self.compiled.times)
        self._trace(owner, condition, traced)

    def _signals(self) -> Iterator[tuple[str, Signal]]:
        """The signals that decisions infer."""
        if self.compiled.signals is not None:
            for name, signal in self.compiled.book.derived.signals.items():
                if f"signal.{name}" in self.compiled.referenced:
                    yield name, signal

    def _reach(self, kind: CoverageKind, name: str) -> None:
        item = CoverageItem(kind, name)
        if item in self._known:
            self.reached.add(item)

    def _trace(self, owner: str, condition: Condition, traced: Trace, path: tuple[int, ...] = ()) -> None:
        """Adds the branches that the evaluation took, and those of the audiences in it."""
        holds = traced.verdict is Verdict.TRUE
        match condition:
            case Audience(name=name, condition=inner):
                if holds:
                    self._reach(CoverageKind.AUDIENCE, name)
                self._trace(f"audience {name}", inner, traced.parts[0])
                return
            case Test():
                self.reached.add(
                    _Node(owner, path, text_of(condition, self.compiled.times)).branch(holds=holds)
                )
                return
        if not path and condition != ALWAYS:
            self.reached.add(_Node(owner, path, "the condition as a whole").branch(holds=holds))
        for index, (part, below) in enumerate(zip(condition.parts, traced.parts, strict=True)):
            self._trace(owner, part, below, (*path, index))


def coverage_document(coverage: Coverage) -> Mapping[str, Any]:
    """The document of `tact test --coverage-json`."""
    return {
        "percent": round(coverage.percent, 2),
        "kinds": [
            {
                "kind": str(kind),
                "reached": sum(item.kind is kind for item in coverage.reached),
                "total": sum(item.kind is kind for item in coverage.items),
            }
            for kind in CoverageKind
        ],
        "missing": [
            {"kind": str(item.kind), "name": item.name, "text": item.text} for item in coverage.missing
        ],
    }
