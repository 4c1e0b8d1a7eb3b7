"""Finds the conditions that hold for each customer of a chunk: masks of the engine's own index, gathered and intersected."""

from collections.abc import Hashable, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from engine.batch.columns import Bools, Chunk, Codes, value_key
from engine.conditions.index.columns import Mask
from engine.conditions.index.index import ConditionIndex, MaskFactor
from engine.model.values import Moment

Words: TypeAlias = npt.NDArray[np.uint64]
"""By customer, a mask as 64-bit words, the lowest bits first."""

_BITS = 64
_DENSE = 3
"""Bits a word from which on all bits of a word are looked at."""

_MOST_KEPT = 1 << 16
"""Values of one factor whose masks are kept for the next chunks."""


class Pairs(NamedTuple):
    """Customers and the conditions that hold for them: by customer, then by position."""

    rows: Codes
    positions: Codes


class MaskFrame:
    """An index of conditions over columns. For each distinct value the index itself says which clauses it leaves."""

    def __init__(self, index: ConditionIndex) -> None:
        self._factors = [_FrameFactor(factor, self) for factor in index.factors()]
        self._owners = np.array(index.owners, np.int64)
        self.width = max(1, -(-len(self._owners) // _BITS))
        """Words of a mask."""
        self._size = index.size
        self._bits = [index.bits_of(position) for position in range(index.size)]
        self._repeated = len(np.unique(self._owners)) < len(self._owners)
        self._ascending = bool((np.diff(self._owners) >= 0).all())

    def alive(
        self, chunk: Chunk, days: Codes, moments: Sequence[Moment], among: Words | None = None
    ) -> Words:
        """The clauses that hold for each customer. days: codes of `moments`; among: the clauses looked at, by customer."""
        alive = np.full((chunk.rows, self.width), ~np.uint64(0), np.uint64) if among is None else among
        for factor in self._factors:
            for code, moment in enumerate(moments if factor.moves else moments[:1]):
                table, codes = factor.masks(chunk, moment)
                if not factor.moves or len(moments) == 1:
                    alive &= table[codes]
                else:
                    rows = np.flatnonzero(days == code)
                    alive[rows] &= table[codes[rows]]
        return alive

    def words(self, mask: Mask) -> Words:
        """A mask of the index as words."""
        octets = (mask & (1 << self.width * _BITS) - 1).to_bytes(self.width * 8, "little")
        return np.frombuffer(octets, np.dtype("<u8")).astype(np.uint64)

    def holds(self, alive: Words, position: int) -> Bools:
        """By customer, whether the condition at the position holds."""
        held = np.zeros(len(alive), np.bool_)
        for bit in self._bits[position]:
            held |= (alive[:, bit // _BITS] >> np.uint64(bit % _BITS) & np.uint64(1)).astype(np.bool_)
        return held

    def pairs(self, alive: Words) -> Pairs:
        """The conditions of these clauses, once each."""
        if not len(self._owners):
            return Pairs(np.zeros(0, np.int64), np.zeros(0, np.int64))
        rows, words = np.nonzero(alive)
        left = alive[rows, words]
        if int(np.bitwise_count(left).sum()) > _DENSE * len(left):
            rows, words, bits = bits_of_many(rows, words, left)
        else:
            rows, words, bits = bits_of_few(rows, words, left)
        bits += words * _BITS
        if (outside := bits >= len(self._owners)).any():
            rows, bits = rows[~outside], bits[~outside]
        positions = self._owners[bits]
        if not self._ascending or self._repeated:
            keys = rows * self._size + positions
            keys = np.unique(keys) if self._repeated else np.sort(keys)
            rows, positions = np.divmod(keys, self._size)
        return Pairs(rows, positions)


def bits_of_many(rows: Codes, words: Codes, left: Words) -> tuple[Codes, Codes, Codes]:
    """The bits of words of which none is 0, in order: the row and the number of its word, and its place in it."""
    octets = left.astype("<u8").view(np.uint8)
    at, bits = np.divmod(np.flatnonzero(np.unpackbits(octets, bitorder="little")), _BITS)
    return rows[at], words[at], bits


def bits_of_few(rows: Codes, words: Codes, left: Words) -> tuple[Codes, Codes, Codes]:
    """The same where words have few bits."""
    numbers = np.arange(len(left))
    at, bits = [], []
    while len(left):
        lowest = left & (~left + np.uint64(1))
        at.append(numbers)
        bits.append(np.bitwise_count(lowest - np.uint64(1)).astype(np.int64))
        left = left ^ lowest
        more = left != 0
        numbers, left = numbers[more], left[more]
    if not at:
        return rows, words, np.zeros(0, np.int64)
    order = np.argsort(np.concatenate(at), kind="stable")
    numbers = np.concatenate(at)[order]
    return rows[numbers], words[numbers], np.concatenate(bits)[order]


class _FrameFactor:
    """The masks of one factor, as words, by the distinct values of its attributes."""

    def __init__(self, factor: MaskFactor, frame: MaskFrame) -> None:
        self.moves = factor.moves
        self._factor, self._frame = factor, frame
        self._number_of_value: dict[Hashable, int] = {}
        self._number_of_mask: dict[Mask, int] = {}
        self._words: list[Words] = []

    def masks(self, chunk: Chunk, moment: Moment) -> tuple[Words, Codes]:
        """The distinct masks, and by customer the number of theirs."""
        names = self._factor.attributes
        joint = chunk.joint(names)
        if len(self._number_of_value) > _MOST_KEPT:
            self._number_of_value.clear()
        columns = [chunk.column(name).values for name in names]
        numbers = np.empty(len(joint.combinations), np.int64)
        day = moment if self.moves else None
        for code, combination in enumerate(joint.combinations):
            values = [column[at] for column, at in zip(columns, combination, strict=True)]
            key = (day, *map(value_key, values))
            number = self._number_of_value.get(key)
            if number is None:
                attributes = {
                    name: value for name, value in zip(names, values, strict=True) if value is not None
                }
                number = self._number_of_value[key] = self._numbered(self._factor.mask(attributes, moment))
            numbers[code] = number
        return np.array(self._words, np.uint64).reshape(len(self._words), self._frame.width), numbers[
            joint.codes
        ]

    def _numbered(self, mask: Mask) -> int:
        number = self._number_of_mask.get(mask)
        if number is None:
            number = self._number_of_mask[mask] = len(self._words)
            self._words.append(self._frame.words(mask))
        return number
