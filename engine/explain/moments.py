"""Moments to try: when a schedule begins to run, and when a clock shows what a condition asks for."""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from engine.arbitrate.schedule import Clocks
from engine.attributes.clock import CLOCK
from engine.attributes.zones import zone_of, zones_of
from engine.conditions.model import Attributes, Condition, Moment
from engine.conditions.reference import holds
from engine.instant import Instant, from_datetime, to_datetime
from engine.rulebook.model.book import Active
from engine.rulebook.model.clock import Clock

_DAYS_ON = 8
"""Days after a beginning that are looked at: every day of the week is among them."""
_HOURS_ON, _DATES_ON = 168, 400
"""How far ahead a clock is looked at, in full hours and in days."""


def next_run(
    schedules: Iterable[Active], now: Instant, book_zone: ZoneInfo, attributes: Attributes
) -> Instant | None:
    """The next moment after now at which all schedules run; None where there is none, or none is found."""
    several = list(schedules)
    moments = {one for each in several for one in _beginnings(each, now, book_zone, attributes)}
    after = sorted(one for one in moments if one > now)
    return next((one for one in after if Clocks(one, book_zone, attributes).run(several)), None)


def next_clock(when: Condition, now: Instant, book_zone: ZoneInfo, attributes: Attributes) -> Instant | None:
    """The next full hour of the customer's at which the condition holds, nothing but the clock having changed."""
    zone = zone_of(attributes, book_zone)
    start = to_datetime(now).astimezone(zone).replace(minute=0, second=0, microsecond=0)
    hours = (start.astimezone(UTC) + timedelta(hours=each) for each in range(1, _HOURS_ON + 1))
    dates = (_at(start.date() + timedelta(days=each), time(), zone) for each in range(1, _DATES_ON + 1))
    for instant in (*map(from_datetime, hours), *dates):
        local = to_datetime(instant).astimezone(zone)
        shown = {**attributes, **{name: read(local) for name, read in CLOCK.items()}}
        if instant > now and holds(when, shown, Moment(instant, local.date())):
            return instant
    return None


def _beginnings(
    active: Active, now: Instant, book_zone: ZoneInfo, attributes: Attributes
) -> Iterator[Instant]:
    """Where the schedule may begin to run: at its start, and on the days after it when its hours begin."""
    zones = (book_zone,) if active.clock is Clock.BOOK else zones_of(attributes, book_zone).zones
    for zone in zones:
        start = now if active.start is None else max(now, active.start)
        if active.local_start is not None:
            start = max(start, from_datetime(active.local_start.replace(tzinfo=zone).astimezone(UTC)))
        yield start
        day = to_datetime(start).astimezone(zone).date()
        for ahead in range(_DAYS_ON):
            opens = time() if active.hours is None else active.hours[0]
            yield _at(day + timedelta(days=ahead), opens, zone)
            yield _at(day + timedelta(days=ahead), time(), zone)


def _at(day: date, clock: time, zone: ZoneInfo) -> Instant:
    return from_datetime(datetime.combine(day, clock, zone).astimezone(UTC))
