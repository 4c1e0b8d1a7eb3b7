"""The condition index: finds which of many conditions hold without evaluating each.

Method: Whang et al., "Indexing Boolean Expressions", VLDB 2009. Conditions are in disjunctive normal form, and each
attribute has a table from its value to the clauses that may still hold. A set of clauses is an integer, one bit per
clause, so that an attribute costs one look-up and one `&`. If most clauses require one of a few values of an attribute
(a city, a shop), the values are spread over several blocks, so that the integers stay short.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, NamedTuple, TypeAlias

from engine.conditions.dnf import Clause, Literal, clauses_of
from engine.conditions.evaluate import holds
from engine.conditions.index.block import Block, MaskLookup
from engine.conditions.index.columns import Mask, union
from engine.conditions.model import Collation, Condition, Deferred, Operator, attributes_of
from engine.model.pace import MakeWay, go_on, paced
from engine.model.values import Attributes, Moment, Scalar

_SPLIT_FROM = 512
"""Fewer clauses are kept in one block: their sets are short anyway."""


_BLOCK = 256
"""Clauses up to which several values share a block."""


_SPLITS = 2
"""How many attributes the clauses are split by at most."""


_COPIES = 8
"""A clause that requires one of at most so many values is copied to the block of each."""


class MaskFactor(NamedTuple):
    """A part of the index that reads only these attributes."""

    attributes: tuple[str, ...]
    moves: bool
    """Whether its mask may change with the moment."""
    lookups: Sequence[MaskLookup]
    full: Mask
    """All clauses of the index."""

    def mask(self, attributes: Attributes, moment: Moment) -> Mask:
        """The clauses that these values do not rule out."""
        mask = self.full
        for lookup in self.lookups:
            mask &= lookup(attributes, moment)
        return mask


_Numbered: TypeAlias = tuple[int, Clause]
"""A clause, preceded by the position of its condition."""


@dataclass(frozen=True, slots=True)
class ConditionIndex:
    """An immutable index of conditions, numbered by position. Thread-safe."""

    attributes: frozenset[str]
    """All attributes that the conditions test."""
    unindexed: tuple[int, ...]
    """Positions of conditions whose normal form is too large: they are evaluated directly at every match."""
    _switches: tuple[tuple[str, Mapping[Any, Block]], ...]
    """By attribute and value, the block of the clauses that require that value."""
    _rest: Block | None
    _direct: tuple[tuple[int, int, Condition], ...]
    """Bit, position and condition of each unindexed condition."""
    _bits: tuple[tuple[int, ...], ...]
    """The bits of each condition's clauses."""

    @classmethod
    def build(cls, conditions: Sequence[Condition], pause: MakeWay = go_on) -> "ConditionIndex":
        """Index the conditions; a condition's number is its position. pause: called between conditions and clauses."""
        clauses: list[_Numbered] = []
        unindexed = []
        for position, condition in enumerate(paced(conditions, pause)):
            normal_form = clauses_of(condition)
            if normal_form is None:
                unindexed.append(position)
            else:
                clauses += ((position, clause) for clause in normal_form)
        bits: list[list[int]] = [[] for _ in conditions]
        size = 0

        def block(members: Sequence[_Numbered]) -> Block:
            nonlocal size
            for bit, (position, _) in enumerate(members, size):
                bits[position].append(bit)
            size += len(members)
            return Block.build(members, size - len(members), pause)

        switches: list[tuple[str, Mapping[Any, Block]]] = []
        while len(switches) < _SPLITS and (split := _split(clauses)) is not None:
            attribute, by_value, clauses = split
            blocks: dict[Any, Block] = {}
            for values, members in _packed(by_value):
                blocks |= dict.fromkeys(values, block(members))
            switches.append((attribute, blocks))
        rest = block(clauses) if clauses else None
        for number, position in enumerate(unindexed):
            bits[position].append(size + number)
        return cls(
            frozenset().union(*map(attributes_of, conditions)),
            tuple(unindexed),
            tuple(switches),
            rest,
            tuple(
                (size + number, position, conditions[position]) for number, position in enumerate(unindexed)
            ),
            tuple(map(tuple, bits)),
        )

    def match(self, attributes: Attributes, moment: Moment, among: Mask = -1) -> list[int]:
        """Positions of all conditions that hold, ascending and distinct.

        `among`, a mask from `clauses_of`, restricts the search to some conditions; masks combine by & and |.
        """
        hits = self._rest.match(attributes, moment, among) if self._rest else []
        for attribute, blocks in self._switches:
            block = blocks.get(attributes.get(attribute))
            if block is not None and (more := block.match(attributes, moment, among)):
                hits = sorted({*hits, *more}) if hits else more
        if self._direct:
            more = [
                position
                for bit, position, condition in self._direct
                if among >> bit & 1 and holds(condition, attributes, moment)
            ]
            hits = sorted((*hits, *more))
        return hits

    @property
    def owners(self) -> list[int]:
        """By bit of a mask, the position of the condition that its clause belongs to."""
        owners = [0] * sum(map(len, self._bits))
        for position, bits in enumerate(self._bits):
            for bit in bits:
                owners[bit] = position
        return owners

    @property
    def size(self) -> int:
        """The number of conditions."""
        return len(self._bits)

    def bits_of(self, position: int) -> tuple[int, ...]:
        """The bits of the clauses of the condition at the position."""
        return self._bits[position]

    def factors(self) -> list[MaskFactor]:
        """The index taken apart by attribute, for many customers at once.

        The clauses that hold for a customer are those in the masks of all factors. Each factor reads few attributes, so its
        mask is looked up once for each of their distinct values.
        """
        full = (1 << sum(map(len, self._bits))) - 1
        lookups: dict[tuple[tuple[str, ...], bool], list[MaskLookup]] = {}
        blocks = [] if self._rest is None else [self._rest]
        for attribute, by_value in self._switches:
            switched = list({block.offset: block for block in by_value.values()}.values())
            others = full & ~union(block.all_clauses << block.offset for block in switched)
            lookups.setdefault(((attribute,), False), []).append(_switch_lookup(attribute, by_value, others))
            blocks += switched
        for block in blocks:
            others = full ^ block.all_clauses << block.offset
            for names, moves, lookup in block.factors():
                lookups.setdefault((names, moves), []).append(_shifted(lookup, others, block.offset))
        for bit, _, condition in self._direct:
            names = tuple(sorted(attributes_of(condition)))
            lookups.setdefault((names, True), []).append(_condition_lookup(condition, full ^ 1 << bit, full))
        return [MaskFactor(names, moves, own, full) for (names, moves), own in lookups.items()]

    def clauses_of(self, positions: Iterable[int]) -> Mask:
        """The mask that restricts a match to the conditions at these positions."""
        octets = bytearray(sum(map(len, self._bits)) // 8 + 1)
        for position in positions:
            for bit in self._bits[position]:
                octets[bit >> 3] |= 1 << (bit & 7)
        return int.from_bytes(octets, "little")


def _switch_lookup(attribute: str, by_value: Mapping[Any, Block], others: Mask) -> MaskLookup:
    def lookup(attributes: Attributes, _: Moment) -> Mask:
        block = by_value.get(attributes.get(attribute))
        return others if block is None else others | block.all_clauses << block.offset

    return lookup


def _shifted(lookup: MaskLookup, others: Mask, offset: int) -> MaskLookup:
    """A block's look-up as one of the whole index, of whose other clauses it rules out none."""
    return lambda attributes, moment: others | lookup(attributes, moment) << offset


def _condition_lookup(condition: Condition, without: Mask, full: Mask) -> MaskLookup:
    return lambda attributes, moment: full if holds(condition, attributes, moment) else without


def _split(clauses: Sequence[_Numbered]) -> tuple[str, dict[Scalar, list[_Numbered]], list[_Numbered]] | None:
    """Choose an attribute and split off the clauses that require certain values of it.

    The attribute is the one that leaves the fewest clauses to look at in an average match. Returns the attribute, the
    clauses by value, and the rest; None if no attribute halves the clauses to look at.
    """
    if len(clauses) < _SPLIT_FROM:
        return None
    takers: dict[str, int] = {}
    values: dict[str, dict[Scalar, int]] = {}
    for _, clause in clauses:
        for attribute, literal in _keys(clause).items():
            takers[attribute] = takers.get(attribute, 0) + 1
            counts = values.setdefault(attribute, {})
            for value in _required_values(literal):
                counts[value] = counts.get(value, 0) + 1

    def looked_at(attribute: str) -> float:
        counts = values[attribute].values()
        return len(clauses) - takers[attribute] + sum(count * count for count in counts) / sum(counts)

    best = min(takers, key=looked_at, default=None)
    if best is None or looked_at(best) > len(clauses) / 2:
        return None
    by_value: dict[Scalar, list[_Numbered]] = {}
    rest: list[_Numbered] = []
    for position, clause in clauses:
        key = _keys(clause).get(best)
        if key is None:
            rest.append((position, clause))
            continue
        for value in _required_values(key):
            by_value.setdefault(value, []).append((position, clause))
    return best, by_value, rest


def _packed(
    by_value: Mapping[Scalar, Sequence[_Numbered]],
) -> Iterator[tuple[Sequence[Scalar], Sequence[_Numbered]]]:
    """Pack several values' clauses into one block: many small blocks would not stay in the processor's cache."""
    values: list[Scalar] = []
    packed: dict[_Numbered, None] = {}
    for value, members in by_value.items():
        if packed and len(packed) + len(members) > _BLOCK:
            yield values, sorted(packed, key=itemgetter(0))
            values, packed = [], {}
        values.append(value)
        packed |= dict.fromkeys(members)
    if packed:
        yield values, sorted(packed, key=itemgetter(0))


def _keys(clause: Clause) -> dict[str, Literal]:
    """By attribute, a literal that holds for at most _COPIES values."""
    return {
        literal.test.attribute: literal
        for literal in clause
        if literal.positive and 0 < len(_required_values(literal)) <= _COPIES
    }


def _required_values(literal: Literal) -> frozenset[Scalar]:
    """The values for which a literal holds. The set takes 1 and True for equal; the block tells them apart."""
    test = literal.test
    if test.collation is not Collation.EXACT:
        return frozenset()
    if test.operator is Operator.EQ and not isinstance(test.operand, tuple | Deferred):
        return frozenset((test.operand,))
    if test.operator is Operator.IN and isinstance(test.operand, tuple):
        return frozenset(test.operand)
    return frozenset()
