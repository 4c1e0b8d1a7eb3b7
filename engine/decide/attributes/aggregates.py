"""Aggregates: numbers about a customer's events."""

import math
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import NamedTuple

from engine.decide.attributes.events import Filter, History, filter_of, number_of, value_key
from engine.model.event import Event
from engine.model.instant import DAY
from engine.rulebook.model.derived import Aggregate, Measure


class Measurement(NamedTuple):
    """An aggregate made ready."""

    aggregate: Aggregate
    accepts: Filter | None


def measurement(aggregate: Aggregate) -> Measurement:
    """The aggregate with its condition made ready."""
    return Measurement(aggregate, filter_of(aggregate.where))


def measured(wanted: Measurement, past: History) -> float | int | None:
    """The aggregate's number; None (missing) only for DAYS_SINCE_LAST of no events. Linear in the events of its type.

    Its events lie in now - within < at <= now. SUM leaves out events whose field is no number (booleans are none);
    DISTINCT counts the different values that are present, of any kind, without conversion.
    """
    aggregate, found = wanted.aggregate, _latest_first(wanted, past)
    match aggregate.measure:
        case Measure.COUNT:
            return sum(1 for _ in found)
        case Measure.SUM:
            return _sum([number_of(event.fields.get(aggregate.field)) for event in found])
        case Measure.DISTINCT:
            values = (event.fields.get(aggregate.field) for event in found)
            return len({value_key(value) for value in values if value is not None})
        case Measure.DAYS_SINCE_LAST:
            latest = next(found, None)
            return None if latest is None else (past.now - latest.at) / DAY


def _latest_first(wanted: Measurement, past: History) -> Iterator[Event]:
    aggregate, accepts = wanted
    start = None if aggregate.within is None else past.now - aggregate.within
    for index in reversed(past.by_type.get(aggregate.event, ())):
        event = past.events[index]
        if start is not None and event.at <= start:
            return
        if accepts is None or accepts(event.fields):
            yield event


def _sum(values: list[float | None]) -> float:
    """Exact before the one rounding, so that the order of events cannot show; infinite beyond the largest number."""
    numbers = [value for value in values if value is not None]
    try:
        return math.fsum(numbers)
    except OverflowError:  # on the way, or in the end
        exact = sum(map(Fraction, numbers))
    try:
        return float(exact)
    except OverflowError:
        return math.inf if exact > 0 else -math.inf


PURCHASE = "purchase"
"""The type of the events that count."""


RFM: Mapping[str, Aggregate] = {
    one.name: one
    for one in (
        Aggregate("rfm.recency_days", PURCHASE, Measure.DAYS_SINCE_LAST),
        Aggregate("rfm.frequency", PURCHASE, Measure.COUNT),
        Aggregate("rfm.monetary", PURCHASE, Measure.SUM, "value"),
    )
}
"""Days since the latest purchase (missing without one), how many, and the sum of their `value`s, whatever the currency."""
