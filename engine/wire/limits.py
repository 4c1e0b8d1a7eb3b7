"""Upper bounds for what a request may hold."""

from dataclasses import dataclass

from engine.settings import Settings

LONGEST_TEXT = 4096
"""Bytes of UTF-8 in one text value."""


LONGEST_NAME = 200
"""Characters in an id, a purpose or a channel's name."""


MOST_LIST_ENTRIES = 1000
"""Entries of one list value."""


MOST_NAMES = 100
"""Entries of consents, preferred channels, channels, or campaigns to explain."""


MOST_ALIASES = 20
"""Aliases of a customer in one call."""


LARGEST_EVENT = 16 * 1024
"""Bytes of a recorded event's fields, as JSON."""


LARGEST_VALUE = 1e12
"""Of an event's or an outcome's `value`, either sign: learning adds up squares of values."""


LARGEST_NUMBER = 1e100
"""Of any other number, either sign: scores are products of numbers, and have to stay finite."""


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """The bounds that an operator can lower; by default those of the contract."""

    attributes: int = 500
    """Attributes of a profile, or of an event."""
    events: int = 5000
    """Events of one request."""
    batched: int = 1000
    """Requests of a batch."""
    recorded: int = 1000
    """Events of one RecordRequest."""


CONTRACT = RequestLimits()
"""The bounds of the contract."""


def limits_of(settings: Settings) -> RequestLimits:
    """The bounds that the settings give."""
    return RequestLimits(
        settings.most_attributes, settings.most_events, settings.most_batched, settings.most_recorded
    )
