"""Conditions: trees of tests on attributes, as frozen values.

A test on a missing attribute is false, whatever its operator, except `exists: false`. `None_` is plain negation of
each of its parts. No value is ever converted: "9" is not 9, and true is not 1.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import TypeAlias

from engine.model.instant import Microseconds
from engine.model.values import Scalar


class Operator(StrEnum):
    """How a test compares the attribute's value v with its operand."""

    EQ = "eq"
    """v equals the operand, a scalar of the same kind (whole and decimal numbers are one kind); or both are lists whose items
    are equal one by one, in the same order."""
    NE = "ne"
    """v is present and not equal to the operand."""
    LT = "lt"
    """v < operand; numbers, dates, times."""
    LTE = "lte"
    """v <= operand."""
    GT = "gt"
    """v > operand."""
    GTE = "gte"
    """v >= operand."""
    BETWEEN = "between"
    """operand[0] <= v <= operand[1]; numbers, dates, times."""
    IN = "in"
    """v equals one of the operand's scalars (a tuple)."""
    NOT_IN = "not_in"
    """v is present and equals none of the operand's scalars."""
    HAS = "has"
    """The list v contains the operand, a scalar."""
    HAS_ANY = "has_any"
    """The list v contains at least one of the operand's scalars."""
    HAS_ALL = "has_all"
    """The list v contains all of the operand's scalars."""
    STARTS_WITH = "starts_with"
    """The text v starts with the operand, a text."""
    ENDS_WITH = "ends_with"
    """The text v ends with the operand, a text."""
    CONTAINS = "contains"
    """The text v contains the operand, a text."""
    MATCHES = "matches"
    """The RE2 regular expression in the operand (its source, a text) is found anywhere in the text v."""
    EXISTS = "exists"
    """v is present (operand True) or missing (operand False)."""
    ANY_ITEM = "any_item"
    """At least one item of the list v passes all inner tests."""
    ALL_ITEMS = "all_items"
    """v is a list, and each of its items passes all inner tests. So the empty list does."""
    SIZE = "size"
    """The number of items of the list v passes all inner tests."""
    IN_NETWORK = "in_network"
    """The IP address in the text v lies in one of the operand's networks (a tuple of texts in CIDR notation)."""
    BEFORE = "before"
    """The date or time v < operand."""
    AFTER = "after"
    """The date or time v > operand."""
    WITHIN = "within"
    """The time v lies in (now - operand, now]; the operand is a span in microseconds. On a date v: in the days of that span
    up to today, by the customer's calendar day of now, counted in whole days."""
    IN_NEXT = "in_next"
    """The time v lies in [now, now + operand); the operand is a span. On a date v: in the days of that span from today on."""
    MORE_THAN_AGO = "more_than_ago"
    """The time v < now - operand; the operand is a span. On a date v: more than its whole days before today."""
    LESS_THAN_AGO = "less_than_ago"
    """As `within`: v is past, and not as long ago as the operand, a span."""
    ANNIVERSARY = "anniversary"
    """The next anniversary of the date v lies in the days of the operand, a span, from today on: with one day, it is today."""


SPANS = frozenset((Operator.WITHIN, Operator.IN_NEXT, Operator.MORE_THAN_AGO, Operator.LESS_THAN_AGO))
"""The operators that compare how far a date or a time is from now with a span."""


class Now(Enum):
    """The operand that stands for the moment of a decision."""

    NOW = "now"
    """Compared with a time: the instant; with a date: the customer's day."""


NOW = Now.NOW


@dataclass(frozen=True, slots=True)
class AttributeOperand:
    """The operand that stands for the value of another attribute. Without one, no test holds."""

    attribute: str


Deferred: TypeAlias = Now | AttributeOperand
"""An operand whose value is known at evaluation only."""


class Collation(StrEnum):
    """How texts compare, in the value and in the operand alike. Other values compare as ever."""

    EXACT = "exact"
    """Character by character."""
    CASELESS = "caseless"
    """By Unicode's full case folding, whatever the language."""
    VERSION = "version"
    """As versions by SemVer 2.0.0. A test on a text that is none is false."""


OF_ITEMS = frozenset((Operator.ANY_ITEM, Operator.ALL_ITEMS, Operator.SIZE))
"""The operators with inner tests; without any they are false."""


ITEM = "item"
"""The attribute of inner tests: an item of a list, or its size."""


Operand: TypeAlias = Scalar | tuple[Scalar, ...] | Microseconds | Deferred


_MOVING = SPANS | {Operator.ANNIVERSARY}


@dataclass(frozen=True, slots=True)
class Test:
    """One test on one attribute."""

    __test__ = False  # pytest must not collect it

    attribute: str
    operator: Operator
    operand: Operand
    written: str = field(default="", compare=False, repr=False)
    """The whole test as the book writes it, for people, where durations or numbers are written otherwise than by default
    (`2w`, `1e6`); empty where not. Tests that differ in it alone are equal."""
    collation: Collation = Collation.EXACT
    inner: tuple["Test", ...] = ()
    """Of `any_item`, `all_items` and `size`, whose operand is empty: the tests on ITEM, all of which must hold."""

    @property
    def attributes(self) -> tuple[str, ...]:
        """The names of all attributes that it reads: its own, and the one it is compared with."""
        return (
            (self.attribute, self.operand.attribute)
            if type(self.operand) is AttributeOperand
            else (self.attribute,)
        )

    @property
    def moves(self) -> bool:
        """Whether its outcome changes with the moment."""
        return self.operator in _MOVING or self.operand is NOW


@dataclass(frozen=True, slots=True)
class All:
    """Holds when every part holds; always holds without parts."""

    parts: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Any_:  # noqa: N801 the builtin has the name
    """Holds when at least one part holds."""

    parts: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class None_:  # noqa: N801 None is a keyword
    """Holds when no part holds."""

    parts: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Audience:
    """A named condition, inlined where it is referred to."""

    name: str
    condition: "Condition"


Condition: TypeAlias = Test | All | Any_ | None_ | Audience


ALWAYS = All(())
"""The condition without tests, which always holds."""


def tests_of(condition: Condition) -> Iterator[Test]:
    """All tests of the condition, in the order in which they are written."""
    match condition:
        case Test():
            yield condition
        case Audience(condition=inner):
            yield from tests_of(inner)
        case All(parts=parts) | Any_(parts=parts) | None_(parts=parts):
            for part in parts:
                yield from tests_of(part)


def attributes_of(condition: Condition) -> frozenset[str]:
    """The names of all attributes that the condition tests, or compares others with."""
    return frozenset(name for test in tests_of(condition) for name in test.attributes)
