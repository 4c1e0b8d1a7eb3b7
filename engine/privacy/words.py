"""What is held of a person in plain words: decisions, and what experiments mean for them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from engine.explain.model import Explained
from engine.explain.sentences import sentence
from engine.explain.words import moment_in_words
from engine.model.decision import WITHHELD, Decision, Outcome, ReasonCode
from engine.model.instant import to_datetime

_MOST_SENTENCES = 50
"""Campaigns of a decision that are explained."""


_NOT_FOR_THEM = (ReasonCode.NOT_ACTIVE, ReasonCode.NOT_ELIGIBLE, ReasonCode.NOT_REQUESTED)


def headline(decision: Decision, zone: ZoneInfo) -> str:
    """What was decided, in one sentence; times are on the zone's clock."""
    offers = ", ".join(_offer(offer.campaign, offer.offer, offer.channel) for offer in decision.offers)
    match decision.outcome:
        case Outcome.OFFER:
            return f"Got {offers}."
        case Outcome.FALLBACK:
            return f"Got what is shown where nothing else is: {offers}."
        case Outcome.CONTROL:
            return f"Got nothing: {_withheld(decision)}, so that its effect can be measured."
        case Outcome.BLOCKED:
            return f"Got nothing: what fits was held back by {_held_back(decision)}.{_next(decision, zone)}"
        case Outcome.NOTHING:
            return "Got nothing: nothing was for this customer at that moment."


def sentences(explained: Explained, zone: ZoneInfo) -> Iterator[str]:
    """The reasons of a decision, campaign by campaign, those that were for the customer; then what the log cannot say."""
    tried = [own for own in explained.campaigns if own.reason.code not in _NOT_FOR_THEM]
    for campaign in tried[:_MOST_SENTENCES]:
        yield sentence(campaign, zone)
    if len(tried) > _MOST_SENTENCES:
        yield f"{len(tried) - _MOST_SENTENCES:,} more campaigns were considered."
    for note in explained.notes:
        yield f"Note: {note}"


def experiments(trace: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The experiments that had a part in a decision, by its trace, each with what it means for the customer."""
    return [_experiment(row) for row in trace.get("experiments", ())]


_EXPERIMENT = ("campaign", "purpose", "name", "salt", "from", "to", "inside", "unit")
"""What a row of a trace's experiments holds; the last only where a unit was drawn."""


def _experiment(row: Sequence[Any]) -> dict[str, Any]:
    fields = dict(zip(_EXPERIMENT, row, strict=False))
    meaning = _meaning(fields["campaign"], fields["purpose"], fields["name"], inside=fields["inside"])
    return {**fields, "meaning": meaning}


def _meaning(campaign: str, purpose: str, name: str, *, inside: bool) -> str:
    match purpose:
        case "holdout":
            held_out = (
                f"is in the holdout {name}: offers are withheld, to measure what all of them do together"
            )
            return held_out if inside else f"is not in the holdout {name}"
        case "control":
            withheld = f"is in the control group of {campaign}: it is withheld, to measure its effect"
            return withheld if inside else f"is not in the control group of {campaign}"
        case "layer":
            return f"{'is' if inside else 'is not'} in the part of the layer {name} that {campaign} is for"
        case "ramp":
            return f"{'is' if inside else 'is not yet'} among those whom {campaign} reaches while it grows"
        case "trial":
            lifted = f"is in the trial of {name}: the rule is not applied, to measure what it costs"
            return lifted if inside else f"is not in the trial of {name}"
        case _:
            return f"{'is' if inside else 'is not'} in {purpose} {name}"


def _offer(campaign: str, offer: str, channel: str) -> str:
    return f"{campaign or 'the fallback'} ({offer}) on {channel}"


def _withheld(decision: Decision) -> str:
    names = [
        f"the holdout {reason.name}"
        if reason.code is ReasonCode.HELD_OUT
        else f"the control of {reason.name}"
        for reason in decision.reasons
        if reason.code in WITHHELD
    ]
    return f"withheld by {' and '.join(names)}" if names else "it was withheld"


def _held_back(decision: Decision) -> str:
    names: Sequence[str] = decision.blocked_by or [reason.name for reason in decision.reasons]
    return ", ".join(dict.fromkeys(names)) or "a rule"


def _next(decision: Decision, zone: ZoneInfo) -> str:
    at = decision.next_any_at if decision.next_any_at is not None else decision.next_allowed_at
    return "" if at is None else f" Possible again {moment_in_words(to_datetime(at), zone)}."
