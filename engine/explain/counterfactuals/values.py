"""Values to try for an attribute: those at which the verdict of a test on it changes."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from math import floor, log10
from typing import Any

from engine.conditions.evaluate import test_holds
from engine.conditions.model import ITEM, NOW, Collation, Deferred, Operator, Test
from engine.conditions.typed_texts import network_of, version_of
from engine.model.instant import DAY, SECOND
from engine.model.values import Moment, Scalar, Value
from engine.rulebook.model.book import Attribute, AttributeType

_MOST_CHOICES = 20
"""Of one test with many."""


_LISTS = (AttributeType.TEXTS, AttributeType.INTEGERS, AttributeType.NUMBERS)


_EXAMPLES: dict[AttributeType, Scalar] = {
    AttributeType.TEXT: "…",
    AttributeType.TEXTS: "…",
    AttributeType.BOOLEAN: True,
    AttributeType.DATE: date(2026, 1, 1),
    AttributeType.TIME: 0,
    AttributeType.INTEGER: 1,
    AttributeType.INTEGERS: 1,
    AttributeType.NUMBER: 1,
    AttributeType.NUMBERS: 1,
    AttributeType.VERSION: "1.0.0",
    AttributeType.IP: "192.0.2.1",
}


_DISTANCES = {
    Operator.WITHIN: (0, 1),
    Operator.LESS_THAN_AGO: (0, 1),
    Operator.IN_NEXT: (0, -1),
    Operator.MORE_THAN_AGO: (1, 2),
}
"""How many spans ago a value lies for which the test holds, and one for which it does not."""


_TEXTS = (Operator.STARTS_WITH, Operator.ENDS_WITH, Operator.CONTAINS)


def values_to_try(
    tests: Iterable[Test], declared: Attribute | None, value: Value | None, moment: Moment
) -> list[Value | None]:
    """Values other than the present one, of the declared type and within its bounds; None: the attribute is missing."""
    values: dict[Value | None, None] = {}
    for test in tests:
        values.update(dict.fromkeys(_around(test, declared, value, moment)))
    if declared is not None and declared.one_of is not None and declared.type not in _LISTS:
        values.update(dict.fromkeys(sorted(declared.one_of, key=str)[:_MOST_CHOICES]))
    if value is not None:
        values[None] = None
    return [other for other in values if other != value and _may_be(other, declared)]


def some_value(declared: Attribute | None) -> Value:
    """Any value that the attribute may have."""
    if declared is None:
        return True
    example: Scalar = min(declared.one_of, key=str) if declared.one_of else _EXAMPLES[declared.type]
    if declared.type in _LISTS:
        return (example,)  # type: ignore[return-value]
    return _inside(example, declared) if _is_number(example) and not declared.one_of else example  # type: ignore[arg-type]


def size_of(before: Value | None, after: Value | None, declared: Attribute | None) -> float:
    """How large a change is, up to 1: of numbers the share of their range, else of the larger of the two."""
    if not _is_number(before) or not _is_number(after):
        return 1.0
    difference = abs(float(after) - float(before))  # type: ignore[arg-type]
    if declared is not None and declared.minimum is not None and declared.maximum is not None:
        return min(1.0, difference / ((declared.maximum - declared.minimum) or 1.0))
    return min(1.0, difference / max(abs(float(before)), abs(float(after)), 1.0))  # type: ignore[arg-type]


def _around(
    test: Test, declared: Attribute | None, value: Value | None, moment: Moment
) -> Iterator[Value | None]:
    operand, operator = test.operand, test.operator
    if operand is NOW:
        operand = moment.today if declared is not None and declared.type is AttributeType.DATE else moment.now
    if isinstance(operand, Deferred):
        return
    operands: Sequence[Scalar] = operand[:_MOST_CHOICES] if isinstance(operand, tuple) else (operand,)
    match operator:
        case Operator.EXISTS:
            yield some_value(declared) if operand else None
        case Operator.HAS | Operator.HAS_ANY | Operator.HAS_ALL:
            yield from _lists(operands, value)
        case operator if operator in _DISTANCES:
            yield from _distant(_DISTANCES[operator], operand, declared, moment)
        case Operator.ANNIVERSARY:
            yield from _birthdays(moment)
        case Operator.MATCHES:
            return
        case Operator.ANY_ITEM | Operator.ALL_ITEMS:
            yield from _items(test, declared, value, moment)
        case Operator.SIZE:
            yield from _shorter(test, value, moment)
        case _:
            yield from _typed_near(test, operands, declared, value)


def _typed_near(
    test: Test, operands: Sequence[Scalar], declared: Attribute | None, value: Value | None
) -> Iterator[Value | None]:
    """Values near the operands, by what they are."""
    operand, operator = test.operand, test.operator
    if operator in (Operator.EQ, Operator.NE) and isinstance(operand, tuple):
        yield operand  # type: ignore[misc] # the items of a list are of one type
    elif operator is Operator.IN_NETWORK:
        networks = (network_of(text) for text in operands if isinstance(text, str))
        yield from (str(network.first) for network in networks if network is not None)
    elif test.collation is Collation.VERSION:
        for text in operands:
            yield from _versions_near(str(text))
    else:
        for scalar in operands:
            yield from _near(scalar, declared)
        if operator in _TEXTS and isinstance(value, str) and isinstance(operand, str):
            yield operand + value if operator is Operator.STARTS_WITH else value + operand


def _shorter(test: Test, value: Value | None, moment: Moment) -> Iterator[Value]:
    """The first items of the list, as many as a test on the size is about; what else it could hold is not known."""
    present: tuple[Any, ...] = value if isinstance(value, tuple) else ()
    for inner in test.inner:
        for size in _around(inner, None, None, moment):
            if isinstance(size, int) and 0 <= size < len(present):
                yield present[:size]


def _items(
    test: Test, declared: Attribute | None, value: Value | None, moment: Moment
) -> Iterator[Value | None]:
    """The list with one more item at which a test on items changes, and lists of it alone."""
    present: tuple[Any, ...] = value if isinstance(value, tuple) else ()
    one_of = None if declared is None else declared.one_of
    for inner in test.inner:
        for item in _around(inner, None, None, moment):
            if item is not None and not isinstance(item, tuple) and (one_of is None or item in one_of):
                yield from ((*present, item), (item,))
    kept = tuple(item for item in present if _passes_all(test.inner, item, moment))
    yield from (kept, tuple(item for item in present if item not in kept))


def _passes_all(inners: Iterable[Test], item: Any, moment: Moment) -> bool:
    return all(test_holds(inner, {ITEM: item}, moment) for inner in inners)


def _versions_near(text: str) -> Iterator[Scalar]:
    """The version, and the releases just before and after it."""
    yield text
    version = version_of(text)
    if version is None:
        return
    release = str(version).partition("-")[0]
    major, minor, patch = map(int, release.split("."))
    yield release if "-" in str(version) else f"{major}.{minor}.{patch + 1}"
    before = (major, minor, patch - 1) if patch else (major, minor - 1, 0) if minor else (major - 1, 0, 0)
    yield "0.0.0-0" if min(before) < 0 else ".".join(map(str, before))


def _near(scalar: Scalar, declared: Attribute | None) -> Iterator[Scalar]:
    """The operand, and the values just below and above it."""
    yield scalar
    match scalar:
        case bool():
            yield not scalar
        case int() | float():
            step = _step(scalar, declared)
            yield from (_rounded(scalar - step, step), _rounded(scalar + step, step))
        case date():
            if date.min < scalar < date.max:
                yield from (scalar - timedelta(days=1), scalar + timedelta(days=1))


def _step(number: float, declared: Attribute | None) -> float:
    if declared is not None and declared.type is AttributeType.TIME:
        return SECOND
    if declared is None or declared.type is not AttributeType.NUMBER:
        return 1
    return float(10.0 ** (floor(log10(abs(number))) - 2 if number else -2))


def _rounded(number: float, step: float) -> float:
    """The number without floating-point residue."""
    return number if isinstance(number, int) else round(number, max(0, -floor(log10(step))))


def _lists(items: Sequence[Any], value: Value | None) -> Iterator[Value]:
    """The list with one of the items, with all, and without them."""
    present: tuple[Any, ...] = value if isinstance(value, tuple) else ()
    for item in items:
        yield (*present, item)
    yield (*present, *(item for item in items if item not in present))
    yield tuple(item for item in present if item not in items)


def _distant(
    spans: Iterable[int], operand: object, declared: Attribute | None, moment: Moment
) -> Iterator[Scalar]:
    """The times, or the days, that are so many spans ago: one for which the test holds, and one for which it does not."""
    if not isinstance(operand, int):
        return
    for number in spans:
        if declared is None or declared.type is not AttributeType.DATE:
            yield moment.now - number * operand
            continue
        day = moment.today.toordinal() - number * (operand // DAY)
        if 1 <= day <= date.max.toordinal():
            yield date.fromordinal(day)


def _birthdays(moment: Moment) -> Iterator[date]:
    """A day whose anniversary is today, and one whose anniversary has just passed."""
    for day in (moment.today, moment.today - timedelta(days=1)):
        leap = day.month == 2 and day.day == 29
        yield day.replace(year=day.year - 1, day=28 if leap else day.day)


def _may_be(value: Value | None, declared: Attribute | None) -> bool:
    """Whether a caller might send the value."""
    if value is None or declared is None or isinstance(value, tuple):
        return True
    if declared.one_of is not None and value not in declared.one_of:
        return False
    return not _is_number(value) or _inside(value, declared) == value  # type: ignore[arg-type]


def _inside(number: float, declared: Attribute) -> float:
    if declared.minimum is not None and number < declared.minimum:
        return declared.minimum
    if declared.maximum is not None and number > declared.maximum:
        return declared.maximum
    return number


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
