"""Ages and anniversaries against a calendar that is walked through day by day."""

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.conditions.ages import age, days_to_anniversary, in_unit
from engine.model.instant import DAY
from engine.model.values import Moment

ONE_DAY = timedelta(days=1)


def returns(day: date, today: date) -> bool:
    """Whether today is an anniversary of the day, by its month and day."""
    if today.year <= day.year:
        return False
    leap_day = (day.month, day.day) == (2, 29)
    if leap_day and (today.month, today.day) == (2, 28):
        return (today + ONE_DAY).day != 29
    return (today.month, today.day) == (day.month, day.day)


days = st.one_of(
    st.dates(date(1890, 1, 1), date(2110, 12, 31)),
    st.builds(date, st.sampled_from([1896, 2000, 2096]), st.just(2), st.just(29)),
)


@settings(max_examples=150, deadline=None)
@given(days, st.dates(date(1890, 1, 1), date(2110, 12, 31)))
def test_walking_to_the_anniversary(day: date, today: date) -> None:
    """It is the first of the days from today on that returns the day."""
    left = days_to_anniversary(day, today)
    assert returns(day, today + left * ONE_DAY)
    if today > day:
        assert left <= 365
        assert not any(returns(day, today + number * ONE_DAY) for number in range(left))


@pytest.mark.parametrize(
    ("day", "today", "left"),
    [
        (date(1, 1, 1), date(9999, 12, 31), 1),
        (date(9999, 12, 31), date(9999, 12, 31), 366),
        (date(4, 2, 29), date(9999, 3, 1), 365),
        (date(9996, 2, 29), date(9999, 3, 1), 365),
        (date(9999, 1, 1), date(1, 1, 1), 3652059),
    ],
)
def test_at_the_ends_of_the_calendar(day: date, today: date, left: int) -> None:
    """Days are counted beyond the year 9999: 10000 has a 29th of February."""
    assert days_to_anniversary(day, today) == left


def test_ages() -> None:
    """Microseconds of times, days of dates, nothing of other values; a span in the same unit."""
    moment = Moment(10 * DAY, date(2026, 3, 10))
    assert [age(value, moment) for value in (9 * DAY, date(2026, 3, 11), True, 1.5, "x", (1,), None)] == [
        DAY, -1, None, None, None, None, None,
    ]  # fmt: skip
    assert (in_unit(36 * DAY // 24, 5), in_unit(36 * DAY // 24, date(2026, 3, 10))) == (36 * DAY // 24, 1)
