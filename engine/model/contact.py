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


class ContactSelector(NamedTuple):
    """Which contacts a condition counts: each criterion that is not empty must match, by any of its names."""

    campaigns: tuple[str, ...] = ()
    offers: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()

    def selects(self, campaign: str, offer: str, channel: str) -> bool:
        """Whether it selects a contact of these."""
        return (
            (not self.campaigns or campaign in self.campaigns)
            and (not self.offers or offer in self.offers)
            and (not self.channels or channel in self.channels)
        )


MOST_ALIKE = 500
"""Contacts of a person that conditions count of one kind: of one campaign, offer and channel. Older ones do not count."""


class ContactQuery(NamedTuple):
    """Which contacts of a person to read, and what of them."""

    selectors: tuple[ContactSelector, ...]
    """Contacts that any of these selects."""
    since: Instant
    """Only later contacts are read."""
    outcomes: tuple[str, ...]
    """The types of outcomes to read of them; empty: none."""


class MadeContact(NamedTuple):
    """A contact that was made, whether or not it counts, and what was reported of it. Withheld ones are none."""

    at: Instant
    campaign: str
    offer: str
    channel: str
    went_out: bool
    """Whether it is confirmed: reported to have reached the customer, or taken for it."""
    is_elsewhere: bool
    """Whether it was made without a decision; then no outcome is of it."""
    outcomes: tuple[tuple[str, Instant], ...] = ()
    """Type and time of the reported outcomes, of the types that were read."""


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
