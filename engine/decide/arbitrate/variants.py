"""Variants: which creative a customer gets, drawn by share or learned weight among those that fit them."""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from engine.conditions.evaluate import holds
from engine.decide.arbitrate.campaign import CampaignChannel, CompiledCampaign, Creative
from engine.decide.experiments.bucketing import identity, rendezvous_score, salted
from engine.decide.experiments.learning import Weights
from engine.decide.experiments.subjects import DrawSubject
from engine.model.decision import Reason, ReasonCode
from engine.model.values import Attributes, Moment


class DrawnCreative(NamedTuple):
    """A creative, and the probability with which it was drawn among those that fit."""

    creative: Creative
    probability: float
    learned: Weights | None = None
    """The learned weights by which it was drawn; None if it was drawn by share."""


def fitting_creatives(
    creatives: Sequence[Creative], attributes: Attributes, moment: Moment
) -> Sequence[Creative]:
    """The creatives whose condition holds and that can be rendered for the customer."""
    if len(creatives) == 1 and creatives[0].always:
        return creatives
    return [creative for creative in creatives if creative.always or _fits(creative, attributes, moment)]


def draw(
    fitting: Sequence[Creative], salt: str, subject: DrawSubject, compiled_campaign: CompiledCampaign
) -> DrawnCreative:
    """Draw a creative by share. The same person or unit and campaign always draw the same one from the same creatives."""
    if len(fitting) == 1:
        return DrawnCreative(fitting[0], 1.0)
    drawn_by = subject.key(compiled_campaign.campaign.unit)
    key = salted(salt, "variant") + identity(*drawn_by) + compiled_campaign.identity
    best, heaviest, total = fitting[0], -1.0, 0.0
    for creative in fitting:
        weight = rendezvous_score(creative.share, key + creative.identity)
        total += creative.share
        if weight > heaviest:
            best, heaviest = creative, weight
    return DrawnCreative(best, best.share / total)


def kept_creative(
    fitting: Sequence[Creative], salt: str, subject: DrawSubject, compiled_campaign: CompiledCampaign
) -> DrawnCreative | None:
    """The creative that was drawn first among those that fit, with its probability of then; None if none of them was."""
    campaign, by_variant = compiled_campaign.campaign, {creative.variant: creative for creative in fitting}
    for kept in subject.kept_draws(campaign.name, "variant", salt, campaign.unit):
        if kept.drawn in by_variant:
            return DrawnCreative(by_variant[kept.drawn], kept.share)
    return None


def draw_learned(
    fitting: Sequence[Creative],
    weights: Weights,
    salt: str,
    subject: DrawSubject,
    compiled_campaign: CompiledCampaign,
    day: date,
) -> DrawnCreative:
    """Draw a creative by learned weight. A person and campaign draw the same one all day while the weights are the same.

    day: on the book's clock, so that a customer who travels draws once a day too.
    """
    shares = weights.by_arm
    drawn_by = subject.key(compiled_campaign.campaign.unit)
    key = identity(salt, "learn", *drawn_by, day.isoformat()) + compiled_campaign.identity
    best = max(
        fitting, key=lambda creative: rendezvous_score(shares[creative.variant], key + creative.identity)
    )
    return DrawnCreative(best, shares[best.variant], weights)


def why_none_fits(campaign_channel: CampaignChannel, attributes: Attributes, moment: Moment) -> list[Reason]:
    """NO_VARIANT for each attribute that a creative lacks whose condition holds; for the channel if none holds."""
    lacking = dict.fromkeys(
        name
        for creative in campaign_channel.creatives
        if holds(creative.when, attributes, moment)
        for name in sorted(lacks(creative, attributes))
    )
    return [Reason(ReasonCode.NO_VARIANT, name) for name in lacking or (campaign_channel.channel,)]


def lacks(creative: Creative, attributes: Attributes) -> frozenset[str]:
    """The missing or blank attributes without which the creative cannot be rendered for the customer."""
    return creative.texts_for(attributes).lacking(attributes)


def _fits(creative: Creative, attributes: Attributes, moment: Moment) -> bool:
    texts = creative.texts_for(attributes)
    return bool(texts) and not texts.lacking(attributes) and holds(creative.when, attributes, moment)
