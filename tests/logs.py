"""Logs for tests, on either store, read as another program would."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from engine.ledger.store.open import lay_out

_SQLITE = "sqlite:///"


@dataclass(frozen=True)
class Log:
    """A log that nothing was written to yet."""

    url: str

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a query, on a connection of its own."""
        with closing(self._connected()) as connection:
            rows: list[tuple[Any, ...]] = connection.execute(sql).fetchall()
            return rows

    def execute(self, *statements: str) -> None:
        """Executes statements, each in a transaction of its own."""
        with closing(self._connected()) as connection:
            for statement in statements:
                connection.execute(statement)
                connection.commit()

    @property
    def path(self) -> Path | None:
        """The file of a log in SQLite; None in PostgreSQL."""
        return Path(self.url.removeprefix(_SQLITE)) if self.url.startswith(_SQLITE) else None

    def _connected(self) -> Any:
        if self.path is not None:
            return sqlite3.connect(self.path)
        return psycopg.connect(self.url)


def sqlite_log(folder: Path) -> Log:
    """A log in a file of the folder, laid out: to make one from nothing takes a sixth of a second."""
    path = folder / "tact.db"
    folder.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        lay_out(path)
    return Log(f"{_SQLITE}{path}")
