"""Customers of an Arrow record batch, and decisions as one. A column is read by its distinct values.

Columns: `customer`; attributes by their dotted names or with `__` for dots; `consents`, a list, or booleans `consent__NAME`;
`preferred_channels`, a list. Others are ignored. What is checked is the caller's: it reads a plain value of an attribute.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.batch.columns import Bools, Chunk, ScoreColumn, ValueColumn
from engine.batch.facets import reach_of
from engine.batch.kernel import Kernel
from engine.batch.results import Decisions, RowDecision
from engine.decide.compiled import CompiledBook
from engine.model.instant import Instant
from engine.model.request import Request
from engine.model.values import Value, is_blank
from engine.rulebook.model.book import AttributeType

ReadAttribute: TypeAlias = Callable[[str, Any], Value]
"""Reads the plain value of an attribute, as a request carries it, as the value that is compared; raises ValueError."""

CHUNK = 32_768
"""Customers who are decided together, which bounds memory."""

MOST_SHOWN = 20
"""Faults of a batch that are kept; the others are counted."""

_LONGEST_NAME = 200
"""Characters of a customer's id, as in requests."""

_PLAIN_ID = f"^[!-~]{{1,{_LONGEST_NAME}}}$"
"""Ids that need no closer look."""

_CONSENT, _MOMENT = "consent__", pa.timestamp("us", tz="UTC")


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


class ArrowReader:
    """Reads batches of customers against a book: which columns hold what, and the values that were read before."""

    def __init__(
        self, compiled: CompiledBook, now: Instant, channels: tuple[str, ...], read: ReadAttribute
    ) -> None:
        self.now, self.channels = now, channels
        self._compiled, self._read = compiled, read
        self._values: dict[str, dict[Any, Value | ValueError]] = {}

    def people(self, batch: pa.RecordBatch) -> "ArrowPeople":
        """The customers of a batch, with whose `request` the engine's own request of a row is had. Raises BatchRefused."""
        people = ArrowPeople(batch, self, self._compiled)
        if people.fault_count:
            raise BatchRefused(people.faults, people.fault_count)
        return people

    def value(self, name: str, plain: Any) -> Value:
        """The value of an attribute, read once; raises ValueError."""
        known = self._values.setdefault(name, {})
        key = (type(plain), str(plain)) if isinstance(plain, float) else (type(plain), plain)
        if isinstance(plain, list):
            key = (list, str(plain))
        if key not in known:
            if len(known) > 1 << 16:
                known.clear()
            try:
                known[key] = self._read(name, plain)
            except ValueError as error:
                known[key] = error
        read = known[key]
        if isinstance(read, ValueError):
            raise read
        return read


