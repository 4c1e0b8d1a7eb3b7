"""Why an expectation was not met, in lines for people, from the explanation of the same request."""

from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass

from engine.conditions.evaluate import Verdict
from engine.conditions.trace import Trace, trace
from engine.decide.compiled import CompiledBook
from engine.explain import CampaignExplained, Explained
from engine.explain.model import FELL_EARLY
from engine.explain.words import (
    deciding_rule,
    lapsed_rules,
    line_of,
    paid_in_words,
    ranks_in_words,
    rule_in_words,
)
from engine.model.decision import Outcome, ReasonCode
from engine.model.instant import Instant
from engine.model.request import Request
from engine.model.texts import value_text
from engine.rulebook.model.book import Variant
from engine.rulebook.model.experiments import Ramp
from engine.scenario.model import Expected, ExpectedValue

_MOST_CAMPAIGNS = 10


_MOST_LINES = 40


def why(
    expected: Expected, request: Request, compiled: CompiledBook, explained: Explained
) -> tuple[str, ...]:
    """The lines; none where the values say it all."""
    lines = list(_Why(request, compiled, explained).lines(expected))
    return (*lines[:_MOST_LINES], "…") if len(lines) > _MOST_LINES else tuple(lines)


def assignment_hints(
    unmet: Sequence[Expected], request: Request, compiled: CompiledBook, explained: Explained
) -> tuple[str, ...]:
    """Where an unmet expectation may rest on the hash of the customer's id, how to state the assignment instead."""
    names = {name for expected in unmet for name in _listed(expected.wanted) if not expected.negated}
    lines = []
    for campaign in explained.campaigns:
        hint = _hint(campaign, names, compiled, request.now)
        if hint:
            group, assignment = hint
            lines.append(
                f"customer {request.customer} {group}, by the hash of the id; "
                f"to state it, write assigned: {{{assignment}}} in the test"
            )
    return tuple(dict.fromkeys(lines))


def _hint(
    campaign: CampaignExplained, names: Set[str], compiled: CompiledBook, now: Instant
) -> tuple[str, str] | None:
    """In which group the customer is, and the assignment that says otherwise; None if neither matters."""
    name, (code, subject) = campaign.campaign, campaign.reason
    declared = compiled.book.campaigns[name]
    stated = _stated(name, compiled)
    expected = bool(names & {name, declared.offer, Outcome.OFFER})
    begun = not isinstance(declared.ramp, Ramp) or declared.ramp.share(now) > 0
    match code:
        case ReasonCode.CONTROL if ("control", name) not in stated:
            return f"is in the control group of {name}", f"{name}: treated"
        case ReasonCode.HELD_OUT if ("holdout", subject) not in stated:
            return f"is in the holdout {subject}", f"holdouts: {{{subject}: out}}"
        case ReasonCode.OTHER_SLOT if ("layer", subject) not in stated and expected and declared.slot:
            return f"is in another slot of {subject}", f"layers: {{{subject}: {declared.slot.name}}}"
        case ReasonCode.RAMPING if ("ramp", name) not in stated and expected and begun:
            return f"is not reached by the ramp of {name}", f"ramps: {{{name}: 0.1%}}"
        case ReasonCode.CHOSEN if ("control", name) not in stated and declared.control and "control" in names:
            return f"is not in the control group of {name}", f"{name}: control"
    return None if expected else _lifted(campaign, stated)


def _lifted(campaign: CampaignExplained, stated: Set[tuple[str, str]]) -> tuple[str, str] | None:
    """As `_hint`, of a rule that was lifted for the customer by the hash."""
    rules = (reading.rule for reading in campaign.readings if reading.lifted)
    rule = next((rule for rule in rules if ("trial", rule) not in stated), None)
    return None if rule is None else (f"is in the trial of {rule}", f"trials: {{{rule}: out}}")


def _stated(name: str, compiled: CompiledBook) -> frozenset[tuple[str, str]]:
    """Purpose and name of the campaign's samples whose position is stated."""
    campaign = next(other for other in compiled.compiled_campaigns if other.campaign.name == name)
    samples = [*campaign.gates]
    for channel in campaign.campaign_channels.values():
        samples += (*channel.withholding, *channel.trials.values())
    return frozenset((sample.purpose, sample.reason.name) for sample in samples if sample.stated is not None)


def _listed(wanted: ExpectedValue) -> tuple[str, ...]:
    return wanted if isinstance(wanted, tuple) else (str(wanted),)


