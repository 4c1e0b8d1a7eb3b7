"""Messages of the contract as JSON, by tables that are made once from the descriptors.

ProtoJSON with the contract's own names, which its parsers accept too. Whole numbers up to 2⁵³ are numbers, larger ones texts.
"""

from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from math import isfinite
from typing import Any, TypeAlias

import orjson
from google.protobuf import symbol_database
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import DecodeError, Message
from google.protobuf.timestamp_pb2 import Timestamp

from engine.server.http.json_reader import short_name

Write: TypeAlias = Callable[[Any], Any]
"""Gives what orjson writes for a value of a message."""


def write_json(message: Message, *, short: bool) -> bytes:
    """The message as JSON. short: whether enums are written by their short names, `offer` for OUTCOME_OFFER."""
    return orjson.dumps(_message_writer(message.DESCRIPTOR, short)(message), option=orjson.OPT_UTC_Z)


def json_value(message: Message) -> dict[str, Any]:
    """The message as a value to be written into other JSON, with enums by their full names."""
    document: dict[str, Any] = _message_writer(message.DESCRIPTOR, False)(message)
    return document


_MADE: dict[tuple[Any, bool], Write] = {}


def _message_writer(descriptor: Any, short: bool) -> Write:
    """What writes messages of a type: made once, and known before its fields are, which may be of the same type."""
    made = _MADE.get((descriptor, short))
    if made is not None:
        return made
    writers: dict[int, tuple[str, Write | None]] = {}

    def write(message: Message) -> dict[str, Any]:
        document = {}
        for field, value in message.ListFields():
            name, convert = writers[field.number]
            document[name] = value if convert is None else convert(value)
        return document

    _MADE[descriptor, short] = write
    writers.update({field.number: (field.name, _writer(field, short)) for field in descriptor.fields})
    return write


def _writer(field: FieldDescriptor, short: bool) -> Write | None:
    """What writes a field's value; None: nothing needs to be done."""
    descriptor = field.message_type
    if descriptor is not None and descriptor.GetOptions().map_entry:
        return partial(_map, _of_one(descriptor.fields_by_name["value"], short))
    write = _of_one(field, short)
    return partial(_list, write) if field.is_repeated else write


def _of_one(field: FieldDescriptor, short: bool) -> Write | None:
    """What writes one value of the field."""
    descriptor, enum = field.message_type, field.enum_type
    if descriptor is not None:
        return _WELL_KNOWN.get(descriptor.full_name) or _message_writer(descriptor, short)
    if enum is not None:
        names = {value.number: short_name(enum, value.name) if short else value.name for value in enum.values}
        return lambda number: names.get(number, number)
    return _SCALARS.get(field.type)


def _list(write: Write | None, values: Iterable[Any]) -> list[Any]:
    return list(values) if write is None else [write(value) for value in values]


def _map(write: Write | None, values: Mapping[Any, Any]) -> dict[str, Any]:
    if write is None:
        return dict(values)
    return {key: write(value) for key, value in values.items()}


_EXACT = 2**53
"""Beyond this not every number of JSON is exact where it is read."""


def _integer(value: int) -> int | str:
    return value if -_EXACT <= value <= _EXACT else str(value)


def _double(value: float) -> float | str:
    if isfinite(value):
        return value
    return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"  # noqa: PLR0124 only NaN differs from itself


def _bytes(value: bytes) -> str:
    return b64encode(value).decode()


_SCALARS: Mapping[int, Write] = {
    FieldDescriptor.TYPE_INT64: _integer,
    FieldDescriptor.TYPE_UINT64: _integer,
    FieldDescriptor.TYPE_DOUBLE: _double,
    FieldDescriptor.TYPE_BYTES: _bytes,
}


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _timestamp(message: Timestamp) -> datetime | str:
    """By RFC 3339, which orjson writes for a moment in whole microseconds."""
    nanos = message.nanos
    moment = _EPOCH + timedelta(message.seconds // 86_400, message.seconds % 86_400, nanos // 1000)
    return moment if nanos % 1000 == 0 else f"{moment.isoformat()[:19]}.{nanos:09}Z"


def _fraction(nanos: int) -> str:
    if not nanos:
        return ""
    digits = f"{nanos:09}"
    return (
        f".{digits[:3]}"
        if nanos % 1_000_000 == 0
        else f".{digits[:6]}"
        if nanos % 1000 == 0
        else f".{digits}"
    )


def _duration(message: Duration) -> str:
    sign = "-" if message.seconds < 0 or message.nanos < 0 else ""
    return f"{sign}{abs(message.seconds)}{_fraction(abs(message.nanos))}s"


def _any(message: AnyMessage) -> dict[str, Any]:
    """The message within, where its type is known here; else its bytes."""
    try:
        kind = symbol_database.Default().GetSymbol(message.TypeName())
        return {"@type": message.type_url, **json_value(kind.FromString(message.value))}
    except (KeyError, DecodeError):
        return {"@type": message.type_url, "value": _bytes(message.value)}


_WELL_KNOWN: Mapping[str, Write] = {
    "google.protobuf.Timestamp": _timestamp,
    "google.protobuf.Duration": _duration,
    "google.protobuf.Any": _any,
}
