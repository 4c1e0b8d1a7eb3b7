"""How many persons an experiment needs, and what it can see after so many weeks."""

from dataclasses import dataclass
from math import ceil, inf, isfinite, sqrt

from scipy.special import ndtri

from engine.measure.statistics.sequential import sequential_quantile

_MOST = 10**15
"""Persons that no plan has; beyond it whole numbers are not exact."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """What is known of the control: its mean a person, the spread, and whether a person counts 0 or 1."""

    mean: float
    variance: float
    proportion: bool

    def treated_variance(self, effect: float) -> float:
        """Variance in the treated arm at this absolute effect."""
        rate = self.mean + effect
        return rate * (1 - rate) if self.proportion else self.variance


@dataclass(frozen=True, slots=True)
class SamplePlan:
    """Persons that are needed to see an effect."""

    effect: float
    """The smallest effect to be seen, absolute."""
    baseline: Baseline
    ratio: float
    """Treated persons for each control person."""
    power: float
    level: float
    sequential: bool
    """Whether the always-valid interval has to exclude 0, not the fixed one."""
    treated: int
    control: int

    @property
    def total(self) -> int:
        """Persons of both arms."""
        return self.treated + self.control

    def weeks(self, weekly: float) -> float | None:
        """Weeks until so many persons have come, at `weekly` new persons of both arms; None if none come."""
        return self.total / weekly if weekly > 0 else None

    def smallest_effects(self, weekly: float, weeks: int = 12) -> list[float | None]:
        """The smallest effect, absolute, to be seen after 1, 2, … weeks; None where no rate up to 1 is far enough away."""
        return [self.smallest_effect(weekly * week) for week in range(1, weeks + 1)]

    def smallest_effect(self, persons: float) -> float | None:
        """The effect δ above 0 for which n₀ = persons/(1 + k) solves the formula of `plan`."""
        control = persons / (1 + self.ratio)
        if control <= 0:
            return None
        need = _need(self.power, self.level, sequential=self.sequential) / control
        base = self.baseline
        spread = need * base.variance * (1 + 1 / self.ratio)
        if not base.proportion:
            return sqrt(spread)
        # δ² = need·(v₀ + (p+δ)(1−p−δ)/k), a quadratic equation in δ
        curve, slope = 1 + need / self.ratio, need / self.ratio * (1 - 2 * base.mean)
        effect = (slope + sqrt(slope * slope + 4 * curve * spread)) / (2 * curve)
        return effect if base.mean + effect <= 1 else None


def plan(  # noqa: PLR0913 - the letters of one formula
    effect: float,
    *,
    rate: float | None = None,
    mean: float = 0.0,
    variance: float | None = None,
    relative: bool = False,
    ratio: float = 1.0,
    power: float = 0.8,
    level: float = 0.95,
    sequential: bool = False,
) -> SamplePlan:
    """Persons needed to see an effect with this power.

    n₀ = (z_{1−α/2} + z_power)²·(v₀ + v₁/k)/δ² in the control and k·n₀ treated. Of a proportion give the control's `rate` (v
    = p(1−p) in each arm), of a sum or a count its `variance`, and its `mean` where the effect is relative. `ratio` is k,
    treated over control persons: a control of 5 % has k = 19. With `sequential` the persons are multiplied by the square of
    the width of the always-valid interval at its planned end over that of the fixed one (1.5486² at 95 %). An effect is
    absolute in the metric's unit, or a share of the control's mean if `relative`; it may be negative. Raises ValueError for
    an effect of 0 and for figures out of their range.
    """
    baseline = _baseline(rate, mean, variance)
    change = effect * baseline.mean if relative else effect
    if not isfinite(change) or change == 0:
        raise ValueError("an effect of 0 is never seen: give one that is not 0, and a mean if it is relative")
    if baseline.proportion and not 0 <= baseline.mean + change <= 1:
        raise ValueError(
            f"a rate of {baseline.mean:g} cannot change by {change:g}: rates lie between 0 and 1"
        )
    if not (0 < power < 1 and 0 < level < 1 and ratio > 0):
        raise ValueError("power and level lie between 0 and 1, the ratio is above 0")
    need = _need(power, level, sequential=sequential)
    square = change**2
    control = (
        need * (baseline.variance + baseline.treated_variance(change) / ratio) / square if square else inf
    )
    if not control * max(1, ratio) <= _MOST:
        raise ValueError(f"an effect of {change:g} is never seen: it takes more than {_MOST:,} persons")
    return SamplePlan(
        change,
        baseline,
        ratio,
        power,
        level,
        sequential,
        max(2, ceil(control * ratio)),
        max(2, ceil(control)),
    )


def _baseline(rate: float | None, mean: float, variance: float | None) -> Baseline:
    if rate is not None and variance is None and 0 < rate < 1:
        return Baseline(rate, rate * (1 - rate), proportion=True)
    if rate is None and variance is not None and isfinite(variance) and variance > 0:
        return Baseline(mean, variance, proportion=False)
    raise ValueError("give either the control's rate, between 0 and 1, or its variance, above 0")


def _need(power: float, level: float, *, sequential: bool) -> float:
    """(z_{1−α/2} + z_power)², widened for always-valid limits."""
    alpha = 1 - level
    quantile = float(ndtri(1 - alpha / 2))
    # at N = N* the width depends on α alone
    wider = sequential_quantile(1, 1, alpha) / quantile if sequential else 1.0
    return ((quantile + float(ndtri(power))) * wider) ** 2
