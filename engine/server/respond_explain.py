"""An explanation as an ExplainResponse."""

from typing import cast

import orjson

from engine.api.v1 import decisions_pb2 as pb
from engine.conditions.trace import Trace
from engine.explain import CampaignExplained, Explained, SignalExplained
from engine.server.respond import reading, reason, respond, set_time


def respond_explained(explained: Explained) -> pb.ExplainResponse:
    """The response."""
    return pb.ExplainResponse(
        response=respond(explained.decision),
        campaigns=[_campaign(one) for one in explained.campaigns],
        signals=[_signal(one) for one in explained.signals],
    )


def _signal(one: SignalExplained) -> pb.SignalExplanation:
    found = pb.SignalExplanation(
        name=one.name, remembered=one.remembered, led_by=one.led_by, condition=_condition(one.condition)
    )
    set_time(found.since, one.since)
    if one.expires_at is not None:
        set_time(found.expires_at, one.expires_at)
    return found


def _campaign(one: CampaignExplained) -> pb.CampaignExplanation:
    return pb.CampaignExplanation(
        campaign=one.campaign,
        reason=reason(one.reason),
        condition=_condition(one.condition),
        score=one.score,
        details=[reason(detail) for detail in one.details],
        pressure=[reading(each) for each in one.readings],
    )


def _condition(trace: Trace) -> pb.ConditionTrace:
    return pb.ConditionTrace(
        text=trace.text,
        verdict=cast("pb.Verdict", pb.Verdict.Value(f"VERDICT_{trace.verdict.name}")),
        value="" if trace.value is None else orjson.dumps(trace.value).decode(),
        parts=[_condition(part) for part in trace.parts],
    )
