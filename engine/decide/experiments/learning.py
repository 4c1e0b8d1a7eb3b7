"""Learned weights and propensities of campaigns, computed from the latest state that holds at a moment."""

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import NamedTuple

from engine.decide.experiments.bid_prices import NO_BID_PRICES, BidPrices
from engine.decide.experiments.posteriors import ArmCounts, Propensity, rate
from engine.decide.experiments.thompson import probabilities
from engine.model.instant import Instant
from engine.rulebook.model.experiments import Reward


class LearnedState(NamedTuple):
    """The counts of a campaign's arms, which hold from a moment on."""

    since: Instant
    arms: Mapping[str, ArmCounts]
    """By variant; variants that were never shown are missing."""


class Weights(NamedTuple):
    """The probabilities with which several arms are to be shown; they add up to 1."""

    since: Instant | None
    """Start of the state from which they were computed; None if there was no state yet."""
    by_arm: Mapping[str, float]


class Learned:
    """The learned states of campaigns, and the prices of what is scarce: what servers read from the log for all customers.

    The same states give the same weights and propensities at the same moment.
    """

    __slots__ = ("_computed", "_rates", "_states", "bid_prices")

    def __init__(self, bid_prices: BidPrices = NO_BID_PRICES) -> None:
        self._states: Mapping[str, Sequence[LearnedState]] = {}
        self._computed: dict[tuple[str, Instant | None, tuple[str, ...]], Weights] = {}
        self._rates: dict[tuple[str, Instant, float], Propensity] = {}
        self.bid_prices = bid_prices
        """Replaced as a whole."""

    def take(self, states: Mapping[str, Sequence[LearnedState]]) -> None:
        """Replace the states, by campaign."""
        if states != self._states:
            self._states, self._computed, self._rates = states, {}, {}

    def weights(
        self, campaign: str, arms: tuple[str, ...], now: Instant, reward: Reward, explore: float
    ) -> Weights:
        """The weights of the arms that fit a customer, from the latest state that holds at the moment.

        explore: the part in [0, 1] that all arms share equally.
        """
        state = self._state(campaign, now)
        key = (campaign, None if state is None else state.since, arms)
        weights = self._computed.get(key)
        if weights is None:
            counts = {} if state is None else state.arms
            shares = probabilities([counts.get(arm, ArmCounts()) for arm in arms], reward, explore)
            weights = self._computed[key] = Weights(key[1], dict(zip(arms, shares, strict=True)))
        return weights

    def propensity(self, campaign: str, now: Instant, prior: float) -> Propensity:
        """The campaign's propensity, from all its arms in the latest state that holds at the moment.

        prior: the rate in (0, 1] that is assumed without a state.
        """
        state = self._state(campaign, now)
        if state is None:
            return Propensity(prior)
        key = (campaign, state.since, prior)
        propensity = self._rates.get(key)
        if propensity is None:
            shown = sum(arm.shown for arm in state.arms.values())
            rewarded = sum(arm.rewarded for arm in state.arms.values())
            propensity = Propensity(rate(shown, rewarded, prior), state.since, shown, rewarded)
            self._rates[key] = propensity
        return propensity

    def _state(self, campaign: str, now: Instant) -> LearnedState | None:
        past = [state for state in self._states.get(campaign, ()) if state.since <= now]
        return max(past, key=attrgetter("since"), default=None)


class Given(Learned):
    """Weights and propensities read from the log, to evaluate a logged decision again."""

    __slots__ = ("_given", "propensities")

    def __init__(
        self,
        given: Mapping[str, Weights],
        propensities: Mapping[str, Propensity],
        bid_prices: BidPrices = NO_BID_PRICES,
    ) -> None:
        super().__init__(bid_prices)
        self._given, self.propensities = given, propensities

    def weights(
        self, campaign: str, arms: tuple[str, ...], now: Instant, reward: Reward, explore: float
    ) -> Weights:
        """The campaign's logged weights; if they are of other arms, those without any state."""
        given = self._given.get(campaign)
        if given is not None and given.by_arm.keys() == set(arms):
            return given
        return super().weights(campaign, arms, now, reward, explore)

    def propensity(self, campaign: str, now: Instant, prior: float) -> Propensity:
        """The campaign's logged propensity; if it was not a candidate then, the prior."""
        return self.propensities.get(campaign) or super().propensity(campaign, now, prior)


NOTHING_LEARNED = Learned()
