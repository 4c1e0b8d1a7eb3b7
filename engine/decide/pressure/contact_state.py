"""The life of a contact: reserved or confirmed when it is decided; then what is reported of it says whether it counts.

Pure: the same evidence makes the same of a contact, in whatever order it came. Contacts are never deleted by it.
"""

from collections.abc import Iterable
from typing import NamedTuple

from engine.model.contact import ContactState
from engine.model.instant import Instant
from engine.model.outcome import CONFIRMING, RELEASING


class Evidence(NamedTuple):
    """An outcome that was reported of a contact."""

    type: str
    at: Instant


class ContactStatus(NamedTuple):
    """A contact's state, and how long it lasts without word."""

    state: ContactState
    expires_at: Instant | None
    """When a reservation ends; None: the state stays."""

    def counts(self, now: Instant) -> bool:
        """Whether the contact uses up pressure at the moment."""
        return self.state is not ContactState.RELEASED and (self.expires_at is None or self.expires_at > now)


class StatusChange(NamedTuple):
    """What evidence made of a contact."""

    status: ContactStatus
    stops: bool
    """It counted, and counts no more: whatever it took is given back."""
    resumes: bool
    """It did not count, and counts again: whatever it took is taken once more, above a limit if need be."""


def initial_status(expires_at: Instant | None) -> ContactStatus:
    """The life of a contact that was just decided; expires_at: when its hold ends, None: it is confirmed."""
    return ContactStatus(ContactState.CONFIRMED if expires_at is None else ContactState.RESERVED, expires_at)


def status_after(before: ContactStatus, evidence: Iterable[Evidence], now: Instant) -> StatusChange:
    """What all the evidence together makes of a contact.

    The latest says whether it counts; of several of one moment one that confirms. Without evidence it stays as it is.
    """
    after = _after(before, evidence)
    counted, counts = before.counts(now), after.counts(now)
    return StatusChange(after, counted and not counts, counts and not counted)


def _after(before: ContactStatus, evidence: Iterable[Evidence]) -> ContactStatus:
    found = [(one.at, one.type in CONFIRMING) for one in evidence if one.type in CONFIRMING | RELEASING]
    if not found or before.state is ContactState.SHADOW:
        return before
    _, confirms = max(found)
    return ContactStatus(ContactState.CONFIRMED if confirms else ContactState.RELEASED, None)
