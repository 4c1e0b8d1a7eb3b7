"""Reasons, rules, verdicts and moments in words: every table, once, for explanations, scenarios, the terminal and the demo."""

from collections.abc import Mapping
from datetime import datetime, tzinfo
from math import inf
from typing import NamedTuple

from engine.decide.arbitrate.prices import Charge
from engine.decide.pressure.counters import OF_PLACES
from engine.decide.pressure.quotas import AT_PLACE
from engine.decide.pressure.registry import PRESSURE, ROW_OF
from engine.decide.pressure.rule import LEAST_COUNTED
from engine.explain.model import CampaignExplained, Change, LanguageChoice
from engine.model.decision import Lapsed, Reason, ReasonCode, RuleKind, RuleReading
from engine.model.instant import Instant, to_datetime
from engine.model.texts import number_text, time_text, value_text
from engine.model.values import Value
from engine.rulebook.model.book import MICROS

LIFTED = "not applied: the customer is in the rule's trial"
"""Of a rule that would block."""

_MOST_ZONES = 4
"""Zones that are named."""


MARKS = {"TRUE": "yes", "FALSE": "no", "UNKNOWN": "unknown"}
"""By name of the verdict."""


class ReasonPhrases(NamedTuple):
    """The words for one reason, by reader; {} is the name that it is about."""

    sentence: str
    """After the campaign's name, in an explanation."""
    summary: str
    """The same in a list, without the name."""
    line: str = ""
    """In a failed scenario; empty: the code and the name."""
    then: str = ""
    """After "It would fit and", for what would happen to the campaign instead; empty: "fall at" the code."""


_PHRASES: Mapping[str, ReasonPhrases] = {
    ReasonCode.NOT_ACTIVE: ReasonPhrases(
        "does not run at this moment", "does not run at this moment", "not_active at this moment"
    ),
    ReasonCode.NOT_ELIGIBLE: ReasonPhrases(
        "does not fit: its condition does not hold",
        "does not fit",
        "not_eligible, its condition does not hold",
    ),
    ReasonCode.NOT_REQUESTED: ReasonPhrases(
        "is not for what was asked: none of its channels and placements is",
        "not for this channel or placement",
        "not_requested, this call has none of its channels and placements",
    ),
    ReasonCode.NO_VARIANT: ReasonPhrases(
        "fits, but has nothing to say to this customer: {}",
        "fits, but no variant does",
        then="have nothing to say to this customer ({})",
    ),
    ReasonCode.UNREACHABLE: ReasonPhrases(
        "fits, but the customer has no address on {}",
        "fits, but there is no address",
        then="have no address on {}",
    ),
    ReasonCode.NOT_WORTH_IT: ReasonPhrases(
        "fits, but would earn no more than a contact on {} costs",
        "fits, but would earn no more than the contact costs",
        "not worth a contact on {}",
        "not be worth a contact on {}",
    ),
    ReasonCode.NO_CONSENT: ReasonPhrases(
        "fits, but the customer has not agreed to be contacted on {}",
        "fits, but there is no consent",
        then="lack consent to {}",
    ),
    ReasonCode.OBJECTED: ReasonPhrases(
        "fits, but the customer objects to being profiled for what is sent on {}",
        "fits, but the customer objects to being profiled",
        then="be barred by an objection to being profiled on {}",
    ),
    ReasonCode.QUIET: ReasonPhrases(
        "fits, but it is a quiet time: {}", "fits, but it is quiet now", "quiet by {}", "be held back by {}"
    ),
    ReasonCode.CAPPED: ReasonPhrases(
        "fits, but the customer was contacted enough: {}",
        "fits, but the customer was contacted enough",
        "capped by {}",
        "be held back by {}",
    ),
    ReasonCode.TOO_SOON: ReasonPhrases(
        "fits, but the last contact is not long enough ago: {}",
        "fits, but the last contact is too recent",
        "too soon for {}",
        "be held back by {}",
    ),
    ReasonCode.PAUSED: ReasonPhrases(
        "fits, but the customer is left in peace: {}",
        "fits, but the customer is left in peace",
        "paused by {}",
        "be held back by {}",
    ),
    ReasonCode.OTHER_SLOT: ReasonPhrases(
        "is for another part of the customers, by the layer {}",
        "for another part of the customers",
        "not for the customer, whose place in the layer {} is in another slot",
        "be for another part of the customers, by the layer {}",
    ),
    ReasonCode.RAMPING: ReasonPhrases(
        "does not reach the customer yet, since its ramp is under way",
        "does not reach the customer yet",
        "not for the customer yet, its ramp has not reached them",
        "not reach the customer yet",
    ),
    ReasonCode.OUT_OF_STOCK: ReasonPhrases(
        "fits, but the offer is out of stock: {}",
        "fits, but the offer is out of stock",
        "out of {}",
        "be held back by {}",
    ),
    ReasonCode.OVER_CAPACITY: ReasonPhrases(
        "fits, but the channel takes no more contacts now: {}",
        "fits, but the channel takes no more",
        "over {}",
        "be held back by {}",
    ),
    ReasonCode.OVER_BUDGET: ReasonPhrases(
        "fits, but the budget has too little left: {}",
        "fits, but the budget has too little left",
        "over {}",
        "be held back by {}",
    ),
    ReasonCode.GROUP_TAKEN: ReasonPhrases(
        "fits, but {} of the same group goes before it",
        "fits, but another of its group goes before",
        "gives way to {} of the same group",
        "give way to {} of the same group",
    ),
    ReasonCode.CATEGORY_FULL: ReasonPhrases(
        "fits, but there are enough offers of the category {}",
        "fits, but there is enough of its category",
        then="find enough offers of the category {}",
    ),
    ReasonCode.OUTRANKED: ReasonPhrases(
        "fits, but {} goes before it",
        "fits, but another scores higher",
        "outranked by {}",
        "be outranked by {}",
    ),
    ReasonCode.HELD_OUT: ReasonPhrases(
        "would be chosen, and is withheld: the customer is in the holdout {}",
        "could go, but the customer is held out",
        "could go, and is withheld: the customer is in the holdout {}",
        "be withheld by the holdout {}",
    ),
    ReasonCode.CONTROL: ReasonPhrases(
        "would be chosen, and is withheld: the customer is in its control group",
        "could go, but is withheld for comparison",
        "could go, and is withheld: the customer is in its control group",
        "be withheld for the sake of its control group",
    ),
    ReasonCode.CHOSEN: ReasonPhrases("is chosen, on {}", "chosen", "chosen, on {}"),
}


