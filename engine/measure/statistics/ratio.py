"""Figures made of a comparison: effect per unit spent, share of credit that is incremental, and a flat-prior posterior."""

from math import sqrt
from typing import NamedTuple

from scipy.special import ndtr, ndtri

from engine.measure.statistics import mover
from engine.measure.statistics.arms import Arm, Interval, PairedArm
from engine.measure.statistics.compare import Comparison


class FlatPosterior(NamedTuple):
    """Posterior of the relative effect from a flat prior."""

    value: float
    low: float
    high: float
    chance: float
    """Probability that the effect is above 0."""


def effect_per(treated: PairedArm, control: Arm, level: float = 0.95) -> Interval | None:
    """What treatment changed per unit of x in the treated arm: (ȳ₁ − ȳ₀)/x̄₁ by Fieller's theorem, y₁ and x₁ varying together.

    With x = cost of a person's contacts and y = margin it is the return, in money per money; with x = 1 for the persons whom a
    contact reached it is the effect on those whom it reached. None below 2 persons in either arm, where x is 0 throughout, and
    where x̄₁ is not clear of 0.
    """
    if min(treated.persons, control.persons) < 2 or treated.second == 0:
        return None
    gain = treated.first_arm.mean - control.mean
    variance = treated.first_arm.error**2 + control.error**2
    spreads = (variance, treated.second_arm.error**2, treated.covariance / treated.persons)
    return mover.fieller((gain, treated.second_arm.mean), spreads, float(ndtri(1 - (1 - level) / 2)))


def incremental_share(comparison: Comparison) -> Interval | None:
    """Share of attributed conversions that would not have come otherwise: 1 − control's rate / treated's rate.

    The comparison is of persons with a conversion credited to the campaign; in the control the shadow contacts are credited
    by the same rule. It is 1 − 1/(1 + relative effect), so its limits are those of the relative effect; without an upper
    limit the share is at most 1. None where there is no relative effect, or where the treated arm may have nothing.
    """
    relative = comparison.relative
    if relative is None or relative.low <= -1 or (relative.value is not None and relative.value <= -1):
        return None
    value, high = (1.0 if lift is None else 1 - 1 / (1 + lift) for lift in (relative.value, relative.high))
    return Interval(value, 1 - 1 / (1 + relative.low), high)


def flat_posterior(treated: Arm, control: Arm, level: float = 0.95) -> FlatPosterior | None:
    """Normal posterior of the relative effect from a flat prior, with the delta method's variance.

    Mean (m₁ − m₀)/m₀ and variance v₁/(n₁m₀²) + v₀m₁²/(n₀m₀⁴). It is what other products print as "chance to win"; the
    intervals of `compare` do not contradict the difference, this one may. None below 2 persons in either arm, where the
    control's mean is not above 0, and without spread. Source: GrowthBook, packages/stats/gbstats/bayesian.
    """
    if min(treated.persons, control.persons) < 2 or control.mean <= 0:
        return None
    value = (treated.mean - control.mean) / control.mean
    spread = sqrt(treated.error**2 + (control.error * treated.mean / control.mean) ** 2) / control.mean
    if spread == 0:
        return None
    half = float(ndtri(1 - (1 - level) / 2)) * spread
    return FlatPosterior(value, value - half, value + half, float(ndtr(value / spread)))
