"""What is asked of a person's memory, and what is found."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from engine.instant import Instant


class Wanted(NamedTuple):
    """What is wanted of one person."""

    person: str
    events: tuple[str, ...] = ()
    """Their types; none: no events are wanted."""
    since: Instant = 0
    """Events later than this."""
    signals: bool = False
    is_known: bool = False
    aliases: tuple[str, ...] = ()
    """Further names of the person, linked or not."""


class Recalled(NamedTuple):
    """What was found of one person, as JSON has it."""

    events: Sequence[Sequence[Any]]
    """at, position, event_id, type, fields: in order."""
    signals: Sequence[Sequence[Any]]
    """name, since, expires_at, fields: also those that have expired."""
    is_known: bool | None
    """None: it was not asked."""
