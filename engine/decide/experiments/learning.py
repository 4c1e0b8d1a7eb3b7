"""What is known of the arms of campaigns, as of one moment after another; which to show by it, and how likely it is taken."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from engine.decide.experiments.posteriors import Arm, Propensity, rate
from engine.decide.experiments.thompson import probabilities
from engine.model.instant import Instant
from engine.rulebook.model.experiments import Reward


class LearnedState(NamedTuple):
    """What is known of a campaign's arms, from a moment on."""

    since: Instant
    arms: Mapping[str, Arm]
    """By variant; those that were never shown are missing."""


class Weights(NamedTuple):
    """With which probability each of several arms is to be shown."""

    since: Instant | None
    """Of the state by which it was computed; None: nothing was known."""
    by_arm: Mapping[str, float]


class Learned:
    """The states of campaigns; the same states give everybody the same at the same moment."""

    __slots__ = ("_computed", "_rates", "_states")

    def __init__(self) -> None:
        self._states: Mapping[str, Sequence[LearnedState]] = {}
        self._computed: dict[tuple[str, Instant | None, tuple[str, ...]], Weights] = {}
        self._rates: dict[tuple[str, Instant, float], Propensity] = {}

    def take(self, states: Mapping[str, Sequence[LearnedState]]) -> None:
        """From now on these are the states, by campaign."""
        if states != self._states:
            self._states, self._computed, self._rates = states, {}, {}

    def weights(
        self, campaign: str, arms: tuple[str, ...], now: Instant, reward: Reward, explore: float
    ) -> Weights:
        """The weights of the arms that there are for a customer, by the latest state that holds at the moment."""
        state = self._state(campaign, now)
        key = (campaign, None if state is None else state.since, arms)
        found = self._computed.get(key)
        if found is None:
            known = {} if state is None else state.arms
            shares = probabilities([known.get(one, Arm()) for one in arms], reward, explore)
            found = self._computed[key] = Weights(key[1], dict(zip(arms, shares, strict=True)))
        return found

    def propensity(self, campaign: str, now: Instant, prior: float) -> Propensity:
        """How likely the campaign is taken, by all its arms in the latest state that holds at the moment."""
        state = self._state(campaign, now)
        if state is None:
            return Propensity(prior)
        key = (campaign, state.since, prior)
        found = self._rates.get(key)
        if found is None:
            shown = sum(one.shown for one in state.arms.values())
            rewarded = sum(one.rewarded for one in state.arms.values())
            found = Propensity(rate(shown, rewarded, prior), state.since, shown, rewarded)
            self._rates[key] = found
        return found

    def _state(self, campaign: str, now: Instant) -> LearnedState | None:
        past = (one for one in self._states.get(campaign, ()) if one.since <= now)
        return max(past, key=lambda one: one.since, default=None)


class Given(Learned):
    """Weights and propensities as the log has them."""

    __slots__ = ("_given", "propensities")

    def __init__(self, given: Mapping[str, Weights], propensities: Mapping[str, Propensity]) -> None:
        super().__init__()
        self._given, self.propensities = given, propensities

    def weights(
        self, campaign: str, arms: tuple[str, ...], now: Instant, reward: Reward, explore: float
    ) -> Weights:
        """What was logged for the campaign; where that was of other arms, as if nothing were known."""
        given = self._given.get(campaign)
        if given is not None and given.by_arm.keys() == set(arms):
            return given
        return super().weights(campaign, arms, now, reward, explore)

    def propensity(self, campaign: str, now: Instant, prior: float) -> Propensity:
        """What was logged for the campaign; of one that was no candidate then, as if nothing were known."""
        return self.propensities.get(campaign) or super().propensity(campaign, now, prior)


NOTHING_LEARNED = Learned()
