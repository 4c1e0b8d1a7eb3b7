"""Derivation as a whole: the named attributes are derived, and nothing else."""

from datetime import date
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.conditions.model import Operator, Test
from engine.decide.attributes.derive import closure, derivation
from engine.model.event import Event
from engine.model.instant import DAY, SECOND
from engine.model.values import Value
from engine.rulebook.model.derived import (
    Aggregate,
    Derived,
    Distance,
    Exposed,
    Measure,
    Pattern,
    PatternStep,
    Signal,
)

BOOK = ZoneInfo("Asia/Shanghai")
NOW = 1_773_111_600 * SECOND  # 2026-03-10T11:00+08:00
PATTERN = Pattern("seen", PatternStep("view"), expose={"item": Exposed(0, "item")})
DERIVED = Derived(
    {"views": Aggregate("views", "view", Measure.COUNT), "buys": Aggregate("buys", "buy", Measure.COUNT)},
    {"distance to shop km": Distance("distance to shop km", 31.0, 121.0)},
    {"seen": PATTERN, "bought": Pattern("bought", PatternStep("buy"))},
    {
        "low": Signal("low", Test("pattern.seen", Operator.EQ, True), expose={"thing": "pattern.seen.item"}),
        "high": Signal("high", Test("signal.low", Operator.EQ, True), until=Test("buys", Operator.GTE, 1)),
    },
)
HERE: dict[str, Value] = {"location.latitude": 31.0, "location.longitude": 121.0}
EVENTS = [Event("", "view", NOW - DAY, {"item": "cream"})]
EVERYTHING = {
    "views", "buys", "distance to shop km", "pattern.seen", "pattern.seen.item", "pattern.bought", "now.hour", "now.date",
    "now.weekday", "now.month", "customer.is_new", "rfm.frequency", "rfm.recency_days", "rfm.monetary", "profile.age",
}  # fmt: skip


def test_everything() -> None:
    """All kinds of derived attributes; missing ones are left out."""
    stage = derivation(DERIVED, EVERYTHING, BOOK)
    assert stage.derive(HERE, EVENTS, NOW, is_new=False) == {
        "views": 1,
        "buys": 0,
        "distance to shop km": 0.0,
        "pattern.seen": True,
        "pattern.seen.item": "cream",
        "now.hour": 11,
        "now.date": date(2026, 3, 10),
        "now.weekday": "tue",
        "now.month": 3,
        "customer.is_new": False,
        "rfm.frequency": 0,
        "rfm.monetary": 0,
    }


def test_nothing_is_known() -> None:
    """Without location and knowledge of the customer, distances and novelty are missing; the clock is the book's."""
    stage = derivation(DERIVED, EVERYTHING, BOOK)
    assert stage.derive({}, [], NOW).keys() == EVERYTHING - {
        "profile.age", "distance to shop km", "customer.is_new", "pattern.seen", "pattern.seen.item", "pattern.bought",
        "rfm.recency_days",
    }  # fmt: skip


@settings(deadline=None)
@given(st.sets(st.sampled_from(sorted(EVERYTHING))))
def test_only_what_is_wanted(names: set[str]) -> None:
    """Any choice of names gives the values that all of them give; a pattern comes with what it exposes."""
    whole = derivation(DERIVED, EVERYTHING, BOOK).derive(HERE, EVENTS, NOW, is_new=True)
    part = derivation(DERIVED, names, BOOK).derive(HERE, EVENTS, NOW, is_new=True)
    assert part.items() <= whole.items()
    assert names & whole.keys() <= part.keys()
    assert all(name in names or name.startswith("pattern.seen") for name in part)


def test_what_it_reads() -> None:
    """Distances read coordinates, clocks the attributes of the zone, aggregates and patterns events."""
    coordinates = {"location.latitude", "location.longitude"}
    assert derivation(DERIVED, {"distance to shop km"}, BOOK).needs == coordinates
    assert derivation(DERIVED, {"now.hour"}, BOOK).needs > coordinates
    quiet = derivation(DERIVED, {"profile.age", "now.hour"}, BOOK)
    assert not quiet.uses_events
    assert all(
        derivation(DERIVED, {name}, BOOK).uses_events
        for name in ("views", "rfm.monetary", "pattern.seen.item")
    )


def test_signals_want_what_they_look_at() -> None:
    """A signal adds the attributes that it tests, ends by and exposes, and the signals below it."""
    assert closure(DERIVED, ["signal.high"]) == {
        "signal.high", "signal.low", "signal.low.thing", "pattern.seen", "pattern.seen.item", "buys",
    }  # fmt: skip
    assert closure(DERIVED, ["profile.age"]) == {"profile.age"}
