"""What a customer did: events, brought into order."""

from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from operator import attrgetter
from typing import NamedTuple

from engine.conditions.model import Value
from engine.instant import Instant


class Event(NamedTuple):
    """Something that a customer did."""

    event_id: str
    """So that it counts once; empty: it has no name, and always counts."""
    type: str
    at: Instant
    fields: Mapping[str, Value] = {}
    """item, category, page, value, currency, and the further attributes by their plain names; missing is a missing key."""


class History(NamedTuple):
    """A customer's events up to now, in order."""

    now: Instant
    events: Sequence[Event]
    """By time, those of one moment in the order in which they were sent."""
    by_type: Mapping[str, Sequence[int]]
    """The indices of the events of each type, ascending."""


def normalise(events: Iterable[Event], now: Instant) -> tuple[Event, ...]:
    """The events up to now (at <= now, without tolerance), each name once (the first sent), by time.

    Events of one moment keep the order in which they were sent. One that is later than now is as if never sent.
    """
    seen: set[str] = set()
    kept: list[Event] = []
    for event in events:
        if event.at > now or event.event_id in seen:
            continue
        if event.event_id:
            seen.add(event.event_id)
        kept.append(event)
    kept.sort(key=attrgetter("at"))
    return tuple(kept)


def history(events: Iterable[Event], now: Instant) -> History:
    """The events, normalised and looked up by type."""
    ordered = normalise(events, now)
    by_type: dict[str, list[int]] = {}
    for index, event in enumerate(ordered):
        by_type.setdefault(event.type, []).append(index)
    return History(now, ordered, by_type)


def value_key(value: Value) -> tuple[bool, Value]:
    """What two values share exactly if they are equal without conversion: 1 is 1.0, true is not 1."""
    return isinstance(value, bool), value


def number_of(value: Value | None) -> float | None:
    """The value if it is a finite number; booleans are none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if isinstance(value, int) or isfinite(value) else None
