"""Makes partitions by month, on PostgreSQL, so that old rows can be dropped at once.

Every server makes them some months ahead. A row of any other month lies in the default partition of its table, so that
none is ever refused.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import psycopg
import structlog

from engine.ledger.store.statements import id_from
from engine.model.instant import Instant, from_datetime

log = structlog.get_logger()


_AHEAD = 3
"""Months whose partitions are made before they come."""


_EXIST = "SELECT name FROM unnest(%s::text[]) AS name WHERE to_regclass(name) IS NOT NULL"


_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('tact partitions', 0))"


PARTITIONED: dict[str, Callable[[Instant], object]] = {
    "decisions": id_from,
    "requests": id_from,
    "challenges": id_from,
    "contacts": int,
}
"""The tables, each with what makes of an instant a value of the column that divides it."""


def make_partitions(connection: "psycopg.Connection[Any]", now: datetime | None = None) -> None:
    """Makes the missing partitions of this month and the next ones; logs those that cannot be made.

    connection: in autocommit, outside a transaction.
    """
    first = _month(now or datetime.now(UTC))
    required = {
        partition_name(table, month): (table, month)
        for table in PARTITIONED
        for month in range(first, first + _AHEAD + 1)
    }
    exist = {name for (name,) in connection.execute(_EXIST, (list(required),))}
    for name, (table, month) in required.items():
        if name not in exist:
            _make(connection, name, table, month)


def partition_name(table: str, month: int) -> str:
    """Such as `decisions_2026_11`."""
    return f"{table}_{_start(month):%Y_%m}"


def _make(connection: "psycopg.Connection[Any]", name: str, table: str, month: int) -> None:
    since, until = (PARTITIONED[table](from_datetime(_start(bound))) for bound in (month, month + 1))
    try:
        with connection.transaction():
            # attached rather than made in place: writers go on, and only the default partition is locked for a moment
            connection.execute("SET LOCAL lock_timeout = '1s'")
            connection.execute(_LOCK)
            connection.execute(f"CREATE TABLE IF NOT EXISTS {name} (LIKE {table} INCLUDING ALL)")
            connection.execute(
                f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ('{since}') TO ('{until}')"
            )
    except psycopg.OperationalError:
        if connection.closed:
            raise
        log.warning("a partition is made later", partition=name)
    except psycopg.Error as error:
        if not isinstance(error, psycopg.errors.WrongObjectType | psycopg.errors.DuplicateTable):
            log.warning("a partition could not be made", partition=name, reason=str(error))


def _month(moment: datetime) -> int:
    """Months since the year 0."""
    return moment.year * 12 + moment.month - 1


def _start(month: int) -> datetime:
    return datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC)


_PARTITIONS = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s::regclass ORDER BY 1"


_NEEDED: dict[str, str] = {
    "decisions": "SELECT 1 FROM {} WHERE outcome = 'blocked' AND next_allowed_at >= %(now)s AND placement IS NULL LIMIT 1",
    "contacts": "SELECT 1 FROM {} WHERE decision_id >= %(id)s LIMIT 1",
}
"""By table, what finds a row of a month for which the month stays."""


def drop_partitions(connection: "psycopg.Connection[Any]", table: str, before: Instant, now: Instant) -> int:
    """Drops the months of the table that ended before the moment; how many rows they had.

    A month that others hold, or of decisions that become allowed from `now` on, or of contacts by later decisions, stays.
    connection: in autocommit.
    """
    rows, values = 0, {"now": now, "id": id_from(before)}
    for (name,) in connection.execute(_PARTITIONS, (table,)).fetchall():
        month = _MONTH_OF.fullmatch(name)
        if month is None:
            continue
        end = _start(int(month[1]) * 12 + int(month[2]))
        if from_datetime(end) > before:
            continue
        try:
            with connection.transaction():
                connection.execute("SET LOCAL lock_timeout = '1s'")
                connection.execute(_LOCK)
                if table in _NEEDED and connection.execute(_NEEDED[table].format(name), values).fetchone():
                    continue
                counted = connection.execute(f"SELECT count(*) FROM {name}").fetchone()
                connection.execute(f"DROP TABLE {name}")
                rows += counted[0] if counted else 0
        except psycopg.errors.LockNotAvailable:
            log.warning("a partition is dropped later", partition=name)
    return rows


_MONTH_OF = re.compile(r"[a-z]+_([0-9]{4})_([0-9]{2})")
"""The name of a partition."""
