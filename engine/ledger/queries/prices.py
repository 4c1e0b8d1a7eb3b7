"""Reads and writes the prices of counters that all customers share."""

from collections.abc import Iterable, Mapping
from math import isfinite
from typing import Any

from engine.decide.experiments.bid_prices import BidPrice, BidPrices
from engine.ledger.store.rows import PriceRow
from engine.ledger.store.statements import Select, columns
from engine.ledger.store.store import Store
from engine.model.instant import SECOND, Instant, to_datetime

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

_LOGGED = range(-(1 << 63), 1 << 63)
"""Whole numbers that a log holds."""

_TIES = range(1 << 64)

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
    Raises ValueError, TypeError, KeyError or OverflowError for what is no such document.
    """
    return [_bid_price(counter, str(shares["way"]), since, until) for counter in shares["counters"]]


def _bid_price(counter: Mapping[str, Any], way: str, since: Instant, until: Instant | None) -> BidPrice:
    ends = _whole(counter["until"]) if until is None else until
    if ends is not None:
        to_datetime(ends)
    name, price, cut = counter["counter"], counter["price"], counter["cut_off"]
    if not isinstance(name, str) or not name.isprintable():
        raise ValueError("the name of a counter is printable text")
    if not isfinite(price) or price < 0:
        raise ValueError("a price is no number of at least 0")
    if way != "best":
        return BidPrice(name, _whole(counter["price_tier"]), float(price), None, since, ends)
    if cut is None:
        return BidPrice(name, None, 0.0, None, since, ends)
    tier, score = _whole(cut["tier"]), float(cut["score"])
    if tier is None or not isfinite(score):
        raise ValueError("a cut-off is no tier and score")
    return BidPrice(name, tier, 0.0, score, since, ends, _whole(cut.get("tie"), _TIES))


def _whole(number: Any, within: range = _LOGGED) -> int | None:
    """The whole number; raises ValueError for what is none within the range."""
    if number is None:
        return None
    if type(number) is not int or number not in within:
        raise ValueError("a tier, a tie or an end is no whole number of 64 bits")
    return number


def price_rows(store: Store) -> list[PriceRow]:
    """The prices by counter and time: those that hold, those to come, and those that were replaced lately."""
    return [PriceRow(*row) for row in store.select(_PRICES)]


def bid_prices(store: Store) -> BidPrices:
    """The same, for evaluations."""
    return BidPrices(
        BidPrice(row.counter, row.tier, row.price, row.cut_off, row.since, row.until)
        for row in price_rows(store)
    )
