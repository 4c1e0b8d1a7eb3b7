"""Reads record batches of customers against a book, column by column: a value is checked once, however many have it.

Columns are those of a people file: `customer`; attributes by their dotted names, with `__` for dots, or as structs (`profile`,
`location`, `weather`); `consents`, a list, or booleans `consent__NAME`; `preferred_channels` and `aliases`, lists. Others are
ignored. How a value is read is the caller's.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from engine.batch.columns import Bools, Codes, ValueColumn, first_rows, numbered
from engine.batch.people import (
    ALIASES,
    CUSTOMER,
    GIVEN,
    WHOLE,
    ColumnPeople,
    SendMoment,
    attribute_arrays,
    encoded,
    given_text,
    kept_attributes,
)
from engine.batch.plain import CellReader, NotByColumns, flattened
from engine.decide.compiled import CompiledBook
from engine.model.instant import Instant
from engine.model.values import Value, is_blank
from engine.rulebook.model.book import AttributeType

CHUNK = 32_768
"""Customers who are decided together, which bounds memory."""

MOST_SHOWN = 20
"""Faults of a batch that are kept; the others are counted."""

_LONGEST_NAME = 200
"""Characters of a customer's id, as in requests."""

_MOST_ATTRIBUTES = 500
"""Of a request; a batch with more columns is read row by row."""

_MOST_KEPT = 1 << 16
"""Values of an attribute that are kept with how they were read."""

_CONSENT = "consent__"


RawColumn: TypeAlias = "pa.Array | ValueColumn"
"""Plain values, as a file has them."""


class CellFault(NamedTuple):
    """A value that does not fit the book."""

    row: int
    """In the batch, from 0 on."""
    column: str
    message: str


class BatchRefused(Exception):
    """A batch whose values do not fit the book."""

    def __init__(self, faults: Sequence[CellFault], count: int) -> None:
        super().__init__(
            "; ".join(f"row {row}, column {column}: {message}" for row, column, message in faults)
        )
        self.faults, self.count = faults, count
        """The first faults, and the number of all."""


class ReadColumns(NamedTuple):
    """The customers of a batch, and which of them columns do not hold: their values are to be read row by row."""

    batch: pa.RecordBatch
    odd: Bools


class ArrowReader:
    """Reads batches of customers against a book; keeps how values were read."""

    def __init__(
        self, compiled: CompiledBook, now: Instant, channels: tuple[str, ...], cells: CellReader
    ) -> None:
        self.compiled, self.cells = compiled, cells
        self.moment = SendMoment(now, channels)
        self.kinds = kept_attributes(compiled)
        self._known: dict[str, dict[Any, Value | ValueError | None]] = {}

    def people(self, batch: pa.RecordBatch) -> ColumnPeople:
        """The customers of a batch. Raises BatchRefused where a value does not fit, or somebody brings events."""
        try:
            columns = flattened(batch, self.cells)
            reading = _Reading(self, columns, batch.num_rows)
            read = reading.read()
        except NotByColumns as error:
            raise BatchRefused([CellFault(0, "", str(error))], 1) from error
        if "events" in columns and pc.count(columns["events"]).as_py():
            raise BatchRefused([CellFault(0, "events", "customers with events come as requests")], 1)
        if reading.fault_count:
            raise BatchRefused(reading.faults, reading.fault_count)
        return ColumnPeople(read.batch, self.kinds, self.moment)

    def read(self, columns: Mapping[str, RawColumn], rows: int) -> ReadColumns:
        """Reads the columns of as many customers. Raises NotByColumns."""
        return _Reading(self, columns, rows).read()

    def value(self, column: str, name: str, plain: Any) -> Value | None:
        """The value of an attribute, read once, None if the book does not refer to it; raises ValueError."""
        known = self._known.setdefault(name, {})
        key = (type(plain), str(plain)) if isinstance(plain, float | list | dict) else (type(plain), plain)
        if key not in known:
            if len(known) > _MOST_KEPT:
                known.clear()
            try:
                known[key] = self.cells.alone({column: plain}).attributes.get(name)
            except ValueError as error:
                known[key] = ValueError(str(error))
        read = known[key]
        if isinstance(read, ValueError):
            raise ValueError(str(read))  # noqa: TRY004 -- raised itself, it would keep its frames and their columns
        return read


