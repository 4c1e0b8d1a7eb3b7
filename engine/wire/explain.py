"""Checks requests for explanations, and turns explanations into messages."""

from collections.abc import Iterable
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
from engine.explain.sentences import counterfactual_sentence, sentence
from engine.model.instant import to_datetime
from engine.model.texts import time_text
from engine.model.values import Value
from engine.rulebook.model.book import Book
from engine.wire.limits import MOST_NAMES
from engine.wire.respond import IgnoredNames, reading, reason, respond, set_time
from engine.wire.values import name_of
from engine.wire.violations import FieldViolations


def parse_past(message: pb.ExplainRequest) -> str:
    """The id of the decision to explain; raises InvalidRequest.

    The names of campaigns are checked by check_explained: another version of the book may have decided.
    """
    wrong = FieldViolations()
    _count(message, wrong)
    decision_id = name_of(message.decision_id, "decision_id", wrong, required=True)
    wrong.raise_any()
    return decision_id


def check_campaigns(message: pb.ExplainRequest, book: Book) -> None:
    """Raises InvalidRequest if a campaign is named that the book does not have."""
    wrong = FieldViolations()
    _count(message, wrong)
    for name in message.campaigns[:MOST_NAMES]:
        if name not in book.campaigns:
            wrong.add_unknown("campaigns", name, "a campaign of the live book", book.campaigns)
    wrong.raise_any()


def check_explained(names: Iterable[str], explained: Explained, book: Book) -> None:
    """Raises InvalidMessage if a campaign is named that neither the book has nor the logged decision."""
    known = {*book.campaigns, *(outcome.campaign for outcome in explained.decision.candidate_outcomes)}
    wrong = FieldViolations()
    for name in names:
        if name not in known:
            wrong.add_unknown("campaigns", name, "a campaign of the book or of the decision", known)
    wrong.raise_any()


def _count(message: pb.ExplainRequest, wrong: FieldViolations) -> None:
    if len(message.campaigns) > MOST_NAMES:
        wrong.add("campaigns", f"must be at most {MOST_NAMES}, not {len(message.campaigns)}")
        return
    for index, name in enumerate(message.campaigns):
        name_of(name, f"campaigns[{index}]", wrong)


def respond_explained(explained: Explained, book: Book) -> pb.ExplainResponse:
    """The response; the times in its sentences are on the book's clock."""
    zone = book.timezone
    message = pb.ExplainResponse(
        response=respond(explained.decision),
        campaigns=[_campaign(campaign, zone) for campaign in explained.campaigns],
        signals=[_signal(signal) for signal in explained.signals],
        notes=explained.notes,
    )
    message.response.ignored.extend(IgnoredNames(book).messages(explained.ignored))
    return message


def _signal(signal: SignalExplained) -> pb.SignalExplanation:
    message = pb.SignalExplanation(
        name=signal.name,
        remembered=signal.remembered,
        led_by=signal.led_by,
        condition=_condition(signal.condition),
    )
    set_time(message.since, signal.since)
    if signal.expires_at is not None:
        set_time(message.expires_at, signal.expires_at)
    return message


def _campaign(campaign: CampaignExplained, zone: ZoneInfo) -> pb.CampaignExplanation:
    rival = campaign.rival
    return pb.CampaignExplanation(
        campaign=campaign.campaign,
        reason=reason(campaign.reason),
        condition=None if campaign.condition is None else _condition(campaign.condition),
        score=campaign.score,
        details=[reason(detail) for detail in campaign.details],
        pressure=[reading(rule_reading) for rule_reading in campaign.readings],
        tier=campaign.tier,
        rival=rival and pb.Rival(campaign=rival.campaign, tier=rival.tier, score=rival.score),
        forms=[_form(creative) for creative in campaign.creatives],
        flips=[_flip(counterfactual, campaign, zone) for counterfactual in campaign.counterfactuals],
        searched=campaign.searched,
        sentence=sentence(campaign, zone),
    )


def _form(creative: CreativeExplained) -> pb.FormExplanation:
    return pb.FormExplanation(
        channel=creative.channel,
        variant=creative.variant,
        condition=_condition(creative.condition),
        lacks=creative.lacks,
        share=creative.share,
    )


def _flip(counterfactual: Counterfactual, campaign: CampaignExplained, zone: ZoneInfo) -> pb.Flip:
    change = counterfactual.change
    return pb.Flip(
        kind=cast("pb.ChangeKind", pb.ChangeKind.Value(f"CHANGE_KIND_{change.kind.name}")),
        name=change.name,
        before=_changed(change, change.before, zone),
        after=_changed(change, change.after, zone),
        any_value=change.any_value,
        then=reason(counterfactual.then),
        sentence=counterfactual_sentence(counterfactual, zone, campaign),
    )


def _changed(change: Change, value: Value | None, zone: ZoneInfo) -> str:
    if change.kind is ChangeKind.ATTRIBUTE and change.is_time and isinstance(value, int):
        value = time_text(value, zone)
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
