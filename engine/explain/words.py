"""How a rule of contact pressure stood, in words."""

import re
from collections.abc import Iterator
from zoneinfo import ZoneInfo

from engine.conditions.evaluate import Verdict
from engine.conditions.trace import Trace
from engine.decide.arbitrate.content import as_text
from engine.decide.experiments.posteriors import Propensity
from engine.decide.pressure.registry import PRESSURE
from engine.explain.model import CampaignExplained, Change, ChangeKind, Counterfactual
from engine.model.decision import Reason, ReasonCode, RuleKind, RuleReading
from engine.model.instant import to_datetime
from engine.model.values import Value

_FOR_GOOD = (RuleKind.STOCK, RuleKind.TOTAL)


def rule_in_words(reading: RuleReading, zone: ZoneInfo) -> str:
    """What it saw, and when it alone lets pass if it blocks, on the zone's clock."""
    return f"{_seen(reading)}{_until(reading, zone)}"


def _seen(reading: RuleReading) -> str:
    match reading.kind:
        case RuleKind.QUIET:
            return f"{reading.window}{_where(reading)}"
        case RuleKind.PAUSE:
            outcomes = "outcome" if reading.limit == 1 else "outcomes"
            return f"{reading.counted} of {reading.limit} {outcomes}, a pause of {reading.window}"
        case RuleKind.CONSENT:
            return reading.window
        case RuleKind.GAP:
            return f"{reading.window} after the latest"
    counted = f"{reading.counted:,} of {reading.limit:,}"
    return f"{counted} in {reading.window}{_where(reading)}" if reading.window else f"{counted} in all"


def _where(reading: RuleReading) -> str:
    """Where the clock is that was read; of many the first."""
    if not reading.zones:
        return ""
    others = len(reading.zones) - 1
    return f" in {reading.zones[0]}" + (
        f" and {others} other zone{'s' if others > 1 else ''}" if others else ""
    )


def _until(reading: RuleReading, zone: ZoneInfo) -> str:
    if not reading.blocks or reading.kind is RuleKind.CONSENT:
        return ""
    if reading.next_allowed_at is None:
        return ", until one is given back" if reading.kind in _FOR_GOOD else ", for more than 400 days"
    local = to_datetime(reading.next_allowed_at).astimezone(zone)
    return f", until {local.isoformat(timespec='auto' if local.second or local.microsecond else 'minutes')}"


_MOST_TESTS = 3


_CONCLUSION = re.compile(r"(signal|pattern)\.([^. ]+) eq true")


_STAGES: dict[str, str] = {
    "not_active": "does not run at this moment",
    "not_requested": "is not for what was asked: none of its channels and placements is",
    "unreachable": "fits, but the customer has no address on {}",
    "no_consent": "fits, but the customer has not agreed to be contacted on {}",
    "no_variant": "fits, but has nothing to say to this customer: {}",
    "capped": "fits, but the customer was contacted enough: {}",
    "quiet": "fits, but it is a quiet time: {}",
    "too_soon": "fits, but the last contact is not long enough ago: {}",
    "out_of_stock": "fits, but the offer was given as often as there is of it: {}",
    "over_capacity": "fits, but the channel takes no more contacts now: {}",
    "paused": "fits, but the customer is left in peace: {}",
    "group_taken": "fits, but {} of the same group goes before it",
    "category_full": "fits, but there are enough offers of the category {}",
    "outranked": "fits, but {} goes before it",
    "other_slot": "is for another part of the customers, by the layer {}",
    "ramping": "does not reach the customer yet, since its ramp is under way",
    "control": "would be chosen, and is withheld: the customer is in its control group",
    "held_out": "would be chosen, and is withheld: the customer is in the holdout {}",
    "chosen": "is chosen, on {}",
}


_THEN: dict[str, str] = {
    "outranked": "be outranked by {}",
    "group_taken": "give way to {} of the same group",
    "category_full": "find enough offers of the category {}",
    "unreachable": "have no address on {}",
    "no_consent": "lack consent to {}",
    "no_variant": "have nothing to say to this customer ({})",
    "capped": "be held back by {}",
    "quiet": "be held back by {}",
    "too_soon": "be held back by {}",
    "paused": "be held back by {}",
    "out_of_stock": "be held back by {}",
    "over_capacity": "be held back by {}",
    "other_slot": "be for another part of the customers, by the layer {}",
    "ramping": "not reach the customer yet",
    "control": "be withheld for the sake of its control group",
    "held_out": "be withheld by the holdout {}",
}


def sentence(one: CampaignExplained, zone: ZoneInfo) -> str:
    """What became of the campaign, why, and what would change that; times are on the zone's clock."""
    parts = [f"{one.campaign} {_stage(one)}{_reading(one, zone)}"]
    also = [each for each in one.details if each != one.reason]
    if also and one.reason.code is not ReasonCode.CHOSEN:
        parts.append(f"also {', '.join(f'{_word(each)} {each.name}' for each in also)}")
    if one.propensity is not None:
        parts.append(_learned(one.propensity))
    text = "; ".join(parts) + "."
    return (
        f"{text} {counterfactual_sentence(one.counterfactuals[0], zone)}"
        if one.counterfactuals
        else text + _no_flip(one)
    )


