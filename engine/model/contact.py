"""Contacts: what pressure rules count."""

from enum import StrEnum
from typing import NamedTuple

from engine.model.instant import Instant


class ContactState(StrEnum):
    """Whether a contact counts, and for how long."""

    RESERVED = "reserved"
    """It counts until the reservation expires."""
    CONFIRMED = "confirmed"
    RELEASED = "released"
    """It does not count."""
    SHADOW = "shadow"
    """It was withheld by an experiment and counts like a confirmed one; no reported outcome changes it."""


class Facts(NamedTuple):
    """What selectors of pressure rules look at, as it was when the contact was reserved."""

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
    """When an unconfirmed reservation expires; None: it is confirmed."""
    facts: Facts
    zones: str = ""
    """Where the customer might be when it was decided, as in decide/attributes/zones.py; empty: not known."""
    counted_by: str | None = None
    """The value by which its campaign's limit counts it, as JSON, `null` where the customer had none; None: by no value."""
