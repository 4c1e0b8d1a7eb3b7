"""Thompson sampling: each arm is shown with the posterior probability that it is the best.

Thompson, "On the likelihood that one unknown probability exceeds another in view of the evidence of two samples",
Biometrika 1933. An arm is drawn by these probabilities themselves, not by drawing from the posteriors: so the probability of
the drawn arm is known and can be logged, and a stable hash can draw it.
"""

from collections.abc import Sequence
from itertools import accumulate, pairwise
from math import prod, sinh

from engine.decide.experiments.posteriors import ArmCounts, Posterior, posteriors
from engine.rulebook.model.experiments import Reward

_POINTS = 400
"""Points at which each posterior is evaluated."""


_REACH = 8.0
"""The farthest points lie sinh(_REACH) widths from the middle; sinh spaces them densely in the middle and far at the ends."""


def probabilities(arms: Sequence[ArmCounts], reward: Reward, explore: float) -> tuple[float, ...]:
    """The probability with which each arm is to be shown; they add up to 1.

    explore: the part in [0, 1] that all arms share equally, so that no arm has less than `explore` / arms. The rest is
    shared by the probability that an arm is the best.
    """
    best = best_probabilities(posteriors(arms, reward))
    floor = explore / len(arms)
    return tuple(floor + (1.0 - explore) * probability for probability in best)


def best_probabilities(arm_posteriors: Sequence[Posterior]) -> tuple[float, ...]:
    """The probability of each arm that its mean is the highest: the integral of its density times the others' CDFs.

    There is no closed form for more than a few arms. Computed by the trapezoidal rule on points that are dense where any
    posterior is narrow; accurate to 0.0005, and deterministic.
    """
    if len(arm_posteriors) == 1:
        return (1.0,)
    points = sorted({point for posterior in arm_posteriors for point in _points(posterior)})
    masses_by_arm = [_masses(posterior, points) for posterior in arm_posteriors]
    cdfs = [[*accumulate(masses, initial=0.0)] for masses in masses_by_arm]
    integrals = []
    for arm, masses in enumerate(masses_by_arm):
        others = [
            prod(cdf[at] for other, cdf in enumerate(cdfs) if other != arm) for at in range(len(points))
        ]
        integrals.append(
            sum(mass * (low + high) / 2.0 for mass, (low, high) in zip(masses, pairwise(others), strict=True))
        )
    total = sum(integrals)
    return tuple(integral / total for integral in integrals)


def _points(posterior: Posterior) -> list[float]:
    steps = (_REACH * (2.0 * step / (_POINTS - 1) - 1.0) for step in range(_POINTS))
    points = (posterior.middle + posterior.width * sinh(step) for step in steps)
    return [min(posterior.high, max(posterior.low, point)) for point in points]


def _masses(posterior: Posterior, points: Sequence[float]) -> list[float]:
    """By interval between neighbouring points, the probability that the mean lies in it."""
    heights = [
        posterior.density(point) if posterior.low <= point <= posterior.high else 0.0 for point in points
    ]
    areas = [
        (right - left) * (low + high) / 2.0
        for (left, right), (low, high) in zip(pairwise(points), pairwise(heights), strict=True)
    ]
    total = sum(areas)
    return [area / total for area in areas]
