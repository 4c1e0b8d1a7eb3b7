"""Thompson sampling: an arm is shown with the probability that it is the best, as far as is known.

Thompson, "On the likelihood that one unknown probability exceeds another in view of the evidence of two samples",
Biometrika 1933. It is drawn from these probabilities themselves, not by drawing from the beliefs: so the probability of
what was chosen is known and can be logged, and nothing but a stable hash is random.
"""

from collections.abc import Sequence
from itertools import accumulate, pairwise
from math import prod, sinh

from engine.decide.experiments.posteriors import Arm, Posterior, posteriors
from engine.rulebook.model.experiments import Reward

_POINTS = 400
"""Of each arm, where its belief is looked at."""


_REACH = 8.0
"""How far from its middle: sinh of this in widths, so that they are dense where it is narrow and reach far all the same."""


def probabilities(arms: Sequence[Arm], reward: Reward, explore: float) -> tuple[float, ...]:
    """With which probability each arm is to be shown; they add up to 1.

    explore: the part in [0, 1] that all arms share equally, whatever is known: no arm has less than `explore` / arms. The
    rest goes by the probability that an arm is the best.
    """
    best = best_probabilities(posteriors(arms, reward))
    floor = explore / len(arms)
    return tuple(floor + (1.0 - explore) * one for one in best)


def best_probabilities(believed: Sequence[Posterior]) -> tuple[float, ...]:
    """How probable it is of each arm that its mean is the greatest: the integral of its density times the others' CDFs.

    There is no closed form for more than a few arms. By the trapezoidal rule on points that are dense where any belief is
    narrow; correct to 0.0005, the same for everybody who computes it.
    """
    if len(believed) == 1:
        return (1.0,)
    points = sorted({point for one in believed for point in _points(one)})
    shares = [_masses(one, points) for one in believed]
    cdfs = [[*accumulate(masses, initial=0.0)] for masses in shares]
    found = []
    for place, masses in enumerate(shares):
        others = [
            prod(cdf[at] for each, cdf in enumerate(cdfs) if each != place) for at in range(len(points))
        ]
        found.append(
            sum(mass * (low + high) / 2.0 for mass, (low, high) in zip(masses, pairwise(others), strict=True))
        )
    total = sum(found)
    return tuple(one / total for one in found)


def _points(one: Posterior) -> list[float]:
    steps = (_REACH * (2.0 * step / (_POINTS - 1) - 1.0) for step in range(_POINTS))
    return [min(one.high, max(one.low, one.middle + one.width * sinh(step))) for step in steps]


def _masses(one: Posterior, points: Sequence[float]) -> list[float]:
    """The probability that the mean lies between a point and the next."""
    heights = [one.density(point) if one.low <= point <= one.high else 0.0 for point in points]
    areas = [
        (right - left) * (low + high) / 2.0
        for (left, right), (low, high) in zip(pairwise(points), pairwise(heights), strict=True)
    ]
    total = sum(areas)
    return [area / total for area in areas]
