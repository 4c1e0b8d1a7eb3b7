"""Reads a decision log through ADBC: all of it in one read transaction, beside servers that write to it."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, NamedTuple
from urllib.parse import quote

import adbc_driver_sqlite
from adbc_driver_manager import AdbcConnection, AdbcDatabase, AdbcStatement, Error

from engine.ledger.errors import LedgerUnavailable
from engine.ledger.store.open import check_url, is_missing
from engine.ledger.store.sqlite import sqlite_path

_NO_TEXT, _NO_INTEGER, _NO_NUMBER = "\x01", -9_223_372_036_854_775_807, -1.7e308
"""What stands for NULL on the way. The driver for SQLite guesses the type of a column from the first rows: one that is NULL in
all of them would be read as integers, and fail at the first text or fraction."""

_CODE = re.compile(r"^[A-Z_]+: (?:\[\w+\] )?(?:Failed to prepare query: )?")
"""What stands before the cause in a message of a driver."""

_ABSENT = {
    "text": f"'{_NO_TEXT}'",
    "integer": str(_NO_INTEGER),
    "number": f"CAST({_NO_NUMBER} AS DOUBLE PRECISION)",
}
_TYPES = {"text": "VARCHAR", "integer": "BIGINT", "number": "DOUBLE", "time": "BIGINT"}


_BATCH = "16384"
"""Rows that the driver for SQLite gives at once, in place of 1,024: a third less work."""


class LogColumn(NamedTuple):
    """A column of a table of the log."""

    name: str
    type: str = "text"
    """`text`, `integer`, `number`, or `time` (an integer of microseconds in the log)."""
    required: bool = False
    """Whether the log, of whatever form, has a value in every row."""

    @property
    def encoded(self) -> str:
        """The column in a statement on the log, never NULL."""
        value = self.name if self.required else f"coalesce({self.name}, {self.absent})"
        return f"{value} AS c_{self.name}"

    @property
    def absent(self) -> str:
        """What stands for NULL, in a statement on the log."""
        return _ABSENT["integer" if self.type == "time" else self.type]

    @property
    def decoded(self) -> str:
        """The column in a statement on what the log's statement gave, with its type and NULL."""
        type_ = _TYPES[self.type]
        value = f"CAST(c_{self.name} AS {type_})"
        if not self.required:
            value = f"nullif({value}, CAST({self.absent} AS {type_}))"
        if self.type == "time":
            value = f"make_timestamp({value})"
        return f"{value} AS {_EXPORTED.get(self.name, self.name)}"


_EXPORTED = {"at": "time"}
"""Names that differ in the export: `at` is a reserved word there."""


class LogSource:
    """A log at one moment, read-only. Raises ValueError for a URL of none, LedgerUnavailable if it cannot be read."""

    def __init__(self, url: str) -> None:
        check_url(url)
        if is_missing(url):
            raise ValueError(f"there is no log at {url}")
        self._is_sqlite = url.startswith("sqlite:")
        if self._is_sqlite and sqlite_path(url).is_dir():
            raise ValueError(f"{url} is a folder, and no log")
        with _readable():
            self._database = _sqlite(url) if self._is_sqlite else _postgres(url)
            self._connection = AdbcConnection(self._database)
            if not self._is_sqlite:
                self._run(
                    "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
                )
                self._run("SET idle_in_transaction_session_timeout = 0")
            self._connection.set_autocommit(False)

    def __enter__(self) -> "LogSource":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends the transaction."""
        self._connection.close()
        self._database.close()

    def statement(
        self, table: str, columns: Sequence[LogColumn], present: Sequence[str], rest: str = ""
    ) -> str:
        """Reads the columns of a table; those that are not `present`, in a log of an earlier form, are NULL."""
        listed = (
            column.encoded if column.name in present else f"{column.absent} AS c_{column.name}"
            for column in columns
        )
        return f"SELECT {', '.join(listed)} FROM {table} {rest}"

    def columns_statement(self, table: str) -> str:
        """Reads the names of the columns of a table, as `name`; of none if there is no such table."""
        if self._is_sqlite:
            return f"SELECT name FROM pragma_table_info('{table}')"
        return (
            f"SELECT attname::text AS name FROM pg_attribute WHERE attrelid = to_regclass('{table}')"
            " AND attnum > 0 AND NOT attisdropped"
        )

    @contextmanager
    def rows(self, sql: str) -> Iterator[Any]:
        """The result as an Arrow stream, which can be read once and in parts."""
        with _readable():
            statement = AdbcStatement(self._connection)
            try:
                if self._is_sqlite:
                    statement.set_options(**{"adbc.sqlite.query.batch_rows": _BATCH})
                statement.set_sql_query(sql)
                stream, _ = statement.execute_query()
                yield stream
            finally:
                statement.close()

    def _run(self, sql: str) -> None:
        statement = AdbcStatement(self._connection)
        try:
            statement.set_sql_query(sql)
            statement.execute_update()
        finally:
            statement.close()


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except Error as error:
        raise LedgerUnavailable(f"the log could not be read: {_cause(error)}") from error


def _cause(error: Error) -> str:
    """What the driver says, without its code and the statement."""
    return _CODE.sub("", str(error).partition("\n")[0])


def _sqlite(url: str) -> AdbcDatabase:
    path = quote(str(sqlite_path(url).absolute()))
    return adbc_driver_sqlite.connect(f"file:{path}?mode=ro")


def _postgres(url: str) -> AdbcDatabase:
    import adbc_driver_postgresql  # noqa: PLC0415 -- a log in a file needs none

    database: AdbcDatabase = adbc_driver_postgresql.connect(url)
    return database
