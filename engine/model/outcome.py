"""Outcomes: what callers report of a decision after it was made."""

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from engine.model.instant import Instant


class OutcomeType(StrEnum):
    """The types that callers report."""

    DELIVERED = "delivered"
    BOUNCED = "bounced"
    NOT_SENT = "not_sent"
    CANCELLED = "cancelled"
    IMPRESSION = "impression"
    """It was shown."""
    OPENED = "opened"
    CLICKED = "clicked"
    CONVERTED = "converted"
    IGNORED = "ignored"
    """It reached the customer, who did nothing."""
    COMPLAINED = "complained"
    UNSUBSCRIBED = "unsubscribed"
    SUBSCRIBED = "subscribed"
    """The customer gives consent again."""


RELEASING = frozenset((OutcomeType.BOUNCED, OutcomeType.NOT_SENT, OutcomeType.CANCELLED))
"""The contact did not reach the customer, so it does not count."""


CONFIRMING = frozenset(OutcomeType) - RELEASING - {OutcomeType.SUBSCRIBED}
"""The contact reached the customer; complaints are among them, since nobody complains of what did not come."""


OF_THE_PERSON = frozenset((OutcomeType.COMPLAINED, OutcomeType.UNSUBSCRIBED, OutcomeType.SUBSCRIBED))
"""They change what may be sent later, so a report has to identify the person."""


WITHOUT_OFFER = OF_THE_PERSON | {OutcomeType.CONVERTED}
"""They can happen although the decision offered nothing: customers of control groups convert and object, too."""


class PastOutcome(NamedTuple):
    """One reported outcome; channel, campaign and offer are empty where unknown, or where it concerns several."""

    type: str
    at: Instant
    channel: str
    campaign: str
    offer: str
    decision_id: str = ""
    """Empty: of none in particular."""


class PastOutcomes(NamedTuple):
    """The newest outcomes of a person: of one kind, or all that there are."""

    person: str
    outcomes: Sequence[PastOutcome]
    since: Instant
    """All that are later are among them."""
