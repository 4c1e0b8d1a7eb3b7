"""Finds where a counter is used up, among keys that are read chunk by chunk and never held all at once."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from engine.batch.columns import Codes
from engine.batch.demand import RankKeys

GATHERED = 1 << 20
"""RankKeys that are sorted in memory; more are counted in bins first."""

_BINS = 1 << 16

RankKey: TypeAlias = tuple[int, ...]


class Threshold:
    """The largest key at which the weights of all keys from the largest down to it exceed a limit.

    Radix selection over several passes: a histogram of the keys, then one of the keys in the bin where the limit is
    exceeded, and so on; when few enough are left, these are sorted. The result is exact. Call `add` for every chunk, then
    `next_pass`, until it tells that nothing is left to do.
    """

    def __init__(
        self, limit: int, ranges: Sequence[tuple[int, int]], keys: int, gathered: int = GATHERED
    ) -> None:
        """ranges: smallest and largest word of keys, by place; keys: how many there are."""
        self.key: RankKey | None = None
        """None until it is found, and for ever if all keys together do not exceed the limit."""
        self._limit, self._ranges, self._most = limit, ranges, gathered
        self._above = 0
        self._prefix: list[int] = []
        self._low, self._high = ranges[0]
        self._skip_constant()
        self._start(keys)

    def add(self, keys: RankKeys, weights: Codes) -> None:
        """Takes the keys of a chunk, one a row, with their weights."""
        inside = np.ones(len(keys), np.bool_)
        for word, value in enumerate(self._prefix):
            inside &= keys[:, word] == np.uint64(value)
        if len(self._prefix) < len(self._ranges):
            own = keys[:, len(self._prefix)]
            inside &= (own >= np.uint64(self._low)) & (own <= np.uint64(self._high))
        if self._gathers:
            self._keys.append(keys[inside])
            self._weights.append(weights[inside])
            return
        bins = ((own[inside] - np.uint64(self._low)) >> np.uint64(self._shift)).astype(np.int64)
        np.add.at(self._sums, bins, weights[inside])
        self._counts += np.bincount(bins, minlength=_BINS)

    def next_pass(self) -> bool:
        """Whether another pass over all chunks is needed."""
        if self._gathers:
            self._finish()
            return False
        sums = self._above + np.cumsum(self._sums[::-1])
        over = int(np.searchsorted(sums, self._limit, side="right"))
        if over == _BINS:
            return False
        number = _BINS - 1 - over
        self._above = int(sums[over] - self._sums[number])
        self._high = min(self._high, self._low + ((number + 1) << self._shift) - 1)
        self._low += number << self._shift
        self._skip_constant()
        if len(self._prefix) == len(self._ranges):
            self.key = tuple(self._prefix)
            return False
        self._start(int(self._counts[number]))
        return True

    def _skip_constant(self) -> None:
        """Goes on to the first word that is not the same in all keys that are left."""
        while self._low == self._high:
            self._prefix.append(self._low)
            if len(self._prefix) == len(self._ranges):
                return
            self._low, self._high = self._ranges[len(self._prefix)]

    def _start(self, keys: int) -> None:
        self._gathers = keys <= self._most or len(self._prefix) == len(self._ranges)
        self._keys: list[RankKeys] = []
        self._weights: list[Codes] = []
        self._shift = max(0, (self._high - self._low).bit_length() - 16)
        self._sums = np.zeros(_BINS if not self._gathers else 0, np.int64)
        self._counts = np.zeros(_BINS if not self._gathers else 0, np.int64)

    def _finish(self) -> None:
        keys, weights = np.concatenate(self._keys), np.concatenate(self._weights)
        order = np.lexsort(tuple(keys.T[::-1]))[::-1]
        over = int(np.searchsorted(self._above + np.cumsum(weights[order]), self._limit, side="right"))
        if over < len(order):
            self.key = tuple(int(word) for word in keys[order[over]])
