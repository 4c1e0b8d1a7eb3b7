"""Views of values: a test on a view of a value is a simple test on what is derived from the value, so that columns hold it.

A test without regard to case is a plain test on folded texts; one on the size of a list, a test on a number. A view of a
value for which no test of the view holds is None, which is a missing value.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from enum import Enum
from math import inf, nan
from types import MappingProxyType
from typing import Any

from engine.conditions.dnf import Literal, literal_of
from engine.conditions.evaluate import collated, collated_operand, kind_of
from engine.conditions.model import ITEM, Collation, Deferred, Operator, Test
from engine.conditions.typed_texts import version_of


class View(Enum):
    """What is derived from a value."""

    VALUE = "the value itself"
    FOLDED = "texts without capitals"
    VERSION = "the version in a text"
    SIZE = "the number of items of a list"
    LARGEST = "the largest number in a list"
    SMALLEST = "the smallest number in a list"
    MOST = "the largest number in a list of numbers, minus infinity in an empty one"
    LEAST = "the smallest number in a list of numbers, infinity in an empty one"


_O = Operator
_COLLATED = frozenset(
    (
        *(_O.EQ, _O.NE, _O.LT, _O.LTE, _O.GT, _O.GTE, _O.BETWEEN, _O.IN, _O.NOT_IN, _O.BEFORE, _O.AFTER),
        *(_O.HAS, _O.HAS_ANY, _O.STARTS_WITH, _O.ENDS_WITH),
    )
)
"""The operators that a column can hold, and that read texts by a collation."""

_VIEWS: Mapping[Collation, View] = MappingProxyType(
    {Collation.CASELESS: View.FOLDED, Collation.VERSION: View.VERSION}
)
_OF_ITEMS: Mapping[Operator, Operator] = MappingProxyType({_O.EQ: _O.HAS, _O.IN: _O.HAS_ANY})
"""By the operator on any item, the operator on the list."""

_EXTREMES: Mapping[Operator, View] = MappingProxyType(
    {_O.GT: View.LARGEST, _O.GTE: View.LARGEST, _O.LT: View.SMALLEST, _O.LTE: View.SMALLEST}
)
"""By the operator on any item, the number in the list that passes if any does."""


_EXTREMES_OF_ALL: Mapping[Operator, View] = MappingProxyType(
    {_O.GT: View.LEAST, _O.GTE: View.LEAST, _O.LT: View.MOST, _O.LTE: View.MOST}
)
"""By the operator on all items, the number in the list that passes if all do."""

_NUMBERS = frozenset((_O.EQ, _O.NE, _O.LT, _O.LTE, _O.GT, _O.GTE, _O.BETWEEN, _O.IN, _O.NOT_IN))
"""The operators on numbers."""


def viewed(literal: Literal) -> tuple[View, tuple[Literal, ...]]:
    """A view, and the literals on it that together are equivalent to the literal. What has no better view keeps its value."""
    if isinstance(literal.test.operand, Deferred):
        return View.VALUE, (literal,)
    test = _of_list(literal.test)
    if (bound := _bound(test)) is not None:
        extremes = _EXTREMES if test.operator is Operator.ANY_ITEM else _EXTREMES_OF_ALL
        return extremes[bound.operator], (literal_of(bound, literal.positive),)
    if (bounds := _sizes(test)) and (literal.positive or len(bounds) == 1):
        return View.SIZE, tuple(literal_of(bound, literal.positive) for bound in bounds)
    view, operand = _VIEWS.get(test.collation), test.operand
    if view is not None and test.operator in _COLLATED:
        plain = replace(test, operand=collated_operand(operand, test.collation), collation=Collation.EXACT)
        return view, (literal_of(plain, literal.positive),)
    return View.VALUE, (literal_of(test, literal.positive),)


def _of_list(test: Test) -> Test:
    """Of a test on any item, the test on the list itself that means the same; else the test."""
    inner = _only(test) if test.operator is Operator.ANY_ITEM else None
    if inner is None or inner.operator not in _OF_ITEMS:
        return test
    if isinstance(inner.operand, tuple) is (inner.operator is Operator.EQ):
        return test
    return replace(inner, attribute=test.attribute, operator=_OF_ITEMS[inner.operator])


def _bound(test: Test) -> Test | None:
    """The comparison with the largest or smallest number of the list; None for another test."""
    inner = _only(test)
    if inner is None or inner.operator not in _EXTREMES or kind_of(inner.operand) is not float:
        return None
    if test.operator is Operator.ALL_ITEMS and inner.operand in (inf, -inf):
        return None
    return replace(inner, attribute=test.attribute)


def _sizes(test: Test) -> list[Test]:
    """The comparisons with the size; none if there are others among them."""
    if test.operator is not Operator.SIZE or not all(map(_is_of_numbers, test.inner)):
        return []
    return [replace(inner, attribute=test.attribute) for inner in test.inner]


def _is_of_numbers(inner: Test) -> bool:
    several = inner.operator in (Operator.BETWEEN, Operator.IN, Operator.NOT_IN)
    return (
        inner.attribute == ITEM
        and inner.operator in _NUMBERS
        and inner.collation is Collation.EXACT
        and isinstance(inner.operand, tuple) is several
    )


def _only(test: Test) -> Test | None:
    """The only inner test of a test on items; None if there are several."""
    if test.operator is Operator.SIZE or len(test.inner) != 1 or test.inner[0].attribute != ITEM:
        return None
    return test.inner[0]


_INTEGERS, _TEXTS = {int}, {str}


def _numbers(value: Any) -> Any:
    """The numbers of a list; the list itself if it has nothing else."""
    if type(value) is tuple and {*map(type, value)} == _INTEGERS:
        return value
    return [item for item in value if kind_of(item) is float] if isinstance(value, tuple) else []


def _only_numbers(value: tuple[Any, ...]) -> Any:
    """The items of a list; of one with other items than numbers a NaN, with which nothing compares."""
    numbers = _numbers(value)
    return numbers if len(numbers) == len(value) else (nan,)


def _folded(value: Any) -> Any:
    if type(value) is str:
        return value.casefold()
    if type(value) is tuple and {*map(type, value)} == _TEXTS:
        return tuple(map(str.casefold, value))
    return collated(value, Collation.CASELESS)


def _version(value: Any) -> Any:
    return version_of(value) if type(value) is str else collated(value, Collation.VERSION)


DERIVED: Mapping[View, Callable[[Any], Any]] = MappingProxyType(
    {
        View.VALUE: lambda value: value,
        View.FOLDED: _folded,
        View.VERSION: _version,
        View.SIZE: lambda value: len(value) if isinstance(value, tuple) else None,
        View.LARGEST: lambda value: max(_numbers(value), default=None),
        View.SMALLEST: lambda value: min(_numbers(value), default=None),
        View.MOST: lambda value: (
            max(_only_numbers(value), default=-inf) if isinstance(value, tuple) else None
        ),
        View.LEAST: lambda value: (
            min(_only_numbers(value), default=inf) if isinstance(value, tuple) else None
        ),
    }
)
"""By view, how it is made of a value."""
