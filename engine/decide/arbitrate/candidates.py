"""Candidates: ranked campaigns with the channels to try, and which of them exclude each other in one response."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from engine.decide.arbitrate.campaign import CampaignChannel, CompiledCampaign
from engine.decide.arbitrate.rank import Ranked
from engine.decide.arbitrate.variants import DrawnCreative
from engine.decide.experiments.posteriors import Propensity
from engine.model.decision import Reason, ReasonCode
from engine.model.request import Request
from engine.rulebook.model.book import Placement


class Candidate(NamedTuple):
    """An eligible campaign with its score."""

    compiled_campaign: CompiledCampaign
    score: float
    channels: Sequence[str]
    """The channels to try, in this order."""
    lost: Sequence[Reason]
    """Why its other channels cannot be tried."""
    propensity: Propensity | None = None
    """The learned propensity by which it was ranked."""


class Proposal(NamedTuple):
    """A creative of a campaign on one channel."""

    compiled_campaign: CompiledCampaign
    campaign_channel: CampaignChannel
    chosen: DrawnCreative
    score: float
    treated: float
    """Probability that it is not withheld from the customer; of a draw that is kept, that of when it was made."""


def candidate(ranked: Ranked, channels: Sequence[str], barred: Mapping[str, Reason]) -> Candidate:
    """The campaign with its channels, without those on which the customer cannot or must not be reached."""
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
    """The campaign's channels that the request allows: the customer's preferences first, then the campaign's order."""
    own: Sequence[str] = compiled_campaign.outbound
    if request.channels:
        own = [channel for channel in compiled_campaign.channels if channel in request.channels]
    if not request.preferred_channels:
        return own
    preferred = [channel for channel in request.preferred_channels if channel in own]
    return list(dict.fromkeys((*preferred, *own)))


def gives_way(
    compiled_campaign: CompiledCampaign,
    taken: Sequence[CompiledCampaign],
    room: int,
    placement: Placement | None,
) -> Reason | None:
    """Why the campaign cannot be offered beside those taken; None if it can.

    room: how many offers the request allows. Reasons that more room would not remove take precedence.
    """
    group, category = compiled_campaign.campaign.group, compiled_campaign.offer.category
    if group:
        for other in taken:
            if other.campaign.group == group:
                return Reason(ReasonCode.GROUP_TAKEN, other.campaign.name)
    if placement is not None and _is_full(category, taken, placement.max_per_category):
        return Reason(ReasonCode.CATEGORY_FULL, category)
    if len(taken) >= room:
        return Reason(ReasonCode.OUTRANKED, taken[-1].campaign.name)
    same_offer = next((other for other in taken if other.offer is compiled_campaign.offer), None)
    return None if same_offer is None else Reason(ReasonCode.OUTRANKED, same_offer.campaign.name)


def _is_full(category: str, taken: Sequence[CompiledCampaign], limit: int | None) -> bool:
    """Whether the category already has as many offers as the placement allows; an empty category has no limit."""
    if limit is None or not category:
        return False
    return sum(other.offer.category == category for other in taken) >= limit