class _Reading:
    """The reading of one batch."""

    def __init__(self, reader: ArrowReader, columns: Mapping[str, RawColumn], rows: int) -> None:
        self.faults: list[CellFault] = []
        self.fault_count = 0
        self._reader, self._columns, self._rows = reader, columns, rows
        self._odd = np.zeros(rows, np.bool_)
        self._read: dict[str, pa.Array] = {}

    def read(self) -> ReadColumns:
        """Reads all columns. Raises NotByColumns."""
        self._customers()
        attributes: dict[str, str] = {}
        given: list[str] = []
        for column in self._columns:
            if column in ("consents", "preferred_channels") or column.startswith(_CONSENT):
                given.append(column)
            elif column not in (CUSTOMER, ALIASES[1:], "events"):
                name = column.replace("__", ".")
                if name in attributes:
                    raise NotByColumns("two columns are of the same attribute")
                attributes[name] = column
        if len(attributes) > _MOST_ATTRIBUTES:
            raise NotByColumns(f"more than {_MOST_ATTRIBUTES} attributes")
        for name, column in attributes.items():
            self._attribute(name, column)
        self._agreed(given)
        self._aliases()
        if (events := self._columns.get("events")) is not None:
            self._odd |= ~_missing(events)
        return ReadColumns(pa.RecordBatch.from_pydict(self._read), self._odd)

    def _fault(self, rows: Codes, column: str, message: str) -> None:
        """Notes rows whose values do not fit."""
        self._odd[rows] = True
        self.fault_count += len(rows)
        for row in rows[: MOST_SHOWN - len(self.faults)].tolist():
            self.faults.append(CellFault(row, column, message))

    def _customers(self) -> None:
        column = self._columns.get(CUSTOMER)
        if column is None:
            raise NotByColumns("there is no such column: customer")
        if isinstance(column, ValueColumn):
            values = [column.values[code] for code in column.codes.tolist()]
            array = pa.array([value if type(value) is str else None for value in values], pa.string())
        else:
            array = column
        if not pa.types.is_string(array.type):
            raise NotByColumns("the customers' ids are no texts")
        if array.null_count or not are_plain_ids(array):
            wrong = [
                row
                for row, name in enumerate(array.to_pylist())
                if name is None or is_blank(name) or "\0" in name or len(name) > _LONGEST_NAME
            ]
            self._fault(np.array(wrong, np.int64), CUSTOMER, "needs the customer's id, a text")
        self._read[CUSTOMER] = array

    def _attribute(self, name: str, column: str) -> None:
        kind = self._reader.compiled.book.attributes[name].type
        raw = self._columns[column]
        if isinstance(raw, ValueColumn):
            codes, plains = raw.codes, raw.values
        elif raw.null_count == self._rows:
            return
        else:
            read = self._whole_column(name, column, kind, raw)
            if read is not None:
                self._keep(name, read)
                return
            codes, plains = _encoded(raw)
        values = self._numbers(name, column, kind, plains)
        if values is None:
            values = self._values(name, column, codes, plains)
        if name in self._reader.kinds:
            for own, array in attribute_arrays(name, kind, values).items():
                if array.null_count < len(array):
                    self._read[own] = array.take(pa.array(codes))

    def _keep(self, name: str, array: pa.Array) -> None:
        if name in self._reader.kinds:
            is_number = self._reader.kinds[name] is AttributeType.NUMBER
            self._read[name + WHOLE if is_number and pa.types.is_int64(array.type) else name] = array

    def _values(self, name: str, column: str, codes: Codes, plains: Sequence[Any]) -> list[Value | None]:
        """The values, each read by itself."""
        values: list[Value | None] = []
        for code, plain in enumerate(plains):
            try:
                values.append(None if plain is None else self._reader.value(column, name, plain))
            except ValueError as error:
                values.append(None)
                self._fault(np.flatnonzero(codes == code), column, str(error))
        return values

    def _numbers(
        self, name: str, column: str, kind: AttributeType, plains: Sequence[Any]
    ) -> list[Value | None] | None:
        """The values of numbers that are between two that fit; None where it has to be looked at each."""
        if len(plains) <= 2 or not self._is_bounded(name, kind):
            return None
        values: list[Value | None] = list(plains)
        for type_ in {type(plain) for plain in plains if plain is not None}:
            own = [plain for plain in plains if type(plain) is type_]
            fitting = (int, float) if kind is AttributeType.NUMBER else (int,)
            if type_ not in fitting or any(number != number for number in own):  # noqa: PLR0124 -- is no number
                return None
            if any(self._as_read(name, column, number) is not type_ for number in (min(own), max(own))):
                return None
        return values

    def _whole_column(self, name: str, column: str, kind: AttributeType, array: pa.Array) -> pa.Array | None:
        """The values of an array, if all fit because the longest, or smallest and largest do; None: it is not known."""
        if kind is AttributeType.TEXT and pa.types.is_string(array.type):
            if has_nul(array) and pc.any(pc.match_substring(array, "\0")).as_py():
                return None
            lengths = pc.binary_length(array)
            longest = array[pc.index(lengths, pc.max(lengths)).as_py()].as_py()
            return (
                array
                if all(self._as_read(name, column, text) is str for text in ("", "x", longest))
                else None
            )
        is_whole = pa.types.is_int64(array.type)
        if is_whole or (kind is AttributeType.NUMBER and pa.types.is_float64(array.type)):
            if not self._is_bounded(name, kind) or (not is_whole and pc.any(pc.is_nan(array)).as_py()):
                return None
            read = {self._as_read(name, column, number.as_py()) for number in pc.min_max(array).values()}
            return (
                array.cast(pa.float64(), safe=False) if read == {float} else array if read == {int} else None
            )
        if kind is AttributeType.TIME and pa.types.is_timestamp(array.type) and array.type.tz is not None:
            moments = array.cast(pa.int64())
            fits = all(
                self._as_read(name, column, own.as_py()) is not None for own in pc.min_max(array).values()
            )
            return moments if fits else None
        return None

    def _is_bounded(self, name: str, kind: AttributeType) -> bool:
        """Whether all numbers fit that are between two that do."""
        is_number = kind in (AttributeType.NUMBER, AttributeType.INTEGER)
        return is_number and self._reader.compiled.book.attributes[name].one_of is None

    def _as_read(self, name: str, column: str, plain: Any) -> type | None:
        """As which type the value is read, if it is the same value; None: it does not fit, or becomes another."""
        try:
            read = self._reader.value(column, name, plain)
        except ValueError:
            return None
        if name not in self._reader.kinds or isinstance(
            plain, datetime
        ):  # a moment becomes another in any case
            return type(plain)
        return type(read) if read == plain else None

    def _agreed(self, columns: Sequence[str]) -> None:
        """Reads consents and preferred channels, each combination once."""
        cells, keys = self._reader.cells, np.zeros(self._rows, np.int64)
        coded: list[ValueColumn] = []
        for column in columns:
            raw = self._columns[column]
            own = raw if isinstance(raw, ValueColumn) else ValueColumn(*_encoded(raw))
            wrong = np.array([not self._fits(column, plain) for plain in own.values], np.bool_)[own.codes]
            if wrong.any():
                message = "needs true or false" if column.startswith(_CONSENT) else "needs a list of texts"
                self._fault(np.flatnonzero(wrong), column, message)
            coded.append(own)
            keys = keys * len(own.values) + own.codes
            _, keys = numbered(keys)
        if not coded:
            return
        distinct, codes = numbered(keys)
        first = first_rows(codes, len(distinct))
        texts: list[str | None] = []
        for number, row in enumerate(first.tolist()):
            plains = {column: own.values[own.codes[row]] for column, own in zip(columns, coded, strict=True)}
            try:
                given = {column: plain for column, plain in plains.items() if plain is not None}
                texts.append(given_text(cells.alone(given)))
            except ValueError as error:
                texts.append(None)
                unnoted = np.flatnonzero((codes == number) & ~self._odd)
                self._fault(unnoted, "consents", str(error))
        self._read[GIVEN] = pa.array(texts, pa.string()).take(pa.array(codes))

    def _fits(self, column: str, plain: Any) -> bool:
        if plain is None:
            return True
        try:
            self._reader.cells.alone({column: plain})
        except ValueError:
            return False
        return True

    def _aliases(self) -> None:
        raw = self._columns.get(ALIASES[1:])
        if raw is None:
            return
        names = self._read[CUSTOMER].to_pylist()
        texts = (
            [raw.values[code] for code in raw.codes.tolist()]
            if isinstance(raw, ValueColumn)
            else raw.to_pylist()
        )
        aliases: list[Sequence[str] | None] = [None] * self._rows
        for row, own in enumerate(texts):
            if own is None or names[row] is None:
                continue
            try:
                read = self._reader.cells.alone({CUSTOMER: names[row], ALIASES[1:]: own})
                aliases[row] = read.aliases or None
            except ValueError as error:
                self._fault(np.array([row]), ALIASES[1:], str(error))
        self._read[ALIASES] = pa.array(aliases, pa.list_(pa.string()))


