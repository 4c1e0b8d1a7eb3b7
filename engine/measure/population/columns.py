"""Reads people files by columns, a chunk at a time; rows that columns do not hold are read one by one.

What is read, and what is wrong with a file, is the same as if every row were read by itself: a row with a value that does not
fit is handed to the reader of rows, and so is who brings events. A file with columns of other types is read row by row whole.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from engine.batch.arrow import CHUNK, ArrowReader, RawColumn
from engine.batch.columns import Bools, Codes, ValueColumn
from engine.batch.people import ColumnPeople
from engine.batch.plain import NotByColumns, flattened
from engine.decide.compiled import CompiledBook
from engine.measure.population.files import Fault, PeopleFile, Row, open_file
from engine.measure.population.people import GROUPS, Faults, Person, RowReader, without_customers
from engine.model.instant import Instant
from engine.rulebook.model.book import AttributeType

_TEXTS = (AttributeType.TEXT, AttributeType.VERSION, AttributeType.IP)
_READ_TEXTS = (str, int, float, bool, type(None))
"""Types of entries of lists that are compared by columns."""


class PeopleChunk(NamedTuple):
    """Some of a file's customers, who fit."""

    people: ColumnPeople
    rows: Codes
    """Their rows in the file."""
    persons: Sequence[Person]
    """Further ones, read one by one, from between these rows."""


