"""Windows: from when on contacts count, and when one that counts leaves.

Every window is open to the future, so that a contact counts on although a clock has stepped back, and loses contacts
only: while nothing else happens a count never rises.
"""

from calendar import monthrange
from typing import NamedTuple, Protocol
from zoneinfo import ZoneInfo

from engine.decide.pressure.clock import HOUR, date_of, day_at, first_instant, span_of_clock
from engine.model.instant import DAY, SECOND, Instant, Microseconds
from engine.model.texts import span_text
from engine.rulebook.model import policies
from engine.rulebook.model.policies import Clock, Period

ZoneSet = tuple[ZoneInfo, ...]
"""Where a customer may be: a proposal has to pass a rule in every one of them."""


NO_CLOCK: ZoneSet = ()
"""Of rules that read no clock."""


_LENGTHS = {Period.MINUTE: 60 * SECOND, Period.HOUR: HOUR}
"""Of the periods that a clock shows, not a calendar."""


_LONGEST = _LENGTHS | {
    Period.DAY: 2 * DAY,
    Period.WEEK: 8 * DAY,
    Period.MONTH: 32 * DAY,
    Period.QUARTER: 93 * DAY,
    Period.YEAR: 367 * DAY,
}
"""With a day to spare for changes of clocks."""


_MONTHS = {Period.MONTH: 1, Period.QUARTER: 3, Period.YEAR: 12}
"""Of the periods that begin with a month."""


def zones_of(clock: Clock, book_zone: ZoneInfo) -> ZoneSet | None:
    """The zones on whose clock a policy is read; None: the customer's, which each request knows."""
    return None if clock is Clock.CUSTOMER else (book_zone,)


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
    """The last `span` microseconds; the far end is open."""

    __slots__ = ("lookback", "text")

    def __init__(self, span: Microseconds, written: str = "") -> None:
        self.lookback = span
        self.text = f"rolling {written or span_text(span)}"

    def before(self, now: Instant, zones: ZoneSet) -> Instant:  # noqa: ARG002 a window like the others
        """The instant one span ago: a contact made then has just left."""
        return now - self.lookback

    def leaves(self, at: Instant, zones: ZoneSet) -> Instant:  # noqa: ARG002
        """One span after the contact."""
        return at + self.lookback


class _Lookup(NamedTuple):
    """The last instant before the window, and from when until when that is the answer."""

    since: Instant
    until: Instant
    before: Instant


class CalendarWindow:
    """The current period, minute to year; of several zones that in which it began first."""

    __slots__ = ("_known", "_week_starts", "lookback", "period", "text")

    def __init__(self, calendar: policies.Calendar) -> None:
        self.period, self._week_starts = calendar.period, calendar.week_starts
        self._known: dict[ZoneSet, _Lookup] = {}
        """The latest answer for the zones, and how long it holds."""
        self.lookback = _LONGEST[calendar.period]
        self.text = f"calendar {calendar.period}"

    def before(self, now: Instant, zones: ZoneSet) -> Instant:
        """The microsecond before the earliest beginning."""
        known = self._known.get(zones)
        if known is None or not known.since <= now < known.until:
            known = self._known[zones] = self._look_up(now, zones)
        return known.before

    def leaves(self, at: Instant, zones: ZoneSet) -> Instant:
        """The latest end of the period of the contact."""
        return max(end for _, end in (self._bounds(at, zone) for zone in zones))

    def _look_up(self, now: Instant, zones: ZoneSet) -> _Lookup:
        starts, ends = zip(*(self._bounds(now, zone) for zone in zones), strict=True)
        return _Lookup(max(starts), min(ends), min(starts) - 1)

    def _bounds(self, at: Instant, zone: ZoneInfo) -> tuple[Instant, Instant]:
        """The first instant of the period in the zone, and the first after it."""
        length = _LENGTHS.get(self.period)
        if length is not None:
            return span_of_clock(zone, at, length)
        first = self._first(day_at(zone, at))
        return first_instant(zone, first), first_instant(zone, first + self._length(first))

    def _first(self, day: int) -> int:
        """The first day of the period; 1970-01-01 was a Thursday."""
        match self.period:
            case Period.DAY:
                return day
            case Period.WEEK:
                return day - (day + 3 - self._week_starts) % 7
        today = date_of(day)
        month = today.month - (today.month - 1) % _MONTHS[self.period]
        return day - (today - today.replace(month=month, day=1)).days

    def _length(self, first: int) -> int:
        """Days of the period that begins on the day."""
        match self.period:
            case Period.DAY:
                return 1
            case Period.WEEK:
                return 7
        start = date_of(first)
        months = range(start.month, start.month + _MONTHS[self.period])
        return sum(monthrange(start.year, month)[1] for month in months)
