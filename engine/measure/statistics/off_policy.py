"""The value that another policy would have had, from decisions that were logged with their probabilities.

One step ahead: what customers would do after more or fewer contacts is not in it. Source: Dudík, Erhan, Langford and Li,
"Doubly robust policy evaluation and optimization", Statistical Science 29 (2014); Swaminathan and Joachims, "The
self-normalized estimator for counterfactual learning", NIPS 2015; Owen, "Monte Carlo theory, methods and examples", 9.3.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from engine.decide.experiments.bucketing import identity, stable_hash

Floats: TypeAlias = NDArray[np.float64]
RewardModel: TypeAlias = Callable[[NDArray[np.bool_]], tuple[ArrayLike, ArrayLike]]
"""Of the rows to learn from (a mask), the predictions for all rows: the reward of what was logged, and the reward expected of
what the new policy does, Σ π(a)·q(a)."""

FOLDS = 5
SUPPORT, SIZE, HEAVIEST, DEVIATIONS = 0.99, 100, 0.05, 3
"""Limits of refusal: share of decisions supported, effective size, share of weight of one row, standard errors of the mean
weight from 1."""


class PolicyValue(NamedTuple):
    """A reward per decision, its standard error by influence functions clustered by person, and its limits."""

    value: float
    error: float
    low: float
    high: float


class Weighted(NamedTuple):
    """A mean of weighted rows and how much the weights leave of them."""

    mean: PolicyValue
    ess: float
    rows: int


@dataclass(frozen=True, slots=True)
class OffPolicy:
    """What is known of the new policy's reward per decision. Where refused, the estimates are None and `bounds` hold."""

    ips: PolicyValue | None
    """Inverse propensity: mean of w·r."""
    snips: PolicyValue | None
    """Self-normalised: Σwr/Σw; the headline."""
    dr: PolicyValue | None
    """Doubly robust, cross-fitted."""
    ess: float
    """Effective sample size (Σw)²/Σw², in decisions."""
    support: float
    """Share of decisions for which the log could have shown what the new policy does."""
    rows: int
    persons: int
    mean_weight: PolicyValue | None
    """Mean of w; 1 if the logged probabilities are right."""
    heaviest: float
    """Share of the row with the largest weight in all weight."""
    bounds: tuple[float, float]
    """Limits with unsupported decisions valued from 0 to the ceiling."""
    refused: str = ""


def off_policy(  # noqa: PLR0913 - a column each
    rewards: ArrayLike,
    logged: ArrayLike,
    target: ArrayLike,
    persons: Sequence[object] | NDArray[np.generic],
    *,
    model: RewardModel | None = None,
    supported: ArrayLike | None = None,
    ceiling: float | None = None,
    level: float = 0.95,
) -> OffPolicy:
    """Estimate the mean reward of a decision under a target policy from rows of logged decisions.

    One row a decision: its reward, the probability with which the log's policy did what it did, the probability with which the
    target policy does the same, and the person. Weights w = target/logged are not clipped. Standard errors come from influence
    functions summed by person, with G/(G−1) for G persons.

    `dr` adds to a prediction for the target policy the weighted error of the prediction for what was logged. Each row is
    predicted by a model that has not seen its person: persons are hashed into 5 folds and `model` is called once for each
    with the mask of the rows to learn from. Without a model the prediction is the mean reward of those rows.

    `supported` says of each row whether the log could have shown everything that the target policy does there; rows with a
    logged probability of 0 or NaN are not supported. Estimates use the supported rows. Refused, with bounds in place of
    estimates: support below 99 %, an effective size below 100, a row with more than 5 % of all weight, and a mean weight
    more than 3 standard errors from 1. In `bounds` unsupported decisions are worth from 0 to `ceiling`, by default the
    largest reward seen. Raises ValueError for rows of different lengths, none at all, and probabilities outside 0 to 1.
    """
    reward, logging, policy = (np.asarray(column, float) for column in (rewards, logged, target))
    usable = _usable(reward, logging, policy, supported)
    groups, index = _groups(persons, len(reward))
    weight = policy[usable] / logging[usable]
    support = float(usable.mean())
    highest = float(reward.max()) if ceiling is None else ceiling
    if weight.sum() <= 0 or len(np.unique(index[usable])) < 2:
        reason = _unsupported(support) or "the target policy does nothing that was logged"
        return OffPolicy(
            None, None, None, 0.0, support, len(reward), len(groups), None, 0.0, (0.0, highest), reason
        )
    r, rows, quantile = reward[usable], index[usable], float(ndtri(1 - (1 - level) / 2))
    mean_weight = _mean(weight, rows, quantile)
    snips, ess, _ = self_normalised(r, weight, rows, level)
    heaviest = float(weight.max() / weight.sum())
    refused = _unsupported(support) or _unstable(ess, heaviest, mean_weight)
    bounds = (support * snips.low, support * snips.high + (1 - support) * highest)
    figures = (ess, support, len(reward), len(groups), mean_weight, heaviest, bounds, refused)
    if refused:
        return OffPolicy(None, None, None, *figures)
    robust = _robust(
        reward, usable, [stable_hash(identity("fold", str(name))) % FOLDS for name in groups], index, model
    )
    dr = _mean(robust[1][usable] + weight * (r - robust[0][usable]), rows, quantile)
    return OffPolicy(_mean(weight * r, rows, quantile), snips, dr, *figures)


