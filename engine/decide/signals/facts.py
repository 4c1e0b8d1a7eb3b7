"""How a test becomes conditions on a flat fact of generated names and small integers.

- `eq`: a name for each operand of an attribute, in the fact when the value equals it. The library finds names by
  hash, so that a thousand operands cost as much as one.
- An order, wanted true: the value's position among all operands that the attribute is ordered by, a small integer,
  so that no number of a caller's is ever written or parsed: whole, huge, infinite and subnormal ones are exact.
- Everything else: a name that is in the fact when the reference says that the test holds.

A negated test asks that its name is not in the fact: not true, or missing, as the reference has it.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import Any, NamedTuple, TypeAlias

from engine.conditions.dnf import Literal, literal_of
from engine.conditions.evaluate import kind_of, test_holds
from engine.conditions.model import Operator, Test
from engine.model.values import Attributes, Moment, Scalar


class Equal(NamedTuple):
    """In the fact when the attribute's value equals the operand; the kind keeps true and 1 apart."""

    attribute: str
    kind: type
    operand: Scalar


class Flag(NamedTuple):
    """In the fact when the reference says that the test, which is false on a missing attribute, holds."""

    test: Test
    types: tuple[type, ...]
    """Of the operand."""


class PositionSign(NamedTuple):
    """Where a number or date lies among the operands of its kind that the attribute is compared with."""

    attribute: str
    kind: type


Property: TypeAlias = Equal | Flag | PositionSign


class Sign(Enum):
    """What a condition wants of a property; the values are the library's words."""

    PRESENT = "$ex"
    LESS = "$lt"
    LESS_OR_EQUAL = "$lte"
    GREATER = "$gt"
    GREATER_OR_EQUAL = "$gte"
    ABSENT = "$nex"


class WantedFact(NamedTuple):
    """One condition of a conjunction; the operand is of positions only."""

    sign: Sign
    of: Property
    operand: Scalar | None = None


_ORDERS = {
    Operator.LT: Sign.LESS,
    Operator.BEFORE: Sign.LESS,
    Operator.LTE: Sign.LESS_OR_EQUAL,
    Operator.GT: Sign.GREATER,
    Operator.AFTER: Sign.GREATER,
    Operator.GTE: Sign.GREATER_OR_EQUAL,
}


_ORDERED = (float, date)
"""The kinds that have an order; all numbers are one."""


def wanted_fact(literal: Literal) -> tuple[WantedFact, ...]:
    """The conditions that together mean the literal."""
    test, positive = literal.test, literal.positive
    operator, operand = test.operator, test.operand
    if operator is Operator.EXISTS and operand is False:
        return wanted_fact(literal_of(Test(test.attribute, Operator.EXISTS, True), not positive))
    if operator is Operator.EQ and not isinstance(operand, tuple) and (kind := kind_of(operand)) is not None:
        return (_named(Equal(test.attribute, kind, operand), positive),)
    return (positive and _ordered(test)) or (_named(Flag(test, literal.types), positive),)


def _named(of: Property, positive: bool) -> WantedFact:
    return WantedFact(Sign.PRESENT if positive else Sign.ABSENT, of)


def _ordered(test: Test) -> tuple[WantedFact, ...]:
    """The test as comparisons of positions; none where it is no order between operands that have one."""
    bounds: tuple[tuple[Sign, Scalar], ...]
    match test.operator, test.operand:
        case Operator.BETWEEN, (low, high):
            bounds = ((Sign.GREATER_OR_EQUAL, low), (Sign.LESS_OR_EQUAL, high))
        case operator, bound if operator in _ORDERS and not isinstance(bound, tuple):
            bounds = ((_ORDERS[operator], bound),)
        case _:
            return ()
    kind = kind_of(bounds[0][1])
    if kind not in _ORDERED or any(kind_of(bound) is not kind for _, bound in bounds):
        return ()
    place = PositionSign(test.attribute, kind)
    return tuple(WantedFact(sign, place, bound) for sign, bound in bounds)


HEAD, TAIL = '{"id":1,"g":0', "}"


def places(operands: Iterable[Scalar]) -> tuple[Scalar, ...]:
    """The distinct operands of one kind in their order."""
    found: list[Any] = sorted(operands)
    return tuple(one for number, one in enumerate(found) if number == 0 or found[number - 1] != one)


def position(operands: tuple[Any, ...], value: Any) -> int:
    """Where a value of the operands' kind lies: 2 i + 1 at operand i, 2 i just below it."""
    index = bisect_left(operands, value)
    return 2 * index + (index < len(operands) and bool(operands[index] == value))


class ColumnKind(NamedTuple):
    """What rules ask of an attribute's values of one kind; pieces are written into the fact as they are."""

    equal: dict[Any, str]
    """By operand: the piece with its name."""
    operands: tuple[Scalar, ...]
    """That the attribute is ordered by."""
    positions: tuple[str, ...]
    """A piece for every position among them."""


class FactColumn(NamedTuple):
    """What rules ask of one attribute."""

    kinds: dict[type | None, ColumnKind]
    """By kind, that of all numbers also by `int`."""
    flags: list[tuple[Test, str]]


@dataclass(frozen=True, slots=True)
class FactBuilder:
    """Makes facts for rulesets that share their names."""

    columns: Mapping[str, FactColumn]
    """By attribute."""

    @classmethod
    def build(
        cls, names: Mapping[Property, str], operands: Mapping[PositionSign, tuple[Scalar, ...]]
    ) -> "FactBuilder":
        """From the name of every property, and the operands of those that are positions."""
        columns: dict[str, FactColumn] = {}
        for one, name in names.items():
            attribute = one.test.attribute if isinstance(one, Flag) else one.attribute
            column = columns.setdefault(attribute, FactColumn({}, []))
            if isinstance(one, Flag):
                column.flags.append((one.test, f',"{name}":1'))
                continue
            known = column.kinds.setdefault(one.kind, ColumnKind({}, (), ()))
            match one:
                case Equal(operand=operand):
                    known.equal[operand] = f',"{name}":1'
                case PositionSign():
                    among = operands[one]
                    pieces = (f',"{name}":{place}' for place in range(2 * len(among) + 1))
                    column.kinds[one.kind] = ColumnKind(known.equal, among, tuple(pieces))
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
            known = kinds.get(type(value)) or kinds.get(kind_of(value)) if kinds else None
            if known is not None:
                equal, operands, positions = known
                if equal and value in equal:
                    pieces.append(equal[value])
                if operands and value == value:  # noqa: PLR0124 - not NaN
                    pieces.append(positions[position(operands, value)])
            for test, piece in flags:
                if test_holds(test, attributes, moment):
                    pieces.append(piece)
        pieces.append(TAIL)
        return "".join(pieces)
