"""A decision as a DecideResponse."""

from typing import cast

from google.protobuf.timestamp_pb2 import Timestamp

from engine.api.v1 import decisions_pb2 as pb
from engine.model.decision import ChosenOffer, Decision, Outcome, Reason, ReasonCode, RuleKind, RuleReading
from engine.model.instant import Instant

_OUTCOMES = {one: cast("pb.Outcome", pb.Outcome.Value(f"OUTCOME_{one.name}")) for one in Outcome}


_CODES = {one: cast("pb.ReasonCode", pb.ReasonCode.Value(f"REASON_CODE_{one.name}")) for one in ReasonCode}


_KINDS = {
    one: cast("pb.PressureKind", pb.PressureKind.Value(f"PRESSURE_KIND_{one.name}")) for one in RuleKind
}


def respond(decision: Decision) -> pb.DecideResponse:
    """The response."""
    response = pb.DecideResponse(
        decision_id=decision.decision_id,
        request_id=decision.request_id,
        outcome=_OUTCOMES[decision.outcome],
        offers=[_offer(one) for one in decision.offers],
        blocked_by=decision.blocked_by,
        reasons=[reason(one) for one in decision.reasons],
        book_version=decision.book_version,
        degraded=decision.degraded,
        selection_probability=decision.selection_probability,
    )
    set_time(response.decided_at, decision.at)
    if decision.next_allowed_at is not None:
        set_time(response.next_allowed_at, decision.next_allowed_at)
    for one in decision.signals:
        signal = response.signals.add(name=one.name)
        set_time(signal.since, one.since)
    for fate in decision.candidate_outcomes:
        response.pressure.extend(map(reading, fate.readings))
    return response


def reading(one: RuleReading) -> pb.PressureReading:
    """How a rule of pressure stood, as a message."""
    found = pb.PressureReading(
        campaign=one.campaign,
        channel=one.channel,
        rule=one.rule,
        kind=_KINDS[one.kind],
        blocks=one.blocks,
        counted=one.counted,
        limit=one.limit,
        window=one.window,
        time_zones=one.zones,
    )
    if one.next_allowed_at is not None:
        set_time(found.next_allowed_at, one.next_allowed_at)
    return found


def reason(one: Reason) -> pb.Reason:
    """The reason as a message."""
    return pb.Reason(code=_CODES[one.code], name=one.name)


def _offer(one: ChosenOffer) -> pb.Offer:
    offer = pb.Offer(
        campaign=one.campaign,
        offer=one.offer,
        variant=one.variant,
        channel=one.channel,
        placement=one.placement,
        content=one.content,
        score=one.score,
        selection_probability=one.selection_probability,
    )
    if one.expires_at is not None:
        set_time(offer.expires_at, one.expires_at)
    return offer


def set_time(message: Timestamp, instant: Instant) -> None:
    """Makes the message say the instant."""
    message.seconds, micros = divmod(instant, 1_000_000)
    message.nanos = micros * 1000
