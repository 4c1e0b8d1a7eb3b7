"""Statements, written once for every database; each store renders them as suits it.

In them `?` stands for a value, and `:given(name type, …)` for a table of given rows, type being text or bigint: what is
passed for it is a list of rows or, with one column, of values. All of it goes into the database as one JSON text, so
that there is one statement for any number of rows.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Table

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
    """Mostly many rows, or with `json(…)` among the columns, and no fractions: SQLite hands them over as one text."""


def with_given(sql: str, render: Callable[[Sequence[TableColumn]], str]) -> str:
    """The statement with what the database has instead of each `:given(…)`."""
    return _GIVEN.sub(lambda found: render([_column(one) for one in found[1].split(",")]), sql)


def bound(value: Any) -> Any:
    """The value as it goes into a statement: rows as JSON."""
    return orjson.dumps(value).decode() if isinstance(value, list | tuple) else value


def columns_of(table: Table) -> list[str]:
    """The table's columns, in the order of its rows."""
    return [column.name for column in table.columns]


def _column(text: str) -> TableColumn:
    name, of_type = text.split()
    return name, of_type


def id_from(instant: Instant) -> str:
    """No UUIDv7 made at the instant or later is less than this, and none from before is more."""
    milliseconds = f"{instant // 1000:012x}"
    return f"{milliseconds[:8]}-{milliseconds[8:]}"
