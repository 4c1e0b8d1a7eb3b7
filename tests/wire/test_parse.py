"""Values of requests, as the live book declares them."""

import pytest

from engine.decide.compiled import CompiledBook
from engine.model.values import Value
from engine.wire.messages.requests import request
from engine.wire.messages.values import Plain
from engine.wire.parse import Parser
from engine.wire.violations import InvalidMessage
from tests.decide.arbitrate.shop import NOW, compiled_book

BOOK = """
book: {name: values, timezone: UTC}
attributes:
  profile.age: {type: integer, min: 0, max: 130}
  profile.sizes: {type: list of integer}
channels: {web: {kind: inbound}}
placements: {top: {channel: web, fallback: tea}}
offers: {tea: {name: Tea, content: {default: {text: Tea}}}}
campaigns:
  teas: {offer: tea, placements: [top], when: {profile.age: {gte: 18}, profile.sizes: {has: 3}}}
"""


@pytest.fixture(scope="module")
def compiled() -> CompiledBook:
    """The book of these tests."""
    return compiled_book(BOOK)


def parsed(compiled: CompiledBook, **profile: Plain) -> dict[str, Value]:
    """The attributes of a request with this profile."""
    return dict(Parser(compiled).parse(request("ann", profile=profile), NOW).attributes)


def violations_of(compiled: CompiledBook, **profile: Plain) -> list[str]:
    """What is wrong with a request with this profile."""
    with pytest.raises(InvalidMessage) as caught:
        parsed(compiled, **profile)
    return [f"{violation.field}: {violation.description}" for violation in caught.value.violations]


def test_a_whole_number_is_an_integer(compiled: CompiledBook) -> None:
    """31.0 is the integer 31, alone and in a list; what the condition sees, and what is logged, is the integer."""
    attributes = parsed(compiled, age=31.0, sizes=[3.0, 4.0])
    assert attributes == {"profile.age": 31, "profile.sizes": (3, 4)}
    assert type(attributes["profile.age"]) is int
    assert parsed(compiled, age=31) == {"profile.age": 31}


def test_other_numbers_are_no_integers(compiled: CompiledBook) -> None:
    """A fraction is refused, and so is a whole number that may have lost digits, and one beyond the bounds."""
    path = "context.profile.attributes"
    assert violations_of(compiled, age=31.5) == [f"{path}[age]: must be a whole number, not 31.5"]
    assert violations_of(compiled, age=131.0) == [f"{path}[age]: must be at most 130, not 131"]
    assert violations_of(compiled, sizes=[3.0, 2.0**60]) == [
        f"{path}[sizes]: must be sent as an integer: beyond 2^53 a number is not exact"
    ]
    assert violations_of(compiled, age="31") == [f"{path}[age]: must be of type integer, not text"]
