"""Sample-ratio check: whether as many persons came into each arm as were to come. Persons, never decisions."""

from collections.abc import Mapping, Sequence
from math import fsum, sqrt
from typing import NamedTuple

from scipy.special import chdtrc, ndtr

ALARM = 0.001
"""The p below which the arms are not comparable."""


class SampleRatio(NamedTuple):
    """Result of a sample-ratio check."""

    statistic: float
    """χ² against shares, z against logged probabilities."""
    p: float
    expected: tuple[float, ...]
    """Persons expected, by arm."""

    @property
    def alarms(self) -> bool:
        """Whether p < 0.001: then an effect is not to be believed before its cause is known."""
        return self.p < ALARM


def sample_ratio(observed: Sequence[int], shares: Sequence[float] | None = None) -> SampleRatio:
    """Check the persons of the arms against shares that held all the time; equal shares by default.

    χ² = Σ(O − E)²/E with one degree of freedom fewer than arms. Shares need not add up to 1. Where the shares changed, or
    differ between persons, use `sample_ratio_logged`. Source: Pearson 1900; Kohavi, Tang and Xu, "Trustworthy Online
    Controlled Experiments" (2020), chapter 21. Raises ValueError below two arms, without persons, and for shares that are
    not above 0.
    """
    weights = [1.0] * len(observed) if shares is None else [*shares]
    persons = sum(observed)
    if len(observed) < 2 or len(weights) != len(observed) or min(observed) < 0 or persons == 0:
        raise ValueError("a sample-ratio check needs the persons of two arms at least, and a share for each")
    if min(weights) <= 0:
        raise ValueError("shares of arms are above 0")
    expected = tuple(persons * weight / fsum(weights) for weight in weights)
    statistic = fsum((count - mean) ** 2 / mean for count, mean in zip(observed, expected, strict=True))
    return SampleRatio(statistic, float(chdtrc(len(observed) - 1, statistic)), expected)


def sample_ratio_logged(treated: int, control: int, expected: float, variance: float) -> SampleRatio:
    """Check the treated persons against the probabilities that were logged for them when they were drawn.

    z = (O − Σp)/√Σp(1−p), `expected` = Σp and `variance` = Σp(1−p) over the persons of both arms. With the same p for all
    z² is the χ² of `sample_ratio`; where a control's share was changed on the way, only this one has its nominal rate.
    Raises ValueError where nothing was random, so that the variance is 0.
    """
    if variance <= 0:
        raise ValueError("no person was drawn at random: there is no ratio to check")
    statistic = (treated - expected) / sqrt(variance)
    return SampleRatio(statistic, 2 * float(ndtr(-abs(statistic))), (expected, treated + control - expected))


class LoggedCounts(NamedTuple):
    """Persons of one slice, with Σp and Σp(1−p) of the probabilities that were logged for them."""

    treated: int
    control: int
    expected: float
    variance: float


def mismatch_causes(slices: Mapping[str, LoggedCounts]) -> list[tuple[str, SampleRatio]]:
    """Check each slice by itself, the least likely first: where a mismatch comes from one book version, channel or day.

    Slices in which nothing was random are left out.
    """
    checked = [(name, sample_ratio_logged(*counts)) for name, counts in slices.items() if counts.variance > 0]
    return sorted(checked, key=lambda check: check[1].p)
