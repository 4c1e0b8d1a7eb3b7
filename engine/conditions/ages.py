"""How far dates and times are from a moment: their ages, and the days to the anniversaries of dates."""

from calendar import isleap
from datetime import date, datetime

from engine.model.instant import DAY, Microseconds
from engine.model.values import Moment

_CYCLE_YEARS, _CYCLE_DAYS = 400, 146_097
"""After so many years the Gregorian calendar repeats itself."""


def is_day(value: object) -> bool:
    """Whether the value is a date; a datetime is none."""
    return isinstance(value, date) and not isinstance(value, datetime)


def age(value: object, moment: Moment) -> int | None:
    """Microseconds from the time to now, or days from the date to the customer's day; None for a value that is neither.

    Negative for what is to come. Whole numbers throughout: a date minus a long span would leave the calendar.
    """
    if isinstance(value, int):
        return None if isinstance(value, bool) else moment.now - value
    if isinstance(value, date) and not isinstance(value, datetime):
        return moment.today.toordinal() - value.toordinal()
    return None


def in_unit(span: Microseconds, value: object) -> int:
    """The span in the unit of the value's age: whole days for a date."""
    return span // DAY if is_day(value) else span


def days_to_anniversary(day: date, today: date) -> int:
    """Days from today to the day's next anniversary: 0 on it, at most 365 once the day is past.

    The first anniversary is a year after the day. That of 29 February falls on the 28th in years without one.
    """
    year = max(today.year, day.year + 1)
    days = _anniversary(day, year) - today.toordinal()
    return days if days >= 0 else _anniversary(day, year + 1) - today.toordinal()


def _anniversary(day: date, year: int) -> int:
    """Number of the day in the proleptic Gregorian calendar, as `date.toordinal`; also of years beyond 9999."""
    cycles, rest = divmod(year - 1, _CYCLE_YEARS)
    leaps = day.month == 2 and day.day == 29 and not isleap(year)
    return date(rest + 1, day.month, 28 if leaps else day.day).toordinal() + cycles * _CYCLE_DAYS
