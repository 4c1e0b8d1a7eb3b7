"""How often all customers together did something, by hours, and what of it a trend reads.

The window of a trend ends now and begins with the hour in which `within` begins: it is at least as long as `within` and less
than an hour longer. It is compared with the `against` before it, scaled to its own length.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple, Protocol, TypeAlias

from engine.model.instant import DAY, Instant, Microseconds

HOUR = 3_600_000_000
"""Length of a cell."""

OTHER = "*"
"""Stands for all values beyond those that are counted one by one."""

Series: TypeAlias = tuple[str, str]
"""What is counted together: a type of events, and the field by whose values; empty: by none."""

_SHORTEST = DAY
"""The history that a trend needs, unless it looks back on less."""


class TrendCell(NamedTuple):
    """How many events an hour had."""

    event: str
    field: str
    """Empty: all events of the type."""
    hour: Instant
    """When the hour began."""
    value: str
    """Of the field; OTHER for the values beyond the limit; empty without a field."""
    number: int


CellsByHour: TypeAlias = dict[Series, dict[Instant, dict[str, int]]]
"""By series and hour, the number of events by value."""


def by_hour(cells: Iterable[TrendCell]) -> CellsByHour:
    """The cells, in the order in which trends are summed."""
    hours: CellsByHour = {}
    for cell in cells:
        values = hours.setdefault((cell.event, cell.field), {}).setdefault(cell.hour, {})
        values[cell.value] = cell.number
    return hours


class TrendReading(NamedTuple):
    """What a trend compares."""

    number: int
    """Events of the window."""
    usual: float
    """Events that a window of this length had on average before."""

    @property
    def ratio(self) -> float:
        """How many times the usual number, which counts as at least one."""
        return self.number / max(1.0, self.usual)


class TrendSource(Protocol):
    """Where trends are read from."""

    def readings(
        self, series: Series, within: Microseconds, against: Microseconds, now: Instant
    ) -> Mapping[str, TrendReading] | None:
        """By value, what is compared, of values that have events; None while too little is known of the time before."""


class TrendAlarm(NamedTuple):
    """A trend of which it is told when it begins: what a condition of the book needs to hold."""

    event: str
    field: str
    value: str
    """Of the field; empty: each value by itself."""
    within: Microseconds
    against: Microseconds
    least: int
    ratio: float

    @property
    def condition(self) -> str:
        """What it needs, under which the log knows whether it holds."""
        return f"{self.least} {self.ratio:g} {self.within // HOUR}h {self.against // HOUR}h"

    def holding(self, source: TrendSource, now: Instant) -> dict[str, TrendReading]:
        """By value, the readings for which it holds."""
        readings = source.readings((self.event, self.field), self.within, self.against, now) or {}
        return {
            value: reading
            for value, reading in readings.items()
            if (value == self.value or not self.value)
            and value != OTHER
            and reading.number >= self.least
            and reading.ratio >= self.ratio
        }


class TrendAlert(NamedTuple):
    """A trend that began."""

    event: str
    field: str
    value: str
    number: int
    usual: float
    at: Instant


AlarmKey: TypeAlias = tuple[str, str, str, str]
"""Type of events, field, value and condition of an alarm."""


def alarms_holding(
    alarms: Iterable[TrendAlarm], source: TrendSource, now: Instant
) -> dict[AlarmKey, TrendReading]:
    """The readings of all alarms that hold."""
    return {
        (alarm.event, alarm.field, value, alarm.condition): reading
        for alarm in alarms
        for value, reading in alarm.holding(source, now).items()
    }


def window_start(within: Microseconds, now: Instant) -> Instant:
    """When the hour began in which `within` begins."""
    return (now - within) // HOUR * HOUR


class _Before(NamedTuple):
    """What a window is compared with, which holds until the hour ends."""

    history: Microseconds
    numbers: Mapping[str, int]


class TrendCounts:
    """The cells that this server has read from the log. The same cells give the same readings at the same moment."""

    __slots__ = ("_before", "_cells", "_readings", "_since")

    def __init__(self) -> None:
        self._cells: CellsByHour = {}
        self._since: Mapping[Series, Instant] = {}
        self._before: dict[tuple[Series, Microseconds, Instant], _Before] = {}
        self._readings: dict[tuple[Series, Instant, Instant], Mapping[str, int]] = {}

    def take(self, cells: CellsByHour, since: Mapping[Series, Instant], start: Instant | None = None) -> None:
        """Replaces the cells of all hours, or of those from `start` on. since: from when on each series is counted."""
        if start is None:
            self._cells, self._before = cells, {}
        else:
            for series in self._cells.keys() | cells.keys():
                kept = {hour: n for hour, n in self._cells.get(series, {}).items() if hour < start}
                self._cells[series] = kept | cells.get(series, {})
        if since != self._since:
            self._before = {}
        self._since, self._readings = dict(since), {}

    def readings(
        self, series: Series, within: Microseconds, against: Microseconds, now: Instant
    ) -> Mapping[str, TrendReading] | None:
        """As of TrendSource."""
        start = window_start(within, now)
        before = self._summed_before(series, against, start)
        if before.history < min(against, _SHORTEST):
            return None
        scale = (now - start) / before.history
        return {
            value: TrendReading(number, before.numbers.get(value, 0) * scale)
            for value, number in self._summed(series, start, now // HOUR * HOUR).items()
        }

    def _summed(self, series: Series, start: Instant, last: Instant) -> Mapping[str, int]:
        key = (series, start, last)
        numbers = self._readings.get(key)
        if numbers is None:
            if len(self._readings) > _MOST_SUMS:
                self._readings.clear()
            self._readings[key] = numbers = self._sum(series, start, last + HOUR)
        return numbers

    def _summed_before(self, series: Series, against: Microseconds, start: Instant) -> _Before:
        key = (series, against, start)
        before = self._before.get(key)
        if before is None:
            since = self._since.get(series)
            begin = start if since is None else max(start - against, -(-since // HOUR) * HOUR)
            if len(self._before) > _MOST_SUMS:
                self._before.clear()
            self._before[key] = before = _Before(start - begin, self._sum(series, begin, start))
        return before

    def _sum(self, series: Series, start: Instant, end: Instant) -> Mapping[str, int]:
        numbers: Counter[str] = Counter()
        for hour, values in self._cells.get(series, {}).items():
            if start <= hour < end:
                numbers.update(values)
        return numbers


_MOST_SUMS = 1000
"""Look-ups that are kept: requests with simulated moments may ask for any hour."""


class GivenTrends:
    """Readings that a scenario states, whatever the window."""

    __slots__ = ("_given",)

    def __init__(self, given: Mapping[Series, Mapping[str, TrendReading]]) -> None:
        self._given = given

    def readings(
        self,
        series: Series,
        within: Microseconds,  # noqa: ARG002 the signature of a source
        against: Microseconds,  # noqa: ARG002
        now: Instant,  # noqa: ARG002
    ) -> Mapping[str, TrendReading] | None:
        """As of TrendSource; nothing happened of what is not stated."""
        return self._given.get(series, {})
