"""Propensities: how likely customers take what a campaign offers, by what came of it so far."""

from collections.abc import Callable, Sequence
from math import exp, lgamma, log, log1p, sqrt
from typing import NamedTuple

from engine.model.instant import Instant
from engine.rulebook.model.experiments import Reward


class Propensity(NamedTuple):
    """What is thought of a campaign."""

    rate: float
    """How likely an offer of it is rewarded, in (0, 1]."""
    since: Instant | None = None
    """From when on that is thought; None: nothing was known yet."""
    shown: int = 0
    """How many offers it is learned from."""
    rewarded: int = 0
    """How many of these were rewarded."""


def rate(shown: int, rewarded: int, prior: float) -> float:
    """(1 + rewarded) / (1 / prior + shown): the mean of what may be believed of the rate.

    That is Beta(1 + a, 1 / prior - 1 + b) after a offers with a reward and b without, from the prior Beta(1, 1 / prior - 1):
    as if one offer of 1 / prior had been rewarded before, whatever the prior, so soon little is left of it. With 1/2 it is
    uniform, and the mean Laplace's rule of succession. (Gelman et al., "Bayesian Data Analysis", 3rd edition, 2.4.)
    """
    return min(1.0, prior * (1 + rewarded) / (1 + prior * shown))  # rounding may take it above


class Arm(NamedTuple):
    """What is known of one arm."""

    shown: int = 0
    """How often it was shown, long enough ago for a reward to have come."""
    rewarded: int = 0
    """How many of these were rewarded."""
    value: float = 0.0
    """The sum of their rewards; used where the reward is a value."""
    squares: float = 0.0
    """The sum of their rewards' squares."""


class Posterior(NamedTuple):
    """A density over the arm's mean, up to a factor."""

    middle: float
    width: float
    """A scale on which the density changes: its standard deviation, where it has one."""
    density: Callable[[float], float]
    low: float
    high: float
    """Outside of these it is 0."""


def posteriors(arms: Sequence[Arm], reward: Reward) -> list[Posterior]:
    """What may be believed of each arm.

    Whether a reward comes: Beta(1 + rewarded, 1 + others), from a uniform prior. A value: Student's t for the mean of a
    normal distribution of unknown variance, from a normal-gamma prior that weighs as much as one contact and lies at the
    mean and the variance of all arms together. (Gelman et al., "Bayesian Data Analysis", 3rd edition, 2.4 and 3.3; the prior
    is empirical.) Of values that are far from normal, as most are 0, it needs some hundred contacts to be right.
    """
    if reward is Reward.VALUE:
        return _values(arms)
    return [_rate(one.shown, one.rewarded) for one in arms]


def _rate(shown: int, rewarded: int) -> Posterior:
    a, b = 1.0 + rewarded, 1.0 + shown - rewarded
    mean = a / (a + b)
    top = _log_beta(mean, a, b)
    width = sqrt(mean * (1.0 - mean) / (a + b + 1.0))
    return Posterior(mean, width, lambda x: exp(_log_beta(x, a, b) - top), 0.0, 1.0)


def _log_beta(x: float, a: float, b: float) -> float:
    """The logarithm of the beta density, without its constant; the ends are those of a uniform one."""
    if x <= 0.0:
        return 0.0 if a == 1.0 else -float("inf")
    if x >= 1.0:
        return 0.0 if b == 1.0 else -float("inf")
    return (a - 1.0) * log(x) + (b - 1.0) * log1p(-x)


def _values(arms: Sequence[Arm]) -> list[Posterior]:
    shown = sum(one.shown for one in arms)
    mean = sum(one.value for one in arms) / shown if shown else 0.0
    spread = sum(one.squares for one in arms) / shown - mean * mean if shown else 0.0
    return [_value(one, mean, spread if spread > 0.0 else 1.0) for one in arms]


def _value(arm: Arm, mean: float, spread: float) -> Posterior:
    weight = 1.0 + arm.shown
    middle = (mean + arm.value) / weight
    own = arm.value / arm.shown if arm.shown else mean
    inside = max(0.0, arm.squares - arm.shown * own * own)
    between = arm.shown * (own - mean) ** 2 / weight
    shape, rate = 1.0 + arm.shown / 2.0, spread + (inside + between) / 2.0
    freedom, scale = 2.0 * shape, sqrt(rate / (shape * weight))
    factor = exp(lgamma((freedom + 1.0) / 2.0) - lgamma(freedom / 2.0)) / (sqrt(freedom) * scale)
    return Posterior(
        middle,
        scale,
        lambda x: factor * (1.0 + ((x - middle) / scale) ** 2 / freedom) ** (-(freedom + 1.0) / 2.0),
        -float("inf"),
        float("inf"),
    )
