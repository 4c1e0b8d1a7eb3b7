"""The index against the reference."""

from datetime import date
from enum import IntEnum, StrEnum
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.conditions import dnf, index
from engine.conditions.index import ConditionIndex
from engine.conditions.model import All, Any_, Attributes, Condition, None_, Operator, Test
from engine.conditions.reference import holds
from .strategies import MOMENT, conditions, contexts


def holding(conditions: list[Condition], attributes: Attributes) -> list[int]:
    """What the reference says."""
    return [number for number, one in enumerate(conditions) if holds(one, attributes, MOMENT)]


@settings(max_examples=400, deadline=None)
@given(st.lists(conditions, max_size=12), st.lists(contexts, min_size=1, max_size=6))
def test_index_is_the_reference(written: list[Condition], seen: list[Attributes]) -> None:
    """Whatever the conditions and the values, the index finds what the reference finds, in order, once each."""
    built = ConditionIndex.build(written)
    for attributes in seen:
        assert built.match(attributes, MOMENT) == holding(written, attributes)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(conditions, min_size=1, max_size=12),
    contexts,
    st.sets(st.integers(0, 11)),
    st.sets(st.integers(0, 11)),
)
def test_among_restricts(
    written: list[Condition], attributes: Attributes, some: set[int], others: set[int]
) -> None:
    """A match among some conditions is the whole match without the others; masks combine as sets do."""
    built = ConditionIndex.build(written)
    some, others = ({one for one in chosen if one < len(written)} for chosen in (some, others))
    left, right = built.clauses_of(some), built.clauses_of(others)
    found = holding(written, attributes)
    for among, chosen in ((left, some), (left & right, some & others), (left | right, some | others)):
        assert built.match(attributes, MOMENT, among) == [one for one in found if one in chosen]
