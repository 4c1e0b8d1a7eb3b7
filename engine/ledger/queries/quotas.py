"""Reads, locks and writes counters that all customers share, in shards, and what contacts hold of them.

Whoever has locked a row of a counter may change what it counts, by that row and by holdings that they have locked. Rows are
waited for in one order, all at once, by a transaction that holds none; holdings are not waited for. So no two transactions
wait for each other.
"""

from collections.abc import Sequence
from typing import NamedTuple

from engine.ledger.store.rows import CounterRow, HoldingRow
from engine.ledger.store.statements import Select, columns
from engine.ledger.store.store import Store
from engine.model.instant import Instant

MOST_DUE = 1000
"""Holdings that are given back at a time, so that no group pays for a night of them."""


CounterKey = tuple[str, Instant]
"""Counter and period."""


HoldingKey = tuple[str, int, str]
"""decision_id, position, counter."""


class DueHolding(NamedTuple):
    """A holding that is to be given back."""

    expires_at: Instant
    decision_id: str
    position: int
    amount: int


_IN_ORDER = columns(DueHolding._fields[:3])


_COUNTER = columns(CounterRow._fields, "c")


_READ = Select(
    f"{_COUNTER}, EXISTS (SELECT 1 FROM holdings AS h WHERE h.counter = c.counter AND h.period = c.period"
    " AND h.expires_at <= given.now)",
    "FROM :given(counter text, period bigint, now bigint) AS given CROSS JOIN counters AS c"
    " WHERE c.counter = given.counter AND c.period = given.period",
)
"""The rows of counters, and whether any holding of the counter is due at an instant."""


_PEEK = Select(
    "coalesce((SELECT sum(c.used) FROM counters AS c WHERE c.counter = given.counter AND c.period = given.period), 0)"
    " - (SELECT coalesce(sum(h.amount), 0) FROM holdings AS h WHERE h.counter = given.counter AND h.period = given.period"
    " AND h.expires_at <= given.now)",
    "FROM :given(counter text, period bigint, now bigint) AS given",
)
"""What counts at an instant."""


_PEEK_ALL = Select(f"given.counter, given.period, {_PEEK.columns}", _PEEK.source)
"""The same for several counters."""


_SUM_DUE = Select(
    "coalesce(sum(h.amount), 0)",
    "FROM holdings AS h WHERE h.counter = ? AND h.period = ? AND h.expires_at <= ?",
)
"""The holdings of a counter that are due at an instant, added up."""


_LOCK_ONE = Select(
    _COUNTER,
    "FROM :given(counter text, period bigint, divided bigint) AS given CROSS JOIN LATERAL ("
    "SELECT * FROM counters AS s WHERE s.counter = given.counter AND s.period = given.period"
    " AND s.used < s.quota AND given.divided IN (-1, s.divided)"
    " ORDER BY s.quota - s.used DESC LIMIT 1 FOR UPDATE SKIP LOCKED) AS c",
)
"""Locks the shard of each counter that has most left, of those that are divided by the limit and not locked."""


_LOCK_ALL = Select(
    _COUNTER,
    "FROM counters AS c WHERE (c.counter, c.period) IN (SELECT counter, period FROM :given(counter text, period bigint) AS g)"
    " ORDER BY c.counter, c.period, c.shard FOR UPDATE",
)
"""Locks all shards of counters; waits for them."""


_DUE = Select(
    columns(DueHolding._fields),
    "FROM holdings WHERE counter = ? AND period = ? AND expires_at <= ?"
    f" ORDER BY {_IN_ORDER} LIMIT {MOST_DUE} OFFSET ?",
)
"""The holdings of a counter that are due, the oldest first."""


_DUE_AND_FREE = Select(_DUE.columns, f"{_DUE.source} FOR UPDATE SKIP LOCKED")
"""The same, locked, of those that are not locked."""


_PENDING = Select(
    columns(DueHolding._fields),
    f"FROM holdings WHERE counter = ? AND period = ? AND expires_at > ? ORDER BY {_IN_ORDER} LIMIT ?",
)
"""The holdings of a counter that end by themselves later than an instant, the first to end first."""


_HOLDINGS = Select(
    columns(HoldingRow._fields, "h"),
    "FROM :given(decision_id text, position bigint) AS given CROSS JOIN holdings AS h"
    " WHERE h.decision_id = given.decision_id AND h.position = given.position",
)
"""The holdings of contacts."""


_HOLDINGS_FREE = Select(_HOLDINGS.columns, f"{_HOLDINGS.source} FOR UPDATE OF h SKIP LOCKED")
"""The same, locked, of those that are not locked."""


