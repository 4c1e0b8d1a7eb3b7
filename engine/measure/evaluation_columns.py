"""The columns of an evaluation, a row a decision, from which another book's value is estimated.

A row takes about 50 bytes, and the estimators as much again some times over; nothing else grows with the log.
"""

from array import array
from collections import defaultdict
from collections.abc import Hashable
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.decide.experiments.bucketing import identity, stable_hash
from engine.measure.draws import Shown, ShownShares
from engine.measure.rewards import Rewarded
from engine.measure.statistics.off_policy import (
    OffPolicy,
    PolicyValue,
    RewardModel,
    off_policy,
    self_normalised,
)

RARE = 1e-9
"""A smaller probability is a rounding error."""

UNREPORTED = (
    "where nothing was shown there are no orders, and {:.0f} at the rate of the others: they are not reported"
)
_ENOUGH = 100
"""Decisions from which a rate is taken for the upper bound."""
_PRIOR = 20
"""Decisions of mean reward that the model of rewards adds to each of its rates."""
_EXPECTED = 10

_Key = TypeVar("_Key", bound=Hashable)


class EvaluationColumns:
    """A row a decision: its reward, both books' probability of what was shown, the person, and whether all is supported."""

    def __init__(self) -> None:
        self.rewards = array("d")
        self._logged, self._target, self._persons = array("d"), array("d"), array("q")
        self._supported, self._shown, self._shares = bytearray(), array("l"), array("l")
        self._shown_numbers, self._share_numbers = _Numbers[Shown](), _Numbers[frozenset[tuple[int, float]]]()
        self._changes_silence = False

    def add(
        self,
        rewarded: Rewarded,
        shown: Shown,
        logged: ShownShares,
        target: ShownShares,
        *,
        is_supported: bool,
    ) -> None:
        """Adds a decision: what it showed, and with which probability either book shows what."""
        self.rewards.append(rewarded.reward)
        self._logged.append(logged[shown])
        self._target.append(target.get(shown, 0.0))
        self._persons.append(stable_hash(identity("person", rewarded.person)) >> 1)
        self._supported.append(is_supported)
        self._shown.append(self._shown_numbers[shown])
        numbered = ((self._shown_numbers[seen], share) for seen, share in target.items())
        self._shares.append(self._share_numbers[frozenset(numbered)])
        if not self._changes_silence:
            seen_in_both = {seen for seen in (*logged, *target) if _is_silent(seen)}
            self._changes_silence = any(
                abs(logged.get(seen, 0.0) - target.get(seen, 0.0)) > RARE for seen in seen_in_both
            )

    def logged(self, level: float) -> PolicyValue:
        """The mean reward of what was logged, with limits clustered by person."""
        return self_normalised(self.rewards, np.ones(len(self.rewards)), self._persons, level).mean

    def estimate(self, metric: str, level: float) -> tuple[OffPolicy, str]:
        """The value of the other book, and why it is refused; empty: it is not."""
        reward, shown = np.frombuffer(self.rewards), np.frombuffer(self._shown, np.dtype("l"))
        unreported = self._unreported(metric, reward, shown)
        figures = off_policy(
            reward,
            np.frombuffer(self._logged),
            np.frombuffer(self._target),
            np.frombuffer(self._persons, np.int64),
            model=self._model(reward, shown),
            supported=np.frombuffer(self._supported, np.bool_),
            ceiling=_highest_rate(reward, shown),
            level=level,
        )
        return figures, figures.refused or unreported

    def _unreported(self, metric: str, reward: NDArray[np.float64], shown: NDArray[np.int64]) -> str:
        """Why silence cannot be valued; empty: it can, or the books are silent alike."""
        if metric == "clicked" or not self._changes_silence:
            return ""
        silent = np.array([_is_silent(seen) for seen in self._shown_numbers], np.bool_)[shown]
        if not silent.any() or silent.all() or reward[silent].any():
            return ""
        expected = float((reward[~silent] != 0).mean() * silent.sum())
        return UNREPORTED.format(expected) if expected > _EXPECTED else ""

    def _model(self, reward: NDArray[np.float64], shown: NDArray[np.int64]) -> RewardModel:
        """Predicts the mean reward of what is shown, drawn towards the mean of all where there are few decisions."""
        number = len(self._shown_numbers)
        expected_of = self._expected

        def model(learn: NDArray[np.bool_]) -> tuple[ArrayLike, ArrayLike]:
            mean = reward[learn].mean()
            counts = np.bincount(shown[learn], minlength=number)
            sums = np.bincount(shown[learn], reward[learn], minlength=number)
            rates = (sums + _PRIOR * mean) / (counts + _PRIOR)
            return rates[shown], expected_of(rates)

        return model

    def _expected(self, rates: NDArray[np.float64]) -> NDArray[np.float64]:
        """By row, the reward expected of what the other book shows."""
        expected = np.array(
            [sum(share * rates[seen] for seen, share in shares) for shares in self._share_numbers], float
        )
        return expected[np.frombuffer(self._shares, np.dtype("l"))]


class _Numbers(defaultdict[_Key, int]):
    """Numbers keys from 0 in the order in which they come."""

    def __missing__(self, key: _Key) -> int:
        self[key] = number = len(self)
        return number


def _is_silent(shown: Shown) -> bool:
    """Whether no campaign is shown."""
    return not any(offer.campaign for offer in shown)


def _highest_rate(reward: NDArray[np.float64], shown: NDArray[np.int64]) -> float:
    """The highest mean reward of anything that was shown often enough; of all if nothing was: the largest reward."""
    counts, sums = np.bincount(shown), np.bincount(shown, reward)
    often = counts >= _ENOUGH
    return float((sums[often] / counts[often]).max()) if often.any() else float(reward.max())
