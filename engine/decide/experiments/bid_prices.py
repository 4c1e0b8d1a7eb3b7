"""Bid prices of counters that all customers share: what a contact has to be worth to take from what is scarce.

Talluri and van Ryzin, "An Analysis of Bid-Price Controls for Network Revenue Management", Management Science 44, 1998.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from engine.model.instant import Instant


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
    tie: int | None = None
    """Of scores equal to the cut-off, only larger ties get it; None: none does."""


class PreviewedPrices(NamedTuple):
    """Prices as a preview found them."""

    prices: tuple[BidPrice, ...] = ()
    run: str = ""
    """By what they were found: book, version, way and moment."""


NO_PREVIEWED_PRICES = PreviewedPrices()
"""No prices."""


class BidPrices:
    """The prices of counters, by moment."""

    __slots__ = ("_prices", "is_given")

    def __init__(self, prices: Iterable[BidPrice] = (), *, is_given: bool = False) -> None:
        """is_given: they are of a send, or of a logged decision, and hold for books, too, that do not read prices."""
        self._prices = sorted(prices, key=lambda price: price.since)
        self.is_given = is_given

    def at(self, now: Instant) -> Mapping[str, BidPrice]:
        """The price of each counter that has one: of those that hold, the one that began last."""
        holding = {price.counter: price for price in self._prices if price.since <= now}
        return {
            counter: price for counter, price in holding.items() if price.until is None or now < price.until
        }


NO_BID_PRICES = BidPrices()
