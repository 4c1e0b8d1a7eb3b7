"""What is to be explained, checked."""

from typing import cast
from zoneinfo import ZoneInfo

import orjson

from engine.api.v1 import decisions_pb2 as pb
from engine.conditions.trace import Trace
from engine.explain import (
    CampaignExplained,
    Change,
    ChangeKind,
    Counterfactual,
    CreativeExplained,
    Explained,
    SignalExplained,
)
from engine.explain.words import counterfactual_sentence, sentence
from engine.model.instant import to_datetime
from engine.model.values import Value
from engine.rulebook.model.book import Book
from engine.wire.limits import MOST_NAMES
from engine.wire.respond import reading, reason, respond, set_time
from engine.wire.values import name_of
from engine.wire.violations import FieldViolations


def parse_past(message: pb.ExplainRequest) -> str:
    """The id of the decision that is asked for; raises InvalidRequest.

    Which campaigns there were is known by the book that decided it, so their names are not looked up.
    """
    wrong = FieldViolations()
    _count(message, wrong)
    wanted = name_of(message.decision_id, "decision_id", wrong, required=True)
    wrong.raise_any()
    return wanted


def check_campaigns(message: pb.ExplainRequest, book: Book) -> None:
    """Raises InvalidRequest where a campaign is named that the book has not."""
    wrong = FieldViolations()
    _count(message, wrong)
    for name in message.campaigns[:MOST_NAMES]:
        if name not in book.campaigns:
            wrong.add("campaigns", f"{name!r:.60} is not a campaign of the live book")
    wrong.raise_any()


def _count(message: pb.ExplainRequest, wrong: FieldViolations) -> None:
    if len(message.campaigns) > MOST_NAMES:
        wrong.add("campaigns", f"must be at most {MOST_NAMES}, not {len(message.campaigns)}")


def respond_explained(explained: Explained, zone: ZoneInfo) -> pb.ExplainResponse:
    """The response; the times in its sentences are on the zone's clock."""
    return pb.ExplainResponse(
        response=respond(explained.decision),
        campaigns=[_campaign(one, zone) for one in explained.campaigns],
        signals=[_signal(one) for one in explained.signals],
        notes=explained.notes,
    )


def _signal(one: SignalExplained) -> pb.SignalExplanation:
    found = pb.SignalExplanation(
        name=one.name, remembered=one.remembered, led_by=one.led_by, condition=_condition(one.condition)
    )
    set_time(found.since, one.since)
    if one.expires_at is not None:
        set_time(found.expires_at, one.expires_at)
    return found


def _campaign(one: CampaignExplained, zone: ZoneInfo) -> pb.CampaignExplanation:
    rival = one.rival
    return pb.CampaignExplanation(
        campaign=one.campaign,
        reason=reason(one.reason),
        condition=None if one.condition is None else _condition(one.condition),
        score=one.score,
        details=[reason(detail) for detail in one.details],
        pressure=[reading(each) for each in one.readings],
        tier=one.tier,
        rival=rival and pb.Rival(campaign=rival.campaign, tier=rival.tier, score=rival.score),
        forms=[_form(each) for each in one.creatives],
        flips=[_flip(each, zone) for each in one.counterfactuals],
        searched=one.searched,
        sentence=sentence(one, zone),
    )


def _form(one: CreativeExplained) -> pb.FormExplanation:
    return pb.FormExplanation(
        channel=one.channel,
        variant=one.variant,
        condition=_condition(one.condition),
        lacks=one.lacks,
        share=one.share,
    )


def _flip(one: Counterfactual, zone: ZoneInfo) -> pb.Flip:
    change = one.change
    return pb.Flip(
        kind=cast("pb.ChangeKind", pb.ChangeKind.Value(f"CHANGE_KIND_{change.kind.name}")),
        name=change.name,
        before=_changed(change, change.before),
        after=_changed(change, change.after),
        any_value=change.any_value,
        then=reason(one.then),
        sentence=counterfactual_sentence(one, zone),
    )


def _changed(change: Change, value: Value | None) -> str:
    if change.kind is ChangeKind.TIME and isinstance(value, int):
        return to_datetime(value).isoformat().replace("+00:00", "Z")
    return "" if value is None else orjson.dumps(value).decode()


def _condition(trace: Trace) -> pb.ConditionTrace:
    return pb.ConditionTrace(
        text=trace.text,
        verdict=cast("pb.Verdict", pb.Verdict.Value(f"VERDICT_{trace.verdict.name}")),
        value="" if trace.value is None else orjson.dumps(trace.value).decode(),
        parts=[_condition(part) for part in trace.parts],
    )
