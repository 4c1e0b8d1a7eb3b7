"""Ranking by tier, then score, then a stable hash of customer and campaign, then name."""

from collections.abc import Iterable
from itertools import groupby
from operator import eq
from typing import NamedTuple

from engine.conditions.evaluate import holds
from engine.decide.arbitrate.campaign import CompiledCampaign
from engine.decide.experiments.bucketing import identity, stable_hash
from engine.decide.experiments.learning import Learned
from engine.decide.experiments.posteriors import Propensity
from engine.model.values import Attributes, Moment
from engine.rulebook.model.book import Factor


class Ranked(NamedTuple):
    """A campaign with its score for one customer."""

    compiled_campaign: CompiledCampaign
    score: float
    propensity: Propensity | None = None
    """The learned propensity in the score; None if it is not learned."""


def scores(
    compiled_campaigns: Iterable[CompiledCampaign], attributes: Attributes, moment: Moment, learned: Learned
) -> list[Ranked]:
    """The campaigns with their scores, in the order in which they are given."""
    return [
        scored_by(compiled_campaign, attributes, moment, learned)
        if compiled_campaign.score is None
        else Ranked(compiled_campaign, compiled_campaign.score)
        for compiled_campaign in compiled_campaigns
    ]


def in_order(scored: list[Ranked], salt: str, customer: str) -> list[Ranked]:
    """The scored campaigns, best first; the list itself may be sorted."""
    if len(scored) < 2:
        return scored
    scored.sort(key=_merit)
    if not any(map(eq, map(_merit, scored), map(_merit, scored[1:]))):
        return scored
    hashed = identity(salt, customer)
    return [ranked for _, tied in groupby(scored, key=_merit) for ranked in _untie(list(tied), hashed)]


def scored_by(
    compiled_campaign: CompiledCampaign, attributes: Attributes, moment: Moment, learned: Learned
) -> Ranked:
    """Score the campaign: value × propensity × the boosts whose condition holds."""
    campaign = compiled_campaign.campaign
    propensity = None
    if campaign.propensity.learned:
        propensity = learned.propensity(campaign.name, moment.now, campaign.propensity.number)
    rate = factor_value(campaign.propensity, attributes) if propensity is None else propensity.rate
    score = factor_value(compiled_campaign.value, attributes) * rate
    for boost in campaign.boosts:
        if holds(boost.when, attributes, moment):
            score *= boost.by
    return Ranked(compiled_campaign, score, propensity)


def factor_value(factor: Factor, attributes: Attributes) -> float:
    """The value of the factor's attribute if it is present, else the factor's number."""
    if factor.attribute is not None:
        value = attributes.get(factor.attribute)
        if isinstance(value, (int, float)):
            return float(value)
    return factor.number


def _merit(ranked: Ranked) -> tuple[int, float]:
    return -ranked.compiled_campaign.campaign.tier, -ranked.score


def _untie(tied: list[Ranked], customer: bytes) -> list[Ranked]:
    """Order campaigns of the same tier and score by a hash with the customer's identity, then by name."""
    if len(tied) < 2:
        return tied
    return sorted(
        tied,
        key=lambda ranked: (
            stable_hash(customer + ranked.compiled_campaign.identity),
            ranked.compiled_campaign.campaign.name,
        ),
    )
