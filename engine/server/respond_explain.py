"""An explanation as an ExplainResponse."""

from typing import cast

import orjson

from engine.api.v1 import decisions_pb2 as pb
from engine.conditions.trace import Trace
from engine.explain import CampaignExplained, Explained
from engine.server.respond import reason, respond


def respond_explained(explained: Explained) -> pb.ExplainResponse:
    """The response."""
    return pb.ExplainResponse(
        response=respond(explained.decision), campaigns=[_campaign(one) for one in explained.campaigns]
    )


def _campaign(one: CampaignExplained) -> pb.CampaignExplanation:
    return pb.CampaignExplanation(
        campaign=one.campaign,
        reason=reason(one.reason),
        condition=_condition(one.condition),
        score=one.score,
        details=[reason(detail) for detail in one.details],
    )


def _condition(trace: Trace) -> pb.ConditionTrace:
    return pb.ConditionTrace(
        text=trace.text,
        verdict=cast("pb.Verdict", pb.Verdict.Value(f"VERDICT_{trace.verdict.name}")),
        value="" if trace.value is None else orjson.dumps(trace.value).decode(),
        parts=[_condition(part) for part in trace.parts],
    )
