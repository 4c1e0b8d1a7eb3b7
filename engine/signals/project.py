"""Attributes become a flat fact: generated names, and small integers that say where values lie.

The text is put together from pieces made when the rules were compiled; nothing of a caller's is written into it.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.conditions.model import Attributes, Moment, Scalar, Test, Value
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


@dataclass(frozen=True, slots=True)
class Column:
    """What rules ask of one attribute; pieces are written into the fact as they are."""

    equal: dict[type, dict[Scalar, str]] = field(default_factory=dict)
    """By kind, by operand: its name."""
    ordered: dict[type, tuple[tuple[Scalar, ...], tuple[str, ...]]] = field(default_factory=dict)
    """By kind: the operands, and a piece for every position."""
    flags: list[tuple[Test, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Projector:
    """Makes facts for one ruleset."""

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
            column = columns.setdefault(attribute, Column())
            match one:
                case Equal(kind=kind, operand=operand):
                    column.equal.setdefault(kind, {})[operand] = f',"{name}":1'
                case Flag(test=test):
                    column.flags.append((test, f',"{name}":1'))
                case Position(kind=kind):
                    count = 2 * len(operands[one]) + 1
                    column.ordered[kind] = (operands[one], tuple(f',"{name}":{i}' for i in range(count)))
        return cls(columns)

    def fact(self, attributes: Attributes, moment: Moment) -> str:
        """The fact, a JSON object without white space."""
        pieces = [HEAD]
        for column, value in self._present(attributes):
            if column.equal or column.ordered:
                _compare(column, value, pieces)
            for test, piece in column.flags:
                if test_holds(test, attributes, moment):
                    pieces.append(piece)
        pieces.append(TAIL)
        return "".join(pieces)

    def _present(self, attributes: Attributes) -> Iterator[tuple[Column, Value]]:
        """The shorter of the two mappings is gone through."""
        columns = self.columns
        pairs: Iterator[tuple[Column | None, Value | None]]
        if len(attributes) < len(columns):
            pairs = ((columns.get(name), value) for name, value in attributes.items())
        else:
            pairs = ((column, attributes.get(name)) for name, column in columns.items())
        for column, value in pairs:
            if column is not None and value is not None:
                yield column, value


def _compare(column: Column, value: Any, pieces: list[str]) -> None:
    kind = kind_of(value)
    if kind is None:
        return
    if (equal := column.equal.get(kind)) and (piece := equal.get(value)):
        pieces.append(piece)
    if ordered := column.ordered.get(kind):
        operands, texts = ordered
        pieces.append(texts[position(operands, value)])
