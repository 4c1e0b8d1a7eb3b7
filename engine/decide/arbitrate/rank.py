"""Ranking: tier, then score, then a stable hash of customer and campaign, then name. Nothing is left to chance."""

from collections.abc import Iterable
from itertools import groupby
from operator import eq
from typing import NamedTuple

from engine.conditions.evaluate import holds
from engine.decide.arbitrate.campaign import CompiledCampaign
from engine.decide.experiments.bucketing import identity, stable_hash
from engine.decide.experiments.learning import NOTHING_LEARNED, Learned
from engine.decide.experiments.posteriors import Propensity
from engine.model.values import Attributes, Moment
from engine.rulebook.model.book import Factor


class Ranked(NamedTuple):
    """A campaign with its score for one customer."""

    compiled_campaign: CompiledCampaign
    score: float
    propensity: Propensity | None = None
    """Where it is learned."""


def rank(
    compiled_campaigns: Iterable[CompiledCampaign],
    attributes: Attributes,
    moment: Moment,
    salt: str,
    customer: str,
    learned: Learned = NOTHING_LEARNED,
) -> list[Ranked]:
    """The campaigns, best first."""
    scored = [
        scored_by(compiled_campaign, attributes, moment, learned)
        if compiled_campaign.score is None
        else Ranked(compiled_campaign, compiled_campaign.score)
        for compiled_campaign in compiled_campaigns
    ]
    if len(scored) < 2:
        return scored
    scored.sort(key=_merit)
    if not any(map(eq, map(_merit, scored), map(_merit, scored[1:]))):
        return scored
    return [
        one for _, tied in groupby(scored, key=_merit) for one in _untie(list(tied), identity(salt, customer))
    ]


def scored_by(
    compiled_campaign: CompiledCampaign, attributes: Attributes, moment: Moment, learned: Learned
) -> Ranked:
    """value × propensity × boosts."""
    campaign = compiled_campaign.campaign
    propensity = None
    if campaign.propensity.learned:
        propensity = learned.propensity(campaign.name, moment.now, campaign.propensity.number)
    likely = factor(campaign.propensity, attributes) if propensity is None else propensity.rate
    product = factor(compiled_campaign.value, attributes) * likely
    for boost in campaign.boosts:
        if holds(boost.when, attributes, moment):
            product *= boost.by
    return Ranked(compiled_campaign, product, propensity)


def factor(one: Factor, attributes: Attributes) -> float:
    """The attribute's value where there is one, else the number."""
    if one.attribute is not None:
        value = attributes.get(one.attribute)
        if isinstance(value, (int, float)):
            return float(value)
    return one.number


def _merit(one: Ranked) -> tuple[int, float]:
    return -one.compiled_campaign.campaign.tier, -one.score


def _untie(tied: list[Ranked], customer: bytes) -> list[Ranked]:
    if len(tied) < 2:
        return tied
    return sorted(
        tied,
        key=lambda one: (
            stable_hash(customer + one.compiled_campaign.identity),
            one.compiled_campaign.campaign.name,
        ),
    )
