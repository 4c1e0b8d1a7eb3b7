"""Schedules: whether a campaign or an offer runs at a moment, on the book's clock or on the customer's."""

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
    """What the clocks show at one moment: each is read when it is first asked for."""

    now: Instant
    zone: ZoneInfo
    """The book's."""
    attributes: Attributes
    """The customer's, by which his zones are known."""
    _read: dict[Clock, tuple[datetime | None, ...]] = field(default_factory=dict)

    def run(self, schedules: Iterable[Active]) -> bool:
        """Whether all schedules include the moment, each on every clock that it may be about."""
        return all(self.runs(one) for one in schedules)

    def runs(self, active: Active) -> bool:
        """Whether the schedule includes the moment; where a customer may be in several zones, in all of them."""
        if active.start is not None and self.now < active.start:
            return False
        if active.end is not None and self.now >= active.end:
            return False
        return all(local is not None and _includes(active, local) for local in self._shown(active.clock))

    def _shown(self, clock: Clock) -> tuple[datetime | None, ...]:
        """What each such clock shows, None beyond the calendar."""
        shown = self._read.get(clock)
        if shown is None:
            zones = (self.zone,) if clock is Clock.BOOK else zones_of(self.attributes, self.zone).zones
            shown = self._read[clock] = tuple(local_time(self.now, zone) for zone in zones)
        return shown


def _includes(active: Active, local: datetime) -> bool:
    wall = local.replace(tzinfo=None)
    if active.local_start is not None and wall < active.local_start:
        return False
    if active.local_end is not None and wall >= active.local_end:
        return False
    if active.days is not None and local.weekday() not in active.days:
        return False
    return active.hours is None or _in_hours(active.hours, wall.time())


def _in_hours(hours: tuple[time, time], at: time) -> bool:
    start, end = hours
    return start <= at < end if start < end else at >= start or at < end