def _octets(array: pa.Array) -> npt.NDArray[np.uint8]:
    """The octets of all texts of an array, and perhaps of others that share its buffer."""
    _, offsets, octets = array.buffers()
    if octets is None or not len(array):
        return np.zeros(0, np.uint8)
    bounds = np.frombuffer(offsets, np.int32)[[array.offset, array.offset + len(array)]]
    return np.frombuffer(octets, np.uint8)[bounds[0] : bounds[1]]


def has_nul(array: pa.Array) -> bool:
    """Whether a text has the character NUL, or one might that is missing."""
    return not _octets(array).all()


def are_plain_ids(array: pa.Array) -> bool:
    """Whether all ids, of which none is missing, are short and of visible characters of ASCII: they need no closer look."""
    octets, lengths = _octets(array), pc.binary_length(array).to_numpy()
    is_visible = not len(octets) or (octets.min() >= ord("!") and octets.max() <= ord("~"))
    return bool(is_visible and (not len(array) or (lengths.min() >= 1 and lengths.max() <= _LONGEST_NAME)))


def _missing(column: RawColumn) -> Bools:
    """By customer, whether there is no value."""
    if isinstance(column, ValueColumn):
        return column.test(lambda value: value is None)
    missing: Bools = column.is_null().to_numpy(zero_copy_only=False)
    return missing


def _encoded(array: pa.Array) -> tuple[Codes, Sequence[Any]]:
    """Codes and distinct plain values."""
    if not pa.types.is_nested(array.type):
        return encoded(array)
    column = ValueColumn.coded([None if own is None else tuple(own) for own in array.to_pylist()])
    return column.codes, [None if own is None else list(own) for own in column.values]
