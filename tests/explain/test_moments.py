"""The next moment at which a schedule runs or a clock fits, at changes of clocks, against a walk minute by minute."""

from dataclasses import replace
from datetime import datetime, time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from engine.conditions.evaluate import holds
from engine.conditions.model import All, Condition, Operator, Test
from engine.decide.arbitrate.moments import next_clock, next_run
from engine.decide.arbitrate.schedule import Clocks
from engine.decide.attributes.zones import CLOCK
from engine.model.instant import DAY, SECOND, Instant, from_datetime, to_datetime
from engine.model.values import Moment
from engine.rulebook.model.book import Active
from engine.rulebook.model.policies import WEEKDAYS, Clock, Quiet
from tests.decide.pressure.rules import look, rules

MINUTE = 60 * SECOND
WALK = 2 * DAY
"""How far the walk goes."""


def at(text: str) -> Instant:
    """The instant."""
    return from_datetime(datetime.fromisoformat(text))


def hours(text: str) -> tuple[time, time]:
    """From and until."""
    first, last = map(time.fromisoformat, text.split("-"))
    return first, last


@pytest.mark.parametrize(
    ("zone", "between", "now", "moment"),
    [
        ("America/New_York", "02:30-04:00", "2026-03-08T06:00Z", "2026-03-08T07:00Z"),
        ("America/New_York", "01:30-01:45", "2026-11-01T05:50Z", "2026-11-01T06:30Z"),
        ("America/New_York", "02:15-02:45", "2026-03-08T05:00Z", "2026-03-09T06:15Z"),
        ("Europe/Dublin", "01:45-02:15", "2026-03-28T12:00Z", "2026-03-29T01:00Z"),
        ("Pacific/Apia", "00:00-06:00", "2011-12-29T22:00Z", "2011-12-30T10:00Z"),
        ("America/St_Johns", "23:30-23:45", "2010-11-07T02:20Z", "2010-11-07T03:00Z"),
    ],
)
def test_next_run(zone: str, between: str, now: str, moment: str) -> None:
    """Hours that the clock skips in part begin where it goes on; repeated hours run twice."""
    schedule = Active(hours=hours(between))
    assert next_run([schedule], at(now), ZoneInfo(zone), {}) == at(moment)


def test_after_the_last_start() -> None:
    """Where several schedules start far apart, the hours after the last one are tried."""
    early = Active(hours=hours("08:00-09:00"))
    late = Active(local_start=datetime.fromisoformat("2027-03-01T08:30"), clock=Clock.CUSTOMER)
    zone = ZoneInfo("Asia/Shanghai")
    assert next_run([early, late], at("2026-03-01T10:00Z"), zone, {}) == at("2027-03-01T00:30Z")


CHANGES = [
    ("America/New_York", "2026-03-08T07:00Z"),
    ("America/New_York", "2026-11-01T06:00Z"),
    ("Europe/Dublin", "2026-03-29T01:00Z"),
    ("Europe/Dublin", "2026-10-25T01:00Z"),
    ("Pacific/Apia", "2011-12-30T10:00Z"),
    ("Pacific/Kwajalein", "1993-08-21T12:00Z"),
    ("America/St_Johns", "2010-11-07T02:31Z"),
    ("America/St_Johns", "2010-03-14T03:31Z"),
    ("Australia/Lord_Howe", "2026-04-04T15:00Z"),
    ("Asia/Beirut", "2026-03-28T22:00Z"),
]
"""Zones and moments at which their clocks change: by an hour, half an hour and a day, at midnight and at night."""

TIMES = st.builds(time, st.integers(0, 23), st.sampled_from([0, 15, 30, 45]))
DAYS = st.none() | st.frozensets(st.integers(0, 6), min_size=1)


@st.composite
def schedules(draw: st.DrawFn) -> Active:
    """A schedule of hours and days on the book's clock or the customer's."""
    between = draw(st.none() | st.tuples(TIMES, TIMES).filter(lambda pair: pair[0] != pair[1]))
    return Active(days=draw(DAYS), hours=between, clock=draw(st.sampled_from(Clock)))


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(CHANGES),
    st.integers(-1440, 240),
    st.lists(schedules(), min_size=1, max_size=2),
    st.booleans(),
)
def test_schedules_against_a_walk(
    change: tuple[str, str], minutes: int, all_: list[Active], at_home: bool
) -> None:
    """The next moment is the first minute of a walk at which all schedules run, on the book's clock and the customer's."""
    zone, now = ZoneInfo(change[0]), at(change[1]) + minutes * MINUTE
    book = zone if at_home else ZoneInfo("Europe/Paris")
    attributes = {"profile.time_zone": change[0]}

    def run(moment: Instant) -> bool:
        return Clocks(moment, book, attributes).run(all_)

    assume(not run(now))
    first = next((moment for moment in range(now + MINUTE, now + WALK, MINUTE) if run(moment)), None)
    moment = next_run(all_, now, book, attributes)
    assert moment == first if first is not None else moment is None or moment >= now + WALK


CLOCKS = (
    st.builds(lambda hour: Test("now.hour", Operator.EQ, hour), st.integers(0, 23))
    | st.builds(lambda hour: Test("now.hour", Operator.LT, hour), st.integers(1, 23))
    | st.builds(lambda day: Test("now.weekday", Operator.EQ, day), st.sampled_from(WEEKDAYS))
)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(CHANGES), st.integers(-1440, 240), st.lists(CLOCKS, min_size=1, max_size=2), st.booleans()
)
def test_clocks_against_a_walk(
    change: tuple[str, str], minutes: int, tests: list[Condition], at_home: bool
) -> None:
    """The next moment of a condition on the clock is the first minute of a walk at which it holds."""
    zone, now = ZoneInfo(change[0]), at(change[1]) + minutes * MINUTE
    book = zone if at_home else ZoneInfo("Europe/Paris")
    when = All(tuple(tests))

    def fits(moment: Instant) -> bool:
        local = to_datetime(moment).astimezone(zone)
        return holds(when, {name: read(local) for name, read in CLOCK.items()}, Moment(moment, local.date()))

    assume(not fits(now))
    first = next((moment for moment in range(now + MINUTE, now + WALK, MINUTE) if fits(moment)), None)
    moment = next_clock(when, now, book, {"profile.time_zone": change[0]})
    assert moment == first if first is not None else moment is None or moment >= now + WALK


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(CHANGES), st.integers(-2 * 1440, 2 * 1440), schedules())
def test_days_and_hours_are_those_of_quiet_rules(
    change: tuple[str, str], minutes: int, schedule: Active
) -> None:
    """A schedule runs exactly while a quiet rule with the same days and hours is quiet, also where clocks change."""
    zone, now = ZoneInfo(change[0]), at(change[1]) + minutes * MINUTE
    if schedule.days is None and schedule.hours is None:
        return
    quiet = Quiet("quiet", hours=schedule.hours, days=schedule.days or frozenset(range(7)), clock=Clock.BOOK)
    (rule,) = rules(quiet, zone=zone)
    on_book = replace(schedule, clock=Clock.BOOK)
    for moment in range(now, now + 3 * 1440 * MINUTE, 30 * MINUTE):
        assert Clocks(moment, zone, {}).run([on_book]) is look(rule, moment).blocks
