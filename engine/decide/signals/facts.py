"""Facts: tests as conditions on a flat JSON object of generated names and small integers.

- `eq`: a name for each operand of an attribute, in the fact if the value equals it. The library looks names up by hash, so
  that a thousand operands cost as much as one.
- An order that must hold: the value's position among all operands that the attribute is compared with, a small integer. So
  no number from a caller is ever written or parsed, and whole, huge, infinite and subnormal numbers compare exactly.
- Everything else: a name that is in the fact if engine.conditions.evaluate says that the test holds.

A negated test requires that its name is not in the fact: false, or missing, as in engine.conditions.evaluate.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import Any, NamedTuple, TypeAlias

from engine.conditions.dnf import Literal, literal_of
from engine.conditions.evaluate import kind_of, test_holds
from engine.conditions.model import Collation, Deferred, Operator, Test
from engine.model.values import Attributes, Moment, Scalar


class Equal(NamedTuple):
    """In the fact if the attribute's value equals the operand; the kind keeps true and 1 apart."""

    attribute: str
    kind: type
    operand: Scalar


class Flag(NamedTuple):
    """In the fact if the test holds. The test must be false on a missing attribute."""

    test: Test
    types: tuple[type, ...]
    """Types of the operand or its elements; they keep true and 1 apart."""


class Position(NamedTuple):
    """Position of a number or date among the operands of its kind that the attribute is compared with."""

    attribute: str
    kind: type


Property: TypeAlias = Equal | Flag | Position
"""What a name in a fact stands for."""


class Sign(Enum):
    """What a condition requires of a property; the values are the library's operators."""

    PRESENT = "$ex"
    LESS = "$lt"
    LESS_OR_EQUAL = "$lte"
    GREATER = "$gt"
    GREATER_OR_EQUAL = "$gte"
    ABSENT = "$nex"


class FactCondition(NamedTuple):
    """A condition on a fact."""

    sign: Sign
    property: Property
    operand: Scalar | None = None
    """What a position is compared with; None for other properties."""


_ORDERS = {
    Operator.LT: Sign.LESS,
    Operator.BEFORE: Sign.LESS,
    Operator.LTE: Sign.LESS_OR_EQUAL,
    Operator.GT: Sign.GREATER,
    Operator.AFTER: Sign.GREATER,
    Operator.GTE: Sign.GREATER_OR_EQUAL,
}


_ORDERED = (float, date)
"""The kinds that have an order; all numbers are one kind."""


def fact_conditions(literal: Literal) -> tuple[FactCondition, ...]:
    """The conditions on a fact that together are equivalent to the literal."""
    test, positive = literal.test, literal.positive
    operator, operand = test.operator, test.operand
    if operator is Operator.EXISTS and operand is False:
        return fact_conditions(literal_of(Test(test.attribute, Operator.EXISTS, True), not positive))
    if test.collation is not Collation.EXACT:
        return (_presence(Flag(test, literal.types), positive),)
    kind = kind_of(operand)
    if operator is Operator.EQ and kind is not None and not isinstance(operand, tuple | Deferred):
        return (_presence(Equal(test.attribute, kind, operand), positive),)
    return (positive and _comparisons(test)) or (_presence(Flag(test, literal.types), positive),)


def _presence(property_: Property, positive: bool) -> FactCondition:
    return FactCondition(Sign.PRESENT if positive else Sign.ABSENT, property_)


def _comparisons(test: Test) -> tuple[FactCondition, ...]:
    """The test as comparisons of positions; empty if its operator or its operands have no order."""
    bounds: tuple[tuple[Sign, Scalar], ...]
    match test.operator, test.operand:
        case Operator.BETWEEN, (low, high):
            bounds = ((Sign.GREATER_OR_EQUAL, low), (Sign.LESS_OR_EQUAL, high))
        case operator, bound if operator in _ORDERS and not isinstance(bound, tuple | Deferred):
            bounds = ((_ORDERS[operator], bound),)
        case _:
            return ()
    kind = kind_of(bounds[0][1])
    if kind not in _ORDERED or any(kind_of(bound) is not kind for _, bound in bounds):
        return ()
    return tuple(FactCondition(sign, Position(test.attribute, kind), bound) for sign, bound in bounds)


HEAD, TAIL = '{"id":1,"g":0', "}"


def ascending(operands: Iterable[Scalar]) -> tuple[Scalar, ...]:
    """The distinct operands of one kind, in ascending order."""
    ordered: list[Any] = sorted(operands)
    return tuple(
        operand for number, operand in enumerate(ordered) if number == 0 or ordered[number - 1] != operand
    )


def position(operands: tuple[Any, ...], value: Any) -> int:
    """Position of a value among ascending operands of its kind: 2 i + 1 at operand i, 2 i just below it."""
    index = bisect_left(operands, value)
    return 2 * index + (index < len(operands) and bool(operands[index] == value))


class ColumnKind(NamedTuple):
    """What rules depend on in an attribute's values of one kind. Pieces are substrings of the fact."""

    equal: dict[Any, str]
    """By operand, the piece of `Equal`."""
    operands: tuple[Scalar, ...]
    """The operands that the attribute is compared with, ascending."""
    positions: tuple[str, ...]
    """By position among the operands, its piece."""


class FactColumn(NamedTuple):
    """What rules depend on in one attribute."""

    kinds: dict[type | None, ColumnKind]
    """By kind; the kind of numbers also by `int`."""
    flags: list[tuple[Test, str]]
    """Tests with the pieces of `Flag`."""


@dataclass(frozen=True, slots=True)
class FactBuilder:
    """Builds facts for rulesets that share their names."""

    columns: Mapping[str, FactColumn]
    """By attribute."""

    @classmethod
    def build(
        cls, names: Mapping[Property, str], operands: Mapping[Position, tuple[Scalar, ...]]
    ) -> "FactBuilder":
        """Build it from the name of each property, and the operands of each position."""
        columns: dict[str, FactColumn] = {}
        for property_, name in names.items():
            attribute = property_.test.attribute if isinstance(property_, Flag) else property_.attribute
            column = columns.setdefault(attribute, FactColumn({}, []))
            if isinstance(property_, Flag):
                column.flags.append((property_.test, f',"{name}":1'))
                continue
            column_kind = column.kinds.setdefault(property_.kind, ColumnKind({}, (), ()))
            match property_:
                case Equal(operand=operand):
                    column_kind.equal[operand] = f',"{name}":1'
                case Position():
                    bounds = operands[property_]
                    pieces = (f',"{name}":{number}' for number in range(2 * len(bounds) + 1))
                    column.kinds[property_.kind] = ColumnKind(column_kind.equal, bounds, tuple(pieces))
        for column in columns.values():
            if float in column.kinds:
                column.kinds[int] = column.kinds[float]
        return cls(columns)

    def fact(self, attributes: Attributes, moment: Moment) -> str:
        """The fact, a JSON object without white space."""
        pieces = [HEAD]
        columns, get = self.columns, attributes.get
        for name in attributes if len(attributes) < len(columns) else columns:
            column, value = columns.get(name), get(name)
            if column is None or value is None:
                continue
            kinds, flags = column
            column_kind = kinds.get(type(value)) or kinds.get(kind_of(value)) if kinds else None
            if column_kind is not None:
                equal, operands, positions = column_kind
                if equal and value in equal:
                    pieces.append(equal[value])
                if operands and value == value:  # noqa: PLR0124 - not NaN
                    pieces.append(positions[position(operands, value)])
            for test, piece in flags:
                if test_holds(test, attributes, moment):
                    pieces.append(piece)
        pieces.append(TAIL)
        return "".join(pieces)