class ColumnFile:
    """A people file. `faults` and `ignored` are complete when `chunks` is used up."""

    def __init__(
        self, path: Path, compiled: CompiledBook, now: Instant, channels: Sequence[str] = ()
    ) -> None:
        """Opens the file; raises ValueError, OSError, MissingExtra."""
        self._path, self._compiled, self._channels = path, compiled, tuple(channels)
        self._parquet = _opened(path)
        self._file = None if self._parquet is not None else open_file(path)
        self._cells = RowReader(compiled)
        self._rows = RowReader(
            compiled, are_texts=self._file is not None and self._file.are_texts, channels=channels
        )
        self._rows.ignored = self._cells.ignored
        self._reader = ArrowReader(compiled, now, self._channels, self._cells)
        columns = self._file.columns if self._file is not None else self._parquet.schema_arrow.names
        if (fault := without_customers(columns)) is not None:
            self.faults.add(fault)

    @property
    def faults(self) -> Faults:
        """What is wrong with the rows so far."""
        return self._rows.faults

    @property
    def ignored(self) -> Mapping[str, str]:
        """Columns that the book does not declare, with what was probably meant, or an empty text."""
        return self._cells.ignored

    def chunks(self) -> Iterator[PeopleChunk]:
        """The people of the rows without faults, in the order of the file."""
        if self.faults.count:
            return
        done = 0
        try:
            batches = self._of_parquet() if self._parquet is not None else self._of_rows(self._file)
            for chunk, rows in batches:
                yield chunk
                done += rows
        except (NotByColumns, pa.ArrowException, UnicodeDecodeError, OverflowError):
            yield from self._one_by_one(done)

    def _of_parquet(self) -> Iterator[tuple[PeopleChunk, int]]:
        """The chunks, and how many rows each has."""
        first = 1
        for batch in self._parquet.iter_batches(CHUNK):
            columns = flattened(batch, self._cells)
            numbers = np.arange(first, first + batch.num_rows)
            read = self._reader.read(columns, batch.num_rows)
            wanted = [name for name in batch.schema.names if name in GROUPS or self._is_wanted(name, batch)]
            odd = [
                Row(int(numbers[row]), _values(batch, wanted, row))
                for row in np.flatnonzero(read.odd).tolist()
            ]
            yield self._chunk(read.batch, numbers, read.odd, odd), batch.num_rows
            first += batch.num_rows

    def _is_wanted(self, name: str, batch: pa.RecordBatch) -> bool:
        column = batch.column(name)
        return column.null_count < len(column) and self._cells.is_read(name)

    def _of_rows(self, file: PeopleFile | None) -> Iterator[tuple[PeopleChunk, int]]:
        """The same of a file whose rows come one by one."""
        rows = iter(()) if file is None else file.rows
        while taken := list(islice(rows, CHUNK)):
            whole = [row for row in taken if isinstance(row, Row)]
            columns, odd = self._columns(whole)
            read = self._reader.read(columns, len(whole)) if whole else None
            if read is not None:
                odd |= read.odd
            one_by_one: list[Row | Fault] = [whole[row] for row in np.flatnonzero(odd).tolist()]
            one_by_one += [row for row in taken if isinstance(row, Fault)]
            one_by_one.sort(key=_number)
            numbers = np.array([row.number for row in whole], np.int64)
            batch = read.batch if read is not None else _EMPTY
            yield self._chunk(batch, numbers, odd, one_by_one), len(taken)

    def _chunk(
        self, batch: pa.RecordBatch, numbers: Codes, odd: Bools, one_by_one: Sequence[Row | Fault]
    ) -> PeopleChunk:
        persons: list[Person] = []
        for row in one_by_one:
            if isinstance(row, Fault):
                self.faults.add(row)
            elif (person := self._rows.person(row)) is not None:
                persons.append(person)
        if odd.any():
            batch, numbers = batch.filter(pa.array(~odd)), numbers[~odd]
        return PeopleChunk(ColumnPeople(batch, self._reader.kinds, self._reader.moment), numbers, persons)

    def _columns(self, rows: Sequence[Row]) -> tuple[dict[str, RawColumn], Bools]:
        """The columns of rows, and which of the rows they do not hold."""
        odd = np.zeros(len(rows), np.bool_)
        flat = []
        for number, row in enumerate(rows):
            values, is_whole = self._flat(row.values)
            odd[number] = not is_whole
            flat.append(values)
        columns: dict[str, RawColumn] = {}
        for name in dict.fromkeys(chain.from_iterable(flat)):
            if name == "events":
                odd |= np.array([name in values for values in flat], np.bool_)
            elif name == "customer" or self._cells.is_read(name):
                columns[name] = self._raw(name, [values.get(name) for values in flat], odd)
        if rows and "customer" not in columns:
            columns["customer"] = pa.nulls(len(rows), pa.string())
        return columns, odd

    def _flat(self, values: Mapping[str, Any]) -> tuple[Mapping[str, Any], bool]:
        """The values with those of structs by their dotted names, and whether these are all."""
        if not any(group in values for group in GROUPS):
            return values, True
        flat: dict[str, Any] = {}
        is_whole = True
        for name, value in values.items():
            if name not in GROUPS:
                is_whole &= name not in flat
                flat[name] = value
            elif isinstance(value, dict):
                is_whole &= self._flatten(name, value, flat)
            else:
                is_whole = False
        return flat, is_whole

    def _flatten(self, prefix: str, values: Mapping[str, Any], flat: dict[str, Any]) -> bool:
        is_whole = True
        for part, value in values.items():
            name = f"{prefix}.{part}"
            if isinstance(value, dict):
                is_whole &= self._flatten(name, value, flat)
            elif "__" in part or name in flat:
                is_whole = False
            elif self._cells.is_read(name) and value is not None:
                flat[name] = value
        return is_whole

    def _raw(self, name: str, values: list[Any], odd: Bools) -> RawColumn:
        """A column of values; those that cannot be compared are left out, and their rows noted."""
        declared = self._compiled.book.attributes.get(name.replace("__", "."))
        kinds = set(map(type, values))
        if self._file is not None and self._file.are_texts:
            if name == "customer" or (declared is not None and declared.type in _TEXTS):
                return pa.array(values, pa.string())
            return self._of_texts(name, ValueColumn.coded(values), odd)
        if kinds <= {str, type(None)}:
            return pa.array(values, pa.string())
        if not kinds <= {str, int, float, bool, type(None)}:
            values = list(values)
            for row, value in enumerate(values):
                if isinstance(value, list) and all(type(entry) in _READ_TEXTS for entry in value):
                    values[row] = tuple(value)
                elif isinstance(value, list | dict):
                    values[row], odd[row] = None, True
        column = ValueColumn.coded(values)
        plains = [list(value) if isinstance(value, tuple) else value for value in column.values]
        return ValueColumn(column.codes, plains)

    def _of_texts(self, name: str, column: ValueColumn, odd: Bools) -> ValueColumn:
        plains: list[Any] = []
        for code, text in enumerate(column.values):
            try:
                plains.append(None if text is None else self._cells.of_text(name, text))
            except ValueError:
                plains.append(None)
                odd |= column.codes == code
        return ValueColumn(column.codes, plains)

    def _one_by_one(self, done: int) -> Iterator[PeopleChunk]:
        """What is left behind so many rows, read row by row."""
        file = open_file(self._path)
        rows = islice(file.rows, done, None)
        while taken := list(islice(rows, CHUNK)):
            yield self._chunk(_EMPTY, np.zeros(0, np.int64), np.zeros(0, np.bool_), taken)


_EMPTY = pa.RecordBatch.from_pydict({"customer": pa.array([], pa.string())})


def _opened(path: Path) -> Any:
    """The Parquet file; None where it is of another kind, or is read as the reader of rows does, which says what is wrong."""
    if path.suffix.lower() != ".parquet":
        return None
    path.open("rb").close()  # raises OSError, with the system's words
    try:
        return pq.ParquetFile(path, pre_buffer=False)  # else what was read is kept
    except (pa.ArrowException, OSError):
        return None


def _number(row: Row | Fault) -> int:
    return row.row if isinstance(row, Fault) else row.number


def _values(batch: pa.RecordBatch, names: Sequence[str], row: int) -> dict[str, Any]:
    """The values of a row, as the reader of rows gets them."""
    values: dict[str, Any] = {}
    for name in names:
        column = batch.column(name)
        plain = column[row].as_py()
        if plain is not None:
            values[name] = float(plain) if pa.types.is_decimal(column.type) else plain
    return values
