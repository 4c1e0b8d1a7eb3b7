"""Attributes become a flat fact: generated names, and small integers that say where values lie.

The text is put together from pieces made when the rules were compiled; nothing of a caller's is written into it.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from engine.conditions.model import Attributes, Moment, Scalar, Test
from engine.conditions.reference import kind_of, test_holds
from engine.signals.encode import Equal, Flag, Position, Property

HEAD, TAIL = '{"id":1,"g":0', "}"


def places(operands: Iterable[Scalar]) -> tuple[Scalar, ...]:
    """The distinct operands of one kind in their order."""
    found: list[Any] = sorted(operands)
    return tuple(one for number, one in enumerate(found) if number == 0 or found[number - 1] != one)


def position(operands: tuple[Any, ...], value: Any) -> int:
    """Where a value of the operands' kind lies: 2 i + 1 at operand i, 2 i just below it."""
    index = bisect_left(operands, value)
    return 2 * index + (index < len(operands) and bool(operands[index] == value))


class Kind(NamedTuple):
    """What rules ask of an attribute's values of one kind; pieces are written into the fact as they are."""

    equal: dict[Any, str]
    """By operand: the piece with its name."""
    operands: tuple[Scalar, ...]
    """That the attribute is ordered by."""
    positions: tuple[str, ...]
    """A piece for every position among them."""


class Column(NamedTuple):
    """What rules ask of one attribute."""

    kinds: dict[type | None, Kind]
    """By kind, that of all numbers also by `int`."""
    flags: list[tuple[Test, str]]


@dataclass(frozen=True, slots=True)
class Projector:
    """Makes facts for rulesets that share their names."""

    columns: Mapping[str, Column]
    """By attribute."""

    @classmethod
    def build(
        cls, names: Mapping[Property, str], operands: Mapping[Position, tuple[Scalar, ...]]
    ) -> "Projector":
        """From the name of every property, and the operands of those that are positions."""
        columns: dict[str, Column] = {}
        for one, name in names.items():
            attribute = one.test.attribute if isinstance(one, Flag) else one.attribute
            column = columns.setdefault(attribute, Column({}, []))
            if isinstance(one, Flag):
                column.flags.append((one.test, f',"{name}":1'))
                continue
            known = column.kinds.setdefault(one.kind, Kind({}, (), ()))
            match one:
                case Equal(operand=operand):
                    known.equal[operand] = f',"{name}":1'
                case Position():
                    among = operands[one]
                    pieces = (f',"{name}":{place}' for place in range(2 * len(among) + 1))
                    column.kinds[one.kind] = Kind(known.equal, among, tuple(pieces))
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
