"""Propensities: how likely customers take what a campaign offers, by what came of it so far."""

from typing import NamedTuple

from engine.instant import Instant


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
