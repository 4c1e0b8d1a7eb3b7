"""Patterns against the oracle, and the cases that fix their meaning."""

import sys
from collections.abc import Sequence
from types import FrameType
from typing import Any

import pytest
from hypothesis import given, settings

from engine.conditions.model import Operator, Test
from engine.decide.attributes.events import history
from engine.decide.attributes.patterns import exposed, find, pattern_search
from engine.model.event import Event
from engine.rulebook.model.derived import Absence, Anchor, Exposed, Pattern, PatternStep, Prefer
from tests.decide.attributes import plain
from tests.decide.attributes.strategies import HOUR, NOW, crowds, histories, patterns

CART = Pattern(
    "left-in-cart",
    PatternStep("cart", within=24 * HOUR),
    (PatternStep("view", Test("page", Operator.EQ, "/checkout"), HOUR, Anchor.FIRST),),
    (Absence("buy", same="item"),),
    expose={"item": Exposed(0, "item"), "value": Exposed(0, "value"), "page": Exposed(1, "page")},
)


def event(type_: str, hours: float, **fields: Any) -> Event:
    """An event so many hours ago."""
    return Event("", type_, NOW - int(hours * HOUR), fields)


def chain(pattern: Pattern, events: Sequence[Event]) -> tuple[Event, ...] | None:
    """The events that the engine finds."""
    return find(pattern_search(pattern), history(events, NOW))


@settings(max_examples=600, deadline=None)
@given(patterns, crowds | histories)
def test_patterns_are_as_documented(pattern: Pattern, events: list[Event]) -> None:
    """Whatever the pattern and the events, the engine finds the oracle's events."""
    ours, theirs = chain(pattern, events), plain.find(pattern, events, NOW)
    assert (None if ours is None else list(ours)) == theirs


def test_the_pattern_of_the_book() -> None:
    """A cart that went to the checkout and was not bought is found, with what it exposes."""
    events = [event("cart", 3, item="soap", value=9), event("view", 2.5, page="/checkout")]
    here = chain(CART, events)
    assert here is not None
    assert exposed(CART, here) == {"item": "soap", "value": 9, "page": "/checkout"}
    assert chain(CART, [*events, event("buy", 1, item="soap")]) is None
    assert chain(CART, [*events, event("buy", 1, item="cream")]) is not None
    assert chain(CART, [*events, event("buy", 5, item="soap")]) is not None
    assert chain(CART, [events[0], event("view", 1.9, page="/checkout")]) is None
    assert chain(CART, [events[0], event("view", 2, page="/checkout")]) is not None


def test_an_absence_without_the_tie() -> None:
    """A first event without the field is broken by any such event; such an event without it breaks only that one."""
    checkout = event("view", 2.5, page="/checkout")
    assert chain(CART, [event("cart", 3), checkout, event("buy", 1, item="x")]) is None
    assert chain(CART, [event("cart", 3, item="x"), checkout, event("buy", 1)]) is not None


@pytest.mark.parametrize(
    ("prefer", "item"), [(Prefer.LATEST, "c"), (Prefer.EARLIEST, "a"), (Prefer.MOST_VALUE, "b")]
)
def test_preferences(prefer: Prefer, item: str) -> None:
    """The latest, the earliest, or the most valuable first event counts; of equal ones the latest."""
    pattern = Pattern("p", PatternStep("cart"), prefer=prefer)
    events = [
        event("cart", 4, item="a", value=2),
        event("cart", 3, item="d", value=8),
        event("cart", 2.5, item="b", value=8),
        event("cart", 1, item="c"),
    ]
    here = chain(pattern, events)
    assert here is not None
    assert here[0].fields["item"] == item


def test_events_of_one_moment_are_in_the_order_of_sending() -> None:
    """A step may be at the moment of the one before it, if it was sent after it."""
    pattern = Pattern("p", PatternStep("cart"), (PatternStep("view"),))
    assert chain(pattern, [event("cart", 1), event("view", 1)]) is not None
    assert chain(pattern, [event("view", 1), event("cart", 1)]) is None


def test_a_step_takes_the_earliest() -> None:
    """If no chain continues from the earliest event of a step, no later one is tried."""
    pattern = Pattern(
        "p",
        PatternStep("cart"),
        (PatternStep("view"), PatternStep("buy", within=HOUR, anchor=Anchor.PREVIOUS)),
    )
    events = [event("cart", 9), event("view", 8), event("view", 2), event("buy", 1.5)]
    assert chain(pattern, events) is None
    assert chain(pattern, [events[0], *events[2:]]) is not None


@pytest.mark.parametrize(("anchor", "holds"), [(Anchor.FIRST, False), (Anchor.PREVIOUS, True)])
def test_where_windows_begin(anchor: Anchor, holds: bool) -> None:
    """A window runs from the first event or from the previous one, as it says."""
    pattern = Pattern(
        "p", PatternStep("cart"), (PatternStep("view"), PatternStep("buy", within=HOUR, anchor=anchor))
    )
    events = [event("cart", 3), event("view", 2), event("buy", 1)]
    assert (chain(pattern, events) is not None) is holds


def test_what_is_exposed_has_its_type() -> None:
    """Values that are no numbers and other fields that are no texts are missing."""
    fields = {"a": Exposed(0, "value"), "b": Exposed(0, "item"), "c": Exposed(0, "colour")}
    pattern = Pattern("p", PatternStep("cart"), expose=fields)
    assert exposed(pattern, [event("cart", 1, value="9", item=3, colour=True)]) == {}
    assert exposed(pattern, [event("cart", 1, value=9, item="3", colour="red")]) == {
        "a": 9,
        "b": "3",
        "c": "red",
    }


def bytecodes(pattern: Pattern, events: Sequence[Event]) -> int:
    """Bytecode instructions that finding the pattern takes, including the index by type."""
    count = 0

    def trace(frame: FrameType, what: str, _: object) -> Any:
        nonlocal count
        frame.f_trace_opcodes = True
        count += what == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        chain(pattern, events)
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("prefer", Prefer)
@pytest.mark.parametrize("bought", [False, True])
def test_the_work_is_linear(prefer: Prefer, bought: bool) -> None:
    """Ten times the events take at most eleven times the instructions, where all of them are candidates for all steps."""
    steps = tuple(PatternStep("cart", within=HOUR, anchor=anchor) for anchor in Anchor)
    absent = (Absence("cart" if bought else "buy", same="item"),)
    pattern = Pattern("p", PatternStep("cart"), steps, absent, prefer)

    def work(size: int) -> int:
        return bytecodes(pattern, [event("cart", 4 - at / size, item="x", value=at) for at in range(size)])

    assert work(1_000) <= 11 * work(100)
