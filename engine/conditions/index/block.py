"""A block of the index: a set of clauses, one bit each, and the columns that narrow it down."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias, TypeVar

from engine.conditions.dnf import Clause, Literal
from engine.conditions.evaluate import test_holds
from engine.conditions.index.columns import IndexColumn, Mask, is_scalar, scalar_column, union
from engine.conditions.index.keyed import Keyed, Keying, keyed, keyed_column
from engine.conditions.index.moving import Moving, MovingLookup, MovingMeasure, moving, moving_lookup
from engine.conditions.index.views import DERIVED, View, viewed
from engine.conditions.model import Test
from engine.model.pace import MakeWay, go_on, paced
from engine.model.values import Attributes, Moment

_Source: TypeAlias = tuple[str, View]
"""What a column reads: an attribute, and what is derived from its value."""


_FEW = 4
"""Clauses up to which what may rule them out is looked up clause by clause."""


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


MaskLookup: TypeAlias = Callable[[Attributes, Moment], Mask]
"""From a customer's attributes and the moment, the clauses that are not ruled out."""


class BlockFactor(NamedTuple):
    """A look-up that reads only these attributes; its mask is of the block's own clauses."""

    attributes: tuple[str, ...]
    moves: bool
    """Whether its mask may change with the moment."""
    lookup: MaskLookup


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
    costly: Sequence[tuple[str, Mask, Callable[[Any], Mask]]]
    """Attribute, clauses and lookup of the columns on views of values: they are read for clauses that are still alive."""
    costly_clauses: Mask
    """The clauses of these columns together."""
    costly_of: Mapping[int, Sequence[tuple[str, Callable[[Any], Mask]]]]
    """By clause, attribute and lookup of such columns of this clause alone: they are read while few clauses are alive."""
    direct: Sequence[_Direct]
    direct_clauses: Mask
    """The clauses of these tests together."""
    direct_of: Mapping[int, Sequence[_Direct]]
    """By clause, its tests."""
    repeated: bool
    """Whether several clauses belong to one condition."""

    @classmethod
    def build(cls, clauses: Sequence[tuple[int, Clause]], offset: int, pause: MakeWay = go_on) -> "Block":
        """Index clauses, given with their conditions' positions in ascending order. pause: called between them."""
        all_clauses = (1 << len(clauses)) - 1
        scalars: dict[_Source, dict[int, list[Literal]]] = {}
        by_key: dict[tuple[_Source, Keying], dict[int, Keyed]] = {}
        by_measure: dict[tuple[str, MovingMeasure], dict[int, list[Moving]]] = {}
        direct: dict[Literal, Mask] = {}
        for number, (_, clause) in enumerate(paced(clauses, pause)):
            for literal in clause:
                if (move := moving(literal)) is not None:
                    by_number = by_measure.setdefault((literal.test.attribute, move.measured), {})
                    by_number.setdefault(number, []).append(move)
                    continue
                view, plain = viewed(literal)
                source = (literal.test.attribute, view)
                keys = keyed(plain[0]) if len(plain) == 1 else None
                if keys is not None and number not in by_key.get((source, keys.keying), ()):
                    by_key.setdefault((source, keys.keying), {})[number] = keys
                elif all(map(is_scalar, plain)):
                    scalars.setdefault(source, {}).setdefault(number, []).extend(plain)
                else:
                    direct[literal] = direct.get(literal, 0) | 1 << number
        built = [
            (view, _scalar_column(name, literals, all_clauses), _mask(literals))
            for (name, view), literals in scalars.items()
        ]
        built += [
            (view, keyed_column(name, keying, numbered, all_clauses), _mask(numbered))
            for ((name, view), keying), numbered in by_key.items()
        ]
        built.sort(key=lambda entry: entry[1].share)
        columns = [column for view, column, _ in built if not _is_costly(view, column)]
        costly = [
            (column.attribute, mask, column.of(DERIVED[view]))
            for view, column, mask in built
            if _is_costly(view, column)
        ]
        costly_of = _costly_of(scalars, by_key)
        owners = tuple(position for position, _ in clauses)
        moves = [
            _moving_column(name, measured, numbered, all_clauses)
            for (name, measured), numbered in by_measure.items()
        ]
        tests = tuple(_merged(direct))
        return cls(
            offset,
            owners,
            all_clauses,
            tuple((column.attribute, column.masks, column.other, column.lookup) for column in columns),
            tuple(moves),
            tuple(costly),
            union(mask for _, mask, _ in costly),
            costly_of,
            tests,
            union(direct.values()),
            _by_clause((test.positive | test.negative, test) for test in tests),
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
        if alive & self.costly_clauses:
            alive = self._by_costly(alive, attributes)
        if alive & self.direct_clauses:
            alive = self._directly(alive, attributes, moment)
        return self._owners_of(alive)

    def factors(self) -> Iterator[BlockFactor]:
        """The block taken apart by the attributes that are read; a clause holds if it is in the masks of all of them."""
        for attribute, masks, other, lookup in self.columns:
            yield BlockFactor((attribute,), False, _plain_factor(attribute, masks, other, lookup))
        for attribute, by_moment in self.moving:
            yield BlockFactor((attribute,), True, _moving_factor(attribute, by_moment))
        for attribute, _, costly in self.costly:
            yield BlockFactor((attribute,), False, _plain_factor(attribute, {}, 0, costly))
        for direct in self.direct:
            names = tuple(sorted({*direct.test.attributes, *_inner_names(direct.test)}))
            yield BlockFactor(names, True, _direct_factor(direct, self.all_clauses))

    def _by_costly(self, alive: Mask, attributes: Attributes) -> Mask:
        """The clauses among these that the costly columns do not rule out."""
        get, pending = attributes.get, alive & self.costly_clauses
        if pending.bit_count() > _FEW:
            for attribute, clauses, lookup in self.costly:
                if alive & clauses:
                    alive &= lookup(get(attribute))
            return alive
        while pending:
            number = pending.bit_length() - 1
            clause = 1 << number
            for attribute, lookup in self.costly_of[number]:
                if not lookup(get(attribute)):
                    alive ^= clause
                    break
            pending ^= clause
        return alive

    def _directly(self, alive: Mask, attributes: Attributes, moment: Moment) -> Mask:
        """The clauses among these whose tests without a column hold too."""
        pending = alive & self.direct_clauses
        while 0 < pending.bit_count() <= _FEW:
            number = pending.bit_length() - 1
            for direct in self.direct_of[number]:
                alive &= ~(
                    direct.negative if test_holds(direct.test, attributes, moment) else direct.positive
                )
            pending &= alive & (1 << number) - 1
        for direct in self.direct if pending else ():
            if alive & (direct.positive | direct.negative):
                alive &= ~(
                    direct.negative if test_holds(direct.test, attributes, moment) else direct.positive
                )
        return alive

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


def _plain_factor(
    attribute: str, masks: Mapping[Any, Mask], other: Mask, lookup: Callable[[Any], Mask] | None
) -> MaskLookup:
    if lookup is None:
        return lambda attributes, _: masks.get(attributes.get(attribute), other)
    return lambda attributes, _: lookup(attributes.get(attribute))


def _moving_factor(attribute: str, lookup: MovingLookup) -> MaskLookup:
    return lambda attributes, moment: lookup(attributes.get(attribute), moment)


def _direct_factor(direct: _Direct, all_clauses: Mask) -> MaskLookup:
    with_test, without = all_clauses & ~direct.negative, all_clauses & ~direct.positive
    return lambda attributes, moment: with_test if test_holds(direct.test, attributes, moment) else without


def _inner_names(test: Test) -> Iterator[str]:
    """Attributes that tests on items are compared with."""
    for inner in test.inner:
        yield from inner.attributes[1:]


def _is_costly(view: View, column: IndexColumn) -> bool:
    return view is not View.VALUE or column.is_costly


def _costly_of(
    scalars: Mapping[_Source, Mapping[int, list[Literal]]],
    by_key: Mapping[tuple[_Source, Keying], Mapping[int, Keyed]],
) -> dict[int, list[tuple[str, Callable[[Any], Mask]]]]:
    """By clause, attribute and lookup of its own costly columns, whose masks are 1 where they admit it, else 0."""
    costly_of: dict[int, list[tuple[str, Callable[[Any], Mask]]]] = {}

    def add(number: int, view: View, column: IndexColumn) -> None:
        if _is_costly(view, column):
            costly_of.setdefault(number, []).append((column.attribute, column.of(DERIVED[view])))

    for (name, view), literals in scalars.items():
        for number, group in literals.items() if view is not View.VALUE else ():
            add(number, view, _scalar_column(name, {0: group}, 1))
    for ((name, view), keying), numbered in by_key.items():
        for number, keyed_literal in numbered.items():
            add(number, view, keyed_column(name, keying, {0: keyed_literal}, 1))
    return costly_of


def _scalar_column(attribute: str, literals: Mapping[int, list[Literal]], all_clauses: Mask) -> IndexColumn:
    groups: dict[frozenset[Literal], Mask] = {}
    for number, group in literals.items():
        key = frozenset(group)
        groups[key] = groups.get(key, 0) | 1 << number
    return scalar_column(attribute, groups, all_clauses & ~_mask(literals))


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


_Entry = TypeVar("_Entry")


def _by_clause(entries: Iterable[tuple[Mask, _Entry]]) -> dict[int, list[_Entry]]:
    """The entries by the number of each clause of their masks."""
    by_clause: dict[int, list[_Entry]] = {}
    for mask, entry in entries:
        for number in _numbers(mask):
            by_clause.setdefault(number, []).append(entry)
    return by_clause


def _numbers(mask: Mask) -> Iterator[int]:
    """The numbers of the bits, ascending."""
    for base, octet in enumerate(mask.to_bytes((mask.bit_length() + 7) // 8, "little")):
        yield from (8 * base + bit for bit in range(8) if octet >> bit & 1)


def _mask(numbers: Iterable[int]) -> Mask:
    """The mask of these bits, built from bytes: setting bits of an integer one by one would copy it each time."""
    bits = list(numbers)
    octets = bytearray(max(bits, default=0) // 8 + 1)
    for bit in bits:
        octets[bit >> 3] |= 1 << (bit & 7)
    return int.from_bytes(octets, "little")
