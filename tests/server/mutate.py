"""Changes messages on the wire: what a protobuf parser of another kind, or an attacker, might send instead."""

from collections.abc import Callable, Sequence
from random import Random
from typing import TypeAlias

Field: TypeAlias = tuple[int, int, bytes]
"""Number, wire type, and the value as it stands on the wire; of a text or message without its length."""
_NUMBERS = (0, 1, 127, 128, 2**31 - 1, 2**31, 2**32 - 1, 2**53, 2**63 - 1, 2**63, 2**64 - 1)
_TEXTS = (
    b"",
    b"\xff\xfe",
    b"\xed\xa0\x80",
    b"a\0b",
    "\u202e\x1b[31m".encode(),
    b"\xf4\x90\x80\x80",
    b"x" * 5000,
)
_DEEP = 120
"""Levels of a message that is nested deeper than parsers bear."""


def varint(number: int) -> bytes:
    """A number of up to 64 bits."""
    encoded = bytearray()
    while number > 127:
        encoded.append(number & 127 | 128)
        number >>= 7
    return bytes([*encoded, number])


def write(fields: Sequence[Field]) -> bytes:
    """The message of the fields."""
    return b"".join(
        varint(number << 3 | kind) + (varint(len(value)) + value if kind == 2 else value)
        for number, kind, value in fields
    )


def read(data: bytes) -> list[Field] | None:
    """The fields of a message; None for bytes that are none, which texts mostly are."""
    fields: list[Field] = []
    position = 0
    while position < len(data):
        tag, position = _number(data, position)
        number, kind = tag >> 3, tag & 7
        end = position
        if kind == 0:
            end = _number(data, position)[1]
        elif kind == 2:
            length, position = _number(data, position)
            end = position + length
        elif kind in (1, 5):
            end = position + (8 if kind == 1 else 4)
        else:
            return None
        if not number or end > len(data):
            return None
        fields.append((number, kind, data[position:end]))
        position = end
    return fields


def _number(data: bytes, position: int) -> tuple[int, int]:
    number = shift = 0
    while position < len(data) and shift < 64:
        number |= (data[position] & 127) << shift
        position += 1
        if data[position - 1] < 128:
            return number, position
        shift += 7
    return 0, len(data) + 1


def mutated(rng: Random, data: bytes) -> bytes:
    """The message with one to three changes, each at a level of its own."""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        data = _changed(rng, data)
    if rng.random() < 0.1:
        return data[: rng.randrange(len(data) + 1)]
    return data


def _changed(rng: Random, data: bytes) -> bytes:
    fields = read(data)
    if not fields:
        return rng.choice((data + rng.randbytes(5), _of_unknown(rng), data))
    index = rng.randrange(len(fields))
    number, kind, value = fields[index]
    if kind == 2 and value and rng.random() < 0.7:
        fields[index] = (number, kind, _changed(rng, value))
        return write(fields)
    return rng.choice(_CHANGES)(rng, fields, index)


def _drop(_rng: Random, fields: list[Field], index: int) -> bytes:
    return write(fields[:index] + fields[index + 1 :])


def _repeat(rng: Random, fields: list[Field], index: int) -> bytes:
    return write(fields) + write([fields[index]]) * rng.choice((1, 2, 50, 1001))


def _shuffle(rng: Random, fields: list[Field], _index: int) -> bytes:
    rng.shuffle(fields)
    return write(fields)


def _renumber(rng: Random, fields: list[Field], index: int) -> bytes:
    fields[index] = (rng.choice((rng.randrange(1, 20), 19_000, 2**29 - 1)), *fields[index][1:])
    return write(fields)


def _retype(rng: Random, fields: list[Field], index: int) -> bytes:
    kind = rng.choice((0, 1, 2, 5))
    value = {0: varint(rng.choice(_NUMBERS)), 1: rng.randbytes(8), 2: rng.randbytes(3), 5: rng.randbytes(4)}[
        kind
    ]
    fields[index] = (fields[index][0], kind, value)
    return write(fields)


def _replace(rng: Random, fields: list[Field], index: int) -> bytes:
    number, kind, value = fields[index]
    if kind == 0:
        value = varint(rng.choice(_NUMBERS))
    elif kind == 2:
        value = rng.choice((*_TEXTS, rng.randbytes(rng.randrange(40)), value * rng.choice((2, 9))))
    else:
        value = rng.choice((b"\xff" * len(value), bytes(len(value)), rng.randbytes(len(value))))
    fields[index] = (number, kind, value)
    return write(fields)


def _mislead(rng: Random, fields: list[Field], index: int) -> bytes:
    """A length that is not that of what follows, or a number without an end."""
    before, after = write(fields[:index]), write(fields[index:])
    return (
        before
        + rng.choice((b"\x0a" + varint(rng.choice(_NUMBERS)), b"\x08" + b"\xff" * 12, b"\x0b", b"\x0c"))
        + after
    )


def _insert(rng: Random, fields: list[Field], index: int) -> bytes:
    return write(fields[:index]) + _of_unknown(rng) + write(fields[index:])


def _of_unknown(rng: Random) -> bytes:
    """Fields that no message has: a number, a group, groups within groups, messages within messages."""
    many = rng.choice((1, 3, _DEEP))
    number = rng.choice((1, 2, 3, 1000))
    nested = b""
    for _ in range(many):
        nested = varint(number << 3 | 2) + varint(len(nested)) + nested
    begin, end = varint(number << 3 | 3), varint(number << 3 | 4)
    return rng.choice((write([(number, 0, varint(rng.choice(_NUMBERS)))]), begin * many + end * many, nested))


_CHANGES: tuple[Callable[[Random, list[Field], int], bytes], ...] = (
    _drop,
    _repeat,
    _shuffle,
    _renumber,
    _retype,
    _replace,
    _replace,
    _mislead,
    _insert,
)
