"""Scores of customers and campaigns by columns."""

from collections.abc import Sequence

import numpy as np

from engine.batch.columns import Bools, Codes, ScoreColumn
from engine.batch.facets import Customers, SideConditions
from engine.batch.frame import Pairs
from engine.decide.arbitrate.campaign import CompiledCampaign
from engine.rulebook.model.book import Factor


class _FactorTable:
    """One factor of every campaign: a number, or the column of an attribute."""

    def __init__(self, factors: Sequence[Factor]) -> None:
        self._numbers = np.array([factor.number for factor in factors], np.float64)
        read = dict.fromkeys(
            (own.attribute or "", own.number) for own in factors if own.attribute is not None
        )
        number_of = {key: at for at, key in enumerate(read)}
        self._read = list(read)
        numbers = [number_of.get((own.attribute or "", own.number), -1) for own in factors]
        self._places = np.array(numbers, np.int64)
        self._reads_all = bool((self._places >= 0).all())

    def of(self, customers: Customers, rows: Codes, campaigns: Codes) -> ScoreColumn:
        """The factor of each pair."""
        factors = self._numbers[campaigns]
        if self._read:
            columns = np.array(
                [customers.chunk.floats(name, number) for name, number in self._read]
            ).T.ravel()
            places = self._places[campaigns]
            at = rows * len(self._read) + places
            if self._reads_all:
                factors = columns[at]
            else:
                members = np.flatnonzero(places >= 0)
                factors[members] = columns[at[members]]
        return factors


class Scorer:
    """Scores of pairs: value × propensity × boosts, multiplied in the engine's order."""

    def __init__(self, campaigns: Sequence[CompiledCampaign], side: SideConditions) -> None:
        self._side = side
        self._fixed = np.array([own.score or 0.0 for own in campaigns], np.float64)
        self._varies = np.array([own.score is None for own in campaigns], np.bool_)
        self._value = _FactorTable([own.value for own in campaigns])
        self._propensity = _FactorTable([own.campaign.propensity for own in campaigns])
        boosts = [own.campaign.boosts for own in campaigns]
        conditions = dict.fromkeys(boost.when for of_campaign in boosts for boost in of_campaign)
        self._conditions = list(conditions)
        position = {condition: at for at, condition in enumerate(conditions)}
        self._boosts = [
            (
                np.array([position[own[depth].when] if len(own) > depth else -1 for own in boosts], np.int64),
                np.array([own[depth].by if len(own) > depth else 1.0 for own in boosts], np.float64),
            )
            for depth in range(max(map(len, boosts), default=0))
        ]
        """By place in a campaign's list of boosts: the condition and the factor of each campaign; -1: it has fewer."""

    def scores(self, customers: Customers, pairs: Pairs) -> ScoreColumn:
        """The score of each pair."""
        scores = self._fixed[pairs.positions]
        members = np.flatnonzero(self._varies[pairs.positions])
        if not len(members):
            return scores
        rows, campaigns = pairs.rows[members], pairs.positions[members]
        with np.errstate(all="ignore"):
            score = self._value.of(customers, rows, campaigns)
            score *= self._propensity.of(customers, rows, campaigns)
            held = self._held(customers)
            for condition, by in self._boosts:
                places = condition[campaigns]
                boosted = np.flatnonzero((places >= 0) & held[places, rows])
                score[boosted] *= by[campaigns[boosted]]
        scores[members] = score
        return scores

    def _held(self, customers: Customers) -> Bools:
        """By condition and customer, whether it holds."""
        held = [self._side.holds(customers, condition) for condition in self._conditions]
        return np.array(held, np.bool_).reshape(-1, customers.chunk.rows)
