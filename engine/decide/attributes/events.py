"""A customer's events in order, and the filters that conditions on them compile to."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from math import isfinite
from operator import attrgetter
from typing import NamedTuple, TypeAlias

from engine.conditions.evaluate import holds
from engine.conditions.model import ALWAYS, All, Collation, Condition, Operator, Test
from engine.model.event import Event
from engine.model.instant import Instant
from engine.model.values import Moment, Value


class History(NamedTuple):
    """A customer's events up to now, in order."""

    now: Instant
    events: Sequence[Event]
    """By time; events at the same time in the order in which they were sent."""
    by_type: Mapping[str, Sequence[int]]
    """By event type, the indices of its events, ascending."""


def normalise(events: Iterable[Event], now: Instant) -> tuple[Event, ...]:
    """The events with at <= now by time; of events with the same id, the first sent.

    Events at the same time keep the order in which they were sent. Events later than now are ignored, without tolerance.
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
    """The normalised events, with an index by type."""
    ordered = normalise(events, now)
    by_type: dict[str, list[int]] = {}
    for index, event in enumerate(ordered):
        by_type.setdefault(event.type, []).append(index)
    return History(now, ordered, by_type)


def value_key(value: Value) -> tuple[bool, Value]:
    """A key that two values share exactly if they are equal without conversion: 1 is 1.0, true is not 1."""
    return isinstance(value, bool), value


def number_of(value: Value | None) -> float | None:
    """The value if it is a finite number, else None; booleans are not numbers."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if isinstance(value, int) or isfinite(value) else None


Filter: TypeAlias = Callable[[Mapping[str, Value]], bool]
"""Whether an event's fields satisfy a condition."""


_NO_MOMENT = Moment(0, date(1970, 1, 1))
"""Fields of events are texts, numbers and booleans; no test on them depends on the moment."""


def filter_of(where: Condition) -> Filter | None:
    """The condition as a function, equivalent to engine.conditions.evaluate.holds; None if it always holds."""
    if where == ALWAYS:
        return None
    match where:
        case Test(attribute=name, operator=Operator.EQ, operand=str(text), collation=Collation.EXACT):
            return lambda fields: fields.get(name) == text  # no other kind of value equals a text
        case All(parts=parts):
            filters = [part_filter for part_filter in map(filter_of, parts) if part_filter is not None]
            if len(filters) == 1:
                return filters[0]
            return lambda fields: all(part_filter(fields) for part_filter in filters)
        case _:
            return lambda fields: holds(where, fields, _NO_MOMENT)
