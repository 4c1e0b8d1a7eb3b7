"""Customers whose values were checked, as columns of Arrow: the form in which a population is staged and decided.

Columns: `customer`; the attributes that the book refers to, by their dotted names; and what has a colon in its name, which no
attribute has. Lists are JSON. A number may be whole or not, which are different values, so it has two columns.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias
from weakref import proxy

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from engine.batch.columns import Bools, Chunk, Codes, ScoreColumn, ValueColumn
from engine.batch.facets import reach_of
from engine.decide.compiled import CompiledBook
from engine.model.customer import NO_MEMORY, Memory
from engine.model.instant import Instant
from engine.model.request import Request
from engine.model.trends import TrendSource
from engine.model.values import Attributes, Value
from engine.rulebook.model.book import AttributeType

CUSTOMER, GIVEN, ALIASES, MESSAGE, WHOLE = "customer", ":given", ":aliases", ":message", ":whole"
"""Columns: the id; consents and preferred channels as JSON; further names; the request of who brings events. The last ends the
names of columns that hold the whole ones among an attribute's numbers."""

GROUPS = ("profile", "location", "weather")

_TYPES: dict[AttributeType, pa.DataType] = {
    AttributeType.TEXT: pa.string(),
    AttributeType.VERSION: pa.string(),
    AttributeType.IP: pa.string(),
    AttributeType.INTEGER: pa.int64(),
    AttributeType.TIME: pa.int64(),
    AttributeType.NUMBER: pa.float64(),
    AttributeType.BOOLEAN: pa.bool_(),
    AttributeType.DATE: pa.date32(),
    AttributeType.TEXTS: pa.string(),
    AttributeType.INTEGERS: pa.string(),
    AttributeType.NUMBERS: pa.string(),
}
LISTS = (AttributeType.TEXTS, AttributeType.INTEGERS, AttributeType.NUMBERS)
"""Types of attributes whose values are kept as JSON."""

ParseMessage: TypeAlias = Callable[[bytes], Request]
"""Reads the request of a customer who brings events, at the moment of the send."""


class SendMoment(NamedTuple):
    """What all customers who are decided together have alike."""

    now: Instant
    channels: tuple[str, ...] = ()
    clock: Instant | None = None
    """The present moment, where `now` is later."""

    @property
    def elapsed(self) -> Instant:
        """The moment up to which what has ended is given back."""
        return self.now if self.clock is None else min(self.now, self.clock)


def kept_attributes(compiled: CompiledBook) -> dict[str, AttributeType]:
    """The attributes that customers may bring and the book refers to, with their types."""
    declared = compiled.book.attributes
    return {
        name: declared[name].type
        for name in sorted(compiled.referenced & declared.keys())
        if name.partition(".")[0] in GROUPS
    }


def people_schema(compiled: CompiledBook) -> pa.Schema:
    """All columns that customers of a book may have."""
    fields = [pa.field(CUSTOMER, pa.string())]
    for name, kind in kept_attributes(compiled).items():
        fields.append(pa.field(name, _TYPES[kind]))
        if kind is AttributeType.NUMBER:
            fields.append(pa.field(name + WHOLE, pa.int64()))
    fields += [pa.field(GIVEN, pa.string()), pa.field(ALIASES, pa.list_(pa.string()))]
    return pa.schema([*fields, pa.field(MESSAGE, pa.binary())])


def given_text(request: Request) -> str:
    """Consents and preferred channels as one text."""
    return orjson.dumps([sorted(request.consents), request.preferred_channels]).decode()


def attribute_arrays(name: str, kind: AttributeType, values: Sequence[Value | None]) -> dict[str, pa.Array]:
    """The columns of an attribute's values."""
    if kind in LISTS:
        texts = [None if value is None else orjson.dumps(value).decode() for value in values]
        return {name: pa.array(texts, pa.string())}
    if kind is not AttributeType.NUMBER:
        return {name: pa.array(values, _TYPES[kind])}
    whole = [value if type(value) is int else None for value in values]
    others = [None if type(value) is int else value for value in values]
    return {name: pa.array(others, pa.float64()), name + WHOLE: pa.array(whole, pa.int64())}


def batch_of(
    compiled: CompiledBook, requests: Sequence[Request], messages: Sequence[bytes | None] = ()
) -> pa.RecordBatch:
    """The customers of requests, all columns. messages: of each who brings events."""
    columns: dict[str, pa.Array] = {CUSTOMER: pa.array([own.customer for own in requests], pa.string())}
    for name, kind in kept_attributes(compiled).items():
        columns |= attribute_arrays(name, kind, [own.attributes.get(name) for own in requests])
    columns[GIVEN] = pa.array(list(map(given_text, requests)), pa.string())
    columns[ALIASES] = pa.array([own.aliases or None for own in requests], pa.list_(pa.string()))
    columns[MESSAGE] = pa.array(messages or [None] * len(requests), pa.binary())
    schema = people_schema(compiled)
    return pa.RecordBatch.from_arrays([columns[name] for name in schema.names], schema=schema)