_PLACE_PHRASES = ReasonPhrases(
    "fits, but no place takes a contact with the customer now: {}",
    "fits, but the nearest place takes no more",
    "over {}",
    "be held back by {}",
)
"""Of capacities of places, for which the channel is open to customers of other places."""


def _phrases_of(reason: Reason) -> ReasonPhrases | None:
    is_of_places = reason.code == ReasonCode.OVER_CAPACITY and reason.name.endswith(OF_PLACES)
    return _PLACE_PHRASES if is_of_places else _PHRASES.get(reason.code)


def sentence_of(reason: Reason) -> str:
    """What became of a campaign, after its name."""
    phrases = _phrases_of(reason)
    return (phrases.sentence if phrases else f"fell at {code_in_words(reason.code)} {{}}").format(reason.name)


def then_of(reason: Reason) -> str:
    """What would become of a campaign instead, after "would"."""
    phrases = _phrases_of(reason)
    return ((phrases and phrases.then) or f"fall at {code_in_words(reason.code)} {{}}").format(reason.name)


def line_of(reason: Reason) -> str:
    """What became of a campaign, for a failed scenario, where codes are known."""
    phrases = _phrases_of(reason)
    return ((phrases and phrases.line) or f"{reason.code} {{}}").format(reason.name)


def summary_of(code: str) -> str:
    """What became of a campaign, in a few words."""
    phrases = _PHRASES.get(code)
    return phrases.summary if phrases else code_in_words(code)


def code_in_words(code: str) -> str:
    """The bare code."""
    return code.replace("_", " ")


