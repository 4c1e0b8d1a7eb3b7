"""Masks over columns against the index, and columns against their values."""

from datetime import date
from math import copysign

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.batch.columns import AttributeRows, Chunk, ValueColumn
from engine.batch.frame import MaskFrame, bits_of_few, bits_of_many
from engine.conditions.index import index, keyed
from engine.conditions.index.index import ConditionIndex
from engine.conditions.model import Condition
from engine.model.instant import DAY
from engine.model.values import Attributes, Moment, Value
from tests.conditions.strategies import MOMENT, conditions, contexts
from tests.conditions.test_index import book

LATER = Moment(MOMENT.now + 3 * DAY, date(2024, 10, 7))


@pytest.mark.parametrize("small", [False, True])
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(conditions, max_size=9), st.lists(contexts, max_size=12), st.data())
def test_columns_find_what_the_index_finds(
    small: bool,
    monkeypatch: pytest.MonkeyPatch,
    written: list[Condition],
    customers: list[Attributes],
    data: st.DataObject,
) -> None:
    """For every customer, on either of two days, also among some conditions and where blocks are split."""
    with monkeypatch.context() as patch:
        if small:
            patch.setattr(index, "_SPLIT_FROM", 1)
            patch.setattr(index, "_BLOCK", 2)
            patch.setattr(keyed, "_LONG", 0)
        built = ConditionIndex.build(written)
    frame, moments = MaskFrame(built), [MOMENT, LATER]
    days = [data.draw(st.sampled_from((0, 1))) for _ in customers]
    among = built.clauses_of(data.draw(st.sets(st.sampled_from(range(len(written))))) if written else ())
    for mask in (-1, among):
        start = np.tile(frame.words(mask), (len(customers), 1))
        chunk = Chunk(AttributeRows(customers))
        alive = frame.alive(chunk, np.array(days, np.int64), moments, start)
        pairs = frame.pairs(alive)
        expected = [
            (row, position)
            for row, attributes in enumerate(customers)
            for position in built.match(attributes, moments[days[row]], mask)
        ]
        assert list(zip(pairs.rows.tolist(), pairs.positions.tolist(), strict=True)) == expected
        for position in range(len(written)):
            rows = [row for row, own in expected if own == position]
            assert np.flatnonzero(frame.holds(alive, position)).tolist() == rows


def test_a_mask_of_many_words_is_found_whole() -> None:
    """Also the 65th clause and the last one of a book that is split into blocks."""
    written = book(1100)
    built = ConditionIndex.build(written)
    customers: list[Attributes] = [
        {
            "city": f"c{number % 21}",
            "temperature": number % 40 - 4.5,
            "segment": f"s{number % 8}",
            "tags": ("t",),
        }
        for number in range(60)
    ]
    chunk = Chunk(AttributeRows(customers))
    frame = MaskFrame(built)
    pairs = frame.pairs(frame.alive(chunk, np.zeros(60, np.int64), [MOMENT]))
    expected = [
        (row, hit) for row, attributes in enumerate(customers) for hit in built.match(attributes, MOMENT)
    ]
    assert list(zip(pairs.rows.tolist(), pairs.positions.tolist(), strict=True)) == expected


@given(st.lists(st.integers(1, 2**64 - 1), max_size=8), st.data())
def test_words_of_few_and_of_many_bits_are_read_alike(words: list[int], data: st.DataObject) -> None:
    """In order of the words, then of their bits."""
    numbers = np.arange(len(words))
    if data.draw(st.booleans()):
        words = [data.draw(st.sampled_from((1, 1 << 63, 0x8001))) for _ in words]
    left = np.array(words, np.uint64)
    expected = [(at, -at, bit) for at, word in enumerate(words) for bit in range(64) if word >> bit & 1]
    for read in (bits_of_few, bits_of_many):
        rows, places, bits = read(numbers, -numbers, left)
        assert list(zip(rows.tolist(), places.tolist(), bits.tolist(), strict=True)) == expected


def test_values_that_can_be_told_apart_have_codes_of_their_own() -> None:
    """One, 1.0 and True are three values, zeros have signs, and lists are compared with the types of their items."""
    values: list[Value | None] = [1, 1.0, True, 0.0, -0.0, "1", None, (1,), (1.0,), 1, -0.0, None]
    column = ValueColumn.coded(values)
    seen = [column.values[code] for code in column.codes.tolist()]
    assert list(map(repr, seen)) == list(map(repr, values))
    assert len(column.values) == 9
    assert copysign(1.0, column.values[column.codes[10]]) == -1.0


def test_derived_values_stand_back_behind_given_ones() -> None:
    """As in the engine: what the caller sent takes precedence."""
    chunk = Chunk(AttributeRows([{"a": "x"}, {}, {"a": "y"}]))
    chunk.add([{"a": "derived", "b": 2}, {}], np.array([0, 0, 1]))
    rows = [chunk.column("a"), chunk.column("b")]
    values = [[column.values[code] for code in column.codes.tolist()] for column in rows]
    assert values == [["x", "derived", "y"], [2, 2, None]]
