"""The states of a contact: reserved or confirmed when it is decided; then reported outcomes say whether it counts.

Pure: the same evidence leads to the same state, in whatever order it came. No contact is deleted by it.
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
    """A contact's state, and when it ends by itself."""

    state: ContactState
    expires_at: Instant | None
    """When an unconfirmed reservation expires; None: the state stays."""

    def counts(self, now: Instant) -> bool:
        """Whether the contact counts for pressure rules at the moment."""
        return self.state is not ContactState.RELEASED and (self.expires_at is None or self.expires_at > now)


class StatusChange(NamedTuple):
    """Effect of evidence on a contact."""

    status: ContactStatus
    stops: bool
    """It counted, and counts no more: what it took from quotas is given back."""
    resumes: bool
    """It did not count, and counts again: what it took from quotas is taken once more, above the limit if need be."""


def initial_status(expires_at: Instant | None) -> ContactStatus:
    """The status of a contact that was just decided; expires_at: when its reservation expires, None: it is confirmed."""
    return ContactStatus(ContactState.CONFIRMED if expires_at is None else ContactState.RESERVED, expires_at)


def status_after(before: ContactStatus, evidence: Iterable[Evidence], now: Instant) -> StatusChange:
    """The status after all the evidence there is, and whether the contact counts otherwise than before.

    The latest evidence decides; at one moment, that which confirms. Without evidence the status stays.
    """
    after = _after(before, evidence)
    counted, counts = before.counts(now), after.counts(now)
    return StatusChange(after, counted and not counts, counts and not counted)


def _after(before: ContactStatus, evidence: Iterable[Evidence]) -> ContactStatus:
    deciding = [
        (outcome.at, outcome.type in CONFIRMING)
        for outcome in evidence
        if outcome.type in CONFIRMING | RELEASING
    ]
    if not deciding or before.state is ContactState.SHADOW:
        return before
    _, confirms = max(deciding)
    return ContactStatus(ContactState.CONFIRMED if confirms else ContactState.RELEASED, None)
