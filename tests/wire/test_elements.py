"""What a message consists of is counted on the wire as the parser would build it."""

from typing import Any

import pytest
from google.protobuf.message import DecodeError, Message
from hypothesis import given
from hypothesis import strategies as st

from engine.api.v1.decisions_pb2 import DecideBatchRequest, DecideRequest, RecordRequest
from engine.wire import elements
from engine.wire.elements import TooManyElements, element_check
from tests.requests import li_na


def delimited(number: int, content: bytes) -> bytes:
    """A field of a message or a text."""
    length, size = bytearray(), len(content)
    while size > 127:
        length.append(size & 127 | 128)
        size >>= 7
    return bytes([number << 3 | 2, *length, size]) + content


def packed(number: int, content: bytes) -> bytes:
    """A DecideRequest with an attribute that is a list of numbers."""
    value = delimited(2, delimited(number, delimited(1, content)))
    return delimited(3, delimited(1, delimited(5, delimited(1, b"x") + value)))


def parts_of(message: Message) -> int:
    """How many messages, texts and numbers in lists, and entries of maps a parsed message consists of."""
    parts = 0
    for field, content in message.ListFields():
        value: Any = content
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            entry: Any = field.message_type
            of_message = entry.fields_by_name["value"].message_type is not None
            parts += sum(1 + (1 + parts_of(value[key]) if of_message else 0) for key in value)
        elif field.message_type is not None:
            parts += sum(1 + parts_of(item) for item in (value if field.is_repeated else [value]))
        elif field.is_repeated:
            parts += len(value)
    return parts


def count(message: Message, data: bytes) -> int:
    """As the check counts."""
    fields = elements._fields_of(message.DESCRIPTOR)
    return elements.MOST_ELEMENTS - elements._count(data, 0, len(data), fields, elements.MOST_ELEMENTS)


@given(
    st.lists(
        st.tuples(st.integers(0, 4), st.integers(0, 5), st.lists(st.text(max_size=20), max_size=4)),
        max_size=8,
    )
)
def test_counts_what_the_parser_builds(shapes: list[tuple[int, int, list[str]]]) -> None:
    """On batches with attributes of all kinds, events and lists; and never more than the cheap bound."""
    batch = DecideBatchRequest()
    for number, (attributes, events, texts) in enumerate(shapes):
        request = batch.requests.add()
        request.CopyFrom(li_na(f"customer-{number}"))
        request.channels.extend(texts)
        for index in range(attributes):
            request.context.profile.attributes[f"a{index}"].texts.values.extend(texts)
        for _ in range(events):
            request.context.events.add(type="click").at.seconds = 1_770_000_000
    data = batch.SerializeToString()
    assert parts_of(batch) == count(batch, data)
    fields = elements._fields_of(batch.DESCRIPTOR)
    assert count(batch, data) <= elements._at_most(data, elements._levels(fields))


def grouped(number: int, content: bytes) -> bytes:
    """A field as a group, which no message of ours has."""
    return bytes([number << 3 | 3]) + content + bytes([number << 3 | 4])


NUMBERS = st.integers(1, 12)
WIRE = st.recursive(
    st.one_of(
        st.binary(max_size=6),
        st.builds(lambda number, value: bytes([number << 3, value]), NUMBERS, st.integers(0, 127)),
        st.builds(lambda number: bytes([number << 3 | 1]) + bytes(8), NUMBERS),
    ),
    lambda inner: st.one_of(
        st.builds(delimited, NUMBERS, inner),
        st.builds(grouped, NUMBERS, inner),
        st.lists(inner, max_size=4).map(b"".join),
    ),
    max_leaves=20,
)
"""Bytes that often parse: fields of numbers that occur, nested, also in groups."""


@given(st.one_of(st.binary(max_size=300), WIRE))
def test_any_bytes_are_counted_or_left_to_the_parser(data: bytes) -> None:
    """Whatever the bytes nothing is raised, and what parses has no more parts than are counted."""
    counted = count(DecideRequest(), data)
    try:
        message = DecideRequest.FromString(data)
    except DecodeError:
        return
    assert counted >= parts_of(message)


@pytest.mark.parametrize(
    ("kind", "data", "field"),
    [
        (DecideBatchRequest, b"\x0a\x00" * 300_000, "requests"),
        (RecordRequest, b"\x0a\x00" * 300_000, "events"),
        (DecideRequest, b"\x22\x00" * 300_000, "channels"),
        (DecideBatchRequest, (b"\x0a\xd0\x0f" + b"\x22\x00" * 1000) * 300, ""),
        (DecideBatchRequest, b"\xfb\x3f\xfc\x3f" + b"\x0a\x00" * 300_000, "requests"),
        (DecideRequest, packed(8, b"\x10" * 1_000_000), "values"),
        (DecideRequest, packed(9, b"\x10" * 1_000_000), "values"),
        (DecideRequest, delimited(3, delimited(4, delimited(9, b"z" * 16)) * 40_000), "events"),
    ],
)
def test_what_is_too_much_is_refused_by_its_field(kind: type[Message], data: bytes, field: str) -> None:
    """A list by its name, a message as a whole without one."""
    with pytest.raises(TooManyElements) as caught:
        element_check(kind)(data)
    assert caught.value.field == field


@pytest.mark.parametrize("data", [b"\xff" * 4_000_000, b"\x0a" + b"\xff" * 4_000_000, b"\x0a\x00" * 3])
def test_what_is_no_message_passes(data: bytes) -> None:
    """Also a number that goes on for four million bytes, which would take minutes to add up."""
    element_check(DecideBatchRequest)(data)
