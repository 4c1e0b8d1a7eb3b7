"""How often all customers together did something, by hours, and what of it a trend reads.

The window of a trend ends now and begins with the hour in which `within` begins: it is at least as long as `within` and less
than an hour longer. It is compared with the `against` before it, scaled to its own length.
"""

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


class Cell(NamedTuple):
    """How many events an hour had."""

    event: str
    field: str
    """Empty: all events of the type."""
    hour: Instant
    """When the hour began."""
    value: str
    """Of the field; OTHER for the values beyond the limit; empty without a field."""
    count: int


class TrendReading(NamedTuple):
    """What a trend compares."""

    count: int
    """Events of the window."""
    usual: float
    """Events that a window of this length had on average before."""

    @property
    def ratio(self) -> float:
        """How many times the usual number, which counts as at least one."""
        return self.count / max(1.0, self.usual)


class TrendSource(Protocol):
    """Where trends are read from."""

    def readings(
        self, series: Series, within: Microseconds, against: Microseconds, now: Instant
    ) -> Mapping[str, TrendReading] | None:
        """By value, what is compared, of values that have events; None while too little is known of the time before."""


class _Sums(NamedTuple):
    """Sums of an hour's look-up, which hold until the hour ends."""

    history: Microseconds
    by_value: Mapping[str, tuple[int, int]]
    """Events of the window, and before it."""


class TrendCounts:
    """The cells that this server has read from the log. The same cells give the same readings at the same moment."""

    __slots__ = ("_cells", "_since", "_sums")

    def __init__(self) -> None:
        self._cells: dict[Series, dict[str, dict[Instant, int]]] = {}
        self._since: Mapping[Series, Instant] = {}
        self._sums: dict[tuple[Series, Microseconds, Instant, Instant], _Sums] = {}

    def take(self, cells: Iterable[Cell], since: Mapping[Series, Instant]) -> None:
        """Replace everything. since: from when on each series is counted."""
        read: dict[Series, dict[str, dict[Instant, int]]] = {}
        for cell in cells:
            by_value = read.setdefault((cell.event, cell.field), {})
            by_value.setdefault(cell.value, {})[cell.hour] = cell.count
        self._cells, self._since, self._sums = read, dict(since), {}

    def readings(
        self, series: Series, within: Microseconds, against: Microseconds, now: Instant
    ) -> Mapping[str, TrendReading] | None:
        """As of TrendSource."""
        start = (now - within) // HOUR * HOUR
        sums = self._summed(series, against, start, now // HOUR * HOUR)
        if sums.history < min(against, _SHORTEST):
            return None
        scale = (now - start) / sums.history
        return {
            value: TrendReading(count, before * scale) for value, (count, before) in sums.by_value.items()
        }

    def _summed(self, series: Series, against: Microseconds, start: Instant, last: Instant) -> _Sums:
        key = (series, against, start, last)
        sums = self._sums.get(key)
        if sums is not None:
            return sums
        since = self._since.get(series)
        begin = start - against if since is None else max(start - against, -(-since // HOUR) * HOUR)
        by_value = {}
        for value, hours in self._cells.get(series, {}).items():
            count = sum(number for hour, number in hours.items() if start <= hour <= last)
            before = sum(number for hour, number in hours.items() if begin <= hour < start)
            if count:
                by_value[value] = (count, before)
        if len(self._sums) > _MOST_SUMS:
            self._sums.clear()
        self._sums[key] = sums = _Sums(0 if since is None else start - begin, by_value)
        return sums


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
