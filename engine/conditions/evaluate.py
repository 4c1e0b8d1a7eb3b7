"""The meaning of a condition: the plain evaluator, with which every other evaluator must agree."""

import operator
from collections.abc import Callable, Mapping
from datetime import date, datetime
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import re2

from engine.conditions.ages import age, days_to_anniversary, in_unit, is_day
from engine.conditions.model import (
    ITEM,
    NOW,
    OF_ITEMS,
    All,
    Any_,
    AttributeOperand,
    Audience,
    Collation,
    Condition,
    None_,
    Now,
    Operand,
    Operator,
    Test,
)
from engine.conditions.typed_texts import HostBitsError, Version, address_bits, network_of, version_of
from engine.model.instant import DAY
from engine.model.values import Attributes, Moment, Value


class Verdict(StrEnum):
    """Result of a test. Unknown is false because the attribute is missing, and counts as false."""

    TRUE = "true"
    FALSE = "false"
    UNKNOWN = "unknown"


def holds(condition: Condition, attributes: Attributes, moment: Moment) -> bool:
    """Whether the condition holds. Recurses as deep as the condition is nested."""
    match condition:
        case Test():
            return test_holds(condition, attributes, moment)
        case All(parts=parts):
            return all(holds(part, attributes, moment) for part in parts)
        case Any_(parts=parts):
            return any(holds(part, attributes, moment) for part in parts)
        case None_(parts=parts):
            return not any(holds(part, attributes, moment) for part in parts)
        case Audience(condition=inner):
            return holds(inner, attributes, moment)


def test_holds(test: Test, attributes: Attributes, moment: Moment) -> bool:
    """Whether the test holds. False if an attribute that it reads is missing, or value or operand are of the wrong kind.

    A key with the value None counts as missing. Never raises on values and operands of the model's types.
    """
    value = attributes.get(test.attribute)
    operand: Operand | Value | None = test.operand
    if test.operator is Operator.EXISTS:
        return operand is (value is not None)
    if value is None:
        return False
    if type(operand) in _DEFERRED:
        operand = _operand_at(test.operand, value, attributes, moment)
        if operand is None:
            return False
    return _value_passes(test, value, operand, moment)


def _value_passes(test: Test, value: Value, operand: Any, moment: Moment) -> bool:
    """Whether the value passes the test with this operand."""
    if test.inner:
        return _items_pass(test, value, moment)
    if test.collation is Collation.EXACT:
        return _PREDICATES[test.operator](value, operand, moment)
    comparable = collated(value, test.collation)
    if comparable is None:
        return False
    return _PREDICATES[test.operator](comparable, collated_operand(operand, test.collation), moment)


_DEFERRED = frozenset((AttributeOperand, Now))
"""The operands whose value is known at evaluation only."""


def _operand_at(operand: Operand, value: Value, attributes: Attributes, moment: Moment) -> Value | None:
    """The operand's value; None if the other attribute is missing, or the value is neither a date nor a time."""
    if isinstance(operand, AttributeOperand):
        return attributes.get(operand.attribute)
    if operand is NOW and age(value, moment) is not None:
        return moment.today if is_day(value) else moment.now
    return None


def collated(value: Any, collation: Collation) -> Any:
    """The value as it is compared by the collation; None for a text that is no version."""
    if isinstance(value, tuple):
        return tuple(collated(item, collation) for item in value)
    if not isinstance(value, str):
        return value if collation is Collation.CASELESS else None
    return value.casefold() if collation is Collation.CASELESS else version_of(value)


@lru_cache(maxsize=4096, typed=True)
def _collated_text(text: str, collation: Collation) -> Any:
    return collated(text, collation)


def collated_operand(operand: Operand, collation: Collation) -> Any:
    """The operand as it is compared by the collation. Operands of a book recur, so what is made of their texts is kept."""
    if isinstance(operand, tuple):
        return tuple(collated_operand(part, collation) for part in operand)
    return _collated_text(operand, collation) if isinstance(operand, str) else collated(operand, collation)


def verdict_of(test: Test, attributes: Attributes, moment: Moment) -> Verdict:
    """Evaluate the test in three values: unknown if an attribute that it reads is missing, unless the operator is `exists`."""
    if test_holds(test, attributes, moment):
        return Verdict.TRUE
    if test.operator is not Operator.EXISTS and any(attributes.get(name) is None for name in test.attributes):
        return Verdict.UNKNOWN
    return Verdict.FALSE


_KINDS: Mapping[type, type] = MappingProxyType(
    {bool: bool, int: float, float: float, str: str, date: date, Version: Version}
)
ORDERED = frozenset((float, date, Version))
"""The kinds that have an order."""


def kind_of(value: object) -> type | None:
    """Kind of a scalar: bool, float for all numbers, str, date or Version; None for anything else, such as a list or NaN."""
    kind = _KINDS.get(type(value))
    if kind is None and not isinstance(value, datetime):
        kind = next((_KINDS[base] for base in type(value).__mro__ if base in _KINDS), None)
    return None if value != value else kind  # noqa: PLR0124 - so is NaN


def same(left: object, right: object) -> bool:
    """Whether two scalars are equal without conversion: true is not 1, "9" is not 9, but 1 is 1.0."""
    return left == right and kind_of(left) is kind_of(right) is not None


def _equal(value: object, operand: object) -> bool:
    if isinstance(value, tuple) and isinstance(operand, tuple):
        return len(value) == len(operand) and all(map(same, value, operand))
    return same(value, operand)


Predicate = Callable[[Any, Any, Moment], bool]


def _in(value: object, operand: object, _: Moment) -> bool:
    return isinstance(operand, tuple) and value in operand and any(same(value, member) for member in operand)


