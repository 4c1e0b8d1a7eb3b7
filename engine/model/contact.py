"""A contact: what uses up contact pressure."""

from enum import StrEnum
from typing import NamedTuple

from engine.model.instant import Instant


class ContactState(StrEnum):
    """How a contact stands."""

    RESERVED = "reserved"
    """It counts until its hold ends."""
    CONFIRMED = "confirmed"
    RELEASED = "released"
    """It does not count."""
    SHADOW = "shadow"
    """It was withheld, and counts as one that arrived; no evidence changes it."""


class Facts(NamedTuple):
    """What pressure rules select contacts by, as it was when the contact was reserved."""

    channel: str
    kind: str
    campaign: str
    offer: str
    category: str
    tags: frozenset[str]


class Contact(NamedTuple):
    """One contact of a customer that may still count."""

    at: Instant
    expires_at: Instant | None
    """When the reservation ends without word; None: it stays."""
    facts: Facts