def completed(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """The batch with all columns of the schema, those that it lacks without values."""
    present = set(batch.schema.names)
    arrays = [
        _undictionaried(batch.column(field.name))
        if field.name in present
        else pa.nulls(batch.num_rows, field.type)
        for field in schema
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _undictionaried(array: pa.Array) -> pa.Array:
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array


class ColumnPeople:
    """The customers of a batch. What they bring is as `batch_of` makes it; columns without values may be left out."""

    def __init__(
        self,
        batch: pa.RecordBatch,
        kinds: dict[str, AttributeType],
        moment: SendMoment,
        parse: ParseMessage | None = None,
    ) -> None:
        """kinds: as of `kept_attributes`. parse: needed where somebody brings events."""
        self.batch, self.kinds, self.moment = batch, kinds, moment
        self.rows = batch.num_rows
        self.names: list[str] = batch.column(CUSTOMER).to_pylist()
        self.chunk = Chunk(proxy(self))  # a cycle would keep the columns until the garbage collector comes
        self._parse = parse
        self._columns: dict[str, Any] = dict(zip(batch.schema.names, batch.columns, strict=True))
        self._aliases: dict[int, tuple[str, ...]] = {
            row: tuple(self._array(ALIASES)[row].as_py()) for row in self._present(ALIASES)
        }
        self._bringing = set(self._present(MESSAGE))
        self._given: ValueColumn | None = None
        self._memories: Mapping[int, Memory] = {}
        self.trends: TrendSource | None = None
        self.histories: ValueColumn | None = None
        """As of `People`; set by who knows them."""

    def part(self, start: int, stop: int) -> "ColumnPeople":
        """Some of the customers."""
        people = ColumnPeople(self.batch.slice(start, stop - start), self.kinds, self.moment, self._parse)
        memories = {row - start: own for row, own in self._memories.items() if start <= row < stop}
        return people.remembering(memories, self.trends)

    def taken(self, rows: Codes) -> "ColumnPeople":
        """The customers of these rows."""
        people = ColumnPeople(self.batch.take(pa.array(rows)), self.kinds, self.moment, self._parse)
        memories = {at: self._memories[row] for at, row in enumerate(rows.tolist()) if row in self._memories}
        return people.remembering(memories, self.trends)

    @property
    def elapsed(self) -> Instant:
        """The moment up to which what has ended is given back."""
        return self.moment.elapsed

    def remembered(self) -> Sequence[int]:
        """The rows of those who bring events, or of whom events or contacts are remembered; ascending."""
        return sorted(self._bringing.union(self._memories))

    def remembering(self, memories: Mapping[int, Memory], trends: TrendSource | None) -> "ColumnPeople":
        """The customers with what is remembered of them, by row, and with the counts of trends."""
        people = ColumnPeople(self.batch, self.kinds, self.moment, self._parse)
        people._memories, people.trends = dict(memories), trends
        return people

    def aliases(self, row: int) -> tuple[str, ...]:
        """Further names of the customer."""
        return self._aliases.get(row, ())

    def with_aliases(self) -> Sequence[int]:
        """The rows of who has further names, ascending."""
        return list(self._aliases)

    def coded(self, name: str) -> ValueColumn:
        """The attribute's column."""
        array, whole = self._array(name), self._array(name + WHOLE)
        if whole is not None and whole.null_count < self.rows:
            if array is None or array.null_count == self.rows:
                return _coded(whole)
            return ValueColumn.coded(_merged(array, whole))
        if array is None:
            return ValueColumn(np.zeros(self.rows, np.int64), [None])
        column = _coded(array)
        if self.kinds.get(name) in LISTS:
            return ValueColumn(column.codes, [_listed(text) for text in column.values])
        return column

    def test(self, name: str, holds: Callable[[Any], bool]) -> Bools:
        """By customer, whether it holds for the attribute's value; holds: `bool` or `is_blank`."""
        array = self._array(name)
        if array is None or not pa.types.is_string(array.type) or self.kinds.get(name) in LISTS:
            return self.chunk.column(name).test(holds)
        tested = np.full(self.rows, holds("x"), np.bool_)
        for row in np.flatnonzero(~begin_visibly(array)).tolist():
            tested[row] = holds(array[row].as_py())
        return tested

    def floats(self, name: str, otherwise: float) -> ScoreColumn:
        """By customer, the value as a factor of a score."""
        array, whole = self._array(name), self._array(name + WHOLE)
        if array is not None and not pa.types.is_float64(array.type):
            return self.chunk.column(name).floats(otherwise)
        columns = [own.cast(pa.float64(), safe=False) for own in (array, whole) if own is not None]
        if not columns:
            return np.full(self.rows, otherwise)
        numbers = pc.coalesce(*columns, pa.scalar(otherwise, pa.float64()))
        return np.array(numbers.to_numpy(zero_copy_only=False), np.float64)

    def reach(self, purposes: frozenset[str]) -> ValueColumn:
        """By customer, which of these purposes they have agreed to, sorted, and which channels they prefer."""
        return reach_of(self._agreed(), purposes)

    def request(self, row: int) -> Request:
        """The request that a server would get of the customer."""
        moment, memory = self.moment, self._memories.get(row, NO_MEMORY)
        if row in self._bringing:
            if self._parse is None:
                raise LookupError("who brings events needs a parser")
            message: bytes = self._array(MESSAGE)[row].as_py()
            request = self._parse(message)
            return request._replace(clock=moment.clock, memory=memory, trends=self.trends)
        given = self._agreed()
        consents, preferred = given.values[int(given.codes[row])]
        return Request(
            self.names[row],
            moment.now,
            self.attributes(list(self.kinds), row),
            consents=consents,
            preferred_channels=preferred,
            channels=moment.channels,
            aliases=self.aliases(row),
            memory=memory,
            clock=moment.clock,
            trends=self.trends,
        )

    def attributes(self, names: Sequence[str], row: int) -> Attributes:
        """What the customer brings of these attributes."""
        columns, attributes = self._columns, {}
        for name in names:
            value: Value | None = columns[name][row].as_py() if name in columns else None
            if value is None:
                value = columns[name + WHOLE][row].as_py() if name + WHOLE in columns else None
            elif self.kinds.get(name) in LISTS:
                value = _listed(str(value))
            if value is not None:
                attributes[name] = value
        return attributes

    def _array(self, name: str) -> Any:
        return self._columns.get(name)

    def _present(self, name: str) -> list[int]:
        array = self._array(name)
        if array is None or array.null_count == self.rows:
            return []
        rows: list[int] = np.flatnonzero(array.is_valid().to_numpy(zero_copy_only=False)).tolist()
        return rows

    def _agreed(self) -> ValueColumn:
        if self._given is None:
            array = self._array(GIVEN)
            column = (
                _coded(array) if array is not None else ValueColumn(np.zeros(self.rows, np.int64), [None])
            )
            self._given = ValueColumn(column.codes, [_given_of(text) for text in column.values])
        return self._given


def begin_visibly(array: pa.Array) -> Bools:
    """Of texts, whether they are there and begin with a visible character of ASCII."""
    _, offsets, octets = array.buffers()
    if not len(array):
        return np.zeros(0, np.bool_)
    bounds = np.frombuffer(offsets, np.int32)[array.offset : array.offset + len(array) + 1]
    visible: Bools = bounds[1:] > bounds[:-1]
    if octets is not None and len(octets):
        first = np.frombuffer(octets, np.uint8)[np.minimum(bounds[:-1], len(octets) - 1)]
        visible &= (first >= ord("!")) & (first <= ord("~"))
    if array.null_count:
        visible &= array.is_valid().to_numpy(zero_copy_only=False)
    return visible


def _given_of(text: str | None) -> tuple[frozenset[str], tuple[str, ...]]:
    if text is None:
        return frozenset(), ()
    consents, preferred = orjson.loads(text)
    return frozenset(consents), tuple(preferred)


def _listed(text: str | None) -> Any:
    return None if text is None else tuple(orjson.loads(text))


def _merged(array: pa.Array, whole: pa.Array) -> list[Any]:
    pairs = zip(array.to_pylist(), whole.to_pylist(), strict=True)
    return [number if own is None else own for number, own in pairs]


def _coded(array: pa.Array) -> ValueColumn:
    codes, distinct = encoded(array)
    return ValueColumn(codes, distinct)


def encoded(array: pa.Array) -> tuple[Codes, list[Any]]:
    """Codes and distinct plain values of an array that is not nested; zeros of different signs are distinct."""
    if pa.types.is_dictionary(array.type):
        numbered = array if not array.null_count else array.dictionary_decode().dictionary_encode("encode")
        codes = numbered.indices.to_numpy(zero_copy_only=False).astype(np.int64)
        return codes, numbered.dictionary.to_pylist()
    bits = array.view(pa.int64()) if pa.types.is_float64(array.type) else array
    numbered = bits.dictionary_encode(null_encoding="encode")
    distinct = numbered.dictionary
    if pa.types.is_float64(array.type):
        distinct = distinct.view(pa.float64())
    return numbered.indices.to_numpy(zero_copy_only=False).astype(np.int64), distinct.to_pylist()
