"""What contacts pay to the counters that all customers share, where those have bid prices or cut-offs."""

from collections.abc import Mapping
from math import inf
from typing import NamedTuple

from engine.decide.arbitrate.campaign import CompiledCampaign
from engine.decide.experiments.bid_prices import BidPrice
from engine.decide.experiments.bucketing import identity, stable_hash
from engine.decide.pressure.quotas import QuotaRule
from engine.model.values import Attributes
from engine.rulebook.model.book import Category

LARGEST_TIE = (1 << 64) - 1
_SERVICE = 1 << 40
"""Added to the tier of service, before which nothing commercial goes where something is scarce."""


class Bidder(NamedTuple):
    """The customer who asks for what is scarce."""

    salt: str
    customer: str
    attributes: Attributes


class Charge(NamedTuple):
    """What a contact pays to a counter."""

    rule: QuotaRule
    amount: float
    """In units of scores; infinite where the counter refuses it."""
    cut_off: float | None
    """The score above which the counter refuses nothing, where it refuses this one."""


def charges(
    compiled_campaign: CompiledCampaign,
    channel: str,
    score: float,
    prices: Mapping[str, BidPrice],
    bidder: Bidder,
) -> list[Charge]:
    """What a contact on the channel pays to each counter that has a price.

    score: before prices, less what the channel costs. Service pays nothing and is never refused.
    """
    tier = compiled_campaign.campaign.tier
    if compiled_campaign.campaign.category is Category.SERVICE:
        return []
    paid = []
    for rule in compiled_campaign.campaign_channels[channel].at(bidder.attributes).quotas:
        price = prices.get(rule.counter)
        if price is None or price.tier is None or tier > price.tier:
            continue
        if tier < price.tier or not _is_above(score, price, compiled_campaign, bidder):
            paid.append(Charge(rule, inf, price.cut_off if tier == price.tier else None))
        elif price.price:
            paid.append(Charge(rule, price.price * rule.amount / rule.unit, None))
    return paid


def tie_of(prefix: bytes, compiled_campaign: CompiledCampaign) -> int:
    """What decides among equal scores, the larger going first; prefix: the identity of salt and customer."""
    return LARGEST_TIE - stable_hash(prefix + compiled_campaign.identity)


def tier_of(compiled_campaign: CompiledCampaign) -> int:
    """The tier by which counters prefer: that of service is above all others."""
    campaign = compiled_campaign.campaign
    return campaign.tier + (_SERVICE if campaign.category is Category.SERVICE else 0)


def _is_above(score: float, price: BidPrice, compiled_campaign: CompiledCampaign, bidder: Bidder) -> bool:
    """Whether the score, and at an equal one the tie, is above the cut-off."""
    if price.cut_off is None or score > price.cut_off:
        return True
    if score < price.cut_off or price.tie is None:
        return False
    return tie_of(identity(bidder.salt, bidder.customer), compiled_campaign) > price.tie