def _not_in(value: object, operand: object, moment: Moment) -> bool:
    return isinstance(operand, tuple) and not _in(value, operand, moment)


def _comparable(value: object, bound: object) -> bool:
    kind = kind_of(value)
    return kind in ORDERED and kind is kind_of(bound)


def _comparing(compare: Callable[[Any, Any], bool]) -> Predicate:
    return lambda value, operand, _: _comparable(value, operand) and compare(value, operand)


def _between(value: Any, operand: Any, _: Moment) -> bool:
    if not (isinstance(operand, tuple) and len(operand) == 2):
        return False
    low, high = operand
    return _comparable(value, low) and _comparable(value, high) and bool(low <= value <= high)


def _has(value: object, operand: object, _: Moment) -> bool:
    return isinstance(value, tuple) and any(same(element, operand) for element in value)


def _has_any(value: object, operand: object, moment: Moment) -> bool:
    return isinstance(operand, tuple) and any(_has(value, member, moment) for member in operand)


def _has_all(value: object, operand: object, moment: Moment) -> bool:
    return (
        isinstance(value, tuple)
        and isinstance(operand, tuple)
        and all(_has(value, member, moment) for member in operand)
    )


def _passes(value: object, tests: tuple[Test, ...], moment: Moment) -> bool:
    """Whether the item, or the size, passes all tests."""
    for test in tests:
        plain = test.attribute == ITEM and test.collation is Collation.EXACT and not test.inner
        if plain and test.operator is not Operator.EXISTS:
            if not _PREDICATES[test.operator](value, test.operand, moment):
                return False
        elif not test_holds(test, {ITEM: value}, moment):  # type: ignore[dict-item] # of the kinds that lists have
            return False
    return True


def _items_pass(test: Test, items: object, moment: Moment) -> bool:
    """Whether the value is a list, and its items or its size pass the inner tests."""
    if not isinstance(items, tuple):
        return False
    if test.operator is Operator.SIZE:
        return _passes(len(items), test.inner, moment)
    sought = test.operator is Operator.ANY_ITEM
    for item in items:
        if _passes(item, test.inner, moment) is sought:
            return sought
    return not sought


def in_network(text: str, network: object) -> bool:
    """Whether both are what they should be, and the address lies in the network."""
    family, bits = address_bits(text)
    try:
        around = network_of(network) if isinstance(network, str) else None
    except HostBitsError:
        return False
    return around is not None and around.family == family and bits // around.size == around.bits


def _in_network(value: object, operand: object, _: Moment) -> bool:
    return (
        isinstance(value, str)
        and isinstance(operand, tuple)
        and any(in_network(value, network) for network in operand)
    )


def _on_texts(compare: Callable[[str, str], bool]) -> Predicate:
    return lambda value, operand, _: (
        isinstance(value, str) and isinstance(operand, str) and compare(value, operand)
    )


@lru_cache(maxsize=4096)
def _searcher(pattern: str) -> Callable[[str], object]:
    """The search of an RE2 expression; of a text that is not a valid expression, a search without matches."""
    options = re2.Options()
    options.log_errors = False
    try:
        search: Callable[[str], object] = re2.compile(pattern, options).search
    except (re2.error, UnicodeError):
        return lambda _: None
    return search


def _matches(text: str, pattern: str) -> bool:
    try:
        return _searcher(pattern)(text) is not None
    except UnicodeError:  # a lone surrogate has no UTF-8
        return False


def _aged(compare: Callable[[int, int], bool]) -> Predicate:
    """Compares the age of a date or a time with a span, both in the unit of the age."""

    def holds_at(value: object, operand: object, moment: Moment) -> bool:
        if not isinstance(operand, int) or isinstance(operand, bool):
            return False
        old = age(value, moment)
        return old is not None and compare(old, in_unit(operand, value))

    return holds_at


def _anniversary(value: object, operand: object, moment: Moment) -> bool:
    if not isinstance(operand, int) or isinstance(operand, bool) or not isinstance(value, date):
        return False
    return is_day(value) and days_to_anniversary(value, moment.today) < operand // DAY


_PREDICATES: Mapping[Operator, Predicate] = MappingProxyType(
    {
        Operator.EQ: lambda value, operand, _: _equal(value, operand),
        Operator.NE: lambda value, operand, _: not _equal(value, operand),
        Operator.LT: _comparing(operator.lt),
        Operator.LTE: _comparing(operator.le),
        Operator.GT: _comparing(operator.gt),
        Operator.GTE: _comparing(operator.ge),
        Operator.BETWEEN: _between,
        Operator.IN: _in,
        Operator.NOT_IN: _not_in,
        Operator.HAS: _has,
        Operator.HAS_ANY: _has_any,
        Operator.HAS_ALL: _has_all,
        Operator.STARTS_WITH: _on_texts(str.startswith),
        Operator.ENDS_WITH: _on_texts(str.endswith),
        Operator.CONTAINS: _on_texts(operator.contains),
        Operator.MATCHES: _on_texts(_matches),
        Operator.IN_NETWORK: _in_network,
        **dict.fromkeys(OF_ITEMS, lambda *_: False),  # without inner tests
        Operator.BEFORE: _comparing(operator.lt),
        Operator.AFTER: _comparing(operator.gt),
        Operator.WITHIN: _aged(lambda old, span: 0 <= old < span),
        Operator.IN_NEXT: _aged(lambda old, span: 0 <= -old < span),
        Operator.MORE_THAN_AGO: _aged(operator.gt),
        Operator.LESS_THAN_AGO: _aged(lambda old, span: 0 <= old < span),
        Operator.ANNIVERSARY: _anniversary,
    }
)
