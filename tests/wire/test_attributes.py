"""What is taken at once is what a thorough reader reads."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.api.v1.decisions_pb2 import DecideRequest
from engine.api.v1.values_pb2 import Value as ValueMessage
from engine.decide.compiled import CompiledBook
from engine.rulebook.model.book import Attribute, AttributeType
from engine.wire.attributes import ReadValue, reader, thorough_reader
from engine.wire.parse import Parser
from engine.wire.violations import InvalidMessage
from tests.decide.arbitrate.shop import NOW, compiled_book

DECLARED = [
    *(Attribute("profile.any", kind) for kind in AttributeType),
    Attribute("profile.age", AttributeType.INTEGER, 0, 130),
    Attribute("profile.level", AttributeType.INTEGER, one_of=frozenset((0, 1, 2))),
    Attribute("profile.rate", AttributeType.NUMBER, -1, 1),
    Attribute("profile.grade", AttributeType.NUMBER, one_of=frozenset((0.5, 1, 2))),
    Attribute("profile.tier", AttributeType.TEXT, one_of=frozenset(("", "gold", "größe"))),
    Attribute("profile.tags", AttributeType.TEXTS, one_of=frozenset(("gold", "a"))),
    Attribute("profile.language", AttributeType.TEXT),
    Attribute("profile.languages", AttributeType.TEXTS),
]
TEXTS = st.one_of(
    st.sampled_from(
        ["", "gold", "größe", "a", "en-gb", "xx-", "1.2.3", "10.0.0.1", "2026-01-02", "\0", "a\0b"]
    ),
    st.sampled_from(["ü" * 1024, "ü" * 2048, "ü" * 2049, "a" * 1024, "a" * 1025, "a" * 4096, "a" * 4097]),
    st.text(max_size=5),
)
INTEGERS = st.one_of(st.integers(-3, 140), st.integers(-(2**63), 2**63 - 1))
NUMBERS = st.one_of(
    st.sampled_from([0.0, -0.0, 1.0, 2.0, 31.5, 1e100, -1e100, 1.1e100, math.nan, math.inf, 2.0**53]),
    st.floats(),
)
VALUES = st.one_of(
    st.builds(lambda text: ValueMessage(text=text), TEXTS),
    st.builds(lambda integer: ValueMessage(integer=integer), INTEGERS),
    st.builds(lambda number: ValueMessage(number=number), NUMBERS),
    st.builds(lambda boolean: ValueMessage(boolean=boolean), st.booleans()),
    st.builds(lambda date: ValueMessage(date=date), TEXTS),
    st.builds(lambda seconds: ValueMessage(time={"seconds": seconds}), st.integers(-(2**40), 2**40)),
    st.builds(lambda texts: ValueMessage(texts={"values": texts}), st.lists(TEXTS, max_size=3)),
    st.builds(
        lambda text, count: ValueMessage(texts={"values": [text] * count}),
        st.sampled_from(["", "a"]),
        st.sampled_from([1000, 1001]),
    ),
    st.builds(lambda integers: ValueMessage(integers={"values": integers}), st.lists(INTEGERS, max_size=3)),
    st.builds(lambda numbers: ValueMessage(numbers={"values": numbers}), st.lists(NUMBERS, max_size=3)),
    st.just(ValueMessage()),
)


def outcome(read: ReadValue, message: ValueMessage) -> str:
    """The value as Python writes it, which tells 1 from 1.0 and from True; or what is wrong."""
    try:
        return repr(read(message))
    except ValueError as error:
        return f"wrong: {error}"


@pytest.mark.parametrize("declared", DECLARED, ids=lambda declared: f"{declared.name} {declared.type}")
def test_values_are_taken_as_they_are_read_thoroughly(declared: Attribute) -> None:
    """Of every declared type, with and without bounds: the same value of the same type, or the same fault."""
    quick, thorough = reader(declared), thorough_reader(declared)

    @given(VALUES)
    def same(message: ValueMessage) -> None:
        assert outcome(quick, message) == outcome(thorough, message)

    same()


BOOK = """
book: {name: quick, timezone: UTC}
attributes:
  profile.age: {type: integer, min: 0, max: 130}
  profile.note: {type: text}
  profile.member: {type: boolean}
  profile.tags: {type: list of text}
  profile.unread: {type: number, max: 1}
channels: {web: {kind: inbound}}
placements: {top: {channel: web}}
offers: {tea: {name: Tea, content: {default: {text: Tea}}}}
campaigns:
  teas:
    offer: tea
    placements: [top]
    when: {profile.age: {gte: 18}, profile.note: x, profile.member: true, profile.tags: {has: x}}
"""


@pytest.fixture(scope="module")
def compiled() -> CompiledBook:
    """The book of these tests."""
    return compiled_book(BOOK)


NAMES = st.sampled_from(["age", "note", "member", "tags", "unread", "other", "no\0"])


@given(st.dictionaries(NAMES, VALUES, max_size=4))
def test_a_profile_is_taken_as_it_is_read_thoroughly(
    compiled: CompiledBook, sent: dict[str, ValueMessage]
) -> None:
    """A further attribute with a name beyond ASCII makes the profile be read thoroughly, and changes nothing else."""
    request = DecideRequest(customer={"id": "ann"})
    for name, value in sent.items():
        request.context.profile.attributes[name].CopyFrom(value)
    quick = parsed(compiled, request)
    request.context.profile.attributes["größe"].boolean = True
    assert parsed(compiled, request) == quick


def parsed(compiled: CompiledBook, request: DecideRequest) -> tuple[dict[str, str], set[str]]:
    """The attributes with their types, and the ignored names; or what is wrong by field."""
    try:
        read = Parser(compiled).parse(request, NOW)
    except InvalidMessage as error:
        return {violation.field: violation.description for violation in error.violations}, set()
    return {name: repr(value) for name, value in read.attributes.items()}, {*read.ignored} - {"größe"}


@pytest.mark.parametrize(
    ("member", "unread", "expected"),
    [
        (True, 0.5, None),
        (False, 1.5, ["context.profile.attributes[unread]: must be at most 1, not 1.5"]),
    ],
)
def test_what_the_book_does_not_read_is_checked(
    compiled: CompiledBook, member: bool, unread: float, expected: list[str] | None
) -> None:
    """A declared attribute that no campaign refers to is left out, and refused where it breaks its bounds."""
    request = DecideRequest(customer={"id": "ann"})
    request.context.profile.attributes["member"].boolean = member
    request.context.profile.attributes["unread"].number = unread
    if expected is None:
        assert Parser(compiled).parse(request, NOW).attributes == {"profile.member": member}
        return
    with pytest.raises(InvalidMessage) as caught:
        Parser(compiled).parse(request, NOW)
    assert [f"{wrong.field}: {wrong.description}" for wrong in caught.value.violations] == expected
