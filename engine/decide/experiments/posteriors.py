"""Posteriors of the arms of campaigns, and learned propensities, from counts of rewards."""

from collections.abc import Callable, Sequence
from math import exp, lgamma, log, log1p, sqrt
from typing import NamedTuple

from engine.model.instant import Instant
from engine.rulebook.model.experiments import Reward


class Propensity(NamedTuple):
    """Learned propensity of a campaign."""

    rate: float
    """Probability that an offer of it is rewarded, in (0, 1]."""
    since: Instant | None = None
    """Start of the state from which it was computed; None if there was no state yet."""
    shown: int = 0
    """Number of offers from which it was learned."""
    rewarded: int = 0
    """How many of these were rewarded."""


def rate(shown: int, rewarded: int, prior: float) -> float:
    """The posterior mean of the rate of rewards: (1 + rewarded) / (1 / prior + shown).

    The posterior is Beta(1 + a, 1 / prior - 1 + b) after a offers with a reward and b without, from the prior
    Beta(1, 1 / prior - 1): as if one of 1 / prior offers had been rewarded before, so that the prior soon has little weight.
    With a prior of 1/2 it is uniform, and the mean is Laplace's rule of succession. (Gelman et al., "Bayesian Data
    Analysis", 3rd edition, 2.4.)
    """
    return min(1.0, prior * (1 + rewarded) / (1 + prior * shown))  # rounding may exceed 1


class ArmCounts(NamedTuple):
    """Counts of one arm, a variant of a campaign that learns."""

    shown: int = 0
    """How often it was shown, long enough ago for a reward to have arrived."""
    rewarded: int = 0
    """How many of these were rewarded."""
    value: float = 0.0
    """The sum of their rewards; used if the reward is a value."""
    squares: float = 0.0
    """The sum of their rewards' squares."""


class Posterior(NamedTuple):
    """The posterior density of an arm's mean, up to a constant factor."""

    middle: float
    width: float
    """The scale on which the density changes: its standard deviation if it has one."""
    density: Callable[[float], float]
    low: float
    high: float
    """The density is 0 below `low` and above `high`."""


def posteriors(arms: Sequence[ArmCounts], reward: Reward) -> list[Posterior]:
    """The posterior of each arm's mean reward.

    Of a reward that comes or not: Beta(1 + rewarded, 1 + others), from a uniform prior. Of a value: Student's t for the mean
    of a normal distribution of unknown variance, from a normal-gamma prior that weighs as much as one contact and lies at
    the mean and the variance of all arms together. (Gelman et al., "Bayesian Data Analysis", 3rd edition, 2.4 and 3.3; the
    prior is empirical.) If most values are 0, and so far from normal, it is accurate after some hundred contacts.
    """
    if reward is Reward.VALUE:
        return _values(arms)
    return [_rate(arm.shown, arm.rewarded) for arm in arms]


def _rate(shown: int, rewarded: int) -> Posterior:
    a, b = 1.0 + rewarded, 1.0 + shown - rewarded
    mean = a / (a + b)
    top = _log_beta(mean, a, b)
    width = sqrt(mean * (1.0 - mean) / (a + b + 1.0))
    return Posterior(mean, width, lambda x: exp(_log_beta(x, a, b) - top), 0.0, 1.0)


def _log_beta(x: float, a: float, b: float) -> float:
    """Logarithm of the beta density, without its constant factor; at 0 and 1 it is that of a uniform density or -inf."""
    if x <= 0.0:
        return 0.0 if a == 1.0 else -float("inf")
    if x >= 1.0:
        return 0.0 if b == 1.0 else -float("inf")
    return (a - 1.0) * log(x) + (b - 1.0) * log1p(-x)


def _values(arms: Sequence[ArmCounts]) -> list[Posterior]:
    shown = sum(arm.shown for arm in arms)
    mean = sum(arm.value for arm in arms) / shown if shown else 0.0
    spread = sum(arm.squares for arm in arms) / shown - mean * mean if shown else 0.0
    return [_value(arm, mean, spread if spread > 0.0 else 1.0) for arm in arms]


def _value(arm: ArmCounts, mean: float, spread: float) -> Posterior:
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