def counterfactual_sentence(counterfactual: Counterfactual, zone: ZoneInfo) -> str:
    """What would be otherwise, and what would come of it."""
    if counterfactual.wins:
        return f"It would be chosen {_if(counterfactual.change, zone)}."
    then = _THEN.get(counterfactual.then.code, f"fall at {_word(counterfactual.then)} {{}}").format(
        counterfactual.then.name
    )
    return f"It would fit and {then} {_if(counterfactual.change, zone)}."


def _no_flip(one: CampaignExplained) -> str:
    if one.reason.code is ReasonCode.CHOSEN or not one.searched:
        return ""
    return " No single change that was tried would bring it further."


def _stage(one: CampaignExplained) -> str:
    code = one.reason.code
    if code is ReasonCode.NOT_ELIGIBLE:
        failing = _failing(one.condition) if one.condition else []
        return f"does not fit: {'; '.join(failing) or 'its condition does not hold'}"
    text = _STAGES.get(code, f"fell at {_word(one.reason)} {{}}").format(one.reason.name)
    if code is ReasonCode.NOT_ACTIVE and one.reason.name != one.campaign:
        text += f", since its offer {one.reason.name} does not"
    return text + _margin(one)


def _reading(one: CampaignExplained, zone: ZoneInfo) -> str:
    """How the rule stood that held it back first, or since when the consent is withdrawn."""
    reason = one.reason
    about = (
        each
        for each in one.readings
        if (each.blocks and each.rule == reason.name and reason.code in PRESSURE)
        or (each.kind is RuleKind.CONSENT and each.channel == reason.name)
    )
    found = next(about, None)
    return f" ({rule_in_words(found, zone)})" if found else ""


def _margin(one: CampaignExplained) -> str:
    rival = one.rival
    if rival is None:
        return f" with a score of {one.score:g}" if one.reason.code is ReasonCode.CHOSEN else ""
    if rival.tier != one.tier:
        return f" (tier {rival.tier} against {one.tier})"
    return f" (score {rival.score:g} against {one.score or 0:g})"


def _learned(propensity: Propensity) -> str:
    """How likely it is taken, and how far that is known."""
    if not propensity.shown:
        return f"propensity {propensity.rate:g}, as nothing was learned yet"
    offers = "one offer" if propensity.shown == 1 else f"{propensity.shown:,} offers"
    return f"propensity {propensity.rate:.2g}, learned from {offers}"


def _failing(node: Trace) -> list[str]:
    """The tests that would have to hold, of many the first."""
    tests = list(dict.fromkeys(_blamed(node, wanted=True)))
    return tests[:_MOST_TESTS] + (["…"] if len(tests) > _MOST_TESTS else [])


def _blamed(node: Trace, *, wanted: bool) -> Iterator[str]:
    """The leaves because of which the node is not as wanted; of alternatives that all failed, all of them."""
    if (node.verdict is Verdict.TRUE) is wanted:
        return
    if not node.parts:
        seen = "is missing" if node.value is None else f"is {as_text(node.value)}"
        verb = "holds" if node.verdict is Verdict.TRUE else "does not hold"
        named = _conclusion(node.text)
        yield f"the {named} {verb}" if named else f"{node.text} {verb}, it {seen}"
    for part in node.parts:
        yield from _blamed(part, wanted=not wanted if node.text == "none" else wanted)


def _if(change: Change, zone: ZoneInfo) -> str:  # noqa: PLR0911 one for each kind
    match change.kind:
        case ChangeKind.ATTRIBUTE if named := _conclusion(f"{change.name} eq {_value(change.after)}"):
            return f"if the {named} held"
        case ChangeKind.ATTRIBUTE if change.any_value:
            return f"if {change.name} were known"
        case ChangeKind.ATTRIBUTE:
            return f"if {change.name} were {_value(change.after)} instead of {_value(change.before)}"
        case ChangeKind.CONSENT:
            return f"if the customer agreed to {change.name}"
        case ChangeKind.CHANNEL:
            return f"if the call allowed the channel {change.name}"
        case ChangeKind.PLACEMENT:
            return f"if the call asked for the placement {change.name}"
        case ChangeKind.TIME:
            return f"at {_moment(change, zone)}"
        case ChangeKind.TIER | ChangeKind.VALUE:
            return f"with a {change.kind} of {_value(change.after)} instead of {_value(change.before)}"


def _conclusion(test: str) -> str:
    """The signal or pattern that the test asks for; empty for any other test."""
    found = _CONCLUSION.fullmatch(test)
    return f"{found[1]} {found[2]}" if found else ""


def _value(value: Value | None) -> str:
    return "missing" if value is None else as_text(value)


def _moment(change: Change, zone: ZoneInfo) -> str:
    if not isinstance(change.after, int):
        raise TypeError(f"{change.after!r} is not a moment")
    return to_datetime(change.after).astimezone(zone).isoformat(" ", "seconds")


def _word(reason: Reason) -> str:
    return reason.code.replace("_", " ")
