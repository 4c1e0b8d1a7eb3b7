"""Requests for a decision, as plain values."""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from engine.model.customer import NO_MEMORY, Memory
from engine.model.event import Event
from engine.model.instant import Instant
from engine.model.trends import TrendSource
from engine.model.values import Attributes


class Mode(StrEnum):
    """Whether a decision is committed."""

    COMMIT = "commit"
    """Reserve the contact and log the decision."""
    PREVIEW = "preview"
    """Decide on the same state, but reserve and log nothing."""


class Request(NamedTuple):
    """A request for one customer at one moment, checked against the book."""

    customer: str
    now: Instant
    attributes: Attributes
    """The given values that the book refers to, each of its declared type."""
    consents: frozenset[str] = frozenset()
    preferred_channels: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    """The channels that the call allows; empty if it allows every outbound channel."""
    placement: str = ""
    """Empty if the offer is to be sent, not shown."""
    max_offers: int = 1
    mode: Mode = Mode.COMMIT
    request_id: str = ""
    events: tuple[Event, ...] = ()
    """The events sent with the request; empty if the book derives nothing from events."""
    aliases: tuple[str, ...] = ()
    """Further ids of the customer."""
    memory: Memory = NO_MEMORY
    """The customer's stored events and signals."""
    ignored: tuple[str, ...] = ()
    """Names of sent attributes that the book does not declare, as sent; their values are not kept."""
    clock: Instant | None = None
    """The server's own moment where `now` is simulated; None: it is `now`."""

    units: Mapping[str, str] = {}
    """By attribute, the ids of units that a log holds of the decision; others follow from the attributes."""
    trends: TrendSource | None = None
    """Where the events of all customers are counted; None: they are not known."""

    @property
    def elapsed(self) -> Instant:
        """The moment up to which a commit gives back and deletes what has ended: not beyond the server's clock."""
        return self.now if self.clock is None else min(self.now, self.clock)
