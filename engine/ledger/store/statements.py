"""Statements, written once for every database; each store renders them as suits it.

In them `?` stands for a value, and `:given(name type, …)` for a table of given rows, type being text or bigint: what is
passed for it is a list of rows or, with one column, of values. All of it goes into the database as one JSON text, so
that there is one statement for any number of rows.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import orjson

from engine.model.instant import Instant

TableColumn = tuple[str, str]
"""Name and type."""


_GIVEN = re.compile(r":given\(([^)]*)\)")


class Select(NamedTuple):
    """Reads rows."""

    columns: str
    """What a row holds, separated by commas; `json(column)` stands for the value of a JSON text."""
    source: str
    """What follows the columns, from FROM on."""
    packed: bool = False
    """For many rows, or with `json(…)` among the columns, and no fractions: SQLite hands them over as one text."""


def columns(fields: Sequence[str], table: str = "") -> str:
    """The columns of a statement that reads these fields of a row; table: its alias in the statement."""
    return ", ".join(f"{table}.{name}" if table else name for name in fields)


def with_given(sql: str, render: Callable[[Sequence[TableColumn]], str]) -> str:
    """The statement with what the database has instead of each `:given(…)`."""
    return _GIVEN.sub(lambda match: render([_column(text) for text in match[1].split(",")]), sql)


def bound(value: Any) -> Any:
    """The value as it goes into a statement: rows as JSON."""
    return orjson.dumps(value).decode() if isinstance(value, list | tuple) else value


def _column(text: str) -> TableColumn:
    name, of_type = text.split()
    return name, of_type


def id_from(instant: Instant) -> str:
    """The lower bound of the UUIDv7 made at the instant or later; all from before are less."""
    milliseconds = f"{instant // 1000:012x}"
    return f"{milliseconds[:8]}-{milliseconds[8:]}"
