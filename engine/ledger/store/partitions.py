"""Makes partitions by month, on PostgreSQL, so that old rows can be dropped at once.

Every server makes them some months ahead. A row of any other month lies in the default partition of its table, so that
none is ever refused.
"""

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
