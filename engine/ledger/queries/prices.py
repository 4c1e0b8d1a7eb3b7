"""Reads and writes the prices of counters that all customers share."""

from collections.abc import Iterable

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


def price_rows(store: Store) -> list[PriceRow]:
    """The prices by counter and time: those that hold, those to come, and those that were replaced lately."""
    return [PriceRow(*row) for row in store.select(_PRICES)]


def bid_prices(store: Store) -> BidPrices:
    """The same, for evaluations."""
    return BidPrices(
        BidPrice(row.counter, row.tier, row.price, row.cut_off, row.since, row.until)
        for row in price_rows(store)
    )
