"""What is scarce, shared out in order, by cut-offs and by prices: value against the linear programme."""

from time import process_time

import numpy as np

from bench.ratio import Ratio
from bench.table import Step, silent
from engine.batch.demand import NO_COUNTER, PairChunk
from engine.batch.scarce import ScarceWay, plan

OFFERS = 40
CHUNK = 16_384


def ratios(*, quick: bool = False, step: Step = silent) -> list[Ratio]:
    """Shares of the linear programme's value; scores are value × a uniform number × Beta(2, 5), so that they are examples."""
    size = 5_000 if quick else 20_000
    step(f"scarce: {size:,} customers, {OFFERS} offers")
    chunks, limits = instance(size)
    best, solver = _linear_programme(chunks, limits)
    measured = []
    for way, target in ((ScarceWay.ORDER, 0.4), (ScarceWay.BEST, 0.99), (ScarceWay.VALUE, 0.995)):
        started = process_time()
        made = plan(chunks, limits, way)
        seconds = process_time() - started
        detail = f"HiGHS {best:,.0f} in {solver:.1f} s, bound {made.bound / best:.3%}, {seconds:.1f} s with the bound"
        measured.append(Ratio(f"value by {way.value} / linear programme", made.value / best, target, detail))
    return measured


def instance(size: int, seed: int = 7) -> tuple[list[PairChunk], list[int]]:
    """Customers who like half of the offers, of each of which there is enough for a sixtieth of them."""
    draw = np.random.default_rng(seed)
    worth = draw.uniform(1, 10, OFFERS)
    chunks = []
    for first in range(0, size, CHUNK):
        likes = draw.random((min(CHUNK, size - first), OFFERS)) < 0.5
        rows, offer = np.nonzero(likes)
        scores = worth[offer] * draw.random(len(rows)) * draw.beta(2, 5, len(rows))
        order = np.lexsort((-scores, rows))
        counters = offer[order].reshape(-1, 1)
        chunks.append(
            PairChunk(
                np.concatenate(([0], np.cumsum(likes.sum(axis=1)))),
                np.zeros(len(rows), np.int64),
                scores[order],
                draw.integers(0, 1 << 63, len(rows), dtype=np.uint64),
                counters,
                (counters != NO_COUNTER).astype(np.int64),
            )
        )
    return chunks, [size // 60] * OFFERS


def _linear_programme(chunks: list[PairChunk], limits: list[int]) -> tuple[float, float]:
    """Value and seconds of HiGHS."""
    from scipy.optimize import linprog
    from scipy.sparse import coo_array, vstack

    firsts = np.cumsum([0, *(chunk.customers for chunk in chunks)])
    rows = np.concatenate([chunk.rows() + first for chunk, first in zip(chunks, firsts[:-1], strict=True)])
    counters = np.concatenate([chunk.counters[:, 0] for chunk in chunks])
    scores = np.concatenate([chunk.scores for chunk in chunks])
    pairs, once = np.arange(len(rows)), np.ones(len(rows))
    takes = coo_array((once, (rows, pairs)), shape=(int(firsts[-1]), len(rows)))
    uses = coo_array((once, (counters, pairs)), shape=(len(limits), len(rows)))
    bounds = [*np.ones(int(firsts[-1])), *limits]
    started = process_time()
    result = linprog(-scores, A_ub=vstack((takes, uses)).tocsr(), b_ub=bounds, method="highs")  # type: ignore[call-overload] # its stubs know no sparse matrices
    return -float(result.fun), process_time() - started
