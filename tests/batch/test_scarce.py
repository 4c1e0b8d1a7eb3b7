"""Sharing out scarce counters: stability, no overselling, and the value against a linear programme."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.batch.columns import Codes
from engine.batch.cutoffs import admitted, cut_offs, survey
from engine.batch.demand import NOTHING_TAKEN, PairChunk
from engine.batch.scarce import ScarcePlan, ScarceWay, plan
from engine.batch.threshold import RankKey, Threshold

CHUNKS = 3


def instance(
    seed: int,
    customers: int,
    offers: int,
    *,
    joint: bool,
    tiers: int = 1,
    coarse: bool = False,
    most: int = 1,
) -> tuple[list[PairChunk], list[int]]:
    """Random customers who like some offers; `joint` candidates take from the capacity of one of two channels, too."""
    draw = np.random.default_rng(seed)
    chunks = []
    worth = draw.uniform(1, 10, offers)
    channel = draw.integers(0, 2, offers)
    for size in np.array_split(np.arange(customers), CHUNKS):
        likes = draw.random((len(size), offers)) < 0.6
        rows, offer = np.nonzero(likes)
        scores = worth[offer] * draw.random(len(rows)) * draw.beta(2, 5, len(rows))
        if coarse:
            scores = np.round(scores)
        tier = draw.integers(0, tiers, offers)[offer]
        ties = draw.integers(0, 1 << 63, len(rows), dtype=np.uint64)
        order = np.lexsort((ties, -scores, -tier, rows))
        offer = offer[order]
        counters = np.stack((offer, offers + channel[offer] if joint else np.full(len(rows), -1)), axis=1)
        amounts = np.where(counters >= 0, draw.integers(1, most + 1, len(rows))[:, None], 0)
        starts = np.concatenate(([0], np.cumsum(likes.sum(axis=1))))
        chunks.append(PairChunk(starts, tier[order], scores[order], ties[order], counters, amounts))
    limits = draw.integers(0, max(2, customers // (offers + 2)), offers).tolist()
    return chunks, [*limits, customers // 4, customers // 3]


def usage(chunks: list[PairChunk], made: ScarcePlan, counters: int) -> Codes:
    """What a plan takes of each counter."""
    total = np.zeros(counters, np.int64)
    for chunk, rows in zip(chunks, made.taken, strict=True):
        total += chunk.taken(rows[rows != NOTHING_TAKEN], counters)
    return total


def best_possible(chunks: list[PairChunk], limits: list[int]) -> float:
    """The value of the linear programme, by HiGHS."""
    from scipy.optimize import linprog  # noqa: PLC0415 - slow to import
    from scipy.sparse import coo_array, vstack  # noqa: PLC0415 - as above

    first, rows, scores, counters, amounts = 0, [], [], [], []
    for chunk in chunks:
        rows.append(chunk.rows() + first)
        first += chunk.customers
        scores.append(chunk.scores)
        counters.append(chunk.counters)
        amounts.append(chunk.amounts)
    row, score = np.concatenate(rows), np.concatenate(scores)
    counter, amount = np.concatenate(counters), np.concatenate(amounts)
    pairs = np.arange(len(row))
    takes = coo_array((np.ones(len(row)), (row, pairs)), shape=(first, len(row)))
    at, column = np.nonzero(counter >= 0)
    uses = coo_array((amount[at, column], (counter[at, column], at)), shape=(len(limits), len(row)))
    limited = vstack((takes, uses)).tocsr()
    result: Any = linprog(-score, A_ub=limited, b_ub=[*np.ones(first), *limits], method="highs")  # type: ignore[call-overload] # its stubs know no sparse matrices
    return -float(result.fun)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 10**6),
    st.booleans(),
    st.booleans(),
    st.integers(1, 3),
    st.integers(1, 3),
    st.sampled_from([4, 1 << 20]),
)
def test_cut_offs_are_stable_rise_and_oversell_nothing(
    seed: int, joint: bool, coarse: bool, tiers: int, most: int, gathered: int
) -> None:
    """Nobody whom a counter refuses ranks higher there than somebody who takes from it."""
    chunks, limits = instance(seed, 90, 5, joint=joint, coarse=coarse, tiers=tiers, most=most)
    history: list[tuple[RankKey | None, ...]] = [(None,) * len(limits)]
    cuts = cut_offs(chunks, limits, survey(chunks, len(limits)), gathered=gathered, on_round=history.append)
    for before, after in pairwise(history):
        assert before != after
        assert all(
            old is None or (new is not None and new >= old) for old, new in zip(before, after, strict=True)
        )
    made = plan(chunks, limits, ScarceWay.BEST)
    assert (usage(chunks, made, len(limits)) <= limits).all()
    lowest: dict[int, tuple[int, ...]] = {}
    refused: dict[int, tuple[int, ...]] = {}
    for chunk, taken in zip(chunks, made.taken, strict=True):
        keys = [tuple(key) for key in chunk.keys().tolist()]
        for customer, pair in enumerate(taken.tolist()):
            last = pair if pair != NOTHING_TAKEN else int(chunk.starts[customer + 1])
            for better in range(int(chunk.starts[customer]), last):
                alone = [
                    k for k, a in zip(chunk.counters[better], chunk.amounts[better], strict=True) if k >= 0
                ]
                blocking = [k for k in alone if cuts.keys[k] is not None and keys[better] <= cuts.keys[k]]
                too_large = not chunk.fits(np.array(limits))[better]
                assert blocking or too_large, "a customer is refused what all counters admit"
                for counter in blocking:
                    refused[counter] = max(refused.get(counter, keys[better]), keys[better])
            if pair != NOTHING_TAKEN:
                for counter in chunk.counters[pair].tolist():
                    lowest[counter] = min(lowest.get(counter, keys[pair]), keys[pair])
    for counter, highest in refused.items():
        assert counter not in lowest or lowest[counter] > highest


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.booleans(), st.booleans(), st.integers(1, 3), st.integers(1, 3))
def test_no_way_oversells_and_the_bound_holds(
    seed: int, joint: bool, coarse: bool, tiers: int, most: int
) -> None:
    """Every way keeps all limits, and is worth no more than the bound."""
    chunks, limits = instance(seed, 90, 5, joint=joint, coarse=coarse, tiers=tiers, most=most)
    for way in ScarceWay:
        made = plan(chunks, limits, way)
        assert (usage(chunks, made, len(limits)) <= limits).all()
        assert [counter.taken for counter in made.counters] == usage(chunks, made, len(limits)).tolist()
        assert made.value <= made.bound * (1 + 1e-12)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.booleans(), st.integers(1, 3))
def test_order_gives_each_in_turn_the_first_that_is_left(seed: int, joint: bool, most: int) -> None:
    """The way `order` is one customer after the other."""
    chunks, limits = instance(seed, 60, 4, joint=joint, most=most)
    made, left = plan(chunks, limits, ScarceWay.ORDER), list(limits)
    for chunk, taken in zip(chunks, made.taken, strict=True):
        for customer in range(chunk.customers):
            expected = NOTHING_TAKEN
            for pair in range(int(chunk.starts[customer]), int(chunk.starts[customer + 1])):
                needs = [
                    (k, a)
                    for k, a in zip(chunk.counters[pair].tolist(), chunk.amounts[pair].tolist(), strict=True)
                    if k >= 0
                ]
                if all(left[k] >= a for k, a in needs):
                    expected = pair
                    for k, a in needs:
                        left[k] -= a
                    break
            assert taken[customer] == expected


@pytest.mark.parametrize("joint", [False, True])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_prices_reach_the_linear_programme(seed: int, joint: bool) -> None:
    """Prices come within 0.5 % of the linear programme, and the bound is none below it."""
    chunks, limits = instance(seed, 3_000, 8, joint=joint)
    best, made = best_possible(chunks, limits), plan(chunks, limits, ScarceWay.VALUE)
    assert made.value >= 0.995 * best
    assert made.bound >= best * (1 - 1e-9)
    assert made.share >= 0.99
    assert plan(chunks, limits, ScarceWay.ORDER).value < plan(chunks, limits, ScarceWay.BEST).value


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2**64 - 1), st.integers(0, 9)), min_size=1),
    st.data(),
)
def test_a_threshold_is_exact_however_few_keys_are_sorted(
    entries: list[tuple[int, int, int]], data: st.DataObject
) -> None:
    """Bins find the same key as sorting."""
    limit = data.draw(st.integers(0, 5 * len(entries)))
    keys = np.array([entry[:2] for entry in entries], np.uint64)
    weights = np.array([entry[2] for entry in entries], np.int64)
    sums, expected = 0, None
    for first, second, weight in sorted(entries, reverse=True):
        sums += weight
        if sums > limit:
            expected = (first, second)
            break
    threshold = Threshold(limit, ((0, 5), (0, 2**64 - 1)), len(entries), gathered=2)
    while True:
        threshold.add(keys[::2], weights[::2])
        threshold.add(keys[1::2], weights[1::2])
        if not threshold.next_pass():
            break
    assert threshold.key == expected


def test_a_score_that_is_no_number_is_refused() -> None:
    """NaN has no rank."""
    chunks, limits = instance(1, 30, 3, joint=False)
    chunks[0].scores[0] = np.nan
    with pytest.raises(ValueError, match="not a number"):
        plan(chunks, limits, ScarceWay.BEST)


def test_many_customers_are_priced_from_a_sample_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sample gives nearly the same prices."""
    from engine.batch import prices  # noqa: PLC0415 - its constant is replaced

    chunks, limits = instance(5, 3_000, 6, joint=True)
    whole = plan(chunks, limits, ScarceWay.VALUE)
    sampled = prices.dual_prices(chunks, np.array(limits), 3_000, sample=300)
    assert sampled.bound == pytest.approx(whole.bound, rel=0.002)
    assert admitted(chunks[0], chunks[0].keys(), (None,) * len(limits), np.array(limits)).any()
