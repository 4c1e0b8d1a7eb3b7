"""Ranking: tier, then score, then a stable hash of customer and campaign, then name. Nothing is left to chance."""

from collections.abc import Iterable
from itertools import groupby
from operator import eq
from typing import NamedTuple

from engine.conditions.evaluate import holds
from engine.decide.arbitrate.campaign import Plan
from engine.decide.experiments.bucketing import identity, stable_hash
from engine.decide.experiments.learning import NOTHING_LEARNED, Learned
from engine.decide.experiments.posteriors import Propensity
from engine.model.values import Attributes, Moment
from engine.rulebook.model.book import Factor


class Ranked(NamedTuple):
    """A campaign with its score for one customer."""

    plan: Plan
    score: float
    propensity: Propensity | None = None
    """Where it is learned."""


def rank(
    plans: Iterable[Plan],
    attributes: Attributes,
    moment: Moment,
    salt: str,
    customer: str,
    learned: Learned = NOTHING_LEARNED,
) -> list[Ranked]:
    """The campaigns, best first."""
    scored = [
        scored_by(plan, attributes, moment, learned) if plan.score is None else Ranked(plan, plan.score)
        for plan in plans
    ]
    if len(scored) < 2:
        return scored
    scored.sort(key=_merit)
    if not any(map(eq, map(_merit, scored), map(_merit, scored[1:]))):
        return scored
    return [
        one for _, tied in groupby(scored, key=_merit) for one in _untie(list(tied), identity(salt, customer))
    ]


def scored_by(plan: Plan, attributes: Attributes, moment: Moment, learned: Learned) -> Ranked:
    """value × propensity × boosts."""
    campaign = plan.campaign
    propensity = None
    if campaign.propensity.learned:
        propensity = learned.propensity(campaign.name, moment.now, campaign.propensity.number)
    likely = factor(campaign.propensity, attributes) if propensity is None else propensity.rate
    product = factor(plan.value, attributes) * likely
    for boost in campaign.boosts:
        if holds(boost.when, attributes, moment):
            product *= boost.by
    return Ranked(plan, product, propensity)


def factor(one: Factor, attributes: Attributes) -> float:
    """The attribute's value where there is one, else the number."""
    if one.attribute is not None:
        value = attributes.get(one.attribute)
        if isinstance(value, (int, float)):
            return float(value)
    return one.number


def _merit(one: Ranked) -> tuple[int, float]:
    return -one.plan.campaign.tier, -one.score


def _untie(tied: list[Ranked], customer: bytes) -> list[Ranked]:
    if len(tied) < 2:
        return tied
    return sorted(
        tied,
        key=lambda one: (stable_hash(customer + one.plan.identity), one.plan.campaign.name),
    )