_GIVE_BACK = """
    UPDATE holdings SET counted = false, expires_at = NULL
      FROM :given(decision_id text, position bigint, counter text) AS given
     WHERE holdings.decision_id = given.decision_id AND holdings.position = given.position
       AND holdings.counter = given.counter"""
"""Holdings do not count from now on, and do not expire."""


_KEEP = _GIVE_BACK.replace("counted = false", "counted = true")
"""Holdings count from now on, and do not expire."""


_REPLACE = """
    ON CONFLICT (counter, period, shard) DO UPDATE
      SET used = excluded.used, quota = excluded.quota, divided = excluded.divided"""
"""A written row replaces the one of the same shard."""


def read(store: Store, keys: Sequence[CounterKey], now: Instant) -> list[tuple[CounterRow, bool]]:
    """The rows of the counters, without locking them, and whether any holding of the counter is due."""
    rows = store.select(_READ, [(*key, now) for key in keys])
    return [(CounterRow(*row[:6]), bool(row[6])) for row in rows]


def peek(store: Store, key: CounterKey, now: Instant) -> int:
    """What counts at the moment, without locking anything."""
    ((count,),) = store.select(_PEEK, [(*key, now)])
    return int(count)


def peek_all(store: Store, keys: Sequence[CounterKey], now: Instant) -> dict[CounterKey, int]:
    """What of each counter counts at the instant, without locking them."""
    rows = store.select(_PEEK_ALL, [(*key, now) for key in keys]) if keys else ()
    return {(counter, period): int(counted) for counter, period, counted in rows}


def sum_due(store: Store, key: CounterKey, now: Instant) -> int:
    """The holdings that are due at the moment, added up, without locking anything."""
    ((amount,),) = store.select(_SUM_DUE, *key, now)
    return int(amount)


def lock_one(store: Store, keys: Sequence[tuple[str, Instant, int]]) -> list[CounterRow]:
    """Locks one shard of each counter that has something left and is not locked, if there is one; does not wait.

    keys: with the limit by which the counter must be divided, or -1. Where something is left, the quotas are no more than
    the limit; where contacts were counted above it, nothing is left of any row, and giving one back takes all of them.
    """
    return [CounterRow(*row) for row in store.select(_LOCK_ONE, keys)]


def lock_all(store: Store, keys: Sequence[CounterKey]) -> list[CounterRow]:
    """Locks all shards of the counters, made where there are none. Waits for them; the transaction must have locked none."""
    new = [CounterRow(*key, shard, 0, 0, 0) for key in sorted(keys) for shard in range(store.shards)]
    store.insert(CounterRow, new, "ON CONFLICT DO NOTHING")
    return [CounterRow(*row) for row in store.select(_LOCK_ALL, [tuple(key) for key in keys])]


def due(store: Store, key: CounterKey, now: Instant, *, skip: int = 0) -> list[DueHolding]:
    """The oldest holdings that are due and not locked, at most MOST_DUE after the first `skip`."""
    statement = _DUE_AND_FREE if store.shards > 1 else _DUE
    return [DueHolding(*row) for row in store.select(statement, *key, now, skip)]


def pending(store: Store, key: CounterKey, now: Instant, most: int) -> list[DueHolding]:
    """The first holdings that end by themselves after the moment, without locking anything."""
    return [DueHolding(*row) for row in store.select(_PENDING, *key, now, most)]


def holdings(store: Store, contacts: Sequence[tuple[str, int]], *, free: bool = False) -> list[HoldingRow]:
    """What these contacts (decision_id, position) hold or held. free: locks them, and leaves out those that are locked."""
    statement = _HOLDINGS_FREE if free and store.shards > 1 else _HOLDINGS
    return [HoldingRow(*row) for row in store.select(statement, contacts)]


def give_back(store: Store, held: Sequence[HoldingKey]) -> None:
    """Gives back holdings: they do not count from now on, and do not expire."""
    if held:
        store.change(_GIVE_BACK, held)


def keep(store: Store, held: Sequence[HoldingKey]) -> None:
    """Confirms holdings: they count from now on, and do not expire."""
    if held:
        store.change(_KEEP, held)


def hold(store: Store, rows: Sequence[HoldingRow]) -> None:
    """Adds holdings."""
    store.insert(HoldingRow, rows)


def write(store: Store, rows: Sequence[CounterRow]) -> None:
    """Writes rows of counters that the transaction has locked."""
    store.insert(CounterRow, rows, _REPLACE)
