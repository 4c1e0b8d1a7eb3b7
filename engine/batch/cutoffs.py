"""Cut-offs of scarce counters: deferred acceptance, in rounds of a map over chunks and a small reduce."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from engine.batch.columns import Bools, Codes
from engine.batch.demand import PairChunk, RankKeys, first_pairs
from engine.batch.threshold import GATHERED, RankKey, Threshold

_SIGN = 1 << 63
_WHOLE = (1 << 64) - 1


class CutOff(NamedTuple):
    """The rank that a counter refuses, with all below it."""

    tier: int
    score: float
    tie: int
    """Of equal tier and score, only larger ties go."""


class Survey(NamedTuple):
    """What is known of all pairs after one pass."""

    ranges: tuple[tuple[int, int], ...]
    """Smallest and largest word of the keys, by place."""
    tiers: tuple[int, ...]
    """The tiers there are, the highest first."""
    applicants: Codes
    """By counter, how many pairs take from it."""
    together: Bools
    """By two counters, whether a pair takes from both."""
    customers: int
    pairs: int


class CutOffs(NamedTuple):
    """Cut-offs of all counters."""

    keys: tuple[RankKey | None, ...]
    """By counter; None if it refuses nobody."""
    rounds: int

    def admits(self, chunk: PairChunk, limits: Codes) -> Bools:
        """The pairs that every one of their counters admits."""
        return admitted(chunk, chunk.keys(), self.keys, limits)


def survey(chunks: Iterable[PairChunk], counters: int) -> Survey:
    """Reads all pairs once."""
    low = np.full(3, np.iinfo(np.uint64).max, np.uint64)
    high = np.zeros(3, np.uint64)
    applicants, together = np.zeros(counters + 1, np.int64), np.zeros((counters + 1, counters + 1), np.bool_)
    tiers: set[int] = set()
    customers = pairs = 0
    for chunk in chunks:
        customers += chunk.customers
        if not len(chunk.scores):
            continue
        if np.isnan(chunk.scores).any():
            raise ValueError("a score is not a number")
        pairs += len(chunk.scores)
        keys = chunk.keys()
        low, high = np.minimum(low, keys.min(axis=0)), np.maximum(high, keys.max(axis=0))
        tiers.update(np.unique(chunk.tiers).tolist())
        np.add.at(applicants, chunk.counters.ravel(), 1)
        for other in range(chunk.counters.shape[1]):
            together[chunk.counters, chunk.counters[:, [other]]] = True
    ranges = tuple((int(a), int(b)) for a, b in zip(low, high, strict=True)) if pairs else ((0, 0),) * 3
    order = tuple(sorted(tiers, reverse=True))
    return Survey(ranges, order, applicants[:counters], together[:counters, :counters], customers, pairs)


def cut_offs(
    chunks: Iterable[PairChunk],
    limits: Sequence[int],
    overview: Survey,
    *,
    gathered: int = GATHERED,
    on_round: Callable[[tuple[RankKey | None, ...]], None] = lambda _: None,
) -> CutOffs:
    """The cut-off of each counter under which customers, each taking the first candidate left to them, exceed no limit.

    Customer-proposing deferred acceptance (Gale and Shapley, "College Admissions and the Stability of Marriage", American
    Mathematical Monthly 69, 1962), with the state of a counter kept as its cut-off (Azevedo and Leshno, "A Supply and Demand
    Framework for Two-Sided Matching Markets", Journal of Political Economy 124, 2016). A round lets all customers apply, and
    raises the cut-offs of counters that are exceeded; cut-offs only rise, so it ends. The result is stable: nobody whom a
    counter refuses ranks higher there than somebody who takes from it.

    Where a candidate takes from several counters, those with fewer applicants are settled first, so that a channel does not
    refuse customers in favour of some whom the stock of an offer refuses afterwards.

    chunks: read several times, in the same order or another.
    on_round: gets the cut-offs after each round.
    """
    own = np.array(limits, np.int64)
    keys: list[RankKey | None] = [None] * len(own)
    rounds = 0
    while True:
        usage, counts = _demand(chunks, keys, own)
        over = np.flatnonzero(usage > own)
        if not len(over):
            return CutOffs(tuple(keys), rounds)
        rounds += 1
        thresholds = {
            counter: Threshold(int(own[counter]), overview.ranges, int(counts[counter]), gathered)
            for counter in _narrowest(over, overview)
        }
        for counter, threshold in _passed(chunks, keys, own, thresholds).items():
            keys[counter] = threshold.key
        on_round(tuple(keys))


def cut_off(key: RankKey) -> CutOff:
    """The cut-off that a key stands for."""
    tier, score, tie = key
    bits = score & ~_SIGN if score & _SIGN else ~score & _WHOLE
    signed = tier ^ _SIGN
    number = float(np.array([bits], np.uint64).view(np.float64)[0])
    return CutOff(signed - (1 << 64) if signed & _SIGN else signed, number, tie)


def admitted(chunk: PairChunk, keys: RankKeys, cuts: Sequence[RankKey | None], limits: Codes) -> Bools:
    """The pairs above the cut-offs of all their counters; those that exceed a limit alone never go."""
    result = chunk.fits(limits)
    for counter, cut in enumerate(cuts):
        if cut is not None:
            result &= ~(chunk.counters == counter).any(axis=1) | _above(keys, cut)
    return result


def _above(keys: RankKeys, cut: RankKey) -> Bools:
    above = np.zeros(len(keys), np.bool_)
    equal = np.ones(len(keys), np.bool_)
    for word, value in enumerate(cut):
        above |= equal & (keys[:, word] > np.uint64(value))
        equal &= keys[:, word] == np.uint64(value)
    return above


def _demand(
    chunks: Iterable[PairChunk], cuts: Sequence[RankKey | None], limits: Codes
) -> tuple[Codes, Codes]:
    """What customers would take of each counter, and how many of them take from it."""
    usage, counts = np.zeros(len(limits), np.int64), np.zeros(len(limits) + 1, np.int64)
    for chunk in chunks:
        choices = first_pairs(chunk, admitted(chunk, chunk.keys(), cuts, limits))
        usage += chunk.taken(choices, len(limits))
        np.add.at(counts, chunk.counters[choices].ravel(), 1)
    return usage, counts


def _passed(
    chunks: Iterable[PairChunk],
    cuts: Sequence[RankKey | None],
    limits: Codes,
    thresholds: dict[int, Threshold],
) -> dict[int, Threshold]:
    unfinished = dict(thresholds)
    while unfinished:
        for chunk in chunks:
            keys = chunk.keys()
            choices = first_pairs(chunk, admitted(chunk, keys, cuts, limits))
            for counter, threshold in unfinished.items():
                own = choices[(chunk.counters[choices] == counter).any(axis=1)]
                threshold.add(keys[own], chunk.amounts_of(counter)[own])
        unfinished = {
            counter: threshold for counter, threshold in unfinished.items() if threshold.next_pass()
        }
    return thresholds


def _narrowest(over: Codes, overview: Survey) -> list[int]:
    """The exceeded counters that share no pair with an exceeded one of fewer applicants."""
    order = sorted(over.tolist(), key=lambda counter: (overview.applicants[counter], counter))
    chosen: list[int] = []
    for at, counter in enumerate(order):
        if not overview.together[counter, order[:at]].any():
            chosen.append(counter)
    return chosen
