"""What is asked: one customer at one moment, as plain values."""

from enum import StrEnum
from typing import NamedTuple

from engine.model.customer import NO_MEMORY, Memory
from engine.model.event import Event
from engine.model.instant import Instant
from engine.model.values import Attributes


class Mode(StrEnum):
    """Whether a decision is kept."""

    COMMIT = "commit"
    """Reserve the contact and log the decision."""
    PREVIEW = "preview"
    """Read the same state, reserve nothing, log nothing."""


class Request(NamedTuple):
    """One customer at one moment, checked against the live book."""

    customer: str
    now: Instant
    attributes: Attributes
    """The given values that the live book refers to, each of its declared type."""
    consents: frozenset[str] = frozenset()
    preferred_channels: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    """The channels allowed for this call; empty: every outbound channel."""
    placement: str = ""
    max_offers: int = 1
    mode: Mode = Mode.COMMIT
    request_id: str = ""
    events: tuple[Event, ...] = ()
    """What the customer did, as sent; empty where the live book derives nothing from events."""
    aliases: tuple[str, ...] = ()
    """Further names of the customer."""
    memory: Memory = NO_MEMORY
    """What is remembered of the customer."""
