"""Many comparisons at once: which of them hold, which to look into, and whether the effect differs between slices."""

from collections.abc import Sequence
from typing import NamedTuple

from scipy.special import chdtrc

from engine.measure.statistics import refusals
from engine.measure.statistics.compare import Pair


class Heterogeneity(NamedTuple):
    """Whether the effect differs between slices, by Cochran's Q."""

    statistic: float
    freedom: int
    p: float


def holm(values: Sequence[float]) -> list[float]:
    """Adjust p values so that those at or below α are all true effects with probability 1 − α, in the order given.

    The i-th smallest of m becomes (m − i + 1)·p, at least as large as those before it, at most 1. For the headline comparisons
    of a page: all of them are one family. Source: Holm, Scandinavian Journal of Statistics 6 (1979). Raises ValueError for
    values outside 0 to 1.
    """
    adjusted, largest = [0.0] * len(values), 0.0
    for rank, index in enumerate(_ascending(values)):
        largest = max(largest, min(1.0, (len(values) - rank) * values[index]))
        adjusted[index] = largest
    return adjusted


def benjamini_hochberg(values: Sequence[float]) -> list[float]:
    """Adjust p values so that of those at or below q a share of q at most is false on average, in the order given.

    The i-th smallest of m becomes m·p/i, at most as large as those after it. For slices (segments, days) that are to be looked
    into. Source: Benjamini and Hochberg, JRSS B 57 (1995). Raises ValueError for values outside 0 to 1.
    """
    adjusted, smallest = [0.0] * len(values), 1.0
    for rank, index in reversed([*enumerate(_ascending(values), 1)]):
        smallest = min(smallest, len(values) * values[index] / rank)
        adjusted[index] = smallest
    return adjusted


def heterogeneity(slices: Sequence[Pair]) -> Heterogeneity | None:
    """Cochran's Q = Σ(d_s − d̄)²/v_s with weights 1/v_s and k − 1 degrees of freedom; None below two slices with spread.

    Slices may be weeks of exposure, weeks since exposure or values of an attribute; each is a treated and a control arm.
    Source: Cochran, Biometrics 10 (1954).
    """
    usable = [pair for pair in slices if not refusals.unusable([pair], "mean")]
    effects = [(pair[0].mean - pair[1].mean, pair[0].error ** 2 + pair[1].error ** 2) for pair in usable]
    if len(effects) < 2:
        return None
    weight = sum(1 / variance for _, variance in effects)
    centre = sum(effect / variance for effect, variance in effects) / weight
    statistic = sum((effect - centre) ** 2 / variance for effect, variance in effects)
    return Heterogeneity(statistic, len(effects) - 1, float(chdtrc(len(effects) - 1, statistic)))


def _ascending(values: Sequence[float]) -> list[int]:
    if not all(0 <= value <= 1 for value in values):
        raise ValueError("a p value lies between 0 and 1")
    return sorted(range(len(values)), key=values.__getitem__)
