"""The index against engine.conditions.evaluate."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from enum import IntEnum, StrEnum
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.conditions.evaluate import holds
from engine.conditions.index import index, keyed
from engine.conditions.index.index import ConditionIndex
from engine.conditions.model import ALWAYS, All, Any_, Condition, None_, Operator, Test
from engine.model.values import Attributes
from tests.conditions.strategies import MOMENT, conditions, contexts


def holding(written: Sequence[Condition], attributes: Attributes) -> list[int]:
    """Positions of the conditions that hold, by engine.conditions.evaluate."""
    return [number for number, condition in enumerate(written) if holds(condition, attributes, MOMENT)]


@pytest.mark.parametrize("small", [False, True])
@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(conditions, max_size=12), st.lists(contexts, min_size=1, max_size=5), st.data())
def test_index_is_the_reference(
    small: bool,
    monkeypatch: pytest.MonkeyPatch,
    written: list[Condition],
    seen: list[Attributes],
    data: st.DataObject,
) -> None:
    """Whatever the conditions and values, the index finds the conditions that hold, in order, once each.

    Also if blocks are split and `in` lists are looked up by key, as in books of thousands of campaigns. A match among some
    conditions is the complete match without the others, and masks combine as sets do.
    """
    with monkeypatch.context() as patch:
        if small:
            patch.setattr(index, "_SPLIT_FROM", 1)
            patch.setattr(index, "_BLOCK", len(seen))
            patch.setattr(keyed, "_LONG", 0)
        built = ConditionIndex.build(written)
    positions = st.sets(st.sampled_from(range(len(written)))) if written else st.just(set[int]())
    chosen_positions, others = data.draw(positions), data.draw(positions)
    left, right = built.clauses_of(chosen_positions), built.clauses_of(others)
    for attributes in seen:
        expected = holding(written, attributes)
        assert built.match(attributes, MOMENT) == expected
        for among, chosen in (
            (left, chosen_positions),
            (left & right, chosen_positions & others),
            (left | right, chosen_positions | others),
        ):
            assert built.match(attributes, MOMENT, among) == [
                position for position in expected if position in chosen
            ]


def book(size: int) -> list[Condition]:
    """Conditions of three tests each, enough to be split into blocks of several words."""
    random = Random(42)
    return [
        All(
            (
                Test(
                    "city",
                    Operator.IN,
                    tuple(f"c{random.randrange(20)}" for _ in range(random.randint(1, 3))),
                ),
                Test("temperature", random.choice([Operator.GTE, Operator.LT]), random.randint(-5, 35)),
                Any_(
                    (Test("segment", Operator.EQ, f"s{random.randrange(7)}"), Test("tags", Operator.HAS, "t"))
                ),
            )
            if random.random() < 0.8
            else (Test("temperature", Operator.BETWEEN, (random.randint(-5, 15), random.randint(15, 35))),)
        )
        for _ in range(size)
    ]


def customers(number: int) -> list[Attributes]:
    """Requests for that book, some without some values."""
    random = Random(43)
    whole: list[Attributes] = [
        {
            "city": f"c{random.randrange(22)}",
            "temperature": random.choice([random.randint(-10, 40), random.uniform(-10, 40)]),
            "segment": f"s{random.randrange(8)}",
            "tags": tuple(random.sample(["t", "u", "v"], random.randrange(3))),
        }
        for _ in range(number)
    ]
    return [
        {name: value for name, value in attributes.items() if random.random() < 0.9} for attributes in whole
    ]


def test_large_books_and_threads() -> None:
    """A book of thousands of conditions, split into blocks, is matched correctly by several threads at once."""
    written, seen = book(3000), customers(24)
    built = ConditionIndex.build(written)
    expected = [holding(written, attributes) for attributes in seen]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda attributes: built.match(attributes, MOMENT), seen * 5)) == expected * 5


def test_too_large_a_form_falls_back() -> None:
    """A condition beyond the limit of clauses is evaluated directly, in its place, and obeys `among`."""
    pairs = tuple(
        Any_((Test(f"x{number}", Operator.EQ, 1), Test(f"y{number}", Operator.EQ, 1))) for number in range(10)
    )
    built = ConditionIndex.build([ALWAYS, All(pairs), Test("x0", Operator.EQ, 1), All(pairs)])
    attributes = {f"x{number}": 1 for number in range(10)}
    assert built.unindexed == (1, 3)
    assert built.match(attributes, MOMENT) == [0, 1, 2, 3]
    assert built.match(attributes, MOMENT, built.clauses_of([2, 3])) == [2, 3]
    assert built.match({**attributes, "x3": 2}, MOMENT) == [0, 2]


def test_attributes_are_those_that_are_tested() -> None:
    """The index names every attribute that some condition tests, also the unindexed ones."""
    many = None_((All(tuple(Test(f"x{number}", Operator.EQ, 1) for number in range(70))),))
    built = ConditionIndex.build([many, Test("a", Operator.EQ, 1)])
    assert built.unindexed == (0,)
    assert built.attributes == {"a", *(f"x{number}" for number in range(70))}


def test_no_conditions() -> None:
    """An empty index finds nothing."""
    built = ConditionIndex.build([])
    assert built.match({"x": 1}, MOMENT) == []
    assert built.clauses_of([]) == 0


class _Size(IntEnum):
    LARGE = 2


class _Name(StrEnum):
    A = "a"


class _Number(float):
    pass


@pytest.mark.parametrize(
    "value",
    [
        _Size.LARGE,
        _Name.A,
        _Number(2.5),
        _Number("nan"),
        datetime(2024, 10, 4, tzinfo=UTC),
        float("nan"),
        10**400,
        (),
        None,
    ],
)
def test_odd_values(value: object) -> None:
    """Values of subclasses, and others that no caller can send, are matched as engine.conditions.evaluate does."""
    written = [
        Test("x", operator, operand)
        for operator, operands in {
            Operator.EQ: (2, "a", True, date(2024, 10, 4), 2.5),
            Operator.NE: (2, "a", True, date(2024, 10, 4), 2.5),
            Operator.GTE: (2, 2.5, date(2024, 10, 4)),
            Operator.LT: (2, 3, date(2024, 10, 5)),
            Operator.EXISTS: (True, False),
            Operator.STARTS_WITH: ("a",),
            Operator.HAS: ("a", 2),
            Operator.IN: ((2, "a"), tuple(range(100))),
        }.items()
        for operand in operands
    ]
    attributes: Attributes = {"x": value}  # type: ignore[dict-item]
    assert ConditionIndex.build(written).match(attributes, MOMENT) == holding(written, attributes)
    for condition in written:
        assert ConditionIndex.build([condition]).match(attributes, MOMENT) == holding([condition], attributes)
