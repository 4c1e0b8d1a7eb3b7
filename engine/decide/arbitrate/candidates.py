"""Rivals: which campaigns give way to those that were taken before them in one response."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from engine.decide.arbitrate.campaign import CampaignChannel, CompiledCampaign
from engine.decide.arbitrate.rank import Ranked
from engine.decide.arbitrate.variants import DrawnCreative
from engine.decide.experiments.posteriors import Propensity
from engine.model.decision import Reason, ReasonCode
from engine.model.request import Request
from engine.rulebook.model.book import Placement


def gives_way(
    compiled_campaign: CompiledCampaign,
    taken: Sequence[CompiledCampaign],
    room: int,
    placement: Placement | None,
) -> Reason | None:
    """Why the campaign cannot join those taken; None where it can. What more room would not help against goes first."""
    group = compiled_campaign.campaign.group
    if group:
        for one in taken:
            if one.campaign.group == group:
                return Reason(ReasonCode.GROUP_TAKEN, one.campaign.name)
    if placement is not None and _is_full(
        compiled_campaign.offer.category, taken, placement.max_per_category
    ):
        return Reason(ReasonCode.CATEGORY_FULL, compiled_campaign.offer.category)
    if len(taken) >= room:
        return Reason(ReasonCode.OUTRANKED, taken[-1].campaign.name)
    twin = next((one for one in taken if one.offer is compiled_campaign.offer), None)
    return None if twin is None else Reason(ReasonCode.OUTRANKED, twin.campaign.name)


def _is_full(category: str, taken: Sequence[CompiledCampaign], most: int | None) -> bool:
    """Whether the category has as many offers as the placement takes; offers without one are not counted."""
    if most is None or not category:
        return False
    return sum(one.offer.category == category for one in taken) >= most


class Candidate(NamedTuple):
    """An eligible campaign, the channels to try in order, and why others are out."""

    compiled_campaign: CompiledCampaign
    score: float
    channels: Sequence[str]
    lost: Sequence[Reason]
    propensity: Propensity | None = None
    """By which it was ranked, where it is learned."""


class Proposal(NamedTuple):
    """A campaign in one form on one channel."""

    compiled_campaign: CompiledCampaign
    campaign_channel: CampaignChannel
    chosen: DrawnCreative
    score: float


def candidate(ranked: Ranked, channels: Sequence[str], barred: Mapping[str, Reason]) -> Candidate:
    """The campaign with its channels, without those that the customer cannot or may not be reached on."""
    if not barred:
        return Candidate(ranked.compiled_campaign, ranked.score, channels, (), ranked.propensity)
    return Candidate(
        ranked.compiled_campaign,
        ranked.score,
        [channel for channel in channels if channel not in barred],
        [barred[channel] for channel in channels if channel in barred],
        ranked.propensity,
    )


def channels_to_try(compiled_campaign: CompiledCampaign, request: Request) -> Sequence[str]:
    """The campaign's channels that the call allows: the customer's preferences first, then the campaign's order."""
    own: Sequence[str] = compiled_campaign.outbound
    if request.channels:
        own = [channel for channel in compiled_campaign.channels if channel in request.channels]
    if not request.preferred_channels:
        return own
    return list(dict.fromkeys((*(one for one in request.preferred_channels if one in own), *own)))
