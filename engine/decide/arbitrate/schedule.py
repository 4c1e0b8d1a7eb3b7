"""Schedules: whether a campaign or an offer runs at a moment, by the book's clock or the customer's."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, time
from zoneinfo import ZoneInfo

from engine.decide.attributes.zones import local_time, zones_of
from engine.model.instant import Instant
from engine.model.values import Attributes
from engine.rulebook.model.book import Active
from engine.rulebook.model.policies import Clock


@dataclass(slots=True)
class Clocks:
    """Local times at one moment, each computed when it is first needed."""

    now: Instant
    zone: ZoneInfo
    """The book's time zone."""
    attributes: Attributes
    """The customer's attributes, from which their zones are determined."""
    _read: dict[Clock, tuple[datetime | None, ...]] = field(default_factory=dict)

    def run(self, schedules: Iterable[Active]) -> bool:
        """Whether all schedules include the moment; see `runs`."""
        return all(self.runs(schedule) for schedule in schedules)

    def runs(self, active: Active) -> bool:
        """Whether the schedule includes the moment; if the customer may live in several zones, in all of them."""
        if active.start is not None and self.now < active.start:
            return False
        if active.end is not None and self.now >= active.end:
            return False
        return all(local is not None and _includes(active, local) for local in self._times(active.clock))

    def _times(self, clock: Clock) -> tuple[datetime | None, ...]:
        """The local time in each zone of the clock; None beyond the years 1 to 9999."""
        times = self._read.get(clock)
        if times is None:
            zones = (self.zone,) if clock is Clock.BOOK else zones_of(self.attributes, self.zone).zones
            times = self._read[clock] = tuple(local_time(self.now, zone) for zone in zones)
        return times


def _includes(active: Active, local: datetime) -> bool:
    naive = local.replace(tzinfo=None)
    if active.local_start is not None and naive < active.local_start:
        return False
    if active.local_end is not None and naive >= active.local_end:
        return False
    begun = _begun(active.hours, naive.time())
    return begun is not None and (active.days is None or (local.weekday() - begun) % 7 in active.days)


def _begun(hours: tuple[time, time] | None, at: time) -> int | None:
    """How many days ago the hours began in which the time is; None: it is in none.

    Hours are [start, end), and span midnight if end is not later than start; they belong to the day on which they begin.
    """
    if hours is None:
        return 0
    start, end = hours
    if start <= at and (at < end or end <= start):
        return 0
    return 1 if at < end <= start else None
