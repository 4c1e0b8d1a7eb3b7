"""Comparison of variants whose shares are learned: within states of learning, never by pooled means.

A learner shows what did well lately, so that pooled means compare different times and raise false alarms (10 %, and 97 % where
the base rate drifts, in place of 5 %). Within a state the shares are constant. Source: Zhang, Janson and Murphy, "Inference
for batched bandits", NeurIPS 2020; Hájek 1971 for the levels.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtr, stdtrit

from engine.measure.statistics.arms import Interval
from engine.measure.statistics.off_policy import Floats, PolicyValue, clustered_error, self_normalised

EXPECTED = 20
"""Rows of the rarer variant that are to be expected of a state, n·p, below which it is merged with the next."""


@dataclass(frozen=True, slots=True)
class LearnedComparison:
    """Two variants of a campaign that learns. Where refused, the figures are None and `refused` says why."""

    difference: Interval | None
    """Reward of the first less that of the second, per row."""
    p: float | None
    levels: tuple[PolicyValue, PolicyValue] | None
    """Hájek estimates Σ(y/p)/Σ(1/p) of each variant's reward per row."""
    shown: tuple[float, float] | None
    """Means of the rows as they were shown: biased, only to be printed as such."""
    states: int
    """States that were compared, after merging."""
    rows: tuple[int, int]
    persons: int
    refused: str = ""


def compare_learned(  # noqa: PLR0913 - a column each
    rewards: ArrayLike,
    first: ArrayLike,
    second: ArrayLike,
    probabilities: tuple[ArrayLike, ArrayLike],
    states: Sequence[Hashable | None],
    persons: ArrayLike,
    level: float = 0.95,
) -> LearnedComparison:
    """Compare two variants within states of learning.

    One row a decision of the campaign, in the order of time: its reward, whether it shows the first or the second variant
    (rows of other variants belong to the state), with which probability each would be shown, the state (start of what was
    learned together with the variants that fit), and the person. The estimate is Σw_b·d_b/Σw_b with d_b the difference
    within state b and w_b = √(n_b·p_A·p_B/(p_A + p_B)), which is known before the rewards are; its variance is that of
    influences summed by person over all states, its quantile that of t at Welch's degrees of freedom. States in which fewer
    than 20 rows of the rarer variant are to be expected are merged with the next, whatever their results. Refused: states
    that are not logged (None), and no state that can show both.
    """
    reward = np.asarray(rewards, float)
    shows = np.asarray(first, bool), np.asarray(second, bool)
    chances = np.asarray(probabilities[0], float), np.asarray(probabilities[1], float)
    counts = int(shows[0].sum()), int(shows[1].sum())
    people = np.unique(np.asarray(persons), return_inverse=True)[1]
    if any(state is None for state in states):
        return _refused(
            counts, people, "the states of learning are not logged: no comparison of learned variants"
        )
    strata = _merged(states, chances)
    total, weights, influence = 0.0, 0.0, np.zeros(len(reward))
    parts: list[tuple[float, int]] = []
    for rows in strata:
        if not (shows[0][rows].any() and shows[1][rows].any()):
            continue
        weight = _weight(chances, rows)
        effects, spreads = _within(reward, shows, chances, rows, influence)
        influence[rows] *= weight
        parts += [(weight * weight * spread, size - 1) for spread, size in spreads]
        total, weights = total + weight * (effects[0] - effects[1]), weights + weight
    if not parts:
        return _refused(counts, people, "no state of learning shows both variants: no comparison")
    value, error = total / weights, clustered_error(influence / weights, people)
    freedom = _freedom(parts)
    half = -float(stdtrit(freedom, (1 - level) / 2)) * error
    levels = [
        self_normalised(reward[mask], 1 / chance[mask], people[mask], level).mean
        for mask, chance in zip(shows, chances, strict=True)
    ]
    return LearnedComparison(
        difference=Interval(value, value - half, value + half),
        p=2 * float(stdtr(freedom, -abs(value) / error)) if error else float(value == 0),
        levels=(levels[0], levels[1]),
        shown=(float(reward[shows[0]].mean()), float(reward[shows[1]].mean())),
        states=len(parts) // 2,
        rows=counts,
        persons=len(np.unique(people)),
    )


def _merged(states: Sequence[Hashable | None], chances: tuple[Floats, Floats]) -> list[NDArray[np.intp]]:
    """Rows by state, in the order in which states begin; a small state joins the next, the last the one before."""
    rarer = np.minimum(*chances)
    by_state: dict[Hashable, list[int]] = {}
    for row in np.flatnonzero(rarer > 0).tolist():
        by_state.setdefault(states[row], []).append(row)
    strata: list[list[int]] = []
    waiting: list[int] = []
    for rows in by_state.values():
        waiting += rows
        if rarer[waiting].sum() >= EXPECTED:
            strata.append(waiting)
            waiting = []
    if waiting and strata:
        strata[-1] += waiting
    elif waiting:
        strata.append(waiting)
    return [np.asarray(rows, np.intp) for rows in strata]


def _weight(chances: tuple[Floats, Floats], rows: NDArray[np.intp]) -> float:
    first, second = float(chances[0][rows].mean()), float(chances[1][rows].mean())
    return sqrt(len(rows) * first * second / (first + second))


def _within(
    reward: Floats,
    shows: tuple[NDArray[np.bool_], NDArray[np.bool_]],
    chances: tuple[Floats, Floats],
    rows: NDArray[np.intp],
    influence: Floats,
) -> tuple[list[float], list[tuple[float, int]]]:
    """Means of both variants within a stratum, and the variance and size of each; sets the influence of its rows.

    Rows weigh 1/p, because states that were merged have unequal p.
    """
    means, spreads = [], []
    for sign, mask, chance in zip((1, -1), shows, chances, strict=True):
        chosen = rows[mask[rows]]
        scale = 1 / chance[chosen]
        mean = float((scale * reward[chosen]).sum() / scale.sum())
        sample = sqrt(len(chosen) / max(len(chosen) - 1, 1))  # as the variance of a sample has n − 1
        influence[chosen] = sign * sample * scale * (reward[chosen] - mean) / scale.sum()
        means.append(mean)
        spreads.append((float((influence[chosen] ** 2).sum()), len(chosen)))
    return means, spreads


def _freedom(parts: Sequence[tuple[float, int]]) -> float:
    """Welch's degrees of freedom over the arms of all strata, each with its variance and its own degrees."""
    variance = sum(spread for spread, _ in parts)
    shares = sum(spread * spread / max(freedom, 1) for spread, freedom in parts)
    return variance * variance / shares if shares else 1.0


def _refused(rows: tuple[int, int], people: NDArray[np.intp], reason: str) -> LearnedComparison:
    return LearnedComparison(None, None, None, None, 0, rows, len(np.unique(people)), reason)
