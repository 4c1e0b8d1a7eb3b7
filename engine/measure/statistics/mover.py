"""Difference and ratio of two figures from the limits that each has by itself (MOVER), and Fieller's theorem.

Since both follow from the same two pairs of limits, the difference touches 0 exactly where the ratio touches 1: absolute
and relative verdict cannot contradict each other. With Wilson's limits the difference is Newcombe's method 10 (Statistics
in Medicine 17, 1998); with limits symmetric about the figures the ratio is Fieller's (JRSS B 16, 1954). Sources: Zou and
Donner, "Construction of confidence limits about effect measures", Statistics in Medicine 27 (2008); Donner and Zou,
"Closed-form confidence intervals for functions of the normal mean and standard deviation", Statistical Methods in Medical
Research 21 (2012).
"""

from math import sqrt
from typing import NamedTuple

from engine.measure.statistics.arms import Interval


class Relative(NamedTuple):
    """A relative effect, treated over control less 1, so 0.09 is +9 %.

    `high` is None where the control's lower limit is not above 0: "at least +9 %". `value` is None besides where nothing
    at all happened in the control.
    """

    value: float | None
    low: float
    high: float | None


def difference(treated: Interval, control: Interval) -> Interval:
    """Treated less control: d − √((m₁−l₁)² + (u₀−m₀)²) to d + √((u₁−m₁)² + (m₀−l₀)²)."""
    value = treated.value - control.value
    below = sqrt((treated.value - treated.low) ** 2 + (control.high - control.value) ** 2)
    above = sqrt((treated.high - treated.value) ** 2 + (control.value - control.low) ** 2)
    return Interval(value, value - below, value + above)


def relative(treated: Interval, control: Interval) -> Relative | None:
    """Treated over control less 1, with the limits of MOVER-R.

    Low is [m₁m₀ − √((m₁m₀)² − AB)] / B with A = l₁(2m₁−l₁) and B = u₀(2m₀−u₀); high the same with +, u₁ and l₀. There is no
    upper limit unless l₀ > 0. None where the control's figure is below 0, and where its lower limit is not above 0 and the
    treated arm's is not either: then the data exclude no ratio.
    """
    if control.value < 0 or (control.low <= 0 and treated.low <= 0):
        return None
    product = treated.value * control.value
    low = _low(product, _corner(treated.value, treated.low), _corner(control.value, control.high))
    if control.low <= 0:
        value = treated.value / control.value - 1 if control.value > 0 else None
        return None if low is None else Relative(value, low - 1, None)
    base = _corner(control.value, control.low)
    root = sqrt(max(product * product - _corner(treated.value, treated.high) * base, 0))
    value = treated.value / control.value - 1
    return None if low is None else Relative(value, low - 1, (product + root) / base - 1)


def fieller(
    ratio: tuple[float, float], variances: tuple[float, float, float], quantile: float
) -> Interval | None:
    """Numerator over denominator whose estimates vary together, by Fieller's theorem.

    `variances` are those of the numerator and of the denominator and their covariance. None where the denominator is
    not clear of 0 at this quantile.
    """
    (above, below), (variance, below_variance, covariance) = ratio, variances
    square = quantile * quantile
    a = below * below - square * below_variance
    if a <= 0:
        return None
    b = above * below - square * covariance
    root = sqrt(max(b * b - a * (above * above - square * variance), 0))
    return Interval(above / below, (b - root) / a, (b + root) / a)


def _corner(value: float, limit: float) -> float:
    return limit * (2 * value - limit)


def _low(product: float, a: float, b: float) -> float | None:
    """The smaller positive root of bR² − 2·product·R + a: with b below 0 the only positive one."""
    root = sqrt(max(product * product - a * b, 0))
    if product + root > 0 and product >= 0:
        return a / (product + root)  # without cancellation, and without division by a b of 0
    return (product - root) / b if b > 0 else None
