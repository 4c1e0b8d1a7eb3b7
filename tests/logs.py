"""Logs for tests, on either store, and what another program reads from them."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg


@dataclass(frozen=True)
class Log:
    """A log that nothing was written to yet."""

    url: str

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """What another program reads."""
        with closing(self._connected()) as connection:
            found: list[tuple[Any, ...]] = connection.execute(sql).fetchall()
            return found

    def execute(self, *statements: str) -> None:
        """What an operator does, each for itself."""
        with closing(self._connected()) as connection:
            for one in statements:
                connection.execute(one)
                connection.commit()

    def _connected(self) -> Any:
        if self.url.startswith("sqlite:"):
            return sqlite3.connect(self.url.removeprefix("sqlite:///"))
        return psycopg.connect(self.url)


def sqlite_log(folder: Path) -> Log:
    """A log in a file of the folder."""
    return Log(f"sqlite:///{folder / 'tact.db'}")
