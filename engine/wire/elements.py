"""Counts what a message consists of before it is parsed.

Two bytes on the wire may become a message of a hundred in memory: a batch of 4 MiB could take 220 MB. The wire format:
https://protobuf.dev/programming-guides/encoding.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message

from engine.wire.limits import CONTRACT

MOST_ELEMENTS = 200_000
"""Messages within a message, and entries of its lists and maps, on all levels."""


_MOST: Mapping[str, int] = {"requests": CONTRACT.batched, "events": CONTRACT.events, "files": 5_000}
"""Most entries of a list, by its field."""


_MOST_OF_OTHERS = 1000
"""Most entries of any other list or map, of which the parser of a request accepts fewer; also of a message, which has one."""


def most_entries(field: str) -> int:
    """How many entries a list or map of this name may have."""
    return _MOST.get(field, _MOST_OF_OTHERS)


class TooManyElements(DecodeError):
    """The message consists of too many elements. field: the list that is too long; empty for the message as a whole."""

    def __init__(self, field: str, description: str) -> None:
        super().__init__(description)
        self.field = field


@dataclass(slots=True)
class _List:
    """A field whose entries, or whose one message, are counted."""

    name: str
    most: int
    """Entries of one list."""
    fields: "_Fields | None"
    """Those of the messages in it; None for texts and numbers."""
    width: int
    """Bytes of a number in a packed list, 1 for those of any length; 0 for messages and texts."""

    def entries(self, data: bytes, position: int, length: int | None) -> int:
        """How many entries a field on the wire adds. length: None for a number that is not in a packed list."""
        if self.width == 0 or length is None:
            return int((length is None) == (self.width > 0))
        if self.width == 1:
            return len(data[position : position + length].translate(None, _CONTINUED))
        return length // self.width


_Fields: TypeAlias = dict[int, _List]
"""The fields of a message that are counted, by their number."""


_SHORT = bytes(range(16))
_CONTINUED = bytes(range(128, 256))
"""All bytes of a number but the last."""


def element_check(kind: type[Message]) -> Callable[[bytes], None]:
    """A function that raises TooManyElements for the bytes of a message of this type that has too many.

    Bytes that are no message pass: to parse them fails. A message of ordinary density costs two passes at the speed of C.
    """
    fields = _fields_of(kind.DESCRIPTOR)
    levels = _levels(fields)

    def check(data: bytes) -> None:
        if _at_most(data, levels) > MOST_ELEMENTS:
            _count(data, 0, len(data), fields, MOST_ELEMENTS)

    return check


def _at_most(data: bytes, levels: int) -> int:
    """More messages and texts than this cannot be in the bytes, in as many levels.

    Each has a length below 16, which is a byte, or takes 18 bytes, in which others may be on the levels below. Numbers in
    packed lists may be more: they take eight times the bytes of a message that nothing else makes count.
    """
    return len(data) - len(data.translate(None, _SHORT)) + levels * len(data) // 18


def _levels(fields: "_Fields") -> int:
    """How deep elements are nested at most."""
    return 1 + max((_levels(field.fields) for field in fields.values() if field.fields), default=0)


@cache
def _fields_of(descriptor: Any) -> _Fields:
    fields: _Fields = {}
    for field in descriptor.fields:
        message = field.message_type
        if message is not None or field.is_repeated:
            fields[field.number] = _List(
                field.name,
                most_entries(field.name),
                None if message is None else _fields_of(message),
                _WIDTHS.get(field.type, 1),
            )
    return fields


_WIDTHS = {
    FieldDescriptor.TYPE_MESSAGE: 0,
    FieldDescriptor.TYPE_STRING: 0,
    FieldDescriptor.TYPE_BYTES: 0,
    FieldDescriptor.TYPE_DOUBLE: 8,
    FieldDescriptor.TYPE_FIXED64: 8,
    FieldDescriptor.TYPE_SFIXED64: 8,
    FieldDescriptor.TYPE_FLOAT: 4,
    FieldDescriptor.TYPE_FIXED32: 4,
    FieldDescriptor.TYPE_SFIXED32: 4,
}


def _count(data: bytes, position: int, end: int, fields: _Fields, room: int) -> int:
    """How many elements are left of the room after those of the message from position to end; raises TooManyElements."""
    entries: dict[int, int] = {}
    while position < end:
        try:
            number, position, length = _next_field(data, position)
        except IndexError:
            return room
        field = fields.get(number)
        if field is None:
            position += length or 0
            continue
        added = field.entries(data, position, length)
        room -= added
        entries[number] = entries.get(number, 0) + added
        if entries[number] > field.most:
            raise TooManyElements(field.name, f"must be at most {field.most:,}")
        if room < 0:
            raise TooManyElements("", f"the message has more than {MOST_ELEMENTS:,} parts: split it")
        if field.fields and length:
            room = _count(data, position, min(position + length, end), field.fields, room)
        position += length or 0
    return room


def _next_field(data: bytes, position: int) -> tuple[int, int, int | None]:
    """The number of the field at the position, where its value begins (if it is read here: ends), and the value's length.

    The length is None for numbers. What begins or ends a group counts as an empty field 0, which no message has: the
    parser skips groups, and what is in one is counted as if it stood outside. Raises IndexError at the end of the
    bytes, also for what is no field.
    """
    tag, position = _varint(data, position)
    match tag & 7:
        case 0:
            return tag >> 3, _varint(data, position)[1], None
        case 1:
            return tag >> 3, position + 8, None
        case 2:
            length, position = _varint(data, position)
            return tag >> 3, position, length
        case 3 | 4:
            return 0, position, 0
        case 5:
            return tag >> 3, position + 4, None
        case _:
            raise IndexError


def _varint(data: bytes, position: int) -> tuple[int, int]:
    """The number that begins at the position, and the position behind it.

    Raises IndexError at the end of the bytes, and for a number of more than 10 bytes, which is none.
    """
    byte = data[position]
    if byte < 128:
        return byte, position + 1
    number = byte & 127
    for shift in range(7, 70, 7):
        position += 1
        byte = data[position]
        number |= (byte & 127) << shift
        if byte < 128:
            return number, position + 1
    raise IndexError(position)
