"""The store: whole-group statements on one connection.

A group's rows go in by one prepared multi-row statement a table, and its contacts come out by one statement: the
interpreter lock changes hands a few times a group instead of a few times a row, while the server's event loop runs on.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import create_engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from engine.instant import Instant
from engine.ledger.errors import LedgerUnavailable
from engine.ledger.migrate import migrate
from engine.ledger.rows import ContactRow, DecisionRow, PastDecision, RequestRow
from engine.ledger.tables import ContactTable, DecisionTable, RequestTable
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
    Raises LedgerUnavailable when the file cannot be opened, and from `transaction` when it does not take the write.
    """

    def __init__(self, url: str, *, busy_timeout: float = 2.0) -> None:
        self._path = sqlite_path(url)
        self._busy_timeout = busy_timeout
        self._connection: sqlite3.Connection | None = None
        self._turn: Turn | None = None
        self._open()

    def close(self) -> None:
        """Closes the file; the next transaction opens it again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._turn is not None:
            self._turn.close()
            self._turn = None

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything inside is kept together when the block ends, or not at all when it raises.

        Inside another transaction it is part of that one.
        """
        if self._connection is not None and self._connection.in_transaction:
            yield
            return
        try:
            with self._alone() as connection:
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
            raise LedgerUnavailable(f"the log did not take the write: {error}") from error

    @contextmanager
    def _alone(self) -> Iterator[sqlite3.Connection]:
        """The connection, at its turn and with the right to write; both take no longer than the time-out."""
        connection, turn = self._open()
        with turn.taken(self._busy_timeout) as left:
            connection.execute(f"PRAGMA busy_timeout = {left * 1000:.0f}")
            connection.execute("BEGIN IMMEDIATE")
            yield connection

    def past_decisions(self, request_ids: Sequence[str]) -> dict[str, PastDecision]:
        """The decisions that these request ids led to."""
        found: dict[str, PastDecision] = {}
        for ids, marks in _padded(request_ids):
            rows = self._run(
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
            rows = self._run(
                f"SELECT json_group_array(json_array({', '.join(_CONTACT_COLUMNS)})) FROM contacts"
                f" WHERE person IN ({marks}) AND at > ?",
                [*ids, since],
            )
            found.extend(orjson.loads(rows[0][0]))
        return found

    def add(
        self,
        decisions: Sequence[DecisionRow],
        requests: Sequence[RequestRow],
        contacts: Sequence[ContactRow],
    ) -> None:
        """Appends the rows."""
        self._insert(_DECISIONS, decisions)
        self._insert(_REQUESTS, requests)
        self._insert(_CONTACTS, contacts)

    def _insert(self, head: tuple[str, str], rows: Sequence[tuple[Any, ...]]) -> None:
        into, marks = head
        for start in range(0, len(rows), _MOST_ROWS):
            chunk = rows[start : start + _MOST_ROWS]
            self._run(
                f"{into} VALUES {', '.join([marks] * len(chunk))}", [value for row in chunk for value in row]
            )

    def _run(self, sql: str, parameters: Sequence[Any]) -> list[Any]:
        if self._connection is None:
            raise LedgerUnavailable("the log is not open")
        return self._connection.execute(sql, parameters).fetchall()

    def _open(self) -> tuple[sqlite3.Connection, Turn]:
        """The connection and the place in the queue before the log; opened if they are not."""
        self._turn = self._turn or Turn(self._path.with_name(self._path.name + "-turn"))
        self._connection = self._connection or _connected(self._path, self._busy_timeout)
        return self._connection, self._turn


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
        engine = create_engine(f"sqlite:///{path}")
        migrate(engine)
        engine.dispose()
        return SqliteStore(url, busy_timeout=busy_timeout)
    except (sqlite3.Error, SQLAlchemyError, OSError) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        raise LedgerUnavailable(f"the log {path} cannot be opened: {cause}") from error


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


def _statement(table: type[Any]) -> tuple[str, str]:
    columns = [column.name for column in table.__table__.columns]
    return f"INSERT INTO {table.__tablename__} ({', '.join(columns)})", f"({', '.join('?' * len(columns))})"


_DECISIONS, _REQUESTS, _CONTACTS = map(_statement, (DecisionTable, RequestTable, ContactTable))


def _padded(ids: Sequence[str]) -> Iterator[tuple[list[str], str]]:
    """The ids in runs of at most 256, each padded with its last id to a power of two, with as many marks."""
    for start in range(0, len(ids), _MOST_IDS):
        run = list(ids[start : start + _MOST_IDS])
        size = 1 << (len(run) - 1).bit_length()
        yield run + [run[-1]] * (size - len(run)), ", ".join("?" * size)
