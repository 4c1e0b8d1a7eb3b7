"""Local clocks: what a zone's clock shows, and when it shows a day for the first time.

Days are counted from 1970-01-01; local times are microseconds since then. Time zones change their clocks at most once in two
days (tests/decide/pressure/test_clock.py checks the whole database).
"""

from collections.abc import Iterator
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from engine.model.instant import DAY, SECOND, Instant, Microseconds, to_datetime

HOUR = 3600 * SECOND


_FARTHEST = 15 * HOUR
"""No clock is further from UTC."""


_FIRST, _LAST = -62_135_596_800 * SECOND + 2 * DAY, 253_402_300_800 * SECOND - 2 * DAY
"""Two days inside the years 1 to 9999; beyond them offsets are taken as constant."""


_TICK = timedelta(microseconds=1)


_EPOCH, _LAST_DAY = date(1970, 1, 1).toordinal(), date.max.toordinal()


def date_of(day: int) -> date:
    """The date of the day; of a day outside the years 1 to 9999 the nearest date inside."""
    return date.fromordinal(min(max(day + _EPOCH, 1), _LAST_DAY))


def offset(zone: ZoneInfo, at: Instant) -> Microseconds:
    """How far the zone's clock is ahead of UTC at the instant."""
    ahead = to_datetime(min(max(at, _FIRST), _LAST)).astimezone(zone).utcoffset()
    return 0 if ahead is None else ahead // _TICK


def pieces(zone: ZoneInfo, start: Instant, end: Instant) -> Iterator[tuple[Instant, Instant, Microseconds]]:
    """The time from start until end (at most two days), cut where the zone changes its clock: start, end, offset."""
    before, after = offset(zone, start), offset(zone, end - 1)
    if before == after:
        yield start, end, before
        return
    early, late = start, end - 1
    while late - early > 1:
        middle = (early + late) // 2
        early, late = (middle, late) if offset(zone, middle) == before else (early, middle)
    yield start, late, before
    yield late, end, after


def span_of_clock(zone: ZoneInfo, at: Instant, length: Microseconds) -> tuple[Instant, Instant]:
    """The hour or minute, of that length, that the zone's clock shows: from when until when.

    It is cut where the clock is changed: an hour that the clock shows twice is two.
    """
    begin = at - (at + offset(zone, at)) % length
    cut = pieces(zone, begin, begin + length)
    return next((start, end) for start, end, _ in cut if at < end)


def first_instant(zone: ZoneInfo, day: int) -> Instant:
    """The first instant at which the zone's clock shows the day, or a later one where it skips the day."""
    midnight = day * DAY
    return next(
        max(start, midnight - ahead)
        for start, end, ahead in pieces(zone, midnight - _FARTHEST, midnight + _FARTHEST)
        if midnight - ahead < end
    )


def day_at(zone: ZoneInfo, at: Instant) -> int:
    """The day of the instant; a clock that is put back over midnight does not return to the day before."""
    day = (at + offset(zone, at)) // DAY
    return day + 1 if first_instant(zone, day + 1) <= at else day
