"""Prices of scarce counters: coordinate descent on the Lagrangian dual of the plan of most value."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from engine.batch.columns import Bools, Codes, ScoreColumn
from engine.batch.demand import PairChunk, best_pairs_by, joined
from engine.batch.threshold import GATHERED, Threshold

_SAMPLE = 200_000
"""Customers from whom prices are found before all are read."""
_ROUNDS = 12
_STEPS = 80
_REACH = 1e-3
"""Of the bound: how much lower its minimum is thought to be at first."""
_ENOUGH = 1e-7
"""Relative gain of a round over all counters below which it is the last."""
_POSITIVE = (1, 0x7FF0_0000_0000_0000)
"""The bits of positive numbers, which are in their order."""


class Prices(NamedTuple):
    """What one more unit of each counter is worth."""

    prices: ScoreColumn
    bound: float
    """No plan is worth more."""
    rounds: int


def dual_prices(
    chunks: Iterable[PairChunk],
    limits: Codes,
    customers: int,
    *,
    sample: int = _SAMPLE,
    gathered: int = GATHERED,
) -> Prices:
    """The prices that minimise the dual, found on a sample first.

    The plan maximises the sum of scores, with at most one candidate a customer and no counter exceeded. For prices λ ≥ 0, the
    sum of limits × λ plus each customer's best score net of λ is a bound on its value, and customers choose apart from each
    other. One counter's best price, with the others held, is where the demand for it falls to its limit. (One number a
    contract as in Bharadwaj et al., "SHALE: An Efficient Algorithm for Allocation of Guaranteed Display Advertising", KDD
    2012.) The dual is not smooth, so that the descent may stop above its minimum: the bound holds nevertheless.
    """
    prices = np.zeros(len(limits), np.float64)
    if customers > 2 * sample:
        part = _sample(chunks, sample / customers)
        scaled = np.floor(limits * (sample / customers)).astype(np.int64)
        prices = _descended([part], scaled, prices, gathered).prices
    return _descended(chunks, limits, prices, gathered)


def bound_of(chunks: Iterable[PairChunk], limits: Codes, prices: ScoreColumn) -> float:
    """The value that no plan exceeds, by prices."""
    total = float((limits * prices).sum())
    for chunk in chunks:
        possible = chunk.fits(limits)
        total += float(best_by_row(chunk, chunk.priced(prices), possible).sum())
    return total


def _sample(chunks: Iterable[PairChunk], share: float) -> PairChunk:
    """Customers by the stable hash of their first pair."""
    parts = []
    for chunk in chunks:
        firsts = np.minimum(chunk.starts[:-1], max(len(chunk.ties) - 1, 0))
        hashes = chunk.ties[firsts] if len(chunk.ties) else np.zeros(0, np.uint64)
        mixed = (hashes * np.uint64(0x9E37_79B9_7F4A_7C15)) >> np.uint64(32)
        drawn = (mixed < np.uint64(int(share * (1 << 32)))) & (np.diff(chunk.starts) > 0)
        parts.append(chunk.part(np.flatnonzero(drawn)))
    return joined(parts)


def _descended(chunks: Iterable[PairChunk], limits: Codes, start: ScoreColumn, gathered: int) -> Prices:
    is_contested = _wanted(chunks, len(limits)) > limits
    best = np.where(is_contested, start, 0.0)
    prices, bound = best.copy(), bound_of(chunks, limits, best)
    contested, rounds = np.flatnonzero(is_contested).tolist(), 0
    while rounds < _ROUNDS:
        rounds += 1
        for counter in contested:
            prices[counter] = _best_price(chunks, limits, prices, counter, gathered)
        reached = bound_of(chunks, limits, prices)
        gained = bound - reached
        if gained > 0:
            bound, best = reached, prices.copy()
        if gained <= _ENOUGH * abs(bound):
            break
    return _polished(chunks, limits, Prices(best, bound, rounds))


def _polished(chunks: Iterable[PairChunk], limits: Codes, start: Prices) -> Prices:
    """Steps along the subgradient from where no counter's price alone can improve; the best prices on the way.

    The steps are Polyak's ("Introduction to Optimization", 1987, 5.3) with a level that is assumed to be reached, and comes
    nearer to the best bound whenever it is not.
    """
    scale = _largest_amounts(chunks, len(limits))
    prices, best, reach = start.prices, start, _REACH * abs(start.bound)
    for _ in range(_STEPS):
        bound, usage = _at(chunks, limits, prices)
        if bound < best.bound:
            best = Prices(prices, bound, start.rounds)
        else:
            reach /= 1.15
        slope = limits - usage
        slope[(prices <= 0) & (slope > 0)] = 0
        slope /= scale
        length = float((slope * slope).sum())
        if not length:
            break
        prices = np.maximum(0.0, prices - (bound - best.bound + reach) / length * slope / scale)
    return best


def _wanted(chunks: Iterable[PairChunk], counters: int) -> Codes:
    """What all pairs would take of each counter together: one that has as much never has a price."""
    wanted = np.zeros(counters, np.int64)
    for chunk in chunks:
        wanted += chunk.taken(np.arange(len(chunk.scores)), counters)
    return wanted


def _largest_amounts(chunks: Iterable[PairChunk], counters: int) -> ScoreColumn:
    """The most that a pair takes of each counter, at least 1: budgets are counted in millionths, and stock in pieces."""
    largest = np.ones(counters + 1, np.int64)
    for chunk in chunks:
        np.maximum.at(largest, chunk.counters.ravel(), chunk.amounts.ravel())
    return largest[:counters].astype(np.float64)


def _at(chunks: Iterable[PairChunk], limits: Codes, prices: ScoreColumn) -> tuple[float, ScoreColumn]:
    """The bound by prices, and what customers would take of each counter."""
    usage = np.zeros(len(limits), np.float64)
    bound = float((limits * prices).sum())
    for chunk in chunks:
        net = chunk.priced(prices)
        choices = best_pairs_by(chunk, net, chunk.fits(limits) & (net > 0))
        usage += chunk.taken(choices, len(limits))
        bound += float(net[choices].sum())
    return bound, usage


def _best_price(
    chunks: Iterable[PairChunk], limits: Codes, prices: ScoreColumn, counter: int, gathered: int
) -> float:
    """The price of a counter at which the demand for it falls to its limit, with the others held."""
    free = prices.copy()
    free[counter] = 0.0
    limit, keys = int(limits[counter]), 0
    threshold: Threshold | None = None
    while True:
        if threshold is None:
            demand = 0
            for falls, amounts in _falls(chunks, limits, free, counter):
                demand, keys = demand + int(amounts.sum()), keys + len(falls)
            if demand <= limit:
                return 0.0
            threshold = Threshold(limit, (_POSITIVE,), keys, gathered)
        for falls, amounts in _falls(chunks, limits, free, counter):
            threshold.add(falls.view(np.uint64).reshape(-1, 1), amounts)
        if not threshold.next_pass():
            break
    key = threshold.key
    return 0.0 if key is None else float(np.array(key, np.uint64).view(np.float64)[0])


def _falls(
    chunks: Iterable[PairChunk], limits: Codes, free: ScoreColumn, counter: int
) -> Iterator[tuple[ScoreColumn, Codes]]:
    """The prices at which demand for the counter falls, and by how much, chunk by chunk."""
    for chunk in chunks:
        possible = chunk.fits(limits)
        own = possible & ((chunk.counters == counter) & (chunk.amounts > 0)).any(axis=1)
        rows = chunk.rows()
        customers = np.unique(rows[own])
        if not len(customers):
            continue
        at = np.flatnonzero(own)
        net = chunk.priced(free)
        other = best_by_row(chunk, net, possible & ~own)
        yield _envelope(net[at], chunk.amounts_of(counter)[at], rows[at], other)


def _envelope(net: ScoreColumn, amounts: Codes, rows: Codes, other: ScoreColumn) -> tuple[ScoreColumn, Codes]:
    """Where customers leave a counter for a candidate that takes less of it, as its price rises from 0.

    A customer's best is the upper envelope of one falling line a candidate and the level of the best without the counter.
    """
    falls: list[ScoreColumn] = []
    drops: list[Codes] = []
    order = np.lexsort((amounts, -net, rows))
    net, amounts, rows = net[order], amounts[order], rows[order]
    firsts = np.flatnonzero(np.append(True, rows[1:] != rows[:-1]))
    firsts = firsts[net[firsts] > other[rows[firsts]]]
    while len(firsts):
        leave = (net[firsts] - other[rows[firsts]]) / amounts[firsts]
        target = np.full(len(firsts), -1, np.int64)
        leave, target = _crossings(net, amounts, rows, firsts, leave, target)
        after = np.where(target >= 0, amounts[target], 0)
        falls.append(leave)
        drops.append(amounts[firsts] - after)
        firsts = target[target >= 0]
    if not falls:
        return np.zeros(0), np.zeros(0, np.int64)
    prices, amount = np.concatenate(falls), np.concatenate(drops)
    paid = prices > 0
    return prices[paid], amount[paid]


def _crossings(
    net: ScoreColumn,
    amounts: Codes,
    rows: Codes,
    firsts: Codes,
    leave: ScoreColumn,
    target: Codes,
) -> tuple[ScoreColumn, Codes]:
    """For each customer's line, where another line of a smaller amount overtakes it, if before the level does."""
    lines_of = np.full(int(rows.max()) + 1, -1, np.int64)
    lines_of[rows[firsts]] = np.arange(len(firsts))
    line = lines_of[rows]
    flatter = (line >= 0) & (amounts < amounts[firsts[np.maximum(line, 0)]])
    candidates = np.flatnonzero(flatter)
    if not len(candidates):
        return leave, target
    own = firsts[line[candidates]]
    crossing = (net[own] - net[candidates]) / (amounts[own] - amounts[candidates])
    order = np.lexsort((amounts[candidates], crossing, line[candidates]))
    lines = line[candidates][order]
    begins = np.append(True, lines[1:] != lines[:-1])
    best, at = order[begins], lines[begins]
    sooner = crossing[best] < leave[at]
    leave[at[sooner]] = crossing[best][sooner]
    target[at[sooner]] = candidates[best][sooner]
    return leave, target


def best_by_row(chunk: PairChunk, worth: ScoreColumn, open_pairs: Bools) -> ScoreColumn:
    """The most a customer's open pairs are worth, at least 0."""
    best = np.zeros(chunk.customers, np.float64)
    pairs = np.flatnonzero(open_pairs)
    np.maximum.at(best, chunk.rows()[pairs], worth[pairs])
    return best
