"""Decisions as DecideResponse messages."""

from typing import cast

from google.protobuf.timestamp_pb2 import Timestamp

from engine.api.v1 import decisions_pb2 as pb
from engine.model.decision import ChosenOffer, Decision, Outcome, Reason, ReasonCode, RuleKind, RuleReading
from engine.model.instant import Instant

_OUTCOMES = {outcome: cast("pb.Outcome", pb.Outcome.Value(f"OUTCOME_{outcome.name}")) for outcome in Outcome}


_CODES = {code: cast("pb.ReasonCode", pb.ReasonCode.Value(f"REASON_CODE_{code.name}")) for code in ReasonCode}


_KINDS = {
    kind: cast("pb.PressureKind", pb.PressureKind.Value(f"PRESSURE_KIND_{kind.name}")) for kind in RuleKind
}


def respond(decision: Decision) -> pb.DecideResponse:
    """The response that carries the decision."""
    response = pb.DecideResponse(
        decision_id=decision.decision_id,
        request_id=decision.request_id,
        outcome=_OUTCOMES[decision.outcome],
        offers=[_offer(offer) for offer in decision.offers],
        blocked_by=decision.blocked_by,
        reasons=[reason(given) for given in decision.reasons],
        book_version=decision.book_version,
        degraded=decision.degraded,
        maybe_decision_id=decision.maybe_decision_id,
        selection_probability=decision.selection_probability,
    )
    set_time(response.decided_at, decision.at)
    if decision.next_allowed_at is not None:
        set_time(response.next_allowed_at, decision.next_allowed_at)
    for signal in decision.signals:
        set_time(response.signals.add(name=signal.name).since, signal.since)
    for candidate_outcome in decision.candidate_outcomes:
        response.pressure.extend(map(reading, candidate_outcome.readings))
    return response


def reading(rule_reading: RuleReading) -> pb.PressureReading:
    """What a pressure rule counted, and whether it blocks."""
    message = pb.PressureReading(
        campaign=rule_reading.campaign,
        channel=rule_reading.channel,
        rule=rule_reading.rule,
        kind=_KINDS[rule_reading.kind],
        blocks=rule_reading.blocks,
        counted=rule_reading.counted,
        limit=rule_reading.limit,
        window=rule_reading.window,
        time_zones=rule_reading.zones,
    )
    if rule_reading.next_allowed_at is not None:
        set_time(message.next_allowed_at, rule_reading.next_allowed_at)
    return message


def reason(given: Reason) -> pb.Reason:
    """The reason as a message."""
    return pb.Reason(code=_CODES[given.code], name=given.name)


def _offer(offer: ChosenOffer) -> pb.Offer:
    message = pb.Offer(
        campaign=offer.campaign,
        offer=offer.offer,
        variant=offer.variant,
        channel=offer.channel,
        placement=offer.placement,
        content=offer.content,
        score=offer.score,
        selection_probability=offer.selection_probability,
    )
    if offer.expires_at is not None:
        set_time(message.expires_at, offer.expires_at)
    return message


def set_time(message: Timestamp, instant: Instant) -> None:
    """Set the Timestamp to the instant."""
    message.seconds, micros = divmod(instant, 1_000_000)
    message.nanos = micros * 1000
