"""Outcomes: what happened to a decision later, in the words in which callers report it."""

from enum import StrEnum
from typing import NamedTuple

from engine.model.instant import Instant


class OutcomeType(StrEnum):
    """What there is to report."""

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
    """The customer agrees again."""


RELEASING = frozenset((OutcomeType.BOUNCED, OutcomeType.NOT_SENT, OutcomeType.CANCELLED))
"""They say that the customer was not addressed."""


CONFIRMING = frozenset(OutcomeType) - RELEASING - {OutcomeType.SUBSCRIBED}
"""They say that the customer was: nobody complains of what did not come."""


OF_THE_PERSON = frozenset((OutcomeType.COMPLAINED, OutcomeType.UNSUBSCRIBED, OutcomeType.SUBSCRIBED))
"""They change what may be sent later, so it must be known whose they are."""


class PastOutcome(NamedTuple):
    """One outcome; what it is about is empty where nobody knows, or where it is about several."""

    type: str
    at: Instant
    channel: str
    campaign: str
    offer: str
