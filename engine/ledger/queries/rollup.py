"""Reads and writes how often what came of decisions, by hours and days."""

from collections.abc import Mapping
from typing import NamedTuple

from engine.ledger.feed import START, Cursor, parse_cursor
from engine.ledger.store.rows import RollupCursorRow, RollupRow
from engine.ledger.store.statements import Select
from engine.ledger.store.store import Store
from engine.model.instant import Instant

ROLLUP = "rollup"
"""The lock of who counts."""


RollupKey = tuple[str, str, Instant, str]
"""RollupSubject, name, beginning of the hour or day, and part."""


class RollupSum(NamedTuple):
    """What a subject counted in a period."""

    name: str
    part: str
    number: int


class RollupState(NamedTuple):
    """How far the log was counted."""

    cursor: Cursor
    counted_at: Instant
    """0: it was not."""


_ADD = "ON CONFLICT (subject, name, since, part) DO UPDATE SET number = rollup.number + excluded.number"


_MOVE = "ON CONFLICT (number) DO UPDATE SET cursor = excluded.cursor, counted_at = excluded.counted_at"


_CURSOR = Select("cursor, counted_at", "FROM rollup_cursor WHERE number = 0")


_SUMS = Select(
    "name, part, sum(number)",
    "FROM rollup WHERE subject = ? AND since >= ? AND since < ? GROUP BY name, part ORDER BY name, part",
)


_SUMS_OF = Select(
    "name, part, sum(number)",
    "FROM rollup WHERE subject = ? AND name = ? AND since >= ? AND since < ? GROUP BY name, part ORDER BY part",
)


_COURSE = Select(
    "since, name, sum(number)",
    "FROM rollup WHERE subject = ? AND since >= ? AND since < ? GROUP BY since, name ORDER BY since, name",
)


def rollup_state(store: Store) -> RollupState:
    """How far the log was counted."""
    rows = store.select(_CURSOR)
    return RollupState(parse_cursor(rows[0][0]), rows[0][1]) if rows else RollupState(START, 0)


def add_to_rollup(store: Store, cells: Mapping[RollupKey, int], state: RollupState) -> None:
    """Adds to the cells, and moves the cursor, by whoever holds the lock ROLLUP."""
    store.insert(RollupRow, [RollupRow(*key, number) for key, number in sorted(cells.items())], _ADD)
    store.insert(RollupCursorRow, [RollupCursorRow(0, str(state.cursor), state.counted_at)], _MOVE)


def rollup_sums(
    store: Store, subject: str, since: Instant, until: Instant, name: str = ""
) -> list[RollupSum]:
    """What the subject counted in hours or days that began in the period, by name and part; name: only of this."""
    rows = (
        store.select(_SUMS_OF, subject, name, since, until)
        if name
        else store.select(_SUMS, subject, since, until)
    )
    return [RollupSum(row[0], row[1], int(row[2])) for row in rows]


def rollup_course(
    store: Store, subject: str, since: Instant, until: Instant
) -> list[tuple[Instant, str, int]]:
    """What the subject counted by hour or day and name, in order of time."""
    return [(row[0], row[1], int(row[2])) for row in store.select(_COURSE, subject, since, until)]
