"""Decisions as DecideResponse messages."""

from collections.abc import Sequence
from typing import cast

from google.protobuf.timestamp_pb2 import Timestamp

from engine.api.v1 import decisions_pb2 as pb
from engine.model.decision import ChosenOffer, Decision, Outcome, Reason, ReasonCode, RuleKind, RuleReading
from engine.model.instant import Instant
from engine.rulebook.model.book import Book
from engine.wire.violations import nearest

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
    if decision.next_any_at is not None:
        set_time(response.next_any_at, decision.next_any_at)
    for signal in decision.signals:
        set_time(response.signals.add(name=signal.name).since, signal.since)
    for candidate_outcome in decision.candidate_outcomes:
        response.pressure.extend(map(reading, candidate_outcome.readings))
    return response


_MOST_HINTS = 20
"""Ignored names of one call for which the nearest declared name is searched."""


_FIELDS = ("profile.language", "profile.time_zone")
"""Attributes below `profile.` that have a field of their own."""


class IgnoredNames:
    """The attributes of requests that the book does not declare, with what was probably meant.

    For one call: a search costs as much as the book has attributes, so each name is searched for once, and not many are.
    """

    def __init__(self, book: Book) -> None:
        self._book = book
        self._meant: dict[str, str] = {}

    def messages(self, names: Sequence[str]) -> list[pb.IgnoredName]:
        """A message for each name."""
        for name in names:
            if name not in self._meant and len(self._meant) < _MOST_HINTS:
                self._meant[name] = self._search(name)
        return [pb.IgnoredName(name=name, meant=self._meant.get(name, "")) for name in names]

    def _search(self, name: str) -> str:
        """The attribute, or the field of the context, of which the name is a misspelling; empty if it is like none."""
        declared = self._book.attributes
        if name in declared and name.startswith(("location.", "weather.")):
            return f"context.{name}"
        profile = {full.removeprefix("profile.") for full in declared if full.startswith("profile.")}
        short = nearest(name.removeprefix("profile."), profile)
        return f"context.profile.{short}" if f"profile.{short}" in _FIELDS else short


def reading(rule_reading: RuleReading) -> pb.PressureReading:
    """What a pressure rule counted, and whether it blocks."""
    message = pb.PressureReading(
        campaign=rule_reading.campaign,
        channel=rule_reading.channel,
        rule=rule_reading.rule,
        kind=_KINDS[rule_reading.kind],
        blocks=rule_reading.blocks,
        window=rule_reading.window,
        time_zones=rule_reading.zones,
        lifted=rule_reading.lifted,
        applies_to=rule_reading.applies_to,
    )
    if rule_reading.kind is RuleKind.BUDGET:
        message.spending.CopyFrom(_spending(rule_reading))
    else:
        _set_count(message, rule_reading)
    if rule_reading.next_allowed_at is not None:
        set_time(message.next_allowed_at, rule_reading.next_allowed_at)
    if rule_reading.lapsed is not None:
        message.lapsed.contacts = rule_reading.lapsed.contacts
        set_time(message.lapsed.contacted_at, rule_reading.lapsed.at)
        set_time(message.lapsed.lapsed_at, rule_reading.lapsed.expired_at)
    return message


def _set_count(message: pb.PressureReading, rule_reading: RuleReading) -> None:
    if rule_reading.counted is not None:
        message.counted = rule_reading.counted
    if rule_reading.limit is not None:
        message.limit = rule_reading.limit


def _spending(rule_reading: RuleReading) -> pb.Spending:
    return pb.Spending(
        spent_micros=rule_reading.counted,
        limit_micros=rule_reading.limit,
        cost_micros=rule_reading.cost,
        currency=rule_reading.currency,
    )


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
