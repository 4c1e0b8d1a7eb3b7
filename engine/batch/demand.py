"""Customers' candidates that may go by all other rules, as columns, with what each takes from counters that all share."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from engine.batch.columns import Bools, Codes, ScoreColumn

RankKeys: TypeAlias = NDArray[np.uint64]
"""One row a pair: tier, score and tie, each so that unsigned integers are in the order of what they stand for."""

NO_COUNTER = -1
NOTHING_TAKEN = -1
_SIGN = np.uint64(1 << 63)
_WINDOW = 4_096


class PairChunk(NamedTuple):
    """Some customers with the candidates that may go, in order of the customers."""

    starts: Codes
    """The pairs of customer i are starts[i] up to starts[i + 1], in their own rank order; one longer than customers."""
    tiers: Codes
    scores: ScoreColumn
    """No NaN."""
    ties: RankKeys
    """By pair, a stable hash of customer and candidate: the larger goes first where tier and score are equal."""
    counters: Codes
    """By pair, the counters it takes from, filled up with NO_COUNTER; no counter twice."""
    amounts: Codes
    """By pair and counter, how much it takes, at least 0: 1 of a stock, micro-units of a budget."""

    @property
    def customers(self) -> int:
        """How many customers there are, those without a pair included."""
        return len(self.starts) - 1

    def rows(self) -> Codes:
        """The customer of each pair."""
        return np.repeat(np.arange(self.customers), np.diff(self.starts))

    def keys(self) -> RankKeys:
        """By which counters rank pairs."""
        scores = (self.scores + 0.0).view(np.uint64)
        negative = (scores & _SIGN) != 0
        ordered = np.where(negative, ~scores, scores | _SIGN)
        return np.stack((self.tiers.astype(np.int64).view(np.uint64) ^ _SIGN, ordered, self.ties), axis=1)

    def amounts_of(self, counter: int) -> Codes:
        """What each pair takes from a counter."""
        taken: Codes = np.where(self.counters == counter, self.amounts, 0).sum(axis=1)
        return taken

    def taken(self, pairs: Codes, counters: int) -> Codes:
        """What the pairs take from each counter."""
        usage = np.zeros(counters + 1, np.int64)
        np.add.at(usage, self.counters[pairs].ravel(), self.amounts[pairs].ravel())
        return usage[:counters]

    def fits(self, left: Codes) -> Bools:
        """The pairs for which every one of their counters has enough left."""
        padded = np.append(left, np.iinfo(np.int64).max)
        return np.asarray((self.amounts <= padded[self.counters]).all(axis=1), np.bool_)

    def priced(self, prices: ScoreColumn) -> ScoreColumn:
        """The score of each pair net of the prices of what it takes."""
        paid: ScoreColumn = (np.append(prices, 0.0)[self.counters] * self.amounts).sum(axis=1)
        return self.scores - paid

    def part(self, customers: Codes) -> "PairChunk":
        """Some of the customers, given in order."""
        lengths = np.diff(self.starts)[customers]
        starts = np.concatenate(([0], np.cumsum(lengths)))
        pairs = np.repeat(self.starts[customers] - starts[:-1], lengths) + np.arange(starts[-1])
        return self._with(starts, pairs)

    def only(self, pairs: Bools) -> "PairChunk":
        """The same customers with some of their pairs."""
        counts = np.concatenate(([0], np.cumsum(pairs)))
        return self._with(counts[self.starts], pairs)

    def window(self, first: int, last: int) -> "PairChunk":
        """The customers from `first` up to `last`, without copying."""
        own = slice(int(self.starts[first]), int(self.starts[last]))
        return self._with(self.starts[first : last + 1] - self.starts[first], own)

    def _with(self, starts: Codes, pairs: Codes | Bools | slice) -> "PairChunk":
        return PairChunk(
            starts,
            self.tiers[pairs],
            self.scores[pairs],
            self.ties[pairs],
            self.counters[pairs],
            self.amounts[pairs],
        )


def joined(chunks: Iterable[PairChunk]) -> PairChunk:
    """The customers of several chunks."""
    whole = list(chunks)
    width = max(chunk.counters.shape[1] for chunk in whole)

    def wide(column: Codes, fill: int) -> Codes:
        return np.pad(column, ((0, 0), (0, width - column.shape[1])), constant_values=fill)

    starts = np.concatenate([[0], *(np.diff(chunk.starts) for chunk in whole)]).cumsum()
    return PairChunk(
        starts,
        np.concatenate([chunk.tiers for chunk in whole]),
        np.concatenate([chunk.scores for chunk in whole]),
        np.concatenate([chunk.ties for chunk in whole]),
        np.concatenate([wide(chunk.counters, NO_COUNTER) for chunk in whole]),
        np.concatenate([wide(chunk.amounts, 0) for chunk in whole]),
    )


def first_pairs(chunk: PairChunk, open_pairs: Bools) -> Codes:
    """The first open pair of each customer who has one."""
    pairs = np.flatnonzero(open_pairs)
    rows = chunk.rows()[pairs]
    return pairs[np.append(True, rows[1:] != rows[:-1])] if len(pairs) else pairs


def best_pairs_by(chunk: PairChunk, worth: ScoreColumn, open_pairs: Bools) -> Codes:
    """The open pair of most worth of each customer who has one; the first of equal ones."""
    pairs = np.flatnonzero(open_pairs)
    if not len(pairs):
        return pairs
    rows = chunk.rows()[pairs]
    begins = np.flatnonzero(np.append(True, rows[1:] != rows[:-1]))
    best = np.repeat(np.maximum.reduceat(worth[pairs], begins), np.diff(np.append(begins, len(pairs))))
    return first_pairs(chunk, _mask(len(open_pairs), pairs[worth[pairs] == best]))


def in_order(chunk: PairChunk, left: Codes) -> Codes:
    """What customers take one after the other: the first pair for which there is enough left. Lowers `left`.

    Returns the pair of each customer, or NOTHING_TAKEN.
    """
    taken = np.full(chunk.customers, NOTHING_TAKEN, np.int64)
    for first in range(0, chunk.customers, _WINDOW):
        last = min(first + _WINDOW, chunk.customers)
        own = _window_in_order(chunk.window(first, last), left)
        taken[first:last] = np.where(own >= 0, own + chunk.starts[first], NOTHING_TAKEN)
    return taken


def _window_in_order(chunk: PairChunk, left: Codes) -> Codes:
    """Takes as many customers at a time as no counter runs short for."""
    taken = np.full(chunk.customers, NOTHING_TAKEN, np.int64)
    done, rows = 0, chunk.rows()
    while done < chunk.customers:
        choices = first_pairs(chunk, chunk.fits(left) & (rows >= done))
        if not len(choices):
            break
        short = _first_short(chunk, choices, left)
        taken[rows[choices[:short]]] = choices[:short]
        left -= chunk.taken(choices[:short], len(left))
        if short == len(choices):
            break
        done = int(rows[choices[short]])
    return taken


def _first_short(chunk: PairChunk, choices: Codes, left: Codes) -> int:
    """How many of the choices, taken in order, all counters bear; at least 1, for each fits alone."""
    short = len(choices)
    usage = chunk.taken(choices, len(left))
    for counter in np.flatnonzero(usage > left).tolist():
        sums = np.cumsum(chunk.amounts_of(counter)[choices])
        short = min(short, int(np.searchsorted(sums, left[counter], side="right")))
    return short


def admitted_in_order(chunk: PairChunk, choices: Codes, left: Codes) -> Codes:
    """Those of the choices, at most one a customer, that fit one after the other. Lowers `left`."""
    only = _mask(len(chunk.scores), choices)
    admitted: list[Codes] = []
    for pairs in _fitting(chunk, only, left):
        admitted.append(pairs)
        left -= chunk.taken(pairs, len(left))
    return np.concatenate(admitted) if admitted else choices[:0]


def _fitting(chunk: PairChunk, only: Bools, left: Codes) -> Iterator[Codes]:
    while True:
        choices = np.flatnonzero(only & chunk.fits(left))
        if not len(choices):
            return
        short = _first_short(chunk, choices, left)
        only[: choices[short - 1] + 1] = False
        yield choices[:short]


def _mask(length: int, members: Codes) -> Bools:
    mask = np.zeros(length, np.bool_)
    mask[members] = True
    return mask
