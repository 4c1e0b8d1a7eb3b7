"""Aggregates against the oracle, and at their edges."""

import math
from collections.abc import Sequence

import pytest
from hypothesis import given, settings

from engine.decide.attributes.aggregates import measured, measurement
from engine.decide.attributes.events import history
from engine.model.event import Event
from engine.model.instant import DAY
from engine.model.values import Value
from engine.rulebook.model.derived import RFM, Aggregate, Measure
from tests.decide.attributes import plain
from tests.decide.attributes.strategies import NOW, aggregates, histories


def number(aggregate: Aggregate, events: Sequence[Event]) -> float | None:
    """The engine's value."""
    return measured(measurement(aggregate), history(events, NOW))


@settings(max_examples=600, deadline=None)
@given(aggregates, histories)
def test_aggregates_are_as_documented(aggregate: Aggregate, events: list[Event]) -> None:
    """Whatever the aggregate and the events, the engine gives the oracle's number."""
    assert number(aggregate, events) == plain.aggregate(aggregate, events, NOW)


@pytest.mark.parametrize(("at", "count"), [(NOW - DAY, 0), (NOW - DAY + 1, 1), (NOW, 1), (NOW + 1, 0)])
def test_windows_are_exact(at: int, count: int) -> None:
    """A window of a day contains events younger than a day, to the microsecond, up to now."""
    aggregate = Aggregate("a", "x", Measure.COUNT, within=DAY)
    assert number(aggregate, [Event("", "x", at)]) == count


def test_nothing_happened() -> None:
    """Without events, counts and sums are 0, and the days since the last are missing."""
    assert [number(Aggregate("a", "x", measure, "value"), []) for measure in Measure] == [0, 0, 0, None]


@pytest.mark.parametrize(
    ("values", "total"),
    [
        ([0.1] * 10, 1.0),
        ([1, True, "3", 2], 3.0),
        ([1e308, 1e308], math.inf),
        ([-1e308, -1e308], -math.inf),
        ([1e308, 1e308, -1e308], 1e308),
        ([math.nan, math.inf, 1], 1.0),
    ],
)
def test_sums(values: list[Value], total: float) -> None:
    """Sums are rounded once and leave out values that are not finite numbers; too large ones are infinite."""
    aggregate = Aggregate("a", "x", Measure.SUM, "value")
    assert number(aggregate, [Event("", "x", 5, {"value": value}) for value in values]) == total


def test_distinct_values() -> None:
    """1 and 1.0 are one value; "1" and true are others; an event without the field has none."""
    aggregate = Aggregate("a", "x", Measure.DISTINCT, "item")
    fields: list[dict[str, Value]] = [{"item": item} for item in (1, 1.0, "1", True, ("a",), ("a",))]
    assert number(aggregate, [Event("", "x", 5, values) for values in [*fields, {}]]) == 4


def test_rfm() -> None:
    """Purchases alone count; one without a value counts as a purchase and adds nothing."""
    events = [
        Event("", "purchase", NOW - 3 * DAY, {"value": 20}),
        Event("", "purchase", NOW - DAY // 2, {"value": 1.5}),
        Event("", "purchase", NOW - 9 * DAY),
        Event("", "view", NOW, {"value": 7}),
    ]
    numbers = {name: number(aggregate, events) for name, aggregate in RFM.items()}
    assert numbers == {"rfm.recency_days": 0.5, "rfm.frequency": 3, "rfm.monetary": 21.5}
