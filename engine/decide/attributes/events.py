"""What a customer did: events, brought into order."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from math import isfinite
from operator import attrgetter
from typing import NamedTuple, TypeAlias

from engine.conditions.evaluate import holds
from engine.conditions.model import ALWAYS, All, Condition, Operator, Test
from engine.model.event import Event
from engine.model.instant import Instant
from engine.model.values import Moment, Value


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


Filter: TypeAlias = Callable[[Mapping[str, Value]], bool]
"""Whether an event's fields satisfy a condition."""


_NO_MOMENT = Moment(0, date(1970, 1, 1))
"""The fields of events are texts, numbers and booleans, of which no test looks at the clock."""


def filter_of(where: Condition) -> Filter | None:
    """The condition as a function; None if it always holds. It means what engine.conditions.evaluate says."""
    if where == ALWAYS:
        return None
    match where:
        case Test(attribute=name, operator=Operator.EQ, operand=str(text)):
            return lambda fields: fields.get(name) == text  # no other kind of value equals a text
        case All(parts=parts):
            inner = [one for one in map(filter_of, parts) if one is not None]
            return lambda fields: all(one(fields) for one in inner)
        case _:
            return lambda fields: holds(where, fields, _NO_MOMENT)
