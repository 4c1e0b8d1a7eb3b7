"""What is known of the arms of campaigns, as of one moment after another; and with which probability to show each by it."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from engine.instant import Instant
from engine.learning.arms import Arm, Reward
from engine.learning.thompson import probabilities


class State(NamedTuple):
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
    """The states of campaigns; the same states give everybody the same weights at the same moment."""

    __slots__ = ("_computed", "_states")

    def __init__(self) -> None:
        self._states: Mapping[str, Sequence[State]] = {}
        self._computed: dict[tuple[str, Instant | None, tuple[str, ...]], Weights] = {}

    def take(self, states: Mapping[str, Sequence[State]]) -> None:
        """From now on these are the states, by campaign."""
        if states != self._states:
            self._states, self._computed = states, {}

    def weights(
        self, campaign: str, arms: tuple[str, ...], now: Instant, reward: Reward, explore: float
    ) -> Weights:
        """The weights of the arms that there are for a customer, by the latest state that holds at the moment."""
        past = (one for one in self._states.get(campaign, ()) if one.since <= now)
        state = max(past, key=lambda one: one.since, default=None)
        key = (campaign, None if state is None else state.since, arms)
        found = self._computed.get(key)
        if found is None:
            known = {} if state is None else state.arms
            shares = probabilities([known.get(one, Arm()) for one in arms], reward, explore)
            found = self._computed[key] = Weights(key[1], dict(zip(arms, shares, strict=True)))
        return found


class Given(Learned):
    """Weights as the log has them."""

    __slots__ = ("_given",)

    def __init__(self, given: Mapping[str, Weights]) -> None:
        super().__init__()
        self._given = given

    def weights(
        self, campaign: str, arms: tuple[str, ...], now: Instant, reward: Reward, explore: float
    ) -> Weights:
        """What was logged for the campaign; where that was of other arms, as if nothing were known."""
        given = self._given.get(campaign)
        if given is not None and given.by_arm.keys() == set(arms):
            return given
        return super().weights(campaign, arms, now, reward, explore)


NOTHING_LEARNED = Learned()
