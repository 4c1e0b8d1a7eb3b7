"""The store: whole-group statements on one connection.

A group's rows go in by one prepared multi-row statement a table, and its contacts come out by one statement: the
interpreter lock changes hands a few times a group instead of a few times a row, while the server's event loop runs on.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Table, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from engine.instant import Instant
from engine.ledger.errors import LedgerUnavailable
from engine.ledger.migrate import migrate
from engine.ledger.rows import PastDecision
from engine.ledger.turn import Turn, TurnNotTaken

_MOST_ROWS = 64
"""Rows in one INSERT; there is a prepared statement for each number of rows up to it."""
_CACHE_KIB = 16 * 1024
"""SQLite's own cache of pages: the server grows by it and no more; the system's cache holds the rest of the file."""
_MOST_IDS = 256
"""Ids in one SELECT."""
_CONTACT_COLUMNS = ("person", "at", "expires_at", "channel", "kind", "campaign", "offer", "category", "tags")


class SqliteStore:
    """A log in one SQLite file: write-ahead log, every commit synced to disk. For one thread at a time.

    url: `sqlite:///relative.db` or `sqlite:////absolute.db`. busy_timeout: seconds to wait for other writers.
    The first transaction opens it; `transaction` raises LedgerUnavailable when the file cannot be opened or does not take
    the write.
    """

    def __init__(self, url: str, *, busy_timeout: float = 2.0) -> None:
        self._url, self._path = url, sqlite_path(url)
        self._busy_timeout = busy_timeout
        self._connection: sqlite3.Connection | None = None
        self._turn: Turn | None = None

    def close(self) -> None:
        """Closes the file; the next transaction opens it again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._turn is not None:
            self._turn.close()
            self._turn = None

    @contextmanager
    def transaction(self, *, writes: bool = True) -> Iterator[None]:
        """Everything inside is kept together when the block ends, or not at all when it raises.

        Inside another transaction it is part of that one. Without `writes` all that is read inside is of one moment, and
        no writer waits for it or is waited for.
        """
        if self._connection is not None and self._connection.in_transaction:
            yield
            return
        try:
            with self._alone() if writes else self._beside() as connection:
                try:
                    yield
                    connection.execute("COMMIT")
                except BaseException:
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
                    raise
        except TurnNotTaken as error:
            raise LedgerUnavailable("the log is kept busy by other processes") from error
        except (sqlite3.Error, OSError) as error:
            self.close()
            failed = "did not take the write" if writes else "could not be read"
            raise LedgerUnavailable(f"the log {failed}: {error}") from error

    def another(self) -> "SqliteStore":
        """The same log on a connection of its own.

        For reading: a process queues once before a log, since closing the file of its turns gives up all that it has there.
        """
        return SqliteStore(self._url, busy_timeout=self._busy_timeout)

    @contextmanager
    def _alone(self) -> Iterator[sqlite3.Connection]:
        """The connection, at its turn and with the right to write; both take no longer than the time-out."""
        connection = self.open()
        self._turn = self._turn or Turn(self._path.with_name(self._path.name + "-turn"))
        with self._turn.taken(self._busy_timeout) as left:
            connection.execute(f"PRAGMA busy_timeout = {left * 1000:.0f}")
            connection.execute("BEGIN IMMEDIATE")
            yield connection

    @contextmanager
    def _beside(self) -> Iterator[sqlite3.Connection]:
        """The connection, for reading only."""
        connection = self.open()
        connection.execute("BEGIN")
        yield connection

    def past_decisions(self, request_ids: Sequence[str]) -> dict[str, PastDecision]:
        """The decisions that these request ids led to."""
        found: dict[str, PastDecision] = {}
        for ids, marks in _padded(request_ids):
            rows = self.run(
                "SELECT r.request_id, d.person, d.answer FROM requests r"
                f" JOIN decisions d ON d.decision_id = r.decision_id WHERE r.request_id IN ({marks})",
                ids,
            )
            found.update((row[0], PastDecision(*row)) for row in rows)
        return found

    def contacts(self, persons: Sequence[str], since: Instant) -> list[list[Any]]:
        """The persons' contacts later than `since`: person, at, expires_at, channel, kind, campaign, offer, category, tags."""
        found: list[list[Any]] = []
        for ids, marks in _padded(persons):
            rows = self.run(
                f"SELECT json_group_array(json_array({', '.join(_CONTACT_COLUMNS)})) FROM contacts"
                f" WHERE person IN ({marks}) AND at > ?",
                [*ids, since],
            )
            found.extend(orjson.loads(rows[0][0]))
        return found

    def insert(self, table: type[Any], rows: Sequence[tuple[Any, ...]], conflict: str = "") -> None:
        """Appends the rows to the table; `conflict` says in SQL what becomes of one whose key is there."""
        into, marks = _statement(table.__table__)
        for start in range(0, len(rows), _MOST_ROWS):
            chunk = rows[start : start + _MOST_ROWS]
            self.run(
                f"{into} VALUES {', '.join([marks] * len(chunk))} {conflict}",
                [value for row in chunk for value in row],
            )

    def run(self, sql: str, parameters: Sequence[Any]) -> list[Any]:
        """The rows that a statement gives, inside of a transaction."""
        if self._connection is None:
            raise LedgerUnavailable("the log is not open")
        return self._connection.execute(sql, parameters).fetchall()

    def open(self) -> sqlite3.Connection:
        """The connection, opened if it is not; raises sqlite3.Error."""
        self._connection = self._connection or _connected(self._path, self._busy_timeout)
        return self._connection


def _connected(path: Path, busy_timeout: float) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path,
        timeout=busy_timeout,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=4 * _MOST_ROWS,
    )
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    return connection


def open_store(url: str, *, busy_timeout: float = 2.0) -> SqliteStore:
    """Brings the log at `url` to the newest form and opens it; raises LedgerUnavailable with the cause."""
    path = sqlite_path(url)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        migrate(path)
        store = SqliteStore(url, busy_timeout=busy_timeout)
        store.open()
    except (sqlite3.Error, SQLAlchemyError, OSError) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        raise LedgerUnavailable(f"the log {path} cannot be opened: {cause}") from error
    return store


def sqlite_path(url: str) -> Path:
    """The file that a `sqlite:///…` URL names; raises ValueError for any other URL."""
    try:
        parsed = make_url(url)
        name = parsed.database if parsed.get_backend_name() == "sqlite" else None
    except ArgumentError:
        name = None
    if not name or name == ":memory:":
        raise ValueError(f"the log must be a file, as in sqlite:///tact.db, not {url!r}")
    return Path(name)


@cache
def _statement(table: Table) -> tuple[str, str]:
    columns = [column.name for column in table.columns]
    return f"INSERT INTO {table.name} ({', '.join(columns)})", f"({', '.join('?' * len(columns))})"


def _padded(ids: Sequence[str]) -> Iterator[tuple[list[str], str]]:
    """The ids in runs of at most 256, each padded with its last id to a power of two, with as many marks."""
    for start in range(0, len(ids), _MOST_IDS):
        run = list(ids[start : start + _MOST_IDS])
        size = 1 << (len(run) - 1).bit_length()
        yield run + [run[-1]] * (size - len(run)), ", ".join("?" * size)
