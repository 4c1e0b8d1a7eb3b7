"""Aggregates: numbers about a customer's events."""

import math
from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

from engine.decide.attributes.events import Filter, History, filter_of, number_of, value_key
from engine.model.event import Event
from engine.model.instant import DAY
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
    aggregate, events = compiled.aggregate, _latest_first(compiled, past)
    match aggregate.measure:
        case Measure.COUNT:
            return sum(1 for _ in events)
        case Measure.SUM:
            return _sum([number_of(event.fields.get(aggregate.field)) for event in events])
        case Measure.DISTINCT:
            values = (event.fields.get(aggregate.field) for event in events)
            return len({value_key(value) for value in values if value is not None})
        case Measure.DAYS_SINCE_LAST:
            latest = next(events, None)
            return None if latest is None else (past.now - latest.at) / DAY


def _latest_first(compiled: Measurement, past: History) -> Iterator[Event]:
    aggregate, accepts = compiled
    start = None if aggregate.within is None else past.now - aggregate.within
    for index in reversed(past.by_type.get(aggregate.event, ())):
        event = past.events[index]
        if start is not None and event.at <= start:
            return
        if accepts is None or accepts(event.fields):
            yield event


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
