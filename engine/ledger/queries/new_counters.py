"""Counts earlier contacts for counters that are new to the log, by an index of offer, campaign, channel and time."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from engine.decide.pressure.counters import QuotaKey
from engine.ledger.store.rows import CounterRow
from engine.ledger.store.statements import Select
from engine.ledger.store.store import Store
from engine.model.instant import Instant


class ContactGroup(NamedTuple):
    """Offer, campaign and channel that contacts of the log have together."""

    offer: str
    campaign: str
    channel: str


class Span(NamedTuple):
    """From when (inclusive) until when (exclusive) contacts are counted, and of which kind; empty: of any."""

    since: Instant
    until: Instant
    kind: str


_PRESENT = Select(
    "given.counter, given.period",
    "FROM :given(counter text, period bigint) AS given WHERE EXISTS (SELECT 1 FROM counters AS c"
    " WHERE c.counter = given.counter AND c.period = given.period)",
)
"""Those of the counters that are in the log."""


_KNOWN = Select(
    "given.counter",
    "FROM :given(counter text) AS given WHERE EXISTS (SELECT 1 FROM counters AS c WHERE c.counter = given.counter)",
)
"""Those of the names that some counter of the log has."""


_LATEST = Select(
    "given.counter, given.at, (SELECT max(c.period) FROM counters AS c"
    " WHERE c.counter = given.counter AND c.period <= given.at)",
    "FROM :given(counter text, at bigint) AS given",
)
"""The latest period of counters at an instant, if they are in the log."""


_ANY = Select("count(*)", "FROM (SELECT 1 FROM counters LIMIT 1) AS found")
"""Whether the log has any counter."""


_OLD = Select(
    "counter, period, shard", "FROM counters WHERE counter = ? AND period < ? ORDER BY counter, period, shard"
)
"""The rows of a counter's earlier periods."""


_OLD_AND_FREE = Select(_OLD.columns, f"{_OLD.source} FOR UPDATE SKIP LOCKED")
"""The same, locked, of those that are not locked."""


_DELETE = """
    DELETE FROM counters WHERE (counter, period, shard) IN
      (SELECT given.counter, given.period, given.shard FROM :given(counter text, period bigint, shard bigint) AS given)"""


def _walk(column: str, *fixed: str) -> Select:
    """The values of the column among the contacts with the given values of others: from one to the next by the index."""
    names, same = ", ".join((*fixed, column)), "".join(f" AND c.{name} = g.{name}" for name in fixed)
    others = "".join(f"g.{name}, " for name in fixed)

    def least(after: str) -> str:
        return (
            f"(SELECT c.{column} FROM contacts AS c WHERE c.state <> 'shadow'{same}{after}"
            f" ORDER BY c.{column} LIMIT 1)"
        )

    given = f":given({', '.join(f'{name} text' for name in fixed)})" if fixed else "(SELECT 1 AS start)"
    return Select(
        ", ".join(f"known.{name}" for name in (*fixed, column)),
        f"FROM (WITH RECURSIVE walk ({names}) AS (SELECT {others}{least('')} FROM {given} AS g UNION ALL"
        f" SELECT {others}{least(f' AND c.{column} > g.{column}')} FROM walk AS g WHERE g.{column} IS NOT NULL)"
        f" SELECT {names} FROM walk WHERE {column} IS NOT NULL) AS known",
    )


_OFFERS, _CAMPAIGNS, _CHANNELS = (
    _walk("offer"),
    _walk("campaign", "offer"),
    _walk("channel", "offer", "campaign"),
)
"""The offers of all contacts, the campaigns of these offers, and the channels of both."""


_OF_GROUP = (
    "FROM contacts AS c WHERE c.state <> 'shadow' AND c.offer = ? AND c.campaign = ? AND c.channel = ?"
    " AND c.at >= ? AND c.at < ? AND ? IN ('', c.kind)"
)


_COUNT = Select("count(*)", f"{_OF_GROUP} AND c.state <> 'released'")
"""How many contacts of a group count, or hold something that is not given back yet."""


_COUNT_NOW = Select(_COUNT.columns, f"{_COUNT.source} AND (c.expires_at IS NULL OR c.expires_at > ?)")
"""The same without those that are given back by an instant."""


_HOLD = (
    "INSERT INTO holdings (decision_id, position, counter, period, counted, expires_at, amount)"
    f" SELECT c.decision_id, c.position, ?, ?, c.state <> 'released', c.expires_at, ? {_OF_GROUP}"
    " ON CONFLICT (decision_id, position, counter) DO UPDATE"
    " SET period = excluded.period, counted = excluded.counted, expires_at = excluded.expires_at, amount = excluded.amount"
)
"""Adds what the contacts of a group hold, or held until they were released.

What they hold of another period they hold of this one from now on: the book's `per` has changed, or another book, that has
no such rule, made them in a period that had no counter (`Quotas.follow`). The other period keeps its count.
"""


def present(store: Store, keys: Sequence[QuotaKey]) -> set[QuotaKey]:
    """Those of the counters that are in the log."""
    return {QuotaKey(*row) for row in store.select(_PRESENT, [tuple(key) for key in keys])}


def known(store: Store, names: Sequence[str]) -> set[str]:
    """Those of the names that some counter of the log has, of whatever period."""
    return {name for (name,) in store.select(_KNOWN, names)}


def latest(store: Store, counters: Sequence[tuple[str, Instant]]) -> dict[tuple[str, Instant], QuotaKey]:
    """By name and moment, the counter of the latest period then; of those that are in the log."""
    rows = store.select(_LATEST, counters)
    return {(name, at): QuotaKey(name, period) for name, at, period in rows if period is not None}


def is_any(store: Store) -> bool:
    """Whether the log has any counter."""
    return bool(store.select(_ANY)[0][0])


def purge(store: Store, counter: str, before: Instant) -> None:
    """Deletes the counter's periods that began before the instant. What contacts held of them stays in `holdings`."""
    rows = store.select(_OLD_AND_FREE if store.shards > 1 else _OLD, counter, before)
    if rows:
        store.change(_DELETE, [tuple(row) for row in rows])


def groups(store: Store) -> list[ContactGroup]:
    """Offer, campaign and channel of all contacts."""
    offers = [offer for (offer,) in store.select(_OFFERS)]
    campaigns = [tuple(row) for row in store.select(_CAMPAIGNS, offers)]
    return [ContactGroup(*row) for row in store.select(_CHANNELS, campaigns)]


def count(store: Store, of_groups: Iterable[tuple[ContactGroup, int]], span: Span, now: Instant) -> int:
    """What a counter would count that is not in the log, as of `add`, without what is given back by now."""
    return sum(
        amount * int(store.select(_COUNT_NOW, *group, span.since, span.until, span.kind, now)[0][0])
        for group, amount in of_groups
    )


def add(store: Store, key: QuotaKey, of_groups: Iterable[tuple[ContactGroup, int]], span: Span) -> None:
    """Adds a counter that counts the contacts of these groups, each with what a contact takes, and what they hold of it."""
    used = 0
    for group, amount in of_groups:
        where = (*group, span.since, span.until, span.kind)
        used += amount * int(store.select(_COUNT, *where)[0][0])
        store.change(_HOLD, *key, amount, *where)
    store.insert(CounterRow, [CounterRow(*key, 0, used, used, 0)])
