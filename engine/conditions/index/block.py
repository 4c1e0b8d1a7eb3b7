"""A block of the index: a set of clauses, one bit each, and the columns that narrow it down."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.conditions.dnf import Clause, Literal
from engine.conditions.evaluate import test_holds
from engine.conditions.index.columns import SCALAR_OPERATORS, IndexColumn, Mask, scalar_column
from engine.conditions.index.keyed import Keyed, Keying, keyed, keyed_column
from engine.conditions.index.moving import Moving, MovingLookup, MovingMeasure, moving, moving_lookup
from engine.conditions.model import Deferred, Test
from engine.model.values import Attributes, Moment

_WORD = 512
"""Bits that are taken from a result at a time."""


@dataclass(frozen=True, slots=True)
class _Direct:
    """A test that fits no column. It is evaluated if a clause that is still alive has it."""

    test: Test
    positive: Mask
    """The clauses that require it to hold."""
    negative: Mask
    """The clauses that require it not to hold."""


@dataclass(frozen=True, slots=True)
class Block:
    """A set of clauses, numbered from 0 within the block."""

    offset: int
    """Bit of its first clause in the masks that callers pass."""
    owners: Sequence[int]
    """By clause, the position of the condition that it belongs to; ascending, with repetitions."""
    all_clauses: Mask
    columns: Sequence[tuple[str, Mapping[Any, Mask], Mask, Callable[[Any], Mask] | None]]
    """Attribute, masks, other and lookup of each `IndexColumn`, the most selective first. Tuples unpack faster."""
    moving: Sequence[tuple[str, MovingLookup]]
    """Attributes and look-ups of the tests whose outcome changes with the moment."""
    direct: Sequence[_Direct]
    repeated: bool
    """Whether several clauses belong to one condition."""

    @classmethod
    def build(cls, clauses: Sequence[tuple[int, Clause]], offset: int) -> "Block":
        """Index clauses, given with their conditions' positions in ascending order."""
        all_clauses = (1 << len(clauses)) - 1
        scalars: dict[str, dict[int, list[Literal]]] = {}
        by_key: dict[tuple[str, Keying], dict[int, Keyed]] = {}
        by_measure: dict[tuple[str, MovingMeasure], dict[int, list[Moving]]] = {}
        direct: dict[Literal, Mask] = {}
        for number, (_, clause) in enumerate(clauses):
            for literal in clause:
                attribute = literal.test.attribute
                keys = keyed(literal)
                if keys is not None and number not in by_key.get((attribute, keys.keying), ()):
                    by_key.setdefault((attribute, keys.keying), {})[number] = keys
                elif (move := moving(literal)) is not None:
                    by_number = by_measure.setdefault((attribute, move.measured), {})
                    by_number.setdefault(number, []).append(move)
                elif _is_scalar(literal.test):
                    scalars.setdefault(attribute, {}).setdefault(number, []).append(literal)
                else:
                    direct[literal] = direct.get(literal, 0) | 1 << number
        columns = [_scalar_column(name, literals, all_clauses) for name, literals in scalars.items()]
        columns += [
            keyed_column(attribute, keying, numbered, all_clauses)
            for (attribute, keying), numbered in by_key.items()
        ]
        columns.sort(key=lambda column: column.share)
        owners = tuple(position for position, _ in clauses)
        moves = [
            _moving_column(name, measured, numbered, all_clauses)
            for (name, measured), numbered in by_measure.items()
        ]
        return cls(
            offset,
            owners,
            all_clauses,
            tuple((column.attribute, column.masks, column.other, column.lookup) for column in columns),
            tuple(moves),
            tuple(_merged(direct)),
            len(set(owners)) < len(owners),
        )

    def match(self, attributes: Attributes, moment: Moment, among: Mask) -> list[int]:
        """Positions of the conditions with a clause in `among` that holds, ascending and distinct."""
        get = attributes.get
        alive = among >> self.offset & self.all_clauses
        for attribute, masks, other, lookup in self.columns:
            value = get(attribute)
            if lookup is None:
                alive &= masks.get(value, other)
            elif type(value) is int and value in masks:
                alive &= masks[value]
            else:
                alive &= lookup(value)
            if not alive:
                return []
        for attribute, moving_mask in self.moving:
            alive &= moving_mask(get(attribute), moment)
            if not alive:
                return []
        for direct in self.direct:
            if alive & (direct.positive | direct.negative):
                alive &= ~(
                    direct.negative if test_holds(direct.test, attributes, moment) else direct.positive
                )
        return self._owners_of(alive)

    def _owners_of(self, alive: Mask) -> list[int]:
        """Positions of the conditions of these clauses.

        Takes the highest word with a bit, then its bits: taking bits off the whole mask would copy it each time.
        """
        owners = self.owners
        hits = []
        while alive:
            base = (alive.bit_length() - 1) // _WORD * _WORD
            word = alive >> base if base else alive
            while word:
                number = word.bit_length() - 1
                word ^= 1 << number
                hits.append(owners[base + number])
            alive &= (1 << base) - 1
        hits.reverse()
        return list(dict.fromkeys(hits)) if self.repeated else hits


def _scalar_column(attribute: str, literals: Mapping[int, list[Literal]], all_clauses: Mask) -> IndexColumn:
    groups: dict[frozenset[Literal], Mask] = {}
    for number, group in literals.items():
        key = frozenset(group)
        groups[key] = groups.get(key, 0) | 1 << number
    return scalar_column(attribute, groups, all_clauses & ~_mask(literals))


def _is_scalar(test: Test) -> bool:
    return test.operator in SCALAR_OPERATORS and not isinstance(test.operand, Deferred)


def _moving_column(
    attribute: str, measured: MovingMeasure, numbered: Mapping[int, list[Moving]], all_clauses: Mask
) -> tuple[str, MovingLookup]:
    of_time = {number: [move.of_time for move in moves] for number, moves in numbered.items()}
    of_day = {number: [move.of_day for move in moves] for number, moves in numbered.items()}
    by_time, by_day = (_scalar_column(attribute, literals, all_clauses).at for literals in (of_time, of_day))
    return attribute, moving_lookup(measured, by_time, by_day)


def _merged(direct: Mapping[Literal, Mask]) -> Iterator[_Direct]:
    """Join each test with its negation, so that one evaluation serves both."""
    tests: dict[tuple[Test, tuple[type, ...]], dict[bool, Mask]] = {}
    for literal, mask in direct.items():
        tests.setdefault((literal.test, literal.types), {})[literal.positive] = mask
    for (test, _), masks in tests.items():
        yield _Direct(test, masks.get(True, 0), masks.get(False, 0))


def _mask(numbers: Iterable[int]) -> Mask:
    """The mask of these bits, built from bytes: setting bits of an integer one by one would copy it each time."""
    bits = list(numbers)
    octets = bytearray(max(bits, default=0) // 8 + 1)
    for bit in bits:
        octets[bit >> 3] |= 1 << (bit & 7)
    return int.from_bytes(octets, "little")
