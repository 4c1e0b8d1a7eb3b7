"""What conditions mean, case by case, for every evaluator alike."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings

from engine.conditions.evaluate import Verdict, holds, verdict_of
from engine.conditions.index.index import ConditionIndex
from engine.conditions.model import (
    ITEM,
    All,
    Any_,
    Audience,
    Collation,
    Condition,
    None_,
    Operator,
    Test,
)
from engine.conditions.trace import Trace, trace
from engine.model.instant import DAY, SECOND, from_datetime
from engine.model.values import Attributes, Moment
from tests.conditions.strategies import MOMENT, conditions, contexts

NOW = Moment(from_datetime(datetime(2026, 3, 10, 10, tzinfo=UTC)), date(2026, 3, 10))
_UNITS = {"d": DAY, "h": 3600 * SECOND, "us": 1}
_TIME = re.compile(r"now(?:([+-])(\d+)(d|h|us))?")


def value_of(written: Any) -> Any:
    """A value of the table."""
    if isinstance(written, list):
        return tuple(map(value_of, written))
    if isinstance(written, str) and (time := _TIME.fullmatch(written)):
        sign, number, unit = time.groups()
        return NOW.now + (int(sign + number) * _UNITS[unit] if sign else 0)
    return written


def condition_of(written: Any) -> Condition:
    """A condition of the table."""
    match written:
        case {"all": parts}:
            return All(tuple(map(condition_of, parts)))
        case {"any": parts}:
            return Any_(tuple(map(condition_of, parts)))
        case {"none": parts}:
            return None_(tuple(map(condition_of, parts)))
        case {"audience": [name, inner]}:
            return Audience(name, condition_of(inner))
        case [attribute, "within", str(span)]:
            number, unit = re.fullmatch(r"(\d+)(d|h|us)", span).groups()  # type: ignore[union-attr]
            return Test(attribute, Operator.WITHIN, int(number) * _UNITS[unit])
        case [attribute, operator, operand]:
            return Test(attribute, Operator(operator), value_of(operand))
    raise ValueError(written)


def cases() -> Iterator[Any]:
    """The table, a parameter set per case."""
    table = yaml.safe_load(Path(__file__).with_name("cases.yaml").read_text(encoding="utf-8"))
    for title, rows in table.items():
        for number, (condition, attributes, expected) in enumerate(rows, 1):
            yield pytest.param(
                condition_of(condition),
                {name: value_of(value) for name, value in attributes.items()},
                expected,
                id=f"{title.replace(' ', '-')}-{number}",
            )


@pytest.mark.parametrize(("condition", "attributes", "expected"), list(cases()))
def test_meaning(condition: Condition, attributes: Attributes, expected: bool) -> None:
    """Evaluator, index and trace give the result in the table."""
    assert holds(condition, attributes, NOW) is expected
    assert ConditionIndex.build([condition]).match(attributes, NOW) == [0] * expected
    assert (trace(condition, attributes, NOW).verdict is Verdict.TRUE) is expected


@settings(max_examples=300, deadline=None)
@given(conditions, contexts)
def test_trace_is_the_reference(condition: Condition, attributes: Attributes) -> None:
    """At every node the trace is true exactly if the condition holds, and unknown on single tests only."""

    def compare(node: Trace, part: Condition) -> None:
        assert (node.verdict is Verdict.TRUE) is holds(part, attributes, MOMENT)
        match part:
            case Test():
                assert node.verdict is verdict_of(part, attributes, MOMENT)
                return
            case Audience(condition=inner):
                inners: tuple[Condition, ...] = (inner,)
            case All(parts=inners) | Any_(parts=inners) | None_(parts=inners):
                pass
        assert node.verdict is not Verdict.UNKNOWN
        for traced, inner in zip(node.parts, inners, strict=True):
            compare(traced, inner)

    compare(trace(condition, attributes, MOMENT), condition)


@pytest.mark.parametrize("operator", [operator for operator in Operator if operator is not Operator.EXISTS])
def test_missing_is_unknown(operator: Operator) -> None:
    """Whatever its operator, a test on a missing attribute is unknown, and so counts as false."""
    test = Test("x", operator, "a")
    assert verdict_of(test, {}, NOW) is Verdict.UNKNOWN
    assert not holds(test, {}, NOW)


def test_existence_is_always_known() -> None:
    """Whether an attribute exists is true or false."""
    assert verdict_of(Test("x", Operator.EXISTS, True), {}, NOW) is Verdict.FALSE
    assert verdict_of(Test("x", Operator.EXISTS, False), {}, NOW) is Verdict.TRUE


def test_trace_reads_well() -> None:
    """A trace names its nodes and shows the value at each test."""
    condition = All(
        (
            Audience("cold-north", Test("weather.condition", Operator.IN, ("rain", "snow"))),
            None_((Test("profile.age", Operator.GTE, 18),)),
            Any_((Test("profile.member", Operator.EQ, True),)),
            All(()),
        )
    )
    seen = trace(condition, {"weather.condition": "rain", "profile.age": 31}, NOW)
    assert [(node.text, node.verdict) for node in (seen, *seen.parts)] == [
        ("all", "false"),
        ("audience cold-north", "true"),
        ("none", "false"),
        ("any", "false"),
        ("always", "true"),
    ]
    leaves = [part.parts[0] for part in seen.parts[:3]]
    assert [(leaf.text, leaf.verdict, leaf.value) for leaf in leaves] == [
        ("weather.condition in [rain, snow]", "true", "rain"),
        ("profile.age gte 18", "true", 31),
        ("profile.member eq true", "unknown", None),
    ]


@pytest.mark.parametrize(
    ("test", "text"),
    [
        (
            Test("x", Operator.STARTS_WITH, "a", collation=Collation.CASELESS),
            "x starts_with a, ignoring case",
        ),
        (Test("x", Operator.GTE, "1.10", collation=Collation.VERSION), "x gte 1.10"),
        (Test("x", Operator.IN_NETWORK, ("10.0.0.0/8", "::1/128")), "x in_network [10.0.0.0/8, ::1/128]"),
        (Test("x", Operator.EQ, ("a", "b")), "x eq [a, b]"),
        (
            Test(
                "x", Operator.ANY_ITEM, (), inner=(Test(ITEM, Operator.GT, 5), Test(ITEM, Operator.LT, 7.5))
            ),
            "x any_item gt 5 and lt 7.5",
        ),
        (
            Test("x", Operator.SIZE, (), inner=(Test(ITEM, Operator.BETWEEN, (1, 3)),)),
            "x size between [1, 3]",
        ),
    ],
)
def test_how_tests_read(test: Test, text: str) -> None:
    """In explanations a test reads nearly as it is written."""
    assert trace(test, {}, NOW).text == text


@pytest.mark.parametrize("value", ["\ud800", "", "a" * 100_000])
def test_matches_is_total(value: str) -> None:
    """No text, not even one that has no UTF-8, makes `matches` raise."""
    assert not holds(Test("x", Operator.MATCHES, "^b"), {"x": value}, NOW)
