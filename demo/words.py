"""An explanation in plain words."""

from collections.abc import Iterator

from engine.api.v1.decisions_pb2 import (
    CampaignExplanation,
    ConditionTrace,
    ExplainResponse,
    Reason,
    ReasonCode,
    Verdict,
)
from engine.explain.words import MARKS, code_in_words, summary_of


def in_words(answer: ExplainResponse) -> list[str]:
    """A line for each campaign, with the lines of its tests below it."""
    return [line for campaign in answer.campaigns for line in _campaign(campaign)]


def _campaign(campaign: CampaignExplanation) -> Iterator[str]:
    score = f", score {campaign.score:.2f}" if campaign.HasField("score") else ""
    details = "".join(f"; {code_in_words(_code(reason))} {reason.name}" for reason in campaign.details)
    yield f"{campaign.campaign}: {summary_of(_code(campaign.reason))}{score}{details}"
    yield from _tests(campaign.condition, 1)


def _code(reason: Reason) -> str:
    return ReasonCode.Name(reason.code).removeprefix("REASON_CODE_").lower()


def _tests(trace: ConditionTrace, depth: int) -> Iterator[str]:
    """Only the tests and audiences: an `all` around them says nothing that they do not."""
    silent = trace.text == "all"
    if not silent:
        mark = MARKS.get(Verdict.Name(trace.verdict).removeprefix("VERDICT_"), "")
        seen = f" (it is {trace.value})" if trace.value else ""
        yield f"{'  ' * depth}{trace.text}? {mark}{seen}"
    for part in trace.parts:
        yield from _tests(part, depth if silent else depth + 1)
