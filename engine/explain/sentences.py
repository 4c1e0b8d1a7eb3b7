"""An explanation in sentences: what became of a campaign, why, and what would change that."""

import re
from collections.abc import Iterator, Sequence
from zoneinfo import ZoneInfo

from engine.conditions.evaluate import Verdict
from engine.conditions.trace import Trace
from engine.decide.experiments.posteriors import Propensity
from engine.explain.contacts import changed_in_words, found_in_words, needs_in_words
from engine.explain.model import CampaignExplained, Change, ChangeKind, Counterfactual, DrawExplained
from engine.explain.trends import changed_trend_in_words, trend_in_words
from engine.explain.words import (
    code_in_words,
    deciding_rule,
    language_in_words,
    lapsed_rules,
    moment_in_words,
    paid_in_words,
    ranks_in_words,
    rule_in_words,
    score_text,
    seen_in_words,
    sentence_of,
    then_of,
    value_in_words,
)
from engine.model.decision import ReasonCode
from engine.model.instant import to_datetime

_MOST_TESTS = 3


_CONCLUSION = re.compile(r"(signal|pattern)\.([^. ]+) eq true")


def sentence(campaign: CampaignExplained, zone: ZoneInfo) -> str:
    """What became of the campaign, why, and what would change that; times are on the zone's clock."""
    parts = [f"{campaign.campaign} {_stage(campaign)}{_rule(campaign, zone)}"]
    others = [detail for detail in campaign.details if detail != campaign.reason]
    if others and campaign.reason.code is not ReasonCode.CHOSEN:
        parts.append(f"also {', '.join(f'{code_in_words(detail.code)} {detail.name}' for detail in others)}")
    parts += lapsed_rules(campaign, zone)
    if campaign.drawn is not None:
        parts += _drawn(campaign.drawn, zone)
    if campaign.propensity is not None:
        parts.append(_learned(campaign.propensity))
    parts += map(paid_in_words, campaign.paid)
    if campaign.language is not None:
        parts.append(language_in_words(campaign.language))
    text = "; ".join(parts) + "."
    if campaign.counterfactuals:
        return f"{text} {counterfactual_sentence(campaign.counterfactuals[0], zone, campaign)}"
    if campaign.searched and campaign.reason.code is not ReasonCode.CHOSEN:
        return f"{text} No single change that was tried would bring it further."
    return text


def counterfactual_sentence(
    counterfactual: Counterfactual, zone: ZoneInfo, campaign: CampaignExplained
) -> str:
    """The change, and what would become of the campaign with it."""
    change, contacts, trends = counterfactual.change, campaign.contacts, campaign.trends
    if change.kind is ChangeKind.ATTRIBUTE and change.name in contacts:
        changed = f"if {changed_in_words(contacts[change.name].counted, change.after, change.before)}"
    elif change.kind is ChangeKind.ATTRIBUTE and change.name in trends:
        changed = f"if {changed_trend_in_words(trends[change.name], change.name, change.after)}"
    else:
        changed = _if(change, zone)
    if counterfactual.wins:
        return f"It would be chosen {changed}."
    return f"It would fit and {then_of(counterfactual.then)} {changed}."


def _stage(campaign: CampaignExplained) -> str:
    code = campaign.reason.code
    if code is ReasonCode.NOT_ELIGIBLE:
        failing = _failing(campaign.condition, campaign) if campaign.condition else []
        return f"does not fit: {'; '.join(failing)}" if failing else sentence_of(campaign.reason)
    text = sentence_of(campaign.reason)
    if code is ReasonCode.NOT_ACTIVE and campaign.reason.name != campaign.campaign:
        text += f", since its offer {campaign.reason.name} does not"
    return text + _margin(campaign)


def _rule(campaign: CampaignExplained, zone: ZoneInfo) -> str:
    """What the rule saw that held it back first, or since when the consent is withdrawn."""
    reading = deciding_rule(campaign)
    return f" ({rule_in_words(reading, zone)})" if reading else ""


def _margin(campaign: CampaignExplained) -> str:
    rival = campaign.rival
    if rival is None:
        return (
            f" with a score of {score_text(campaign.score or 0)}"
            if campaign.reason.code is ReasonCode.CHOSEN
            else ""
        )
    return ranks_in_words(rival.tier, rival.score, campaign.tier, campaign.score)


