"""Reads and writes how often all customers together did something, by hours."""

from collections.abc import Iterable, Mapping, Sequence

from engine.ledger.store.rows import TrendAlarmRow, TrendCellRow, TrendSeriesRow
from engine.ledger.store.statements import Select
from engine.ledger.store.store import Store
from engine.model.instant import DAY, Instant
from engine.model.trends import AlarmKey, Series, TrendCell

KEPT = 36 * DAY
"""For how long cells are kept: the longest window and what it is compared with, and a week more."""

MOST_VALUES = 500
"""Values of a field that an hour counts one by one, besides those that conditions name."""

_VALUES = Select(
    "DISTINCT c.event, c.field, c.hour, c.value",
    "FROM :given(event text, field text, hour bigint) AS given CROSS JOIN trend_cells AS c"
    " WHERE c.event = given.event AND c.field = given.field AND c.hour = given.hour",
)
"""The values that hours count already."""

_ADD = "ON CONFLICT (event, field, hour, value, shard) DO UPDATE SET number = trend_cells.number + excluded.number"

_CELLS = Select(
    "c.event, c.field, c.hour, c.value, sum(c.number)",
    "FROM :given(event text, field text) AS given CROSS JOIN trend_cells AS c"
    " WHERE c.event = given.event AND c.field = given.field AND c.hour >= ?"
    " GROUP BY c.event, c.field, c.hour, c.value",
)

_SERIES = Select("event, field, since", "FROM trend_series")

_REGISTER = (
    "ON CONFLICT (event, field) DO UPDATE SET"
    f" since = CASE WHEN trend_series.until < excluded.until - {DAY} THEN excluded.since ELSE trend_series.since END,"
    " until = CASE WHEN trend_series.until < excluded.until THEN excluded.until ELSE trend_series.until END"
)
"""After a day on which no server counted, counting begins anew."""

_ALARMS = Select("event, field, value, condition, since, until", "FROM trend_alarms")

_SET_ALARM = "ON CONFLICT (event, field, value, condition) DO UPDATE SET since = excluded.since, until = excluded.until"

_PRUNE_ALARMS = "DELETE FROM trend_alarms WHERE until > 0 AND until < ?"

_PRUNE = "DELETE FROM trend_cells WHERE hour < ?"

CellKey = tuple[str, str, Instant]
"""Type of events, field, and hour."""


def values_of(store: Store, keys: Sequence[CellKey]) -> dict[CellKey, set[str]]:
    """By hour, the values that are counted already."""
    values: dict[CellKey, set[str]] = {key: set() for key in keys}
    for event, field, hour, value in store.select(_VALUES, keys) if keys else ():
        values[event, field, int(hour)].add(value)
    return values


def add(store: Store, rows: Sequence[TrendCellRow]) -> None:
    """Adds the counts to the cells, in the order of the rows."""
    store.insert(TrendCellRow, rows, _ADD)


def cells(store: Store, counted: Mapping[str, Iterable[str]], since: Instant) -> list[TrendCell]:
    """The cells of the types and fields, from the hour on."""
    given = [(event, field) for event, fields in counted.items() for field in fields]
    rows = store.select(_CELLS, given, since)
    return [
        TrendCell(event, field, int(hour), value, int(number)) for event, field, hour, value, number in rows
    ]


def series(store: Store) -> dict[Series, Instant]:
    """From when on what is counted."""
    return {(event, field): int(since) for event, field, since in store.select(_SERIES)}


def register(store: Store, counted: Mapping[str, Iterable[str]], now: Instant) -> None:
    """Notes that events are counted, and deletes the cells that nothing reads any more."""
    rows = [
        TrendSeriesRow(event, field, now, now)
        for event in sorted(counted)
        for field in sorted(counted[event])
    ]
    store.insert(TrendSeriesRow, rows, _REGISTER)
    store.change(_PRUNE, now - KEPT)
    store.change(_PRUNE_ALARMS, now - KEPT)


def alarms(store: Store) -> dict[AlarmKey, TrendAlarmRow]:
    """Of all alarms that held in the last weeks, since when and until when."""
    rows = [TrendAlarmRow(*row) for row in store.select(_ALARMS)]
    return {(row.event, row.field, row.value, row.condition): row for row in rows}


def set_alarms(store: Store, rows: Sequence[TrendAlarmRow]) -> None:
    """Writes since when alarms hold, or until when they held."""
    store.insert(TrendAlarmRow, rows, _SET_ALARM)
