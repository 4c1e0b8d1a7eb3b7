"""Prices and cut-offs of what is scarce, for pairs of customer and campaign.

The engine says who pays what and who is refused. Here is only where its answer can change: the scores at which a campaign's
channels begin to be worth their price or pass a cut-off. Between two of them one customer stands for all.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from engine.batch.columns import Bools, Codes, ScoreColumn
from engine.batch.order import TieBreaker
from engine.decide.arbitrate.campaign import CompiledCampaign
from engine.decide.arbitrate.prices import LARGEST_TIE
from engine.decide.experiments.bid_prices import BidPrice
from engine.rulebook.model.book import Category

_NO_NUMBER = 1 << 16
"""The code of pairs whose score is not a number."""


class PricedCampaigns:
    """What the prices in force are to each campaign."""

    def __init__(self, campaigns: Sequence[CompiledCampaign], prices: Mapping[str, BidPrice]) -> None:
        self.why_exact = ""
        """Why columns cannot decide by these prices; empty if they can."""
        self._cuts: dict[int, list[tuple[float, int]]] = {}
        """By campaign, the scores and ties that have to be exceeded, by some channel or other."""
        self.is_charged = False
        """Whether scores are less by prices, which profiles have."""
        for number, own in enumerate(campaigns):
            if prices and own.campaign.category is Category.COMMERCIAL:
                self._add(number, own, prices)

    def codes(self, rows: Codes, campaigns: Codes, scores: ScoreColumn, ties: TieBreaker) -> Codes:
        """Of each pair, how many of its campaign's thresholds it exceeds; scores: before prices."""
        codes = np.zeros(len(rows), np.int64)
        for number, cuts in self._cuts.items():
            members = np.flatnonzero(campaigns == number)
            if len(members):
                codes[members] = sum(
                    _exceeds(rows[members], campaigns[members], scores[members], cut, ties) for cut in cuts
                )
        if self._cuts:
            codes[np.isnan(scores)] = _NO_NUMBER
        return codes

    def _add(self, number: int, own: CompiledCampaign, prices: Mapping[str, BidPrice]) -> None:
        charges: set[float] = set()
        cuts: set[tuple[float, int]] = set()
        tier, is_shut = own.campaign.tier, False
        for on in own.campaign_channels.values():
            held = [(rule, price) for rule in on.quotas if (price := prices.get(rule.counter)) is not None]
            paid = [
                price.price * rule.amount / rule.unit
                for rule, price in held
                if price.tier == tier and price.price
            ]
            if any(price.tier is not None and tier < price.tier for _, price in held):
                is_shut = True
                continue
            charges.add(0.0 + sum(paid))
            cuts.update(
                (price.cut_off, LARGEST_TIE if price.tie is None else price.tie)
                for _, price in held
                if price.tier == tier and price.cut_off is not None
            )
        if not charges or charges == {0.0}:
            pass
        elif len(charges) > 1 or cuts or is_shut:
            self.why_exact = "channels of a campaign take from counters of different prices"
        else:
            self.is_charged = True
            cuts.add((charges.pop(), LARGEST_TIE))
        if cuts:
            self._cuts[number] = sorted(cuts)


def _exceeds(
    rows: Codes, campaigns: Codes, scores: ScoreColumn, cut: tuple[float, int], ties: TieBreaker
) -> Bools:
    score, tie = cut
    above = np.asarray(scores > score, np.bool_)
    level = np.flatnonzero(scores == score)
    if len(level) and tie < LARGEST_TIE:
        hashes, _ = ties.keys(rows[level], campaigns[level])
        above[level] = hashes < np.uint64(LARGEST_TIE - tie)
    return above
