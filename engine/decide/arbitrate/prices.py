"""What contacts pay to the counters that all customers share, where those have bid prices."""

from collections.abc import Mapping
from math import inf

from engine.decide.arbitrate.campaign import CompiledCampaign
from engine.decide.experiments.bid_prices import BidPrice
from engine.rulebook.model.book import Category


def charges(
    compiled_campaign: CompiledCampaign, channel: str, score: float, prices: Mapping[str, BidPrice]
) -> dict[str, float]:
    """What a contact on the channel pays to each counter, in units of scores; infinite where the counter refuses it.

    score: before prices. Service is never refused.
    """
    campaign = compiled_campaign.campaign
    paid: dict[str, float] = {}
    for rule in compiled_campaign.campaign_channels[channel].quotas:
        price = prices.get(rule.counter)
        if price is None or price.tier is None or campaign.tier > price.tier:
            continue
        below = campaign.tier < price.tier or (price.cut_off is not None and score <= price.cut_off)
        if below and campaign.category is Category.COMMERCIAL:
            paid[rule.counter] = inf
        elif campaign.tier == price.tier and price.price:
            paid[rule.counter] = price.price * rule.amount / rule.unit
    return paid
