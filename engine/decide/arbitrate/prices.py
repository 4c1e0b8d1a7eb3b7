"""Bid prices of counters that all customers share: what a contact has to be worth to take from what is scarce.

Talluri and van Ryzin, "An Analysis of Bid-Price Controls for Network Revenue Management", Management Science 44, 1998.
"""

from collections.abc import Iterable, Mapping
from math import inf
from typing import NamedTuple

from engine.decide.arbitrate.campaign import CompiledCampaign
from engine.model.instant import Instant
from engine.rulebook.model.book import Category


class BidPrice(NamedTuple):
    """The price of a counter, or its cut-off, while it holds."""

    counter: str
    tier: int | None
    """The tier in which the counter runs short: higher ones pay nothing, and lower ones do not get it. None: nobody pays."""
    price: float
    """Of one piece, or of one of the currency."""
    cut_off: float | None
    """Only higher scores get it; None: there is no cut-off."""
    since: Instant
    until: Instant | None
    """None: it holds until another one does."""


class BidPrices:
    """The prices of counters, by moment."""

    __slots__ = ("_prices",)

    def __init__(self, prices: Iterable[BidPrice] = ()) -> None:
        self._prices = sorted(prices, key=lambda price: price.since)

    def at(self, now: Instant) -> Mapping[str, BidPrice]:
        """The price of each counter that has one: of those that hold, the one that began last."""
        holding = {price.counter: price for price in self._prices if price.since <= now}
        return {
            counter: price for counter, price in holding.items() if price.until is None or now < price.until
        }


NO_BID_PRICES = BidPrices()


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
