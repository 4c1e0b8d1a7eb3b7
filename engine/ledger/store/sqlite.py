"""The store in one SQLite file."""

import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from engine.ledger.errors import CommitUnknown, DataRefused, LedgerUnavailable, WouldWait
from engine.ledger.store.statements import Select, TableColumn, bound, with_given
from engine.ledger.store.store import RowT, Store
from engine.ledger.store.tables import table_of
from engine.ledger.store.templates import RowTemplate
from engine.ledger.store.writer_lock import WriterLock, WriterLockNotTaken
from engine.model.shown import without_secrets

_MOST_ROWS = 64
"""Rows in one INSERT; there is a prepared statement for each number of rows up to it."""


_CACHE_KIB = 16 * 1024
"""SQLite's own cache of pages: the server grows by it and no more; the system's cache holds the rest of the file."""


_PRIMARY = 0xFF
"""Of SQLite's extended codes: https://www.sqlite.org/rescode.html"""


_OF_DATA = (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.InterfaceError)
"""Errors of what is written, not of the file."""


class SqliteStore(Store):
    """A log in one SQLite file: write-ahead log, every commit synced to disk. For one thread at a time.

    url: `sqlite:///relative.db` or `sqlite:////absolute.db`. busy_timeout: seconds to wait for other writers.
    The first transaction opens it; `transaction` raises LedgerUnavailable when the file cannot be opened or does not take
    the write.
    """

    errors = (sqlite3.Error,)
    has_one_writer = True
    begins_at_once = True

    def __init__(self, url: str, *, busy_timeout: float = 2.0) -> None:
        super().__init__()
        self._url, self._path = url, sqlite_path(url)
        self._busy_timeout = busy_timeout
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        """Device and inode of the file that is open."""
        self._writer_lock: WriterLock | None = None
        self._waits = True

    def close(self) -> None:
        """Closes the file; the next transaction opens it again."""
        self.counters.clear()
        self.books.clear()
        self.dictionaries.clear()
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._writer_lock is not None:
            self._writer_lock.close()
            self._writer_lock = None

    @contextmanager
    def transaction(self, locks: Iterable[str] = (), *, writes: bool = True) -> Iterator[None]:  # noqa: ARG002
        """Keeps everything inside together, or nothing; writers come one by one, so locks are not needed."""
        try:
            with self._writing() if writes else self._reading() as connection:
                try:
                    yield
                    _commit(connection)
                except BaseException:
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
                    raise
        except CommitUnknown:
            self.close()
            raise
        except WriterLockNotTaken as error:
            if not self._waits:
                raise WouldWait from error
            raise LedgerUnavailable("the log is kept busy by other processes") from error
        except (sqlite3.Error, OSError) as error:
            self.close()
            failed = "did not take the write" if writes else "could not be read"
            kind = DataRefused if isinstance(error, _OF_DATA) else LedgerUnavailable
            raise kind(f"the log {failed}: {error}") from error

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Has the transactions of a block raise WouldWait where another process holds the log, in place of waiting for it."""
        self._waits = False
        try:
            yield
        finally:
            self._waits = True

    def another(self) -> "SqliteStore":
        """The same log on a connection of its own, for reading.

        Not for writing: closing the file of the writer lock would give up the locks that this process has through another.
        """
        store = SqliteStore(self._url, busy_timeout=self._busy_timeout)
        store._file = self._file
        return store

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """The connection in a transaction that may write; to get there takes no longer than the time-out."""
        connection = self._checked()
        lock_path = self._path.with_name(self._path.name + "-turn")
        self._writer_lock = self._writer_lock or WriterLock(lock_path)
        patience = self._busy_timeout if self._waits else 0.0
        with self._writer_lock.taken(patience) as left:
            connection.execute(f"PRAGMA busy_timeout = {left * 1000:.0f}")
            self._begin(connection)
            yield connection

    def _begin(self, connection: sqlite3.Connection) -> None:
        """Begins to write. Raises WouldWait where another program writes, and this was not to wait for it."""
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if not self._waits and error.sqlite_errorcode & _PRIMARY == sqlite3.SQLITE_BUSY:
                raise WouldWait from error
            raise

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """The connection in a transaction that only reads."""
        connection = self._checked()
        connection.execute("BEGIN")
        yield connection

    def select(self, statement: Select, *values: Any) -> Sequence[Any]:
        """Reads rows."""
        rows = self._run(_select_sql(statement), [bound(value) for value in values])
        unpacked: list[Any] = orjson.loads(rows[0][0]) if statement.packed else rows
        return unpacked

    def stream(self, statement: Select, *values: Any) -> Iterator[Any]:
        """Reads rows as they are taken."""
        yield from self._open_connection().execute(_select_sql(statement), [bound(value) for value in values])

    def change(self, sql: str, *values: Any) -> None:
        """Changes or deletes rows."""
        self._run(_change_sql(sql), [bound(value) for value in values])

    def insert(self, row: type[RowT], rows: Sequence[RowT], conflict: str = "") -> None:
        """Adds rows to the table of their type; `conflict` says in SQL what becomes of one whose key is there."""
        for start in range(0, len(rows), _MOST_ROWS):
            chunk = rows[start : start + _MOST_ROWS]
            self._run(_insert_sql(row, len(chunk), conflict), [*chain.from_iterable(chunk)])

    def load(self, row: type[RowT], rows: Sequence[RowT]) -> None:
        """Adds rows, one after the other by the same statement."""
        self._open_connection().executemany(_insert_sql(row, 1, ""), rows)

    def load_alike(
        self, row: type[RowT], templates: Sequence[RowTemplate], values: Sequence[Sequence[str]]
    ) -> None:
        """Adds rows, one after the other by the same statement."""
        of_rows = zip(*values, strict=True)
        rows: list[Any] = [template.row(own) for template, own in zip(templates, of_rows, strict=True)]
        self.load(row, rows)

    def size(self) -> int:
        """Bytes of the file, without what is written ahead of it."""
        return int(
            self._run("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size", ())[0][0]
        )

    def unsettled(self) -> int:
        """Beyond all numbers: writers come one by one, so what is read is all there is up to it."""
        return 2**63 - 1

    def mark(self) -> None:
        """Marks the state of the transaction to which `retreat` goes back."""
        self._run("SAVEPOINT mark", ())

    def retreat(self) -> None:
        """Undoes everything since the mark."""
        self._run("ROLLBACK TO SAVEPOINT mark", ())

    def share(self, name: str) -> None:
        """Does nothing: writers come one by one."""

    def notify(self, channel: str, text: str) -> None:
        """Does nothing: whoever follows a file looks again and again."""

    def prove(self, rows: Mapping[type[tuple[Any, ...]], Sequence[tuple[Any, ...]]]) -> None:
        """Adds the rows and deletes them: the transaction writes every page that they changed. A rollback would write none."""
        for row, values in rows.items():
            self.insert(row, values)
        for row, values in rows.items():
            columns = table_of(row).columns.keys()
            key = [columns.index(column.name) for column in table_of(row).primary_key]
            for of_row in values:
                self._run(_delete_sql(row), [of_row[index] for index in key])

    def _run(self, sql: str, parameters: Sequence[Any]) -> list[Any]:
        return self._open_connection().execute(sql, parameters).fetchall()

    def _open_connection(self) -> sqlite3.Connection:
        if self._connection is None:
            raise LedgerUnavailable("the log is not open")
        return self._connection

    def open(self) -> sqlite3.Connection:
        """The connection, opened if it is not; raises sqlite3.Error, OSError."""
        if self._connection is None:
            self._connection = _connected(self._path, self._busy_timeout)
            self._file = self._file or _identity(self._path)
        return self._connection

    def _checked(self) -> sqlite3.Connection:
        """The connection to the file that was first opened. Raises LedgerUnavailable if that has been deleted or replaced.

        What is written to a deleted file is lost when the process ends. The connection stays open, so that the file can
        be copied from /proc. It is not opened again by its name: the old file's write-ahead log lies beside the new one.
        """
        try:
            lost = self._file is not None and _identity(self._path) != self._file
        except FileNotFoundError:
            lost = True
        if lost:
            raise LedgerUnavailable("the log's file was deleted or replaced while it was open")
        return self.open()


def _identity(path: Path) -> tuple[int, int]:
    """What tells a file from others, whatever its name."""
    status = path.stat()
    return status.st_dev, status.st_ino


def _commit(connection: sqlite3.Connection) -> None:
    """Ends the transaction. Raises CommitUnknown if the file failed: maybe all of it is written, and only the sync failed."""
    try:
        connection.execute("COMMIT")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & _PRIMARY == sqlite3.SQLITE_IOERR:
            raise CommitUnknown(f"the log may not have taken the write: {error}") from error
        raise


def _connected(path: Path, busy_timeout: float) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path,
        timeout=busy_timeout,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=4 * _MOST_ROWS,
    )
    try:
        _write_ahead(connection, busy_timeout)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    except BaseException:
        connection.close()
        raise
    return connection


def _write_ahead(connection: sqlite3.Connection, patience: float) -> None:
    """Switches the file to write-ahead logging, for good; SQLite does not wait by itself while others use a new file."""
    end = time.monotonic() + patience
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() >= end:
                raise
            time.sleep(0.005)
        else:
            return


def sqlite_path(url: str) -> Path:
    """The file that a `sqlite:///…` URL names; raises ValueError for any other URL."""
    try:
        parsed = make_url(url)
        name = parsed.database if parsed.get_backend_name() == "sqlite" else None
    except ArgumentError:
        name = None
    if not name or name == ":memory:":
        raise ValueError(f"the log must be a file, as in sqlite:///tact.db, not {without_secrets(url)!r}")
    return Path(name)


@cache
def _select_sql(statement: Select) -> str:
    columns = statement.columns
    if statement.packed:
        columns = f"json_group_array(json_array({columns}))"
    return f"SELECT {columns} {with_given(statement.source, _given)}"


@cache
def _change_sql(sql: str) -> str:
    return with_given(sql, _given)


@cache
def _insert_sql(row: type, rows: int, conflict: str) -> str:
    table = table_of(row)
    columns = table.columns.keys()
    marks = ", ".join([f"({', '.join('?' * len(columns))})"] * rows)
    # without OR FAIL a statement of many rows copies every page that it changes, to be able to undo itself alone
    verb = "INSERT" if conflict else "INSERT OR FAIL"
    return f"{verb} INTO {table.name} ({', '.join(columns)}) VALUES {marks} {conflict}"


@cache
def _delete_sql(row: type) -> str:
    """Deletes a row by its key."""
    table = table_of(row)
    key = " AND ".join(f"{column.name} = ?" for column in table.primary_key)
    return f"DELETE FROM {table.name} WHERE {key}"


def _given(columns: Sequence[TableColumn]) -> str:
    if len(columns) == 1:
        return f"(SELECT value AS {columns[0][0]} FROM json_each(?))"
    values = (f"json_extract(value, '$[{index}]') AS {name}" for index, (name, _) in enumerate(columns))
    return f"(SELECT {', '.join(values)} FROM json_each(?))"
