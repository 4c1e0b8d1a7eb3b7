"""Events of customers."""

from collections.abc import Mapping
from typing import NamedTuple

from engine.model.instant import Instant
from engine.model.values import Value


class Event(NamedTuple):
    """Something that a customer did."""

    event_id: str
    """Identifies the event, so that it counts once; an event with an empty id always counts."""
    type: str
    at: Instant
    fields: Mapping[str, Value] = {}
    """item, category, page, value, currency, and further attributes by name; a missing value has no key."""