def rule_in_words(reading: RuleReading, zone: tzinfo) -> str:
    """What the rule saw, and when it alone lets pass if it blocks, on the zone's clock."""
    phrase = _seen_by_budget(reading) if reading.kind is RuleKind.BUDGET else _seen_by_rule(reading)
    if reading.applies_to:
        phrase += f", {applies_in_words(reading.applies_to)}"
    if reading.lifted:
        return f"{phrase}, {LIFTED}"
    lapsed = "" if reading.blocks or reading.lapsed is None else f": {lapsed_in_words(reading.lapsed, zone)}"
    return f"{phrase}{_until(reading, zone)}{lapsed}"


def _seen_at_place(reading: RuleReading) -> str:
    """What the capacity of the customer's nearest place saw; its name stands in the window."""
    period, _, site = reading.window.partition(AT_PLACE)
    if not site:
        return "the customer's nearest place is not known"
    if reading.limit == 0:
        return f"{site} takes none"
    return f"{site} has taken {reading.counted:,} of {reading.limit:,} in {period}{_where(reading)}"


def _seen_by_rule(reading: RuleReading) -> str:
    if reading.rule.endswith(OF_PLACES):
        return _seen_at_place(reading)
    row = ROW_OF[reading.kind]
    at_least = row.is_bounded and _is_at_least(reading.counted, reading.limit)
    words = row.phrase.replace("{counted:,} of", "{counted:,} or more of") if at_least else row.phrase
    return words.format(
        counted=reading.counted,
        limit=reading.limit,
        outcomes="outcome" if reading.limit == 1 else "outcomes",
        window=reading.window,
        where=_where(reading),
    )


def _seen_by_budget(reading: RuleReading) -> str:
    return ROW_OF[reading.kind].phrase.format(
        counted=money_text(reading.counted or 0),
        limit=money_text(reading.limit or 0, reading.currency),
        window=reading.window or "all",
        where=_where(reading),
        cost=money_text(reading.cost or 0),
    )


def budget_in_brief(spent: int, limit: int, cost: int, currency: str, window: str) -> str:
    """What a budget saw, for lists; amounts are in millionths of the currency."""
    return ROW_OF[RuleKind.BUDGET].brief.format(
        counted=money_text(spent),
        limit=money_text(limit, currency),
        window=window or "all",
        cost=money_text(cost),
    )


def money_text(micros: int, currency: str = "") -> str:
    """The amount, given in millionths, with two digits behind the point, or as many as it has."""
    units, rest = divmod(micros, MICROS)
    digits = f"{rest:06}".rstrip("0")
    return f"{units:,}.{digits:0<2} {currency}".rstrip()


def lapsed_in_words(lapsed: Lapsed, zone: tzinfo) -> str:
    """Which contact lapsed, of several the latest, and when, on the zone's clock."""
    contact, lapse = _on_clock(lapsed.at, zone), _on_clock(lapsed.expired_at, zone)
    if lapsed.contacts == 1:
        return f"the contact of {contact} lapsed unreported at {lapse}"
    return f"{lapsed.contacts:,} contacts lapsed unreported, the latest, of {contact}, at {lapse}"


def applies_in_words(condition: str) -> str:
    """For which customers a rule holds."""
    return f"applies to customers with {condition}"


def rule_in_brief(kind: str, counted: int, limit: int, window: str) -> str:
    """What the rule saw, for lists."""
    row = ROW_OF[RuleKind(kind)]
    shown = f"{counted}+" if row.is_bounded and _is_at_least(counted, limit) else counted
    return row.brief.format(counted=shown, limit=limit, window=window)


def _is_at_least(counted: int | None, limit: int | None) -> bool:
    """Whether the rule may have stopped counting there: it counts one more than its limit, and at least LEAST_COUNTED."""
    return counted is not None and counted >= LEAST_COUNTED and limit is not None and counted > limit


def _where(reading: RuleReading) -> str:
    """The zones whose clocks were read; of many the first ones, and how many more."""
    zones = list(reading.zones)
    if not zones:
        return ""
    if len(zones) > _MOST_ZONES:
        zones[_MOST_ZONES - 1 :] = [f"{len(zones) - _MOST_ZONES + 1} more zones"]
    *before, last = zones
    return f" in {', '.join(before)} and {last}" if before else f" in {last}"


