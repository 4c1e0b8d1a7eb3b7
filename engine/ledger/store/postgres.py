"""The store on PostgreSQL: any number of servers on one log.

Before a transaction reads anything it takes its locks, in one order for all servers: it reads what the last transaction
with the same locks left, and no two ever wait for each other. Statements whose results are not needed at once are sent
together, so that a group costs a few round trips.
"""

import logging
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import orjson
import psycopg
from psycopg.types.json import set_json_loads
from sqlalchemy import NullPool, create_engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from engine.ledger.errors import CommitUnknown, DataRefused, LedgerUnavailable
from engine.ledger.migrate import migrate_database
from engine.ledger.store.locks import LOCK, MOST_LOCKS, check_lock_table, join, read_lock_table
from engine.ledger.store.partitions import PARTITIONED, drop_partitions, make_partitions
from engine.ledger.store.postgres_url import connection_info, session, shown
from engine.ledger.store.statements import Select, TableColumn, bound, with_given
from engine.ledger.store.store import RowT, Store
from engine.ledger.store.tables import table_of
from engine.ledger.store.templates import RowTemplate, copied_texts
from engine.model.instant import Instant

_BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"


_BEGIN_READING = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


_FETCH = "FETCH 500 FROM streamed"


_SHARE = "SELECT pg_advisory_xact_lock_shared(hashtextextended(%s, 0))"
"""Shares a lock of those that are taken by name."""


_NOTIFY = "SELECT pg_notify(%s, %s)"
"""LISTEN takes the channel's name as it stands here, in small letters."""


_UNSETTLED = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
"""The number of a commit is that of its transaction: those below are all kept or undone."""


_PARTITIONS_EVERY = 6 * 3600.0
"""Seconds between looks at the partitions of the coming months."""


_JSON = re.compile(r"\bjson\(([^)]*)\)")


_IN_LIST = re.compile(r"IN (:given\([^,)]*\))")


logging.getLogger("psycopg").setLevel(logging.ERROR)  # it raises what it warns of


_GONE = ("08", "57P")
"""Classes of errors after which the server tells nothing more: the connection is lost, or the server is ended."""


_OF_DATA = (
    psycopg.DataError,
    psycopg.IntegrityError,
    psycopg.errors.ProgramLimitExceeded,
    psycopg.errors.InFailedSqlTransaction,
)
"""Errors of what is written, not of the server."""


