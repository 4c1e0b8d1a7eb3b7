"""Why an expectation was not met, in lines for people, from the explanation of the same request."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from engine.conditions.evaluate import Verdict
from engine.conditions.trace import Trace, trace
from engine.decide.compiled import CompiledBook
from engine.explain import CampaignExplained, Explained
from engine.explain.words import rule_in_words
from engine.model.decision import ReasonCode, RuleKind
from engine.model.request import Request
from engine.rulebook.model.book import Variant
from engine.scenario.model import Expected

_MOST_CAMPAIGNS = 10


_MOST_LINES = 40


_FELL_EARLY = (ReasonCode.NOT_ACTIVE, ReasonCode.NOT_ELIGIBLE, ReasonCode.NOT_REQUESTED)


_HELD_BACK = {
    ReasonCode.QUIET: "quiet by",
    ReasonCode.CAPPED: "capped by",
    ReasonCode.TOO_SOON: "too soon for",
    ReasonCode.PAUSED: "paused by",
    ReasonCode.OUT_OF_STOCK: "out of",
    ReasonCode.OVER_CAPACITY: "over",
}


_STAGES = {
    ReasonCode.CONTROL: "could go, and is withheld: the customer is in its control group",
    ReasonCode.NOT_ACTIVE: "not_active at this moment",
    ReasonCode.NOT_ELIGIBLE: "not_eligible, its condition does not hold",
    ReasonCode.NOT_REQUESTED: "not_requested, this call has none of its channels and placements",
}


def why(one: Expected, request: Request, compiled: CompiledBook, explained: Explained) -> tuple[str, ...]:
    """The lines; none where the values say it all."""
    lines = list(_Why(request, compiled, explained).lines(one))
    return (*lines[:_MOST_LINES], "…") if len(lines) > _MOST_LINES else tuple(lines)


@dataclass(frozen=True, slots=True)
class _Why:
    request: Request
    compiled: CompiledBook
    explained: Explained

    def lines(self, one: Expected) -> Iterator[str]:
        names = one.wanted if isinstance(one.wanted, tuple) else (str(one.wanted),)
        campaigns, book = self.explained.campaigns, self.compiled.book.campaigns
        match one.key:
            case "campaign" | "campaigns":
                yield from self._stages(each for each in campaigns if each.campaign in names)
            case "offer":
                yield from self._stages(each for each in campaigns if book[each.campaign].offer in names)
            case "variant" if not one.negated:
                yield from self._variants(names)
            case "channel":
                yield from self._heads(self._chosen() or campaigns)
            case "outcome" | "by" | "next_allowed_at" | "reasons":
                tried = [each for each in campaigns if each.reason.code not in _FELL_EARLY]
                yield from self._heads(tried or campaigns)

    def _stages(self, campaigns: Iterable[CampaignExplained]) -> Iterator[str]:
        """What became of each, with its condition where that did not hold."""
        for one in campaigns:
            yield self._head(one)
            if one.reason.code is ReasonCode.NOT_ELIGIBLE and one.condition is not None:
                yield from _condition(one.condition, 1)

    def _heads(self, campaigns: Iterable[CampaignExplained]) -> Iterator[str]:
        several = list(campaigns)
        yield from map(self._head, several[:_MOST_CAMPAIGNS])
        if len(several) > _MOST_CAMPAIGNS:
            yield f"and {len(several) - _MOST_CAMPAIGNS} more campaigns"

    def _head(self, one: CampaignExplained) -> str:
        code, name = one.reason
        others = [f"{each.code} {each.name}" for each in one.details if each != one.reason]
        match code:
            case ReasonCode.OUTRANKED:
                text = f"outranked by {name}{self._ranks(one, name)}"
            case ReasonCode.GROUP_TAKEN:
                text = f"gives way to {name} of the same group{self._ranks(one, name)}"
            case _ if code in _HELD_BACK:
                text = f"{_HELD_BACK[code]} {name}{self._stood(one, name)}"
            case ReasonCode.HELD_OUT:
                text = f"could go, and is withheld: the customer is in the holdout {name}"
            case ReasonCode.OTHER_SLOT:
                text = f"not for the customer, whose place in the layer {name} is in another slot"
            case ReasonCode.RAMPING:
                text = "not for the customer yet, its ramp has not reached him"
            case ReasonCode.NO_CONSENT:
                text = f"{code} {name}{self._withdrawn(one, name)}"
            case ReasonCode.CHOSEN:
                text = f"chosen, on {name}"
            case _:
                text = _STAGES.get(code) or f"{code} {name}"
        also = f" (also {', '.join(others)})" if others else ""
        return f"{one.campaign}: {text}{also}"

    def _stood(self, one: CampaignExplained, rule: str) -> str:
        """What the rule saw, and until when it holds back."""
        zone = self.compiled.book.timezone
        return next((f", {rule_in_words(each, zone)}" for each in one.readings if each.rule == rule), "")

    def _withdrawn(self, one: CampaignExplained, channel: str) -> str:
        """Since when, where the customer withdrew it."""
        about = (each for each in one.readings if each.kind is RuleKind.CONSENT and each.channel == channel)
        return next((f", {rule_in_words(each, self.compiled.book.timezone)}" for each in about), "")

    def _ranks(self, one: CampaignExplained, winner: str) -> str:
        """Tiers where they differ, else scores."""
        book = self.compiled.book.campaigns
        mine, best = book[one.campaign].tier, book[winner].tier
        if mine != best:
            return f" (tier {mine} against {best})"
        score = next(each.score for each in self.explained.campaigns if each.campaign == winner)
        return f" (score {one.score or 0:.6g} against {score or 0:.6g})"

    def _variants(self, names: tuple[str, ...]) -> Iterator[str]:
        """Of the chosen campaign: whether the variant's condition held, and whether shares drew another."""
        for one in self._chosen()[:1]:
            for variant in self.compiled.book.campaigns[one.campaign].variants:
                if variant.name in names:
                    yield from self._variant(variant)

    def _variant(self, variant: Variant) -> Iterator[str]:
        moment = self.compiled.moment(self.request.now)
        found = trace(variant.when, self.request.attributes, moment)
        if found.verdict is not Verdict.TRUE:
            yield f"{variant.name}: its condition does not hold"
            yield from _condition(found, 1)
            return
        drawn = self.explained.decision.offers[0]
        yield (
            f"{variant.name}: its condition holds, but customer {self.request.customer} draws {drawn.variant}, "
            f"whose share is {drawn.selection_probability:.0%}"
        )

    def _chosen(self) -> list[CampaignExplained]:
        return [one for one in self.explained.campaigns if one.reason.code is ReasonCode.CHOSEN]


def _condition(node: Trace, depth: int) -> Iterator[str]:
    """The condition's parts with their verdicts and the values seen."""
    seen = ""
    if not node.parts and node.text != "always":
        seen = ", it is missing" if node.value is None else f", it is {_value(node.value)}"
    yield f"{'  ' * depth}{node.verdict.name.lower():<8}{node.text}{seen}"
    for part in node.parts:
        yield from _condition(part, depth + 1)


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.12g}"
    return f"[{', '.join(map(str, value))}]" if isinstance(value, tuple) else str(value)