@dataclass(frozen=True, slots=True)
class _Why:
    request: Request
    compiled: CompiledBook
    explained: Explained

    def lines(self, expected: Expected) -> Iterator[str]:
        names = _listed(expected.wanted)
        campaigns, book = self.explained.campaigns, self.compiled.book.campaigns
        match expected.key:
            case "campaign" | "campaigns":
                yield from self._stages(campaign for campaign in campaigns if campaign.campaign in names)
            case "offer":
                yield from self._stages(
                    campaign for campaign in campaigns if book[campaign.campaign].offer in names
                )
            case "variant" if not expected.negated:
                yield from self._variants(names)
            case "channel":
                yield from self._heads(self._chosen() or campaigns)
            case "outcome" | "by" | "next_allowed_at" | "next_any_at" | "reasons":
                tried = [campaign for campaign in campaigns if campaign.reason.code not in FELL_EARLY]
                yield from self._heads(tried or campaigns)

    def _stages(self, campaigns: Iterable[CampaignExplained]) -> Iterator[str]:
        """Where each campaign fell, with its condition if that did not hold."""
        for campaign in campaigns:
            yield self._head(campaign)
            if campaign.reason.code is ReasonCode.NOT_ELIGIBLE and campaign.condition is not None:
                yield from _condition(campaign.condition, 1)

    def _heads(self, campaigns: Iterable[CampaignExplained]) -> Iterator[str]:
        several = list(campaigns)
        yield from map(self._head, several[:_MOST_CAMPAIGNS])
        if len(several) > _MOST_CAMPAIGNS:
            yield f"and {len(several) - _MOST_CAMPAIGNS} more campaigns"

    def _head(self, campaign: CampaignExplained) -> str:
        others = [f"{reason.code} {reason.name}" for reason in campaign.details if reason != campaign.reason]
        also = f" (also {', '.join(others)})" if others else ""
        lapsed = "".join(f"; {rule}" for rule in lapsed_rules(campaign, self.compiled.book.timezone))
        paid = "".join(f"; {paid_in_words(charge)}" for charge in campaign.paid)
        ranks = f"{self._ranks(campaign)}{self._rule(campaign)}"
        return f"{campaign.campaign}: {line_of(campaign.reason)}{ranks}{also}{paid}{lapsed}"

    def _rule(self, campaign: CampaignExplained) -> str:
        """What the rule saw that held it back, and until when it does."""
        reading = deciding_rule(campaign)
        return f", {rule_in_words(reading, self.compiled.book.timezone)}" if reading else ""

    def _ranks(self, campaign: CampaignExplained) -> str:
        """Its rank against that of the campaign to which it gave way."""
        if campaign.reason.code not in (ReasonCode.OUTRANKED, ReasonCode.GROUP_TAKEN):
            return ""
        winner, book = campaign.reason.name, self.compiled.book.campaigns
        score = next(other.score for other in self.explained.campaigns if other.campaign == winner)
        return ranks_in_words(book[campaign.campaign].tier, campaign.score, book[winner].tier, score)

    def _variants(self, names: tuple[str, ...]) -> Iterator[str]:
        """Of the chosen campaign: whether the variant's condition held, and whether shares drew another."""
        for campaign in self._chosen()[:1]:
            for variant in self.compiled.book.campaigns[campaign.campaign].variants:
                if variant.name in names:
                    yield from self._variant(variant)

    def _variant(self, variant: Variant) -> Iterator[str]:
        moment = self.compiled.moment(self.request.now, self.request.attributes)
        condition = trace(variant.when, self.request.attributes, moment, self.compiled.times)
        if condition.verdict is not Verdict.TRUE:
            yield f"{variant.name}: its condition does not hold"
            yield from _condition(condition, 1)
            return
        drawn = self.explained.decision.offers[0]
        yield (
            f"{variant.name}: its condition holds, but customer {self.request.customer} draws {drawn.variant}, "
            f"whose share is {drawn.selection_probability:.0%}"
        )

    def _chosen(self) -> list[CampaignExplained]:
        return [
            campaign for campaign in self.explained.campaigns if campaign.reason.code is ReasonCode.CHOSEN
        ]


def _condition(node: Trace, depth: int) -> Iterator[str]:
    """The condition's parts with their verdicts and the values seen."""
    seen = ""
    if not node.parts and node.text != "always":
        text = "missing" if node.value is None else value_text(node.value)
        seen = f", it is [{text}]" if isinstance(node.value, tuple) else f", it is {text}"
    yield f"{'  ' * depth}{node.verdict.name.lower():<8}{node.text}{seen}"
    for part in node.parts:
        yield from _condition(part, depth + 1)
