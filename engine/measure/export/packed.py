"""Unpacks decisions of a log that is read through ADBC."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from engine.ledger.store.packing import MARK, unpack
from engine.measure.export.source import LogColumn, LogSource

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_COLUMNS = (LogColumn("number", "integer", required=True), LogColumn("text", required=True))

_UNPACKED = "unpacked_text"
"""The function of DuckDB that gives a text of a packed decision: the inputs, the trace, or the answer."""


def read_dictionaries(log: LogSource, connection: "DuckDBPyConnection") -> dict[int, str]:
    """The dictionaries of the log, by number; none of a log that was never packed."""
    with log.rows(log.columns_statement("dictionaries")) as stream:
        connection.register("dictionaries", stream)
        has_any = bool(connection.execute("SELECT name FROM dictionaries").fetchall())
        connection.unregister("dictionaries")
    if not has_any:
        return {}
    names = [column.name for column in _COLUMNS]
    with log.rows(log.statement("dictionaries", _COLUMNS, names)) as stream:
        connection.register("dictionaries", stream)
        decoded = ", ".join(column.decoded for column in _COLUMNS)
        rows = connection.execute(f"SELECT {decoded} FROM dictionaries").fetchall()
        connection.unregister("dictionaries")
    return dict(rows)


def add_unpacking(connection: "DuckDBPyConnection", dictionaries: Mapping[int, str]) -> None:
    """Has statements on the connection unpack by `whole`."""

    def unpacked_text(answer: str, position: int) -> str:
        return unpack(answer, dictionaries.__getitem__)[position]

    connection.create_function(_UNPACKED, unpacked_text, ["VARCHAR", "INTEGER"], "VARCHAR")


def whole(columns: str, source: str) -> str:
    """The columns of decisions, with their texts unpacked, as a statement; source: where they come from."""
    texts = ", ".join(
        f"CASE WHEN starts_with(answer, '{MARK}') THEN {_UNPACKED}(answer, {position}) ELSE {name} END AS {name}"
        for position, name in enumerate(("inputs", "trace", "answer"))
    )
    return f"SELECT * REPLACE ({texts}) FROM (SELECT {columns} FROM {source})"
