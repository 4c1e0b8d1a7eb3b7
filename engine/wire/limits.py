"""How much a request may bring."""

from dataclasses import dataclass

from engine.settings import Settings

LONGEST_TEXT = 4096
"""Bytes of UTF-8 in one text value."""


LONGEST_NAME = 200
"""Characters in an id, a purpose or a channel's name."""


MOST_LIST_ENTRIES = 1000


MOST_NAMES = 100
"""Consents, preferred channels, channels."""


MOST_ALIASES = 20
"""Further names of a customer in one call."""


LARGEST_EVENT = 16 * 1024
"""Bytes of the fields of one event that is recorded."""


@dataclass(frozen=True, slots=True)
class Most:
    """How many there may be of what an operator may want to bound; by default as many as the contract allows."""

    attributes: int = 500
    """Of a request's profile, and of an event."""
    events: int = 5000
    """Of one request."""
    batched: int = 1000
    """Requests in a batch."""
    recorded: int = 1000
    """Events in a recording."""


CONTRACT = Most()
"""What the contract allows."""


def most_of(settings: Settings) -> Most:
    """As the settings say."""
    return Most(settings.most_attributes, settings.most_events, settings.most_batched, settings.most_recorded)
