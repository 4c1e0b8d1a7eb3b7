"""Finds and deletes what is older than it has to be kept, a few rows at a time.

Finding reads, and may pass over many rows; deleting is by keys in a short transaction. So writers wait for neither.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from engine.ledger.store.rows import BookRow
from engine.ledger.store.statements import Select, columns, id_from
from engine.ledger.store.store import Store
from engine.model.instant import Instant

STEP = 500
"""Rows that are deleted in one transaction."""


class Prunable(NamedTuple):
    """A table whose old rows are deleted."""

    keys: Mapping[str, str]
    """The columns of its primary key with their types, in order."""
    old: Sequence[str]
    """What all makes a row old: `?` is the cut-off, for a decision_id the first id from then on."""
    stays: str = ""
    """Rows that stay however old they are, `?` being the present moment."""
    is_settled: str = "TRUE"
    """What else holds of rows that are deleted."""


_DECISION = {"decision_id": "text"}

PRUNABLE: Mapping[str, Prunable] = {
    "decisions": Prunable(
        _DECISION,
        ("decision_id < ?",),
        "(outcome = 'blocked' AND next_allowed_at IS NOT NULL AND next_allowed_at >= ? AND placement IS NULL)",
    ),
    "challenges": Prunable(_DECISION, ("decision_id < ?",)),
    "requests": Prunable({"request_id": "text", "decision_id": "text"}, ("decision_id < ?",)),
    "holdings": Prunable(
        {"decision_id": "text", "position": "bigint", "counter": "text"},
        ("decision_id < ?",),
        is_settled="expires_at IS NULL",
    ),
    "commits": Prunable({"commit_id": "bigint"}, ("committed_at < ?",)),
    "contacts": Prunable(
        {"person": "text", "at": "bigint", "decision_id": "text", "position": "bigint"},
        ("at < ?", "decision_id < ?"),
    ),
    "events": Prunable({"person": "text", "at": "bigint", "position": "bigint"}, ("at < ?",)),
    "outcomes": Prunable(
        {"person": "text", "type": "text", "at": "bigint", "event_id": "text"}, ("at < ?", "recorded_at < ?")
    ),
    "signals": Prunable({"person": "text", "name": "text"}, ("expires_at < ?",)),
}
"""By table. What was decided at a simulated moment is as old as its ids say as well."""


_BOOKS = Select(columns(BookRow._fields), "FROM books ORDER BY first_at, version")
"""All books whose texts are kept."""


def kept_books(store: Store) -> list[BookRow]:
    """The books whose texts the log holds, in the order in which they were first served."""
    return [BookRow(*row) for row in store.select(_BOOKS)]


def old_keys(
    store: Store, table: str, cut_off: Instant, now: Instant, after: Sequence[Any] | None
) -> list[tuple[Any, ...]]:
    """The keys of the next old rows, in order of the key, at most STEP; after: the last of them, None at first."""
    keys = PRUNABLE[table].keys
    names = ", ".join(keys)
    where, values = _where(table, cut_off, now)
    if after is not None:
        where += f" AND ({names}) > ({', '.join('?' * len(keys))})"
        values += after
    select = Select(names, f"FROM {table} WHERE {where} ORDER BY {names} LIMIT {STEP}")
    return [tuple(row) for row in store.select(select, *values)]


def delete_keys(store: Store, table: str, keys: Sequence[tuple[Any, ...]]) -> None:
    """Deletes the rows with these keys."""
    types = PRUNABLE[table].keys
    names, given = ", ".join(types), ", ".join(f"{name} {kind}" for name, kind in types.items())
    rows = [key[0] for key in keys] if len(types) == 1 else list(keys)
    target = names if len(types) == 1 else f"({names})"
    store.change(f"DELETE FROM {table} WHERE {target} IN :given({given})", rows)


def count_old(store: Store, table: str, cut_off: Instant, now: Instant) -> int:
    """How many rows are old."""
    where, values = _where(table, cut_off, now)
    return int(store.select(Select("count(*)", f"FROM {table} WHERE {where}"), *values)[0][0])


def _where(table: str, cut_off: Instant, now: Instant) -> tuple[str, list[Any]]:
    """What makes a row of the table old, and the values for it."""
    _, old, stays, is_settled = PRUNABLE[table]
    values: list[Any] = [
        id_from(cut_off) if condition.startswith("decision_id") else cut_off for condition in old
    ]
    if not stays:
        return " AND ".join((*old, is_settled)), values
    return " AND ".join((*old, is_settled, f"NOT {stays}")), [*values, now]
