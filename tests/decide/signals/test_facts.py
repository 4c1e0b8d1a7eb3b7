"""Facts built from attributes."""

import json
from datetime import date, datetime

import pytest

from engine.conditions.model import Any_, Condition, None_, Operator, Test
from engine.decide.signals.compile import compile_signals
from engine.decide.signals.facts import ascending, position
from engine.model.values import Value
from engine.server.book.probe import MOMENT, ODD
from tests.decide.signals.books import book, eq, gte


def fact(condition: Condition, attributes: dict[str, Value]) -> str:
    """The fact of a book with this signal only."""
    (stratum,) = compile_signals(book({"s": condition})).strata
    return stratum.batches[0].fact_builder.fact(attributes, MOMENT)


def test_a_position_says_how_a_value_compares_with_every_operand() -> None:
    """Odd at an operand, even between: huge, infinite and subnormal numbers too, exactly."""
    operands = ascending([1, 1.0, 10**400, 5e-324, float("-inf"), 2**53 + 1])
    assert operands == (float("-inf"), 5e-324, 1, 2**53 + 1, 10**400)
    values = [
        float("-inf"),
        -(10**500),
        0,
        5e-324,
        0.5,
        1.0,
        2**53,
        float(2**53),
        2**53 + 1,
        10**400,
        10**401,
    ]
    assert [position(operands, value) for value in values] == [1, 2, 2, 3, 4, 5, 6, 6, 7, 9, 10]
    for value in values:
        for index, operand in enumerate(operands):
            actual, mark = position(operands, value), 2 * index + 1
            assert (actual < mark, actual == mark) == (value < operand, value == operand)


@pytest.mark.parametrize(
    ("condition", "value", "properties"),
    [
        (gte("a", 5), 5, {"p0": 1}),
        (gte("a", 5), 4, {"p0": 0}),
        (gte("a", 5), True, {}),
        (gte("a", 5), "5", {}),
        (gte("a", 5), float("nan"), {}),
        (gte("a", date(2026, 1, 1)), date(2026, 1, 2), {"p0": 2}),
        (gte("a", date(2026, 1, 1)), datetime(2026, 1, 2), {}),  # noqa: DTZ001
        (eq("a", "x"), "x", {"p0": 1}),
        (eq("a", "x"), "y", {}),
        (eq("a", 1), True, {}),
        (eq("a", True), True, {"p0": 1}),
        (eq("a", 1), 1.0, {"p0": 1}),
        (Test("a", Operator.MATCHES, "^x"), "xy", {"p0": 1}),
        (Test("a", Operator.MATCHES, "^x"), "y", {}),
        (None_((gte("a", 5),)), 6, {"p0": 1}),
        (None_((gte("a", 5),)), 4, {}),
        (Test("a", Operator.EXISTS, False), 4, {"p0": 1}),
    ],
)
def test_a_fact_says_of_a_value_what_rules_ask(
    condition: Condition, value: Value, properties: dict[str, int]
) -> None:
    """A position, or a name if a test holds; nothing of the value itself."""
    assert json.loads(fact(condition, {"a": value})) == {"id": 1, "g": 0, **properties}


def test_nothing_of_a_callers_is_written() -> None:
    """Of hostile values only names and small integers arrive, each name once, whatever else the caller sends."""
    condition = Any_((gte("a", 5), eq("a", "x"), eq("a", 1e16), Test("a", Operator.NE, 1), eq("id", 7)))
    for value in ODD:
        text = fact(condition, {"a": value, "g": value, "id": value, '"}{': value})
        pairs = json.loads(text, object_pairs_hook=list)
        assert pairs[:2] == [("id", 1), ("g", 0)]
        assert len(dict(pairs)) == len(pairs)
        assert all(type(value) is int and 0 <= value < 10 for _, value in pairs)
