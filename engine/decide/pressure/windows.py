"""Windows: from when on contacts count, and when one that counts leaves.

Every window is open to the future, so that a contact counts on although a clock has stepped back, and loses contacts
only: while nothing else happens a count never rises.
"""

from calendar import monthrange
from datetime import date
from typing import NamedTuple, Protocol
from zoneinfo import ZoneInfo

from engine.decide.pressure.clock import day_at, first_instant
from engine.model.instant import DAY, Instant, Microseconds
from engine.rulebook.model import policies
from engine.rulebook.model.policies import Period
from engine.rulebook.text import durations

ZoneSet = tuple[ZoneInfo, ...]
"""Where a customer may be: what a rule says has to hold in every one of them."""


_EPOCH = date(1970, 1, 1).toordinal()


_LAST = date.max.toordinal()


_LONGEST = {Period.DAY: 2 * DAY, Period.WEEK: 8 * DAY, Period.MONTH: 32 * DAY}
"""With a day to spare for changes of clocks."""


class CountingWindow(Protocol):
    """A window that ends now."""

    text: str
    """As a book would write it."""
    lookback: Microseconds
    """No contact that is older counts."""

    def before(self, now: Instant, zones: ZoneSet) -> Instant:
        """The last instant before the window: later contacts are in it."""

    def leaves(self, at: Instant, zones: ZoneSet) -> Instant:
        """The first instant at which a contact of `at` is not in the window."""


class RollingWindow:
    """The last so many microseconds; the far end is open."""

    __slots__ = ("lookback", "text")

    def __init__(self, span: Microseconds) -> None:
        self.lookback = span
        self.text = f"rolling {durations.shown(span)}"

    def before(self, now: Instant, zones: ZoneSet) -> Instant:  # noqa: ARG002 a window like the others
        """The instant that is one span ago: what happened then has just left."""
        return now - self.lookback

    def leaves(self, at: Instant, zones: ZoneSet) -> Instant:  # noqa: ARG002
        """One span after the contact."""
        return at + self.lookback


class _Stretch(NamedTuple):
    since: Instant
    until: Instant
    before: Instant


class CalendarWindow:
    """The day, week or month that it is; of several zones the one in which it began first."""

    __slots__ = ("_known", "_period", "_week_starts", "lookback", "text")

    def __init__(self, calendar: policies.Calendar) -> None:
        self._period, self._week_starts = calendar.period, calendar.week_starts
        self._known: dict[ZoneSet, _Stretch] = {}
        """What was found last for these zones, and how long it holds."""
        self.lookback = _LONGEST[calendar.period]
        self.text = f"calendar {calendar.period}"

    def before(self, now: Instant, zones: ZoneSet) -> Instant:
        """The microsecond before the earliest beginning."""
        known = self._known.get(zones)
        if known is None or not known.since <= now < known.until:
            known = self._known[zones] = self._stretch(now, zones)
        return known.before

    def leaves(self, at: Instant, zones: ZoneSet) -> Instant:
        """The latest end of the period of the contact."""
        return max(end for _, end in (self._bounds(at, zone) for zone in zones))

    def _stretch(self, now: Instant, zones: ZoneSet) -> _Stretch:
        starts, ends = zip(*(self._bounds(now, zone) for zone in zones), strict=True)
        return _Stretch(max(starts), min(ends), min(starts) - 1)

    def _bounds(self, at: Instant, zone: ZoneInfo) -> tuple[Instant, Instant]:
        """The first instant of the period in the zone, and the first after it."""
        first = self._first(day_at(zone, at))
        return first_instant(zone, first), first_instant(zone, first + self._length(first))

    def _first(self, day: int) -> int:
        """The first day of the period; 1970-01-01 was a Thursday."""
        match self._period:
            case Period.DAY:
                return day
            case Period.WEEK:
                return day - (day + 3 - self._week_starts) % 7
        return day + 1 - _date(day).day

    def _length(self, first: int) -> int:
        """Days of the period that begins on the day."""
        match self._period:
            case Period.DAY:
                return 1
            case Period.WEEK:
                return 7
        month = _date(first)
        return monthrange(month.year, month.month)[1]


def _date(day: int) -> date:
    return date.fromordinal(min(max(day + _EPOCH, 1), _LAST))
