"""What the demo's households do after the decisions: a stated model with a known effect, drawn by a hash.

Every household of a decision orders with a probability of BASE in the six days after its first message. If that was the
campaign's message, EFFECT more order because of it. Who is in the campaign's control is not written to and orders at BASE.
Orders are reported by the customer's id, as a shop does that knows nothing of decisions.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from demo.households import Household, draw
from demo.tally import Answered
from engine.api.v1.decisions_pb2 import (
    OUTCOME_CONTROL,
    OUTCOME_OFFER,
    DecideResponse,
    RecordedEvent,
)
from engine.client import outcome

CAMPAIGN = "rich-cream-north"
"""The campaign that has a control, and the only one that makes anybody order more."""

BASE = 0.18
"""Probability of an order within six days, whatever was sent."""

EFFECT = 0.15
"""How much more probable the campaign's message makes it: what the report is to find."""

DELIVERED = 0.96

CLICKED = 0.25
"""Probabilities that a message arrives, and that one that arrived is clicked."""

CURRENCY = "CNY"

UNTIL = datetime.fromisoformat("2026-03-22T00:00+08:00")
"""When everything has happened."""

_BEGIN, _SPAN = timedelta(hours=6), timedelta(days=5)
"""Orders come this long after the message, and within so much."""


def reports(rounds: Sequence[Sequence[Answered]], moments: Sequence[datetime]) -> list[RecordedEvent]:
    """The outcomes to record, of the rounds' answers at these moments."""
    outcomes: list[RecordedEvent] = []
    first: dict[int, tuple[Household, DecideResponse, datetime]] = {}
    for answered, moment in zip(rounds, moments, strict=True):
        for household, answer in answered:
            if answer.outcome == OUTCOME_OFFER:
                outcomes += _message(household, answer, moment)
            if answer.outcome in {OUTCOME_OFFER, OUTCOME_CONTROL}:
                known = first.get(household.number)
                if known is None or (_of_campaign(answer) and not _of_campaign(known[1])):
                    first[household.number] = household, answer, moment
    for household, answer, moment in first.values():
        outcomes += _order(household, answer, moment)
    return outcomes


def _of_campaign(answer: DecideResponse) -> bool:
    """Whether the campaign was chosen: its message was sent, or withheld from its control, the only one of the book."""
    return answer.outcome == OUTCOME_CONTROL or answer.offers[0].campaign == CAMPAIGN


def _message(household: Household, answer: DecideResponse, moment: datetime) -> Iterator[RecordedEvent]:
    """Delivery, and perhaps a click, of a message that was sent."""
    chances = f"{moment:%m-%d}"
    arrived = draw(household, f"delivered {chances}") < DELIVERED
    yield outcome(answer.decision_id, "delivered" if arrived else "bounced", moment + timedelta(minutes=1))
    if arrived and draw(household, f"clicked {chances}") < CLICKED:
        after = timedelta(hours=5) * draw(household, f"read {chances}")
        yield outcome(answer.decision_id, "clicked", moment + timedelta(minutes=2) + after)


def _order(household: Household, answer: DecideResponse, moment: datetime) -> Iterator[RecordedEvent]:
    """Perhaps an order of the household, after the first message that it got or, in the control, did not get."""
    treated = answer.outcome == OUTCOME_OFFER and _of_campaign(answer)
    if draw(household, "order") < BASE + EFFECT * treated:
        yield outcome(
            None,
            "converted",
            moment + _BEGIN + _SPAN * draw(household, "order after"),
            customer_id=household.customer,
            order=f"order-{household.number}",
            value=round(40 + 160 * draw(household, "basket"), 2),
            currency=CURRENCY,
        )
