"""Candidates: ranked campaigns with the channels to try, and which of them exclude each other in one response."""

from collections.abc import Mapping, Sequence
from math import inf
from typing import NamedTuple

from engine.decide.arbitrate.campaign import CampaignChannel, CompiledCampaign
from engine.decide.arbitrate.prices import Bidder, Charge, charges
from engine.decide.arbitrate.rank import Ranked
from engine.decide.arbitrate.variants import DrawnCreative
from engine.decide.experiments.bid_prices import BidPrice
from engine.decide.experiments.posteriors import Propensity
from engine.decide.pressure.registry import CODES
from engine.model.decision import Reason, ReasonCode
from engine.model.request import Request
from engine.rulebook.model.book import Category, Channel, Placement

_NO_PRICES: Mapping[str, BidPrice] = {}


class Turn(NamedTuple):
    """Consecutive channels of a candidate that cost the same, and so are tried at one score."""

    score: float
    """Net of the channels' cost."""
    channels: Sequence[str]


class Candidate(NamedTuple):
    """An eligible campaign with its score."""

    compiled_campaign: CompiledCampaign
    score: float
    """Where scores are net: of the first channel to try."""
    channels: Sequence[str]
    """The channels to try, in this order."""
    lost: Sequence[Reason]
    """Why its other channels cannot be tried."""
    propensity: Propensity | None = None
    """The learned propensity by which it was ranked."""
    cost: float = 0.0
    """What the score is less than value × propensity × boosts; 0 where scores are gross."""
    turns: Sequence[Turn] = ()
    """Where scores are net: its channels in the order in which they are tried; empty: all of them at one score."""


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


def net_of(
    gross: Candidate,
    channels: Mapping[str, Channel],
    bidder: Bidder,
    prices: Mapping[str, BidPrice] = _NO_PRICES,
) -> Candidate:
    """The candidate with its scores net of what each channel costs, and of the prices of what it takes there.

    channels: empty where scores are gross.

    A commercial campaign is not tried on a channel on which it would earn no more than the contact costs, or no more than the
    prices of what it takes there; a channel that costs nothing is always tried, and service only ranks lower.
    """

    def paid_on(name: str) -> tuple[float, Sequence[Charge]]:
        own = channels[name].cost if channels else 0.0
        if not prices:
            return own, ()
        return own, charges(gross.compiled_campaign, name, gross.score - own, prices, bidder)

    def cost_of(name: str) -> float:
        own, paid = paid_on(name)
        return own + sum(charge.amount for charge in paid)

    is_commercial = gross.compiled_campaign.campaign.category is Category.COMMERCIAL
    turns: list[Turn] = []
    lost = list(gross.lost)
    for name in gross.channels:
        cost = cost_of(name)
        net = gross.score - cost
        if is_commercial and cost and net <= 0:
            lost.append(_why_not(name, *paid_on(name), gross.score))
        elif turns and turns[-1].score == net:
            turns[-1] = Turn(net, (*turns[-1].channels, name))
        else:
            turns.append(Turn(net, (name,)))
    tried = tuple(name for turn in turns for name in turn.channels)
    cost = next((cost_of(name) for name in (*tried, *gross.channels)), 0.0)
    if cost == inf:
        cost = channels[gross.channels[0]].cost if channels else 0.0
    return gross._replace(score=gross.score - cost, channels=tried, lost=lost, cost=cost, turns=turns)


def _why_not(channel: str, cost: float, paid: Sequence[Charge], score: float) -> Reason:
    """Why the channel is not tried: what it costs, or the scarce counter that asks most."""
    if not paid or (cost and score <= cost):
        return Reason(ReasonCode.NOT_WORTH_IT, channel)
    rule = max(paid, key=lambda charge: charge.amount).rule
    return Reason(CODES[rule.kind], rule.name)


def in_turn(candidates: Sequence[Candidate]) -> list[tuple[int, Turn]]:
    """The turns of candidates that are given best first, each with its candidate's place among them.

    A candidate that fails on a channel is tried again at the score of its next one, but no earlier than where it failed: the
    order of a campaign's channels is that of preference, and does not go by cost.
    """
    entries: list[tuple[int, float, int, int, Turn]] = []
    for index, candidate in enumerate(candidates):
        worst = candidate.score
        for number, turn in enumerate(candidate.turns or (Turn(candidate.score, ()),)):
            worst = min(worst, turn.score)
            entries.append((-candidate.compiled_campaign.campaign.tier, -worst, index, number, turn))
    entries.sort(key=lambda entry: entry[:4])
    return [(index, turn) for _, _, index, _, turn in entries]


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