class PostgresStore(Store):
    """A log in a PostgreSQL database. It connects again by itself when the connection was lost.

    url: as libpq reads it, `postgresql://user@host:5432/database`. busy_timeout: seconds to wait for another server's
    transaction with the same locks. reads: whether it is only read. `transaction` raises LedgerUnavailable when it was
    not kept, CommitUnknown when the connection broke while it was being committed: a retry by request_id tells.
    """

    shards = 8
    most_locks = MOST_LOCKS
    errors = (psycopg.Error,)

    def __init__(self, url: str, *, busy_timeout: float = 2.0, reads: bool = False) -> None:
        super().__init__()
        self._url, self._busy_timeout, self._reads = url, busy_timeout, reads
        self._session = session(url, busy_timeout)
        self._connection: psycopg.Connection[Any] | None = None
        self._partitions_due = 0.0
        self._loads: list[tuple[type, Sequence[tuple[Any, ...]] | bytes]] = []
        """Rows to be copied when the transaction ends: no copying while statements are sent together."""

    def close(self) -> None:
        """Closes the connection; the next transaction opens another."""
        self.counters.clear()
        self.books.clear()
        self.dictionaries.clear()
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def another(self) -> "PostgresStore":
        """The same log on a connection of its own."""
        return PostgresStore(self._url, busy_timeout=self._busy_timeout, reads=True)

    @contextmanager
    def transaction(self, locks: Iterable[str] = (), *, writes: bool = True) -> Iterator[None]:
        """Keeps everything inside together when the block ends, or nothing of it when it raises."""
        try:
            with self._committed(_BEGIN if writes else _BEGIN_READING):
                self._lock(list(locks))
                yield
        except psycopg.Error as error:
            self.close()
            failed = "did not take the write" if writes else "could not be read"
            kind = DataRefused if isinstance(error, _OF_DATA) else LedgerUnavailable
            raise kind(f"the log {failed}: {_cause(error)}") from error
        except BaseException:
            self.close()  # which rolls back
            raise

    @contextmanager
    def _committed(self, begin: str) -> Iterator[None]:
        connection = self._ready()
        committing = False
        self._loads = []
        try:
            with connection.pipeline():
                connection.execute(begin.encode())
                yield
                if not self._loads:
                    committing = True
                    end = connection.execute("COMMIT")
            if self._loads:
                self._copy(connection)
                committing = True
                end = connection.execute("COMMIT")
        except psycopg.OperationalError as error:
            if committing and (error.sqlstate is None or error.sqlstate.startswith(_GONE)):
                self.close()
                raise CommitUnknown(f"the log may not have taken the write: {_cause(error)}") from error
            raise
        if end.statusmessage != "COMMIT":
            raise LedgerUnavailable(f"the log did not take the write: {end.statusmessage}")

    def select(self, statement: Select, *values: Any) -> Sequence[Any]:
        """Reads rows."""
        return self._run(_select_sql(statement), values).fetchall()

    def stream(self, statement: Select, *values: Any) -> Iterator[Any]:
        """Reads rows by a cursor of the server's."""
        self._run(f"DECLARE streamed NO SCROLL CURSOR FOR {_select_sql(statement)}", values, prepare=False)
        while rows := self._run(_FETCH, (), prepare=False).fetchall():
            yield from rows
        self._run("CLOSE streamed", (), prepare=False)

    def change(self, sql: str, *values: Any) -> None:
        """Changes or deletes rows."""
        self._run(_rendered(sql), values)

    def insert(self, row: type[RowT], rows: Sequence[RowT], conflict: str = "") -> None:
        """Adds rows to the table of their type; `conflict` says in SQL what becomes of one whose key is there."""
        if rows:
            columns = table_of(row).columns.keys()
            documents = [dict(zip(columns, values, strict=True)) for values in rows]
            self._run(_insert_sql(row, conflict), (documents,))

    def load(self, row: type[RowT], rows: Sequence[RowT]) -> None:
        """Adds rows by COPY when the transaction ends."""
        if rows:
            self._loads.append((row, rows))

    def load_alike(
        self, row: type[RowT], templates: Sequence[RowTemplate], values: Sequence[Sequence[str]]
    ) -> None:
        """Adds rows by COPY when the transaction ends, as one text."""
        if templates:
            of_rows = zip(*map(copied_texts, values), strict=True)
            lines = [template.line(own) for template, own in zip(templates, of_rows, strict=True)]
            self._loads.append((row, "".join(lines).encode()))

    def _copy(self, connection: "psycopg.Connection[Any]") -> None:
        for row, rows in self._loads:
            table = table_of(row)
            copying = f"COPY {table.name} ({', '.join(table.columns.keys())}) FROM STDIN"
            with connection.cursor().copy(copying.encode()) as copy:
                if isinstance(rows, bytes):
                    copy.write(rows)
                    continue
                for values in rows:
                    copy.write_row(values)

    def size(self) -> int:
        """Bytes of the database."""
        ((number,),) = self._run("SELECT pg_database_size(current_database())", ()).fetchall()
        return int(number)

    def unsettled(self) -> int:
        """The oldest transaction under way when the snapshot was taken that is read from, in any database of the server."""
        ((number,),) = self._run(_UNSETTLED, ()).fetchall()
        return int(number)

    def mark(self) -> None:
        """Marks the state of the transaction to which `retreat` goes back."""
        self._run("SAVEPOINT mark", (), prepare=False)

    def retreat(self) -> None:
        """Undoes everything since the mark, and gives up the rows that were locked since.

        psycopg forgets its prepared statements when it learns of a rollback, and has the server forget them after the
        statement that follows. So it is made to learn at once, by a pipeline that ends, and what follows is not prepared.
        """
        with self._opened().pipeline():
            self._run("ROLLBACK TO SAVEPOINT mark", (), prepare=False)
        self.mark()

    def share(self, name: str) -> None:
        """Waits until no transaction has the lock for itself; what is sent after it waits as well."""
        self._run(_SHARE, (name,))

    def drop_months(self, table: str, before: Instant, now: Instant) -> int:
        """Drops whole partitions."""
        if table not in PARTITIONED:
            return 0
        try:
            return drop_partitions(self._ready(), table, before, now)
        except psycopg.Error as error:
            self.close()
            raise LedgerUnavailable(f"the log could not be pruned: {_cause(error)}") from error

    def notify(self, channel: str, text: str) -> None:
        """Sends a notification, which goes out with the commit."""
        self._run(_NOTIFY, (channel, text))

    def prove(self, rows: Mapping[type[tuple[Any, ...]], Sequence[tuple[Any, ...]]]) -> None:
        """Adds the rows and rolls them back: by then the tables have grown, and no reader or replica sees anything.

        What follows gives the transaction a number, so that its end is recorded, with which all before it is synced.
        """
        self.mark()
        for row, values in rows.items():
            self.insert(row, values)
        self.retreat()
        self._run("SELECT pg_current_xact_id()", ()).fetchall()

    def check_locks(self) -> None:
        """Warns where PostgreSQL's lock table may be too small; raises LedgerUnavailable where it surely is."""
        check_lock_table(read_lock_table(self._opened()))

    def _lock(self, names: Sequence[str]) -> None:
        """Waits until no other transaction has these locks."""
        if names:
            self._run(LOCK, (names,)).fetchall()

    def _run(self, sql: str, values: Sequence[Any], *, prepare: bool = True) -> "psycopg.Cursor[Any]":
        return self._opened().execute(sql.encode(), [bound(value) for value in values], prepare=prepare)

    def _opened(self) -> "psycopg.Connection[Any]":
        if self._connection is None:
            raise LedgerUnavailable("the log is not open")
        return self._connection

    def _ready(self) -> "psycopg.Connection[Any]":
        """The connection; from time to time the partitions of the coming months are made."""
        if self._connection is None:
            self._connection = psycopg.connect(self._session, autocommit=True)
            set_json_loads(orjson.loads, self._connection)
            if not self._reads:
                join(self._connection)
        if time.monotonic() >= self._partitions_due:
            make_partitions(self._connection)
            self._partitions_due = time.monotonic() + _PARTITIONS_EVERY
        return self._connection


