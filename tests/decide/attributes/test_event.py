"""Which events count, and in which order."""

from engine.decide.attributes.events import history, normalise
from engine.model.event import Event

NOW = 1_000


def test_events_come_in_order() -> None:
    """By time; events at the same time in the order sent."""
    sent = [Event("c", "x", 9), Event("b", "x", 5), Event("a", "x", 9)]
    assert [event.event_id for event in normalise(sent, NOW)] == ["b", "c", "a"]


def test_a_name_counts_once() -> None:
    """Of several events with one id the first sent counts; events without an id all do."""
    sent = [Event("a", "x", 9), Event("a", "y", 5), Event("", "x", 1), Event("", "x", 1)]
    assert [(event.event_id, event.type) for event in normalise(sent, NOW)] == [
        ("", "x"),
        ("", "x"),
        ("a", "x"),
    ]


def test_the_future_does_not_count() -> None:
    """An event at the moment of the decision counts; one a microsecond later is ignored."""
    sent = [Event("a", "x", NOW + 1), Event("a", "y", NOW)]
    assert [event.type for event in normalise(sent, NOW)] == ["y"]


def test_types_are_looked_up() -> None:
    """The events of a type are found by their indices."""
    past = history([Event("", "x", 3), Event("", "y", 2), Event("", "x", 1)], NOW)
    assert past.by_type == {"x": [0, 2], "y": [1]}
