"""Reads the rows of a people file, CSV, JSON lines or Parquet, one after the other; a row is a mapping of column to value.

Rows are numbered as their reader sees them: in CSV as a spreadsheet does (the header is row 1), in JSON lines by line, in
Parquet from 1.
"""

import csv
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import orjson

from engine.measure.database import as_pattern, open_database
from engine.model.instant import to_datetime

_NO_UTF_8 = re.compile("[\udc80-\udcff]")
"""Bytes that are no UTF-8, as `surrogateescape` reads them."""


OUTSIDE_OF_TIME = "needs a time of the years 1 to 9999"
"""What is wrong with a time that Python does not have."""


class Fault(NamedTuple):
    """What is wrong with one value of the file."""

    row: int
    """0: the file as a whole."""
    column: str
    """Empty: the row as a whole."""
    message: str

    def __str__(self) -> str:
        where = ", ".join(
            part
            for part in (self.row and f"row {self.row:,}", self.column and f"column {self.column}")
            if part
        )
        return f"{where}: {self.message}" if where else self.message


class Row(NamedTuple):
    """One row: its number and its values; a value that is not there, or NULL, has no key."""

    number: int
    values: Mapping[str, Any]


Rows: TypeAlias = Iterator[Row | Fault]


class MissingExtra(Exception):
    """The file needs a package that is not installed."""


class PeopleFile(NamedTuple):
    """An opened people file."""

    columns: Sequence[str]
    """Empty for JSON lines, where each row has its own."""
    rows: Rows
    are_texts: bool = False
    """Whether all values are texts, to be read as the book declares them."""


def open_file(path: Path) -> PeopleFile:
    """Opens the file by its ending. Raises ValueError for another ending, OSError, MissingExtra."""
    opener = _OPENERS.get(path.suffix.lower())
    if opener is None:
        raise ValueError(f"{path}: people are read from files that end in {', '.join(_OPENERS)}")
    return opener(path)


def _csv(path: Path) -> PeopleFile:
    rows = _csv_rows(path)
    header = next(rows)
    columns = list(header.values) if isinstance(header, Row) else []
    return PeopleFile(columns, rows if columns else iter([header]), are_texts=True)


def _csv_rows(path: Path) -> Rows:
    """The header, whose columns are the keys, and the rows. A fault of the header ends them."""
    number = 0
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as stream:
        reader = csv.reader(stream, strict=True)
        try:
            columns = next(reader, [])
            number = 1
            if problem := _header_problem(columns):
                yield Fault(1, "", problem)
                return
            yield Row(1, dict.fromkeys(columns, ""))
            for number, fields in enumerate(reader, 2):
                if fields and len(fields) != len(columns):
                    yield Fault(number, "", f"has {len(fields)} fields, and the header has {len(columns)}")
                elif fields:
                    yield _csv_row(number, columns, fields)
        except csv.Error as error:
            yield Fault(number + 1, "", f"cannot be read, nor what follows: {error}")


def _csv_row(number: int, columns: Sequence[str], fields: Sequence[str]) -> Row | Fault:
    values = {name: text for name, text in zip(columns, fields, strict=True) if text}
    wrong = [name for name, text in values.items() if not text.isascii() and _NO_UTF_8.search(text)]
    return Fault(number, wrong[0], "is not in UTF-8") if wrong else Row(number, values)


def _header_problem(columns: Sequence[str]) -> str:
    if not columns:
        return "the file is empty"
    if any(_NO_UTF_8.search(name) or "\0" in name for name in columns):
        return "the header is not in UTF-8: save the file as CSV in UTF-8"
    if "customer" not in columns and len(columns) == 1 and ";" in columns[0]:
        return "fields are divided by commas, not by semicolons"
    doubled = [name for name in dict.fromkeys(columns) if columns.count(name) > 1]
    return f"the column {doubled[0]!r} is there twice" if doubled else ""


def _json_lines(path: Path) -> PeopleFile:
    return PeopleFile((), _json_rows(path))


def _json_rows(path: Path) -> Rows:
    with path.open("rb") as stream:
        for number, line in enumerate(stream, 1):
            if not line.strip():
                continue
            try:
                document = orjson.loads(line)
            except orjson.JSONDecodeError as error:
                yield Fault(number, "", f"is no JSON: {error}")
                continue
            if isinstance(document, dict):
                yield Row(number, {name: value for name, value in document.items() if value is not None})
            else:
                yield Fault(number, "", "is no JSON object")


_BATCH = 2048
"""Rows that are fetched of a Parquet file at a time."""


def _parquet(path: Path) -> PeopleFile:
    path.open("rb").close()  # raises OSError, with the system's words
    try:
        import duckdb  # noqa: PLC0415 -- of the extra `measure`
    except ModuleNotFoundError as error:
        raise MissingExtra("Parquet files need DuckDB: install tact[measure]") from error
    connection = open_database(threads=1)
    try:
        described = connection.execute(
            "DESCRIBE SELECT * FROM read_parquet(?)", [as_pattern(path)]
        ).fetchall()
    except duckdb.Error as error:
        raise ValueError(f"{path}: {str(error).splitlines()[0]}") from error
    kinds = {str(name): str(kind) for name, kind, *_ in described}
    selected = ", ".join(_selected(name, kind) for name, kind in kinds.items())
    try:
        cursor = connection.execute(f"SELECT {selected} FROM read_parquet(?)", [as_pattern(path)])  # noqa: S608 -- quoted names
    except duckdb.Error as error:
        raise ValueError(f"{path}: {str(error).splitlines()[0]}") from error
    return PeopleFile(list(kinds), _parquet_rows(cursor, kinds))


def _selected(name: str, kind: str) -> str:
    """The column as Python gets it: times with a zone as microseconds, decimals as numbers."""
    quoted = '"' + name.replace('"', '""') + '"'
    if kind == "TIMESTAMP WITH TIME ZONE":
        return f"epoch_us({quoted})"
    return f"CAST({quoted} AS DOUBLE)" if kind.startswith("DECIMAL") and "[" not in kind else quoted


def _parquet_rows(cursor: Any, kinds: Mapping[str, str]) -> Rows:
    zoned = {name for name, kind in kinds.items() if kind == "TIMESTAMP WITH TIME ZONE"}
    number = 0
    while batch := cursor.fetchmany(_BATCH):
        for fields in batch:
            number += 1
            values = {name: value for name, value in zip(kinds, fields, strict=True) if value is not None}
            outside = [name for name in zoned & values.keys() if not _is_moment(values[name])]
            if outside:
                yield Fault(number, min(outside), OUTSIDE_OF_TIME)
                continue
            for name in zoned & values.keys():
                values[name] = to_datetime(values[name])
            yield Row(number, values)


def _is_moment(instant: int) -> bool:
    """Whether Python has a time for these microseconds."""
    try:
        to_datetime(instant)
    except OverflowError:
        return False
    return True


_OPENERS: dict[str, Callable[[Path], PeopleFile]] = {
    ".csv": _csv,
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".parquet": _parquet,
}


def aware(moment: datetime, zone: Any) -> datetime:
    """The moment, in the zone where it has none."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
