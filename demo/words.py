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

_WHY = {
    ReasonCode.REASON_CODE_CHOSEN: "chosen",
    ReasonCode.REASON_CODE_OUTRANKED: "fits, but another scores higher",
    ReasonCode.REASON_CODE_GROUP_TAKEN: "fits, but another of its group goes before",
    ReasonCode.REASON_CODE_CATEGORY_FULL: "fits, but there is enough of its category",
    ReasonCode.REASON_CODE_NOT_ELIGIBLE: "does not fit",
    ReasonCode.REASON_CODE_NOT_ACTIVE: "does not run at this moment",
    ReasonCode.REASON_CODE_NOT_REQUESTED: "not for this channel or placement",
    ReasonCode.REASON_CODE_UNREACHABLE: "fits, but there is no address",
    ReasonCode.REASON_CODE_NO_CONSENT: "fits, but there is no consent",
    ReasonCode.REASON_CODE_QUIET: "fits, but it is quiet now",
    ReasonCode.REASON_CODE_CAPPED: "fits, but the customer was contacted enough",
    ReasonCode.REASON_CODE_TOO_SOON: "fits, but the last contact is too recent",
    ReasonCode.REASON_CODE_PAUSED: "fits, but the customer is left in peace",
    ReasonCode.REASON_CODE_OUT_OF_STOCK: "fits, but the offer has been given as often as there is of it",
    ReasonCode.REASON_CODE_OVER_CAPACITY: "fits, but the channel takes no more",
    ReasonCode.REASON_CODE_NO_VARIANT: "fits, but no variant does",
    ReasonCode.REASON_CODE_CONTROL: "could go, but is withheld for comparison",
    ReasonCode.REASON_CODE_HELD_OUT: "could go, but the customer is held out",
    ReasonCode.REASON_CODE_OTHER_SLOT: "for another part of the customers",
    ReasonCode.REASON_CODE_RAMPING: "does not reach the customer yet",
}


_MARKS = {Verdict.VERDICT_TRUE: "yes", Verdict.VERDICT_FALSE: "no", Verdict.VERDICT_UNKNOWN: "unknown"}


def in_words(answer: ExplainResponse) -> list[str]:
    """A line for each campaign, with the lines of its tests below it."""
    return [line for campaign in answer.campaigns for line in _campaign(campaign)]


def _campaign(campaign: CampaignExplanation) -> Iterator[str]:
    score = f", score {campaign.score:.2f}" if campaign.HasField("score") else ""
    details = "".join(f"; {_reason(each)}" for each in campaign.details)
    yield f"{campaign.campaign}: {_why(campaign.reason)}{score}{details}"
    yield from _tests(campaign.condition, 1)


def _why(reason: Reason) -> str:
    return _WHY.get(reason.code, _code(reason))


def _reason(reason: Reason) -> str:
    return f"{_code(reason)} {reason.name}"


def _code(reason: Reason) -> str:
    return ReasonCode.Name(reason.code).removeprefix("REASON_CODE_").replace("_", " ").lower()


def _tests(trace: ConditionTrace, depth: int) -> Iterator[str]:
    """Only the tests and audiences: an `all` around them says nothing that they do not."""
    silent = trace.text == "all"
    if not silent:
        seen = f" (it is {trace.value})" if trace.value else ""
        yield f"{'  ' * depth}{trace.text}? {_MARKS.get(trace.verdict, '')}{seen}"
    for part in trace.parts:
        yield from _tests(part, depth if silent else depth + 1)