def self_normalised(
    rewards: ArrayLike, weights: ArrayLike, persons: ArrayLike, level: float = 0.95
) -> Weighted:
    """Σwr/Σw with its standard error by influence w(r − value)/w̄, clustered by person, and the effective size.

    With w = 1/p it is the Hájek estimate of the level of what was shown with probability p.
    """
    reward, weight = np.asarray(rewards, float), np.asarray(weights, float)
    value = float((weight * reward).sum() / weight.sum())
    influence = weight * (reward - value) / weight.mean()
    error = clustered_error(influence / len(reward), np.unique(np.asarray(persons), return_inverse=True)[1])
    half = float(ndtri(1 - (1 - level) / 2)) * error
    size = float(weight.sum() ** 2 / (weight * weight).sum())
    return Weighted(PolicyValue(value, error, value - half, value + half), size, len(reward))


def clustered_error(influence: Floats, index: NDArray[np.intp]) -> float:
    """Standard error of a sum of influences that depend on each other within a person; `index` numbers the persons."""
    sums = np.bincount(index, influence)[np.bincount(index) > 0]
    return sqrt(float((sums * sums).sum()) * len(sums) / (len(sums) - 1)) if len(sums) > 1 else 0.0


def _mean(values: Floats, index: NDArray[np.intp], quantile: float) -> PolicyValue:
    value = float(values.mean())
    error = clustered_error((values - value) / len(values), index)
    return PolicyValue(value, error, value - quantile * error, value + quantile * error)


def _robust(
    reward: Floats,
    usable: NDArray[np.bool_],
    folds: list[int],
    index: NDArray[np.intp],
    model: RewardModel | None,
) -> tuple[Floats, Floats]:
    """Predictions of what was logged and of what the target policy does, by models that have not seen the row's person."""
    fold = np.asarray(folds)[index]
    logged, target = np.zeros(len(reward)), np.zeros(len(reward))
    for number in range(FOLDS):
        held, learn = fold == number, (fold != number) & usable
        if not held.any() or not learn.any():
            continue  # nothing to predict, or nothing to learn from: the prediction stays 0, and DR is IPS there
        if model is None:
            logged[held] = target[held] = reward[learn].mean()
        else:
            predictions = [
                np.broadcast_to(np.asarray(figures, float), reward.shape) for figures in model(learn)
            ]
            logged[held], target[held] = predictions[0][held], predictions[1][held]
    return logged, target


def _usable(reward: Floats, logged: Floats, target: Floats, supported: ArrayLike | None) -> NDArray[np.bool_]:
    if not len(reward) or not reward.shape == logged.shape == target.shape:
        raise ValueError("rewards and probabilities are columns of the same rows, one a decision")
    if (
        not np.isfinite(reward).all()
        or not ((target >= 0) & (target <= 1)).all()
        or (logged > 1).any()
        or (logged < 0).any()
    ):
        raise ValueError("rewards are finite, and probabilities lie between 0 and 1")
    usable: NDArray[np.bool_] = logged > 0
    return usable if supported is None else usable & np.asarray(supported, bool)


def _groups(
    persons: Sequence[object] | NDArray[np.generic], rows: int
) -> tuple[list[object], NDArray[np.intp]]:
    """The distinct persons in the order in which they come, and the number of each row's person."""
    numbers: dict[object, int] = {}
    names = persons.tolist() if isinstance(persons, np.ndarray) else persons
    index = np.fromiter((numbers.setdefault(name, len(numbers)) for name in names), np.intp)
    if len(index) != rows:
        raise ValueError("persons are a column of the same rows, one a decision")
    return [*numbers], index


def _unsupported(support: float) -> str:
    if support >= SUPPORT:
        return ""
    return (
        f"the log supports {support:.1%} of the decisions, less than 99 %: the rest is never shown; "
        "give it an `explore` or a ramp"
    )


def _unstable(ess: float, heaviest: float, weight: PolicyValue) -> str:
    if ess < SIZE:
        return f"the effective sample size is {ess:.0f} decisions, less than 100"
    if heaviest > HEAVIEST:
        return f"a single decision carries {heaviest:.1%} of the weight, more than 5 %"
    if abs(weight.value - 1) > DEVIATIONS * weight.error + 1e-9:
        return f"the weights average {weight.value:.3f}, more than 3 standard errors from 1: probabilities are wrong"
    return ""
