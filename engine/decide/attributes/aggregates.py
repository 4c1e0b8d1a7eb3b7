"""Aggregates: numbers about a customer's events."""

import math
from bisect import bisect_right
from collections.abc import Mapping
from fractions import Fraction
from typing import NamedTuple

from engine.decide.attributes.events import Filter, History, filter_of, number_of, value_key
from engine.model.event import Event
from engine.model.instant import DAY
from engine.model.values import Value
from engine.rulebook.model.derived import Aggregate, Measure


class Measurement(NamedTuple):
    """A compiled aggregate."""

    aggregate: Aggregate
    accepts: Filter | None


def measurement(aggregate: Aggregate) -> Measurement:
    """Compile an aggregate."""
    return Measurement(aggregate, filter_of(aggregate.where))


def measured(compiled: Measurement, past: History) -> float | int | None:
    """Value of the aggregate; None (missing) only for DAYS_SINCE_LAST without events. Linear in the events of its type.

    Its events lie in now - within < at <= now. SUM leaves out events whose field is not a number (booleans are not);
    DISTINCT counts the different values that are present, of any kind, without conversion.
    """
    aggregate = compiled.aggregate
    match aggregate.measure:
        case Measure.COUNT:
            return len(_fields(compiled, past))
        case Measure.SUM:
            return _sum([number_of(fields.get(aggregate.field)) for fields in _fields(compiled, past)])
        case Measure.DISTINCT:
            values = [fields.get(aggregate.field) for fields in _fields(compiled, past)]
            return len({value_key(value) for value in values if value is not None})
        case Measure.DAYS_SINCE_LAST:
            latest = _latest(compiled, past)
            return None if latest is None else (past.now - latest.at) / DAY


def _fields(compiled: Measurement, past: History) -> list[Mapping[str, Value]]:
    """The fields of the aggregate's events."""
    aggregate, accepts = compiled
    events, indices = past.events, past.by_type.get(aggregate.event, ())
    if aggregate.within is not None:
        start = bisect_right(indices, past.now - aggregate.within, key=lambda index: events[index].at)
        indices = indices[start:]
    of_type = [events[index].fields for index in indices]
    return of_type if accepts is None else [fields for fields in of_type if accepts(fields)]


def _latest(compiled: Measurement, past: History) -> Event | None:
    """The latest of the aggregate's events; None if it has none."""
    aggregate, accepts = compiled
    start = None if aggregate.within is None else past.now - aggregate.within
    for index in reversed(past.by_type.get(aggregate.event, ())):
        event = past.events[index]
        if start is not None and event.at <= start:
            return None
        if accepts is None or accepts(event.fields):
            return event
    return None


def _sum(values: list[float | None]) -> float:
    """The sum, rounded once, so that it does not depend on the order of events; infinite beyond the largest float."""
    numbers = [value for value in values if value is not None]
    try:
        return math.fsum(numbers)
    except OverflowError:  # of an intermediate sum or of the result
        exact = sum(map(Fraction, numbers))
    try:
        return float(exact)
    except OverflowError:
        return math.inf if exact > 0 else -math.inf
