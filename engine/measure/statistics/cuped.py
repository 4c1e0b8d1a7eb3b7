"""CUPED: limits made narrower by what was known of each person before their first exposure.

Source: Deng, Xu, Kohavi and Walker, "Improving the sensitivity of online controlled experiments by utilizing pre-experiment
data", WSDM 2013.
"""

from dataclasses import dataclass, replace
from math import sqrt

from scipy.special import stdtr, stdtrit

from engine.measure.statistics import mover, refusals
from engine.measure.statistics.arms import PairedArm, symmetric
from engine.measure.statistics.compare import Comparison, compare
from engine.measure.statistics.mover import Relative

USELESS = 0.98
"""Ratio of variances above which the covariate is dropped."""
IMBALANCE = 0.001
"""p of the covariate's own difference below which the arms differed before exposure."""


@dataclass(frozen=True, slots=True)
class Adjustment:
    """A comparison with and without its covariate."""

    theta: float
    """cov(y, x)/var(x) over the persons of both arms together."""
    variance_ratio: float
    """Variance of the adjusted difference over that of the unadjusted."""
    adjusted: Comparison
    unadjusted: Comparison
    imbalance: float | None
    """p of the covariate's difference between the arms (Welch); None where the covariate has no spread."""
    dropped: str = ""
    """Why the unadjusted comparison is the one to show."""
    warning: str = ""
    """Set where the arms differed in the covariate before exposure."""

    @property
    def comparison(self) -> Comparison:
        """The comparison to show."""
        return self.unadjusted if self.dropped else self.adjusted


def cuped(treated: PairedArm, control: PairedArm, level: float = 0.95, *, late: int = 0) -> Adjustment:
    """Compare means of y adjusted by the covariate x: m − θ(x̄ − x̄ of both arms), with Welch's limits.

    The relative effect is the adjusted difference over the control's unadjusted mean, by Fieller's theorem with the
    covariance of the two, so that it agrees with the difference. Dropped, with a word: a covariate that is dated at or
    after first exposure for `late` persons (what treatment changed must not be adjusted for), one without spread, and one
    that saves less than 2 % of the variance. Persons without a covariate have 0, in both arms alike.
    """
    unadjusted = compare(treated.first_arm, control.first_arm, "mean", level)
    covariate = compare(treated.second_arm, control.second_arm, "mean", level)
    if unadjusted.refused or covariate.refused:
        reason = "" if unadjusted.refused else "the covariate has no spread: unadjusted"
        return Adjustment(0.0, 1.0, unadjusted, unadjusted, covariate.p, dropped=reason)
    both = treated + control
    theta = both.covariance / both.second_arm.variance
    adjusted = _adjusted(treated, control, theta, unadjusted)
    plain = treated.first_arm.error**2 + control.first_arm.error**2
    ratio = (_variance(treated, theta) + _variance(control, theta)) / plain
    dropped = ""
    if late:
        dropped = f"the covariate is dated after exposure for {late} persons: unadjusted"
    elif ratio > USELESS:
        dropped = "the covariate saves less than 2 % of the variance: unadjusted"
    imbalanced = covariate.p is not None and covariate.p < IMBALANCE
    warning = "the arms differed in the covariate before exposure" if imbalanced else ""
    return Adjustment(theta, ratio, adjusted, unadjusted, covariate.p, dropped, warning)


def _variance(arm: PairedArm, theta: float) -> float:
    """Of the mean of y − θx over the arm's persons."""
    spread = arm.first_arm.variance - 2 * theta * arm.covariance + theta * theta * arm.second_arm.variance
    return max(spread, 0.0) / arm.persons


def _adjusted(treated: PairedArm, control: PairedArm, theta: float, frame: Comparison) -> Comparison:
    """The frame with limits, difference, relative effect and p of the adjusted means."""
    both = treated + control
    centre = both.second / both.persons
    variances = [_variance(arm, theta) for arm in (treated, control)]
    error = sqrt(sum(variances))
    if error == 0:
        return replace(frame, method=_METHOD)
    means = [arm.first_arm.mean - theta * (arm.second_arm.mean - centre) for arm in (treated, control)]
    freedom = error**4 / sum(
        variance**2 / (arm.persons - 1) for variance, arm in zip(variances, (treated, control), strict=True)
    )
    quantile = -float(stdtrit(freedom, (1 - frame.level) / 2))
    limits = [
        symmetric(mean, sqrt(variance), quantile) for mean, variance in zip(means, variances, strict=True)
    ]
    difference = mover.difference(limits[0], limits[1])
    shared = (control.first_arm.variance - theta * control.covariance) / control.persons
    spreads = (error * error, control.first_arm.error**2, -shared)
    level = control.first_arm.mean
    lift = mover.fieller((difference.value, level), spreads, quantile) if level > 0 else None
    relative = Relative(*lift) if lift else None
    return replace(
        frame,
        method=_METHOD,
        treated=limits[0],
        control=limits[1],
        difference=difference,
        relative=relative,
        p=2 * float(stdtr(freedom, -abs(difference.value) / error)),
        relative_refused=refusals.relative(symmetric(level, control.first_arm.error, quantile), relative),
    )


_METHOD = "CUPED with Welch's t, relative over the control's unadjusted mean by Fieller"
