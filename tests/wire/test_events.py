"""Events that are surely right are taken at once, as they would be read."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.api.v1.decisions_pb2 import Event as EventMessage
from engine.decide.compiled import CompiledBook
from engine.wire.events import EventParser
from engine.wire.limits import RequestLimits
from engine.wire.violations import FieldViolations
from tests.decide.arbitrate.shop import compiled_book

BOOK = """
book: {name: events, timezone: UTC}
events: {keep: 30d, types: {buy: {fields: {sum: {type: number}}}, view: {fields: {sum: {type: number}}}}}
channels: {web: {kind: inbound}}
placements: {top: {channel: web}}
offers: {tea: {name: Tea, content: {default: {text: Tea}}}}
campaigns: {teas: {offer: tea, placements: [top]}}
"""
LIMITS = RequestLimits(attributes=2, events=3)


@pytest.fixture(scope="module", params=[BOOK, BOOK.replace("events:", "# events:")], ids=["typed", "any"])
def parser(request: pytest.FixtureRequest) -> EventParser:
    """Of a book that declares types of events, and of one that takes any."""
    compiled: CompiledBook = compiled_book(request.param)
    return EventParser(compiled.book, LIMITS)


TEXTS = st.one_of(
    st.sampled_from(["", "tea", "größe", "a\0", "a" * 200, "a" * 201, "ü" * 1024, "a" * 1025, "a" * 4097]),
    st.text(max_size=4),
)
SECONDS = st.one_of(
    st.sampled_from([0, 1, -1, 253_402_300_799, 253_402_300_800]), st.integers(1, 2_000_000_000)
)
VALUES = st.one_of(st.none(), st.sampled_from([0.0, -0.0, 1e12, 1.1e12, math.nan, math.inf]), st.floats())
EVENTS = st.builds(
    EventMessage,
    event_id=TEXTS,
    type=st.one_of(st.sampled_from(["buy", "view", "veiw"]), TEXTS),
    at=st.one_of(
        st.none(),
        st.fixed_dictionaries({"seconds": SECONDS, "nanos": st.sampled_from([0, 999, 999_999_999, -1])}),
    ),
    item=TEXTS,
    category=TEXTS,
    page=TEXTS,
    currency=TEXTS,
    value=VALUES,
    attributes=st.dictionaries(
        st.sampled_from(["sum", "other", "a\0"]), st.just({"number": 3.0}), max_size=3
    ),
)


def read_one_by_one(
    parser: EventParser, messages: list[EventMessage], violations: FieldViolations
) -> list[str]:
    """The events as Python writes them, each read thoroughly."""
    return [
        repr(parser.parse(message, f"events[{number}]", violations))
        for number, message in enumerate(messages)
    ]


@given(messages=st.lists(EVENTS, max_size=3))
def test_events_are_taken_as_they_are_read_thoroughly(
    parser: EventParser, messages: list[EventMessage]
) -> None:
    """The same events and the same faults at the same places, whatever they hold."""
    quick, thorough = FieldViolations(), FieldViolations()
    taken = [repr(event) for event in parser.parse_all(messages, "events", quick)]
    assert taken == read_one_by_one(parser, messages, thorough)
    assert quick.items == thorough.items


def test_too_many_events_are_not_read(parser: EventParser) -> None:
    """More than the limit are one fault, whatever they hold."""
    violations = FieldViolations()
    assert parser.parse_all([EventMessage()] * 4, "events", violations) == ()
    assert [f"{fault.field}: {fault.description}" for fault in violations.items] == [
        "events: must be at most 3, not 4"
    ]