def _until(reading: RuleReading, zone: tzinfo) -> str:
    unopened = ROW_OF[reading.kind].unopened
    if reading.cost is not None and reading.limit is not None and reading.cost > reading.limit:
        return ", more than the whole budget" if reading.blocks else ""
    if not reading.blocks or not unopened:
        return ""
    if reading.next_allowed_at is None:
        return "" if reading.rule.endswith(OF_PLACES) else f", {unopened}"
    return f", until {_on_clock(reading.next_allowed_at, zone)}"


def _on_clock(at: Instant, zone: tzinfo) -> str:
    local = to_datetime(at).astimezone(zone)
    return local.isoformat(timespec="auto" if local.second or local.microsecond else "minutes")


_OF_CHANNELS = {ReasonCode.NO_CONSENT: RuleKind.CONSENT, ReasonCode.OBJECTED: RuleKind.OBJECTION}
"""The reasons that name a channel, with the rules that they are about."""


def deciding_rule(campaign: CampaignExplained) -> RuleReading | None:
    """The reading of the rule that the campaign's reason is about; of what the customer said, that on its channel."""
    code, name = campaign.reason
    for reading in campaign.readings:
        if code in PRESSURE and reading.blocks and reading.rule == name:
            return reading
        if _OF_CHANNELS.get(code) is reading.kind and reading.channel == name:
            return reading
    return None


def lapsed_rules(campaign: CampaignExplained, zone: tzinfo) -> tuple[str, ...]:
    """The rules that let the campaign pass because contacts lapsed or the rule was lifted, each once, in words."""
    readings = {
        reading.rule: reading
        for reading in campaign.readings
        if (reading.lapsed or reading.lifted) and not reading.blocks
    }
    return tuple(
        f"{reading.kind} {name}, {rule_in_words(reading, zone)}" for name, reading in readings.items()
    )


def score_text(score: float) -> str:
    """The score to six digits, or to the unit where it is larger."""
    return number_text(score, 6)


def ranks_in_words(tier: int, score: float | None, other_tier: int, other_score: float | None) -> str:
    """Two ranks, in brackets: the tiers where they differ, else the scores, else what breaks the tie."""
    if tier != other_tier:
        return f" (tier {tier} against {other_tier})"
    own, other = score or 0.0, other_score or 0.0
    if own == other:
        return f" (score {score_text(own)} for both, a tie that a hash of the customer's id breaks)"
    texts = ((number_text(own, digits), number_text(other, digits)) for digits in (6, 12, 17))
    own_text, other_text = next((pair for pair in texts if pair[0] != pair[1]), (repr(own), repr(other)))
    return f" (score {own_text} against {other_text})"


def value_in_words(change: Change, value: Value | None, zone: tzinfo) -> str:
    """The value of the change, before or after it; a time on the zone's clock."""
    if value is None:
        return "missing"
    return time_text(value, zone) if change.is_time and isinstance(value, int) else seen_in_words(value)


def seen_in_words(value: Value) -> str:
    """The value, in a sentence: `4, 8, 8`, or `empty` where nothing would stand there."""
    return value_text(value) or "empty"


def moment_in_words(moment: datetime, zone: tzinfo) -> str:
    """The moment on the zone's clock, to the second."""
    return moment.astimezone(zone).isoformat(" ", "seconds")


def ignored_in_words(name: str, meant: str) -> str:
    """A line about an attribute of a request that the book does not declare."""
    shown = "".join(character if character.isprintable() else "�" for character in name)
    return f"ignored: the book declares no attribute {shown!r}" + (
        f"; did you mean {meant!r}?" if meant else ""
    )


def language_in_words(choice: LanguageChoice) -> str:
    """`asked zh-Hans-CN, has zh-CN`; or that there is nothing near to what was asked."""
    if choice.is_near:
        return f"asked {choice.requested}, has {choice.tag}"
    return f"asked {choice.requested}, has nothing near, so it is in {choice.tag}"


def paid_in_words(charge: Charge) -> str:
    """What its score lost to the price of what is scarce, or to whom that went."""
    counter = charge.rule.counter
    if charge.amount < inf:
        return f"its score is {charge.amount:.3g} less for {counter}, which is scarce"
    if charge.cut_off is None:
        return f"{counter} went to campaigns of a higher tier"
    return f"{counter} went to customers with a score above {charge.cut_off:.3g}"