class ArrowPeople:
    """The customers of a batch."""

    def __init__(self, batch: pa.RecordBatch, reader: ArrowReader, compiled: CompiledBook) -> None:
        self.faults: list[CellFault] = []
        self.fault_count = 0
        self._reader, self._batch = reader, batch
        self._columns = {name.replace("__", "."): at for at, name in enumerate(batch.schema.names)}
        if len(self._columns) < batch.num_columns:
            raise BatchRefused([CellFault(0, "", "two columns are of the same attribute")], 1)
        if "events" in self._columns and pc.count(batch.column("events")).as_py():
            raise BatchRefused([CellFault(0, "events", "customers with events come as requests")], 1)
        self._read: dict[str, ValueColumn] = {}
        self.rows = batch.num_rows
        self.names = self._customers()
        self.chunk = Chunk(self)
        self._consents = self._given(compiled)
        self._referenced = sorted(compiled.referenced & self._columns.keys())
        self._long = {
            name for name in self._referenced if self._is_long_text(name, compiled.book.attributes[name].type)
        }
        for name in self._referenced:
            if name not in self._long:
                self.coded(name)

    def coded(self, name: str) -> ValueColumn:
        """The attribute's column."""
        known = self._read.get(name)
        if known is None:
            known = self._read[name] = self._coded(name)
        return known

    def test(self, name: str, holds: Callable[[Any], bool]) -> Bools:
        """By customer, whether it holds for the attribute's value; holds: `bool` or `is_blank`."""
        if name not in self._long:
            return self.coded(name).test(holds)
        array = _plain(self._batch.column(self._columns[name]))
        visible = pc.fill_null(pc.match_substring_regex(array, "^[!-~]"), False)
        tested = np.full(self.rows, holds("x"), np.bool_)
        for row in np.flatnonzero(~visible.to_numpy(zero_copy_only=False)).tolist():
            tested[row] = holds(array[row].as_py())
        return tested

    def floats(self, name: str, otherwise: float) -> ScoreColumn:
        """By customer, the value as a factor of a score."""
        return self.coded(name).floats(otherwise)

    def reach(self, purposes: frozenset[str]) -> ValueColumn:
        """By customer, which of these purposes they have agreed to, sorted, and which channels they prefer."""
        return reach_of(self._consents, purposes)

    def request(self, row: int) -> Request:
        """The request that a server would get of the customer."""
        values = {name: self._value(name, row) for name in self._referenced}
        given = {name: value for name, value in values.items() if value is not None}
        consents, preferred = self._consents.values[int(self._consents.codes[row])]
        return Request(
            self.names[row],
            self._reader.now,
            given,
            consents=consents,
            preferred_channels=preferred,
            channels=self._reader.channels,
        )

    def _value(self, name: str, row: int) -> Value | None:
        if name in self._long and name not in self._read:
            value: Value | None = self._batch.column(self._columns[name])[row].as_py()
            return value
        column = self.coded(name)
        of_row: Value | None = column.values[int(column.codes[row])]
        return of_row

    def _fault(self, row: int, column: str, message: str) -> None:
        self.fault_count += 1
        if len(self.faults) < MOST_SHOWN:
            self.faults.append(CellFault(row, column, message))

    def _customers(self) -> Sequence[str]:
        if "customer" not in self._columns:
            raise BatchRefused([CellFault(0, "customer", "there is no such column")], 1)
        array = _plain(self._batch.column(self._columns["customer"]))
        names: list[str] = array.to_pylist()
        if pa.types.is_string(array.type) and not array.null_count:
            fits = pc.all(pc.match_substring_regex(array, _PLAIN_ID)).as_py()
            if fits is not False:
                return names
        for row, name in enumerate(names):
            if type(name) is not str or is_blank(name) or "\0" in name or len(name) > _LONGEST_NAME:
                self._fault(row, "customer", "needs the customer's id, a text")
                names[row] = ""
        return names

    def _coded(self, name: str) -> ValueColumn:
        at = self._columns.get(name)
        if at is None:
            return ValueColumn(np.zeros(self.rows, np.int64), [None])
        codes, distinct = _encoded(_plain(self._batch.column(at)))
        values: list[Value | None] = []
        for code, plain in enumerate(distinct):
            try:
                values.append(None if plain is None else self._reader.value(name, plain))
            except ValueError as error:
                values.append(None)
                for row in np.flatnonzero(codes == code).tolist():
                    self._fault(row, self._batch.schema.names[at], str(error))
        column = ValueColumn.coded(values)
        return ValueColumn(column.codes[codes], column.values)

    def _is_long_text(self, name: str, kind: AttributeType) -> bool:
        """Whether it is a column of free texts that all fit, which is not coded where only blanks are looked for."""
        array = _plain(self._batch.column(self._columns[name]))
        if kind is not AttributeType.TEXT or not pa.types.is_string(array.type) or not self.rows:
            return False
        if pc.count_distinct(array).as_py() * 4 < self.rows:
            return False
        if pc.any(pc.match_substring(array, "\0")).as_py():
            return False
        lengths = pc.binary_length(array)
        longest = pc.index(lengths, pc.max(lengths)).as_py()
        samples = [array[longest].as_py(), "x"] if longest >= 0 else ["x"]
        try:
            return all(self._reader.value(name, sample) == sample for sample in samples)
        except ValueError:
            return False

    def _given(self, compiled: CompiledBook) -> ValueColumn:
        """By customer, the consents and the preferred channels."""
        names = self._batch.schema.names
        wanted = {channel.consent for channel in compiled.book.channels.values() if channel.consent}
        lists = [self._lists(name) for name in ("consents", "preferred_channels")]
        flags = [
            name for name in names if name.removeprefix(_CONSENT) in wanted and name.startswith(_CONSENT)
        ]
        coded = [_encoded(_plain(self._batch.column(names.index(name)))) for name in flags]
        keys = np.zeros(self.rows, np.int64)
        for codes, distinct in [*lists, *coded]:
            keys = keys * max(1, len(distinct)) + codes
        _, first, codes = np.unique(keys, return_index=True, return_inverse=True)
        given = []
        for row in first.tolist():
            agreed = {
                name.removeprefix(_CONSENT)
                for name, (of_rows, distinct) in zip(flags, coded, strict=True)
                if distinct[of_rows[row]] is True
            }
            consents, preferred = (distinct[of_rows[row]] or () for of_rows, distinct in lists)
            given.append((frozenset((*consents, *agreed)), tuple(preferred)))
        return ValueColumn(codes, given)

    def _lists(self, name: str) -> tuple[Any, Sequence[Any]]:
        if name not in self._batch.schema.names:
            return np.zeros(self.rows, np.int64), [None]
        codes, distinct = _encoded(self._batch.column(self._batch.schema.names.index(name)))
        for code, texts in enumerate(distinct):
            if texts is not None and not all(isinstance(text, str) for text in texts):
                for row in np.flatnonzero(codes == code).tolist():
                    self._fault(row, name, "needs a list of texts")
        return codes, distinct


