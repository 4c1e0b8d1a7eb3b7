"""Counters that all customers share, in shards, and what contacts hold of them. All inside of a transaction.

Who holds a row of a counter may change what it counts, by that row and by holdings that he has locked. Rows are waited for
in one order, all at once, by a transaction that holds none; holdings are not waited for. So nobody waits in a ring.
"""

from collections.abc import Sequence
from typing import NamedTuple

from engine.ledger.store.rows import CounterRow, HoldingRow
from engine.ledger.store.statements import Select
from engine.ledger.store.store import Store
from engine.ledger.store.tables import CounterTable, HoldingTable
from engine.model.instant import Instant

MOST_DUE = 1000
"""Holdings that are given back in one go, so that no group pays for a night of them."""


CounterKey = tuple[str, Instant]
"""Counter and period."""


HoldingKey = tuple[str, int, str]
"""Decision, position, counter."""


_COLUMNS = "c.counter, c.period, c.shard, c.used, c.quota, c.divided"


_READ = Select(
    f"{_COLUMNS}, EXISTS (SELECT 1 FROM holdings AS h WHERE h.counter = c.counter AND h.period = c.period"
    " AND h.expires_at <= asked.now)",
    "FROM :given(counter text, period bigint, now bigint) AS asked CROSS JOIN counters AS c"
    " WHERE c.counter = asked.counter AND c.period = asked.period",
)


_SEEN = Select(
    "coalesce((SELECT sum(c.used) FROM counters AS c WHERE c.counter = asked.counter AND c.period = asked.period), 0)"
    " - (SELECT count(*) FROM holdings AS h WHERE h.counter = asked.counter AND h.period = asked.period"
    " AND h.expires_at <= asked.now)",
    "FROM :given(counter text, period bigint, now bigint) AS asked",
)


_LOCK_ONE = Select(
    _COLUMNS,
    "FROM :given(counter text, period bigint, divided bigint) AS asked CROSS JOIN LATERAL ("
    "SELECT * FROM counters AS s WHERE s.counter = asked.counter AND s.period = asked.period"
    " AND s.used < s.quota AND asked.divided IN (-1, s.divided)"
    " ORDER BY s.quota - s.used DESC LIMIT 1 FOR UPDATE SKIP LOCKED) AS c",
)


_LOCK_ALL = Select(
    _COLUMNS,
    "FROM counters AS c WHERE (c.counter, c.period) IN (SELECT counter, period FROM :given(counter text, period bigint) AS g)"
    " ORDER BY c.counter, c.period, c.shard FOR UPDATE",
)


_DUE = Select(
    "expires_at, decision_id, position",
    "FROM holdings WHERE counter = ? AND period = ? AND expires_at <= ?"
    f" ORDER BY expires_at, decision_id, position LIMIT {MOST_DUE} OFFSET ?",
)


_DUE_AND_FREE = Select(_DUE.columns, f"{_DUE.source} FOR UPDATE SKIP LOCKED")


_HOLDINGS = Select(
    "h.decision_id, h.position, h.counter, h.period, h.counted, h.expires_at",
    "FROM :given(decision_id text, position bigint) AS asked CROSS JOIN holdings AS h"
    " WHERE h.decision_id = asked.decision_id AND h.position = asked.position",
)


_HOLDINGS_FREE = Select(_HOLDINGS.columns, f"{_HOLDINGS.source} FOR UPDATE OF h SKIP LOCKED")


_GIVE_BACK = """
    UPDATE holdings SET counted = false, expires_at = NULL
      FROM :given(decision_id text, position bigint, counter text) AS given
     WHERE holdings.decision_id = given.decision_id AND holdings.position = given.position
       AND holdings.counter = given.counter"""


_KEEP = _GIVE_BACK.replace("counted = false", "counted = true")


_WRITTEN = """
    ON CONFLICT (counter, period, shard) DO UPDATE
      SET used = excluded.used, quota = excluded.quota, divided = excluded.divided"""


class Due(NamedTuple):
    """A holding whose time is over."""

    expires_at: Instant
    decision_id: str
    position: int


def read(store: Store, keys: Sequence[CounterKey], now: Instant) -> list[tuple[CounterRow, bool]]:
    """The rows as they are, locked by nobody, and whether anything of the counter is due."""
    rows = store.select(_READ, [(*key, now) for key in keys])
    return [(CounterRow(*row[:6]), bool(row[6])) for row in rows]


def seen(store: Store, key: CounterKey, now: Instant) -> int:
    """How many contacts count at the moment."""
    ((count,),) = store.select(_SEEN, [(*key, now)])
    return int(count)


def lock_one(store: Store, keys: Sequence[tuple[str, Instant, int]]) -> list[CounterRow]:
    """Of each counter one row of which something is left and that nobody holds, if there is one.

    keys: with the limit by which it must be divided, or -1. Where something is left the quotas are no more than the limit;
    where contacts were counted above it nothing is left of any row, and all of them are needed to give one back.
    """
    return [CounterRow(*row) for row in store.select(_LOCK_ONE, keys)]


def lock_all(store: Store, keys: Sequence[CounterKey]) -> list[CounterRow]:
    """All rows of the counters, made where there are none. Waits for those who hold one; the transaction must hold none."""
    new = [CounterRow(*key, shard, 0, 0, 0) for key in sorted(keys) for shard in range(store.shards)]
    store.insert(CounterTable, new, "ON CONFLICT DO NOTHING")
    return [CounterRow(*row) for row in store.select(_LOCK_ALL, [tuple(key) for key in keys])]


def due(store: Store, key: CounterKey, now: Instant, *, skip: int = 0) -> list[Due]:
    """The oldest holdings whose time is over, at most MOST_DUE after the first `skip`; those that nobody else is at."""
    return [Due(*row) for row in store.select(_DUE_AND_FREE if store.shards > 1 else _DUE, *key, now, skip)]


def holdings(store: Store, contacts: Sequence[tuple[str, int]], *, free: bool = False) -> list[HoldingRow]:
    """What these contacts (decision, position) hold or held. free: of that, what nobody else is at, locked."""
    statement = _HOLDINGS_FREE if free and store.shards > 1 else _HOLDINGS
    return [HoldingRow(*row) for row in store.select(statement, contacts)]


def give_back(store: Store, held: Sequence[HoldingKey]) -> None:
    """Notes that these do not count, and that this is settled."""
    if held:
        store.change(_GIVE_BACK, held)


def keep(store: Store, held: Sequence[HoldingKey]) -> None:
    """Notes that these count, and that this is settled."""
    if held:
        store.change(_KEEP, held)


def hold(store: Store, rows: Sequence[HoldingRow]) -> None:
    """Adds holdings."""
    store.insert(HoldingTable, rows)


def write(store: Store, rows: Sequence[CounterRow]) -> None:
    """Writes rows of counters that the transaction holds."""
    store.insert(CounterTable, rows, _WRITTEN)