def _learned(propensity: Propensity) -> str:
    """The propensity, and of how many offers it was learned."""
    if not propensity.shown:
        return f"propensity {propensity.rate:g}, as nothing was learned yet"
    offers = "one offer" if propensity.shown == 1 else f"{propensity.shown:,} offers"
    return f"propensity {propensity.rate:.2g}, learned from {offers}"


def _drawn(drawn: DrawExplained, zone: ZoneInfo) -> Iterator[str]:
    """By what the customer was drawn, and since when the draw is kept."""
    if drawn.unit:
        yield (
            f"drawn by {drawn.unit}" if drawn.has_unit else f"drawn by themself, as {drawn.unit} is not known"
        )
    if drawn.kept_at is not None:
        yield f"as drawn on {to_datetime(drawn.kept_at).astimezone(zone):%Y-%m-%d}, which is kept"


def _failing(node: Trace, campaign: CampaignExplained) -> list[str]:
    """The tests that would have to hold; of many the first. The two tests of a trend are one."""
    blamed = list(_blamed(node, expected=True))
    tests = list(dict.fromkeys(_in_words(leaf, campaign, blamed) for leaf in blamed))
    return tests[:_MOST_TESTS] + (["…"] if len(tests) > _MOST_TESTS else [])


def _blamed(node: Trace, *, expected: bool) -> Iterator[Trace]:
    """The leaves because of which the node is not as expected; of alternatives that all failed, all of them."""
    if (node.verdict is Verdict.TRUE) is expected:
        return
    if not node.parts:
        yield node
    for part in node.parts:
        yield from _blamed(part, expected=not expected if node.text == "none" else expected)


def _in_words(leaf: Trace, campaign: CampaignExplained, blamed: Sequence[Trace]) -> str:
    """Whether the test holds, and what was seen. blamed: it and all others."""
    holds, contacts = leaf.verdict is Verdict.TRUE, campaign.contacts
    if leaf.test is not None and (seen := campaign.trends.get(leaf.test.attribute)) is not None:
        tests = [other.test for other in blamed if other.test and other.verdict is leaf.verdict]
        of_trend = dict.fromkeys(test for test in tests if campaign.trends.get(test.attribute) == seen)
        return trend_in_words(seen, list(of_trend), holds=holds)
    if leaf.test is not None and leaf.test.attribute in contacts and isinstance(leaf.value, int):
        number = found_in_words(contacts[leaf.test.attribute], leaf.value)
        if needs := needs_in_words(leaf.test):
            return f"{number}, which rules it out" if holds else f"{number}, where {needs}"
    value = "is missing" if leaf.value is None else f"is {seen_in_words(leaf.value)}"
    verb = "holds" if holds else "does not hold"
    conclusion = _conclusion(leaf.text)
    return f"the {conclusion} {verb}" if conclusion else f"{leaf.text} {verb}, it {value}"


def _if(change: Change, zone: ZoneInfo) -> str:  # noqa: PLR0911 one for each kind
    after = value_in_words(change, change.after, zone)
    instead = f"{after} instead of {value_in_words(change, change.before, zone)}"
    match change.kind:
        case ChangeKind.ATTRIBUTE if conclusion := _conclusion(f"{change.name} eq {after}"):
            return f"if the {conclusion} held"
        case ChangeKind.ATTRIBUTE if change.any_value:
            return f"if {change.name} were known"
        case ChangeKind.ATTRIBUTE:
            return f"if {change.name} were {instead}"
        case ChangeKind.CONSENT:
            return f"if the customer agreed to {change.name}"
        case ChangeKind.CHANNEL:
            return f"if the call allowed the channel {change.name}"
        case ChangeKind.PLACEMENT:
            return f"if the call asked for the placement {change.name}"
        case ChangeKind.TIME:
            return f"at {_moment(change, zone)}"
        case ChangeKind.TIER | ChangeKind.VALUE:
            return f"with a {change.kind} of {instead}"


def _conclusion(test: str) -> str:
    """The signal or pattern that the test asks for; empty for any other test."""
    match = _CONCLUSION.fullmatch(test)
    return f"{match[1]} {match[2]}" if match else ""


def _moment(change: Change, zone: ZoneInfo) -> str:
    if not isinstance(change.after, int):
        raise TypeError(f"{change.after!r} is not a moment")
    return moment_in_words(to_datetime(change.after), zone)
