"""Shares out what is scarce among all customers of a send at once.

`plan` reads the customers' candidates in chunks, several times, and keeps only what it takes of each customer and some numbers
a counter. Of three ways, `order` gives to who comes first, `best` to the highest scores by cut-offs (engine/batch/cutoffs.py),
and `value` makes the plan of most value by prices (engine/batch/prices.py). None exceeds a limit.
"""

from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from typing import NamedTuple

import numpy as np

from engine.batch.columns import Bools, Codes, ScoreColumn
from engine.batch.cutoffs import CutOff, CutOffs, Survey, cut_off, cut_offs, survey
from engine.batch.demand import (
    NOTHING_TAKEN,
    PairChunk,
    admitted_in_order,
    best_pairs_by,
    first_pairs,
    in_order,
)
from engine.batch.prices import best_by_row, dual_prices
from engine.batch.threshold import GATHERED

_INDIFFERENT = 1e-9
"""Relative to the score: two candidates whose worth differs by less are equal to a customer."""


class ScarceWay(Enum):
    """How scarce stock is shared out."""

    ORDER = "order"
    """As customers come: each takes the first candidate that is left."""
    BEST = "best"
    """By score: who ranks highest for a counter takes from it; customers' own rankings are kept."""
    VALUE = "value"
    """The largest sum of scores: customers rank by score less prices."""


class CounterPlan(NamedTuple):
    """What becomes of a counter."""

    limit: int
    """What was left of it."""
    demand: int
    """What customers would take if nothing were scarce."""
    taken: int
    cut_off: CutOff | None
    """What it refuses by `best`; None if it refuses nobody or another way is used."""
    price: float
    """What one more unit of it is worth, in units of scores."""
    price_tier: int | None
    """The tier in which it has a price: nothing of it is left for lower tiers. None if it is not scarce."""


class ScarcePlan(NamedTuple):
    """What each customer takes, and what it is worth."""

    taken: tuple[Codes, ...]
    """By chunk and customer, the pair they take, or NOTHING_TAKEN."""
    counters: tuple[CounterPlan, ...]
    value: float
    """The sum of scores of what is taken."""
    bound: float
    """No plan is worth more. Where there are several tiers, none that gives the tiers above the same."""
    rounds: int

    @property
    def share(self) -> float:
        """Of the best possible value, the part that this plan is worth at least, in [0, 1]."""
        return min(1.0, self.value / self.bound) if self.bound > 0 else 1.0


class _Priced(NamedTuple):
    prices: ScoreColumn
    tiers: list[int | None]
    bound: float
    taken: list[Codes]
    rounds: int


def plan(
    chunks: Iterable[PairChunk],
    limits: Sequence[int],
    way: ScarceWay,
    *,
    gathered: int = GATHERED,
) -> ScarcePlan:
    """Shares out the counters.

    chunks: can be read repeatedly, in the same order; scores are finite.
    limits: what is left of each counter.
    gathered: how many keys are sorted in memory.
    """
    overview, own = survey(chunks, len(limits)), np.array(limits, np.int64)
    demand = _demand(chunks, len(limits))
    priced = _priced(chunks, own, overview, gathered)
    cuts = CutOffs((None,) * len(limits), 0)
    if way is ScarceWay.VALUE:
        taken = priced.taken
    elif way is ScarceWay.BEST:
        cuts = cut_offs(chunks, limits, overview, gathered=gathered)
        taken = [_rows(chunk, first_pairs(chunk, cuts.admits(chunk, own))) for chunk in chunks]
    else:
        left = own.copy()
        taken = [in_order(chunk, left) for chunk in chunks]
    usage, value = np.zeros(len(limits), np.int64), 0.0
    for chunk, rows in zip(chunks, taken, strict=True):
        pairs = rows[rows != NOTHING_TAKEN]
        usage += chunk.taken(pairs, len(limits))
        value += float(chunk.scores[pairs].sum())
    counters = tuple(
        CounterPlan(
            int(own[number]),
            int(demand[number]),
            int(usage[number]),
            None if key is None else cut_off(key),
            float(priced.prices[number]),
            priced.tiers[number],
        )
        for number, key in enumerate(cuts.keys)
    )
    rounds = cuts.rounds if way is ScarceWay.BEST else priced.rounds
    return ScarcePlan(tuple(taken), counters, value, max(priced.bound, value), rounds)


def _demand(chunks: Iterable[PairChunk], counters: int) -> Codes:
    demand = np.zeros(counters, np.int64)
    for chunk in chunks:
        demand += chunk.taken(first_pairs(chunk, np.ones(len(chunk.scores), np.bool_)), counters)
    return demand


