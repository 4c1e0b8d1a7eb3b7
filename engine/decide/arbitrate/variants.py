"""The form of an offer's content for one customer: among the variants whose condition holds, by share."""

from collections.abc import Sequence
from typing import NamedTuple

from engine.conditions.evaluate import holds
from engine.decide.arbitrate.campaign import CampaignChannel, CompiledCampaign, Creative
from engine.decide.experiments.bucketing import identity, rendezvous_score
from engine.decide.experiments.learning import Weights
from engine.model.decision import Reason, ReasonCode
from engine.model.values import Attributes, Moment


class DrawnCreative(NamedTuple):
    """A form, and the probability with which shares or what was learned choose it among those that fit."""

    creative: Creative
    probability: float
    learned: Weights | None = None
    """By which it was drawn, in a campaign that learns."""


def fitting_creatives(
    creatives: Sequence[Creative], attributes: Attributes, moment: Moment
) -> Sequence[Creative]:
    """The forms whose condition holds and whose content lacks no value."""
    if len(creatives) == 1 and creatives[0].always:
        return creatives
    return [creative for creative in creatives if creative.always or _fits(creative, attributes, moment)]


def draw(
    fitting: Sequence[Creative], salt: str, person: str, compiled_campaign: CompiledCampaign
) -> DrawnCreative:
    """One of the forms by share, the same one whenever the same person and campaign draw from them."""
    if len(fitting) == 1:
        return DrawnCreative(fitting[0], 1.0)
    drawn_by = identity(salt, "variant", person) + compiled_campaign.identity
    best, heaviest, total = fitting[0], -1.0, 0.0
    for creative in fitting:
        weight = rendezvous_score(creative.share, drawn_by + creative.identity)
        total += creative.share
        if weight > heaviest:
            best, heaviest = creative, weight
    return DrawnCreative(best, best.share / total)


def draw_learned(
    fitting: Sequence[Creative],
    weights: Weights,
    salt: str,
    person: str,
    compiled_campaign: CompiledCampaign,
    moment: Moment,
) -> DrawnCreative:
    """One of the forms by what was learned: for a person and campaign the same one all day, as long as the weights are."""
    shares = weights.by_arm
    drawn_by = identity(salt, "learn", person, moment.today.isoformat()) + compiled_campaign.identity
    best = max(
        fitting, key=lambda creative: rendezvous_score(shares[creative.variant], drawn_by + creative.identity)
    )
    return DrawnCreative(best, shares[best.variant], weights)


def why_none_fits(campaign_channel: CampaignChannel, attributes: Attributes, moment: Moment) -> list[Reason]:
    """NO_VARIANT for each value that a form lacks whose condition holds; for the channel where no condition does."""
    lacking = dict.fromkeys(
        name
        for creative in campaign_channel.creatives
        if holds(creative.when, attributes, moment)
        for name in sorted(lacks(creative, attributes))
    )
    return [Reason(ReasonCode.NO_VARIANT, name) for name in lacking or (campaign_channel.channel,)]


def lacks(creative: Creative, attributes: Attributes) -> frozenset[str]:
    """The values without which the form cannot be filled in for the customer."""
    return creative.texts_in(attributes.get("profile.language")).needs - attributes.keys()


def _fits(creative: Creative, attributes: Attributes, moment: Moment) -> bool:
    texts = creative.texts_in(attributes.get("profile.language")) if creative.spoken else creative.texts
    return bool(texts) and attributes.keys() >= texts.needs and holds(creative.when, attributes, moment)
