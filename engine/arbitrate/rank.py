"""Ranking: tier, then score, then a stable hash of customer and campaign, then name. Nothing is left to chance."""

from collections.abc import Iterable
from itertools import groupby
from operator import eq
from typing import NamedTuple

from engine.arbitrate.plan import Plan
from engine.bucketing import identity, stable_hash
from engine.conditions.model import Attributes, Moment
from engine.conditions.reference import holds
from engine.rulebook.model import Factor


class Ranked(NamedTuple):
    """A campaign with its score for one customer."""

    plan: Plan
    score: float


def rank(
    plans: Iterable[Plan], attributes: Attributes, moment: Moment, salt: str, customer: str
) -> list[Ranked]:
    """The campaigns, best first."""
    scored = [
        Ranked(plan, score(plan, attributes, moment) if plan.score is None else plan.score) for plan in plans
    ]
    if len(scored) < 2:
        return scored
    scored.sort(key=_merit)
    if not any(map(eq, map(_merit, scored), map(_merit, scored[1:]))):
        return scored
    return [
        one for _, tied in groupby(scored, key=_merit) for one in _untie(list(tied), identity(salt, customer))
    ]


def score(plan: Plan, attributes: Attributes, moment: Moment) -> float:
    """value × propensity × boosts."""
    campaign = plan.campaign
    product = factor(plan.value, attributes) * factor(campaign.propensity, attributes)
    for boost in campaign.boosts:
        if holds(boost.when, attributes, moment):
            product *= boost.by
    return product


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