def _priced(chunks: Iterable[PairChunk], limits: Codes, overview: Survey, gathered: int) -> _Priced:
    """The plan by prices, the highest tier first: lower ones share out what is left among the customers who are left."""
    left, bound, rounds = limits.copy(), 0.0, 0
    taken = [np.full(chunk.customers, NOTHING_TAKEN, np.int64) for chunk in chunks]
    prices = np.zeros(len(limits), np.float64)
    tiers: list[int | None] = [None] * len(limits)
    for tier in overview.tiers:
        stage = _Stage(chunks, taken, tier)
        before = left.copy()
        dual = dual_prices(stage, before, overview.customers, gathered=gathered)
        for counter in np.flatnonzero(dual.prices > 0).tolist():
            if tiers[counter] is None:
                tiers[counter], prices[counter] = tier, dual.prices[counter]
        bound, rounds = bound + dual.bound, max(rounds, dual.rounds)
        _take(stage, taken, left, dual.prices, gathered)
    return _Priced(prices, tiers, bound, taken, rounds)


class _Stage:
    """The pairs of one tier, of customers who have taken nothing of a higher one."""

    def __init__(self, chunks: Iterable[PairChunk], taken: Sequence[Codes], tier: int) -> None:
        self._chunks, self._tier = chunks, tier
        self._served = [rows != NOTHING_TAKEN for rows in taken]

    def __iter__(self) -> Iterator[PairChunk]:
        for chunk, served in zip(self._chunks, self._served, strict=True):
            yield chunk.only(self._members(chunk, served))

    def sources(self) -> Iterator[tuple[PairChunk, Codes]]:
        """The chunks, with the place of each pair among all pairs of the chunk."""
        for chunk, served in zip(self._chunks, self._served, strict=True):
            members = self._members(chunk, served)
            yield chunk.only(members), np.flatnonzero(members)

    def _members(self, chunk: PairChunk, served: Bools) -> Bools:
        return np.asarray((chunk.tiers == self._tier) & ~served[chunk.rows()], np.bool_)


def _take(stage: _Stage, taken: Sequence[Codes], left: Codes, prices: ScoreColumn, gathered: int) -> None:
    """Gives customers what is worth most to them net of prices, then the rest by cut-offs, then in order. Lowers `left`.

    At the prices some are indifferent between candidates, or to none; they are among the rest.
    """
    limits = left.copy()
    for number, (chunk, source) in enumerate(stage.sources()):
        net, possible = chunk.priced(prices), chunk.fits(limits)
        choices = best_pairs_by(chunk, net, possible)
        rest = possible.copy()
        rest[choices] = False
        next_best = best_by_row(chunk, net, rest)[chunk.rows()[choices]]
        choices = choices[net[choices] > next_best + _INDIFFERENT * np.abs(chunk.scores[choices])]
        admitted = admitted_in_order(chunk, choices, left)
        taken[number][chunk.rows()[admitted]] = source[admitted]
    others = _Rest(stage, taken)
    limits = left.copy()
    cuts = cut_offs(others, limits.tolist(), survey(others, len(limits)), gathered=gathered)
    for number, (chunk, source) in enumerate(others.sources()):
        choices = first_pairs(chunk, cuts.admits(chunk, limits))
        left -= chunk.taken(choices, len(left))
        taken[number][chunk.rows()[choices]] = source[choices]
    for number, (chunk, source) in enumerate(_Rest(stage, taken).sources()):
        own = in_order(chunk, left)
        rows = np.flatnonzero(own != NOTHING_TAKEN)
        taken[number][rows] = source[own[rows]]


class _Rest:
    """The pairs of a stage of customers who have taken nothing yet."""

    def __init__(self, stage: _Stage, taken: Sequence[Codes]) -> None:
        self._stage, self._served = stage, [rows != NOTHING_TAKEN for rows in taken]

    def __iter__(self) -> Iterator[PairChunk]:
        for chunk, _ in self.sources():
            yield chunk

    def sources(self) -> Iterator[tuple[PairChunk, Codes]]:
        """The chunks, with the place of each pair among all pairs of the chunk."""
        for (chunk, source), served in zip(self._stage.sources(), self._served, strict=True):
            waiting = ~served[chunk.rows()]
            yield chunk.only(waiting), source[waiting]


def _rows(chunk: PairChunk, pairs: Codes) -> Codes:
    """By customer, the pair they take."""
    taken = np.full(chunk.customers, NOTHING_TAKEN, np.int64)
    taken[chunk.rows()[pairs]] = pairs
    return taken
