"""Reads and writes the prices of counters that all customers share."""

from collections.abc import Iterable, Mapping
from math import isfinite
from typing import Any

from engine.decide.experiments.bid_prices import BidPrice, BidPrices
from engine.ledger.store.rows import PriceRow
from engine.ledger.store.statements import Select, columns
from engine.ledger.store.store import Store
from engine.model.instant import SECOND, Instant

AHEAD = 120 * SECOND
"""How long before they hold prices are written at least, so that every server has read them by then."""


_PRICES = Select(columns(PriceRow._fields), "FROM prices ORDER BY counter, since")
"""All prices: one that ended hides those before it."""


_REPLACE = """
    ON CONFLICT (counter, since) DO UPDATE SET tier = excluded.tier, price = excluded.price,
      cut_off = excluded.cut_off, until = excluded.until, run = excluded.run, created_at = excluded.created_at"""


_DELETE_OLD = (
    "DELETE FROM prices WHERE EXISTS (SELECT 1 FROM prices AS newer WHERE newer.counter = prices.counter"
    " AND newer.since > prices.since AND newer.since < ?)"
)
"""Deletes prices that were replaced before an instant."""

_KEPT = 7 * 86_400 * SECOND
"""How long replaced prices are kept, for clocks that differ and for who looks at them."""


def write_prices(store: Store, prices: Iterable[BidPrice], *, run: str, now: Instant) -> None:
    """Adds prices, inside a transaction; one of the same counter and moment is replaced.

    run: the name of what they were found by. Raises ValueError for prices that begin before all servers can have read them.
    """
    rows = [
        PriceRow(price.counter, price.since, price.tier, price.price, price.cut_off, price.until, run, now)
        for price in prices
    ]
    if any(row.since < now + AHEAD for row in rows):
        raise ValueError("prices begin two minutes from now or later, when every server has read them")
    store.insert(PriceRow, rows, _REPLACE)
    store.change(_DELETE_OLD, now - _KEPT)


def bid_prices_of(shares: Mapping[str, Any], since: Instant, until: Instant | None = None) -> list[BidPrice]:
    """The prices of a plan that shared out counters by `best` or `value`, as its document has them.

    Of a counter that suffices it has none, which replaces what was before. until: None: each ends with its counter's period.
    Raises ValueError, TypeError or KeyError for what is no such document.
    """
    return [_bid_price(counter, str(shares["way"]), since, until) for counter in shares["counters"]]


def _bid_price(counter: Mapping[str, Any], way: str, since: Instant, until: Instant | None) -> BidPrice:
    ends, cut = counter["until"] if until is None else until, counter["cut_off"]
    numbers = (counter["price"], 0.0 if cut is None else cut["score"])
    if not all(isfinite(number) for number in numbers) or counter["price"] < 0:
        raise ValueError("a price is no number of at least 0")
    name = str(counter["counter"])
    if way == "best":
        if cut is None:
            return BidPrice(name, None, 0.0, None, since, ends)
        tie = cut.get("tie")
        return BidPrice(
            name, int(cut["tier"]), 0.0, float(cut["score"]), since, ends, None if tie is None else int(tie)
        )
    tier = counter["price_tier"]
    return BidPrice(name, None if tier is None else int(tier), float(counter["price"]), None, since, ends)


def price_rows(store: Store) -> list[PriceRow]:
    """The prices by counter and time: those that hold, those to come, and those that were replaced lately."""
    return [PriceRow(*row) for row in store.select(_PRICES)]


def bid_prices(store: Store) -> BidPrices:
    """The same, for evaluations."""
    return BidPrices(
        BidPrice(row.counter, row.tier, row.price, row.cut_off, row.since, row.until)
        for row in price_rows(store)
    )
