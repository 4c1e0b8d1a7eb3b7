"""Locks of PostgreSQL: by name for a transaction, and how many of them the server's lock table holds.

The table is one for all databases of a PostgreSQL server and has a fixed size. Where it is full, whoever asks for one lock
more fails, so a transaction of the log takes at most MOST_LOCKS by name, and a server counts when it starts.
https://www.postgresql.org/docs/current/runtime-config-locks.html
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import psycopg
import structlog

from engine.ledger.errors import LedgerUnavailable

log = structlog.get_logger()


MOST_LOCKS = 1024
"""Of one transaction, by name: 341 calls with a request_id each, or 23 with 20 further names of the customer."""


LOCK = (
    "SELECT count(pg_advisory_xact_lock(key)) FROM (SELECT DISTINCT hashtextextended(name, 0) AS key"
    " FROM json_array_elements_text(%s::json) AS name ORDER BY 1) AS keys"
)
"""Takes advisory locks on 64 bits of hash a name, in order. Two names of one hash wait for each other, and stay exact."""


_PRESENCE = 0x54616374, 1
"""Lock that every server shares while it is connected: its holders are counted."""


_LOCK_TABLE = """
    SELECT current_setting('max_locks_per_transaction')::bigint,
      current_setting('max_connections')::bigint + current_setting('max_prepared_transactions')::bigint,
      (SELECT count(*) FROM pg_class WHERE relkind IN ('r', 'p', 'i', 'I')
        AND relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = to_regclass('decisions'))),
      (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 2
        AND classid = %s AND objid = %s)"""


class LockTable(NamedTuple):
    """The size of the lock table, and what may lie in it."""

    per_transaction: int
    """The setting max_locks_per_transaction."""
    transactions: int
    """For how many transactions there is room: max_connections + max_prepared_transactions."""
    relations: int
    """Tables, partitions and indexes of the log, which statements lock too."""
    servers: int
    """Servers and workers that are connected, to any log of this PostgreSQL server."""

    @property
    def fits(self) -> int:
        """For how many servers there is room, each with its largest transaction at the same time."""
        return self.per_transaction * self.transactions // (MOST_LOCKS + self.relations)

    def setting_for(self, servers: int) -> int:
        """The least max_locks_per_transaction with which so many servers fit."""
        return -(-servers * (MOST_LOCKS + self.relations) // self.transactions)


def join(connection: psycopg.Connection[Any]) -> None:
    """Counts this session as a server until it ends."""
    connection.execute("SELECT pg_advisory_lock_shared(%s, %s)", _PRESENCE)


def read_lock_table(connection: psycopg.Connection[Any]) -> LockTable:
    """The lock table as it is now."""
    rows: Sequence[tuple[int, int, int, int]] = connection.execute(_LOCK_TABLE, _PRESENCE).fetchall()
    return LockTable(*rows[0])


def check_lock_table(table: LockTable) -> None:
    """Warns where the servers that are connected may fill the table; raises LedgerUnavailable where one alone may."""
    if table.fits == 0:
        raise LedgerUnavailable(
            f"PostgreSQL's lock table has room for {table.per_transaction * table.transactions:,} locks, and a server"
            f" may need {MOST_LOCKS + table.relations:,}; set max_locks_per_transaction to {table.setting_for(1)}"
            " or more, and restart PostgreSQL"
        )
    if table.servers > table.fits and structlog.is_configured():  # else it is no server, and prints results
        log.warning(
            "the lock table may fill up",
            servers=table.servers,
            fit=table.fits,
            max_locks_per_transaction=table.setting_for(table.servers),
        )
