"""An event: what a customer did."""

from collections.abc import Mapping
from typing import NamedTuple

from engine.model.instant import Instant
from engine.model.values import Value


class Event(NamedTuple):
    """Something that a customer did."""

    event_id: str
    """So that it counts once; empty: it has no name, and always counts."""
    type: str
    at: Instant
    fields: Mapping[str, Value] = {}
    """item, category, page, value, currency, and the further attributes by their plain names; missing is a missing key."""