def _plain(array: Any) -> Any:
    """The array without a dictionary, views and large offsets; numbers as doubles where they are no integers."""
    kind = array.type
    if pa.types.is_dictionary(kind):
        return _plain(array.dictionary_decode())
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return array.cast(pa.string())
    if pa.types.is_decimal(kind) or pa.types.is_float32(kind) or pa.types.is_float16(kind):
        return array.cast(pa.float64())
    if pa.types.is_timestamp(kind) and kind.unit != "us":
        return array.cast(pa.timestamp("us", tz=kind.tz), safe=False)
    return array


def _encoded(array: Any) -> tuple[Any, Sequence[Any]]:
    """Codes and distinct plain values; zeros of different signs are distinct."""
    if pa.types.is_nested(array.type):
        listed = array.to_pylist()
        column = ValueColumn.coded([None if own is None else tuple(own) for own in listed])
        return column.codes, [None if own is None else list(own) for own in column.values]
    bits = array.view(pa.int64()) if pa.types.is_float64(array.type) else array
    encoded = bits.dictionary_encode(null_encoding="encode")
    distinct = encoded.dictionary
    if pa.types.is_float64(array.type):
        distinct = distinct.view(pa.float64())
    return encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64), distinct.to_pylist()


def decide_batch(kernel: Kernel, reader: ArrowReader, batch: pa.RecordBatch) -> pa.RecordBatch:
    """The decisions for a batch of any size, by customer in their order. Raises BatchRefused, Disagreement."""
    chunks = [
        kernel.decide_people(reader.people(batch.slice(start, CHUNK)))
        for start in range(0, max(1, batch.num_rows), CHUNK)
    ]
    whole = Decisions(
        [name for own in chunks for name in own.names],
        np.concatenate([own.codes for own in chunks]),
        np.concatenate([own.scores for own in chunks]),
        chunks[0].distinct,
    )
    return decisions_batch(whole)


def decisions_batch(decisions: Decisions) -> pa.RecordBatch:
    """The decisions as a batch, by customer in their order; `class` numbers those that differ by the score alone."""
    codes = pa.array(decisions.codes)
    table = pa.table(_columns_of(decisions.distinct)).take(codes).combine_chunks()
    columns: Mapping[str, Any] = {
        "customer": pa.array(decisions.names, pa.string()),
        **{name: _one_chunk(table.column(name)) for name in table.column_names},
        "score": pa.array(decisions.scores, from_pandas=True),
        "class": codes,
    }
    return pa.RecordBatch.from_pydict(dict(columns))


def _one_chunk(column: Any) -> Any:
    return column.chunk(0) if column.num_chunks else pa.array([], column.type)


def _columns_of(distinct: Sequence[RowDecision]) -> dict[str, Any]:
    forms = [decision.chosen[0] if len(decision.chosen) == 1 else None for decision in distinct]
    reasons = [
        [f"{own.code.value}:{own.name}" if own.name else own.code.value for own in decision.reasons]
        for decision in distinct
    ]
    return {
        "outcome": pa.array([decision.outcome.value for decision in distinct], pa.string()),
        "campaign": pa.array([form and form.campaign for form in forms], pa.string()),
        "variant": pa.array([form and form.variant for form in forms], pa.string()),
        "channel": pa.array([form and form.channel for form in forms], pa.string()),
        "selection_probability": pa.array([own.selection_probability for own in distinct], pa.float64()),
        "reasons": pa.array(reasons, pa.list_(pa.string())),
        "next_allowed_at": pa.array([own.next_allowed_at for own in distinct], pa.int64()).cast(_MOMENT),
        "expires_at": pa.array([form and form.expires_at for form in forms], pa.int64()).cast(_MOMENT),
    }