def _cause(error: psycopg.Error) -> str:
    """The database's message, without its details, which may hold values of a row."""
    if isinstance(error, psycopg.errors.OutOfMemory):
        return f"{error.diag.message_primary}; {error.diag.message_hint}"  # such as to raise max_locks_per_transaction
    return error.diag.message_primary or " ".join(str(error).split()) or type(error).__name__


@cache
def _select_sql(statement: Select) -> str:
    columns = _JSON.sub(r"\1::json", statement.columns)
    return f"SELECT {columns} {_rendered(statement.source)}"


@cache
def _insert_sql(row: type, conflict: str) -> str:
    table = table_of(row)
    columns = ", ".join(table.columns.keys())
    rows = f"json_populate_recordset(NULL::{table.name}, %s::json)"
    return f"INSERT INTO {table.name} ({columns}) SELECT {columns} FROM {rows} {conflict}"


@cache
def _rendered(sql: str) -> str:
    # an array rather than a sub-select: the plan is a look-up in the index, whatever the planner knows of the table
    return with_given(_IN_LIST.sub(r"= ANY(ARRAY\1)", sql), _given).replace("?", "%s")


def _given(columns: Sequence[TableColumn]) -> str:
    if len(columns) == 1:
        name, of_type = columns[0]
        return f"(SELECT value::{of_type} AS {name} FROM json_array_elements_text(?::json) AS value)"
    values = ", ".join(
        f"(value->>{index})::{of_type} AS {name}" for index, (name, of_type) in enumerate(columns)
    )
    return f"(SELECT {values} FROM json_array_elements(?::json) AS value)"


__all__ = ["connection_info", "migrate_postgres", "open_postgres"]


def open_postgres(url: str, *, busy_timeout: float = 2.0) -> PostgresStore:
    """Brings the log at `url` to the newest form and opens it; raises LedgerUnavailable with the cause."""
    store = PostgresStore(url, busy_timeout=busy_timeout)
    migrate_postgres(url)
    try:
        with store.transaction():
            pass
        store.check_locks()
    except LedgerUnavailable as error:
        store.close()
        raise LedgerUnavailable(f"the log {shown(url)} cannot be opened: {error}") from error
    return store


def migrate_postgres(url: str, form: str | None = None) -> None:
    """Brings the log at `url` to a form, the newest unless one is named; raises LedgerUnavailable with the cause."""
    info = connection_info(url)
    engine = create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(**info), poolclass=NullPool
    )
    try:
        migrate_database(engine, form)
    except (SQLAlchemyError, psycopg.Error, LedgerUnavailable) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        raise LedgerUnavailable(f"the log {shown(url)} cannot be opened: {cause}") from error
