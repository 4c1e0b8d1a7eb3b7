"""What `report paths` and `report signals` share: events and outcomes on one line of time, by person, and figures of rates."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches

from scipy.special import ndtri

from engine.measure.report.figures import Figure, Unit
from engine.measure.report.tables import NAMES, NothingLogged, ReportPeriod, Tables
from engine.measure.statistics.arms import Interval, wilson
from engine.rulebook.model.book import Book

LEAST = 20
"""Persons below whom a cell is neither shown nor tested."""

_LINKS = "CREATE TABLE links AS SELECT name, person FROM all_identities WHERE linked_at <= $as_of"

_TIMELINE = """
CREATE TABLE timeline AS
SELECT coalesce(n.person, e.person) AS person, e.time, e.position, e.event_id, e.type, e.fields FROM (
    SELECT person, time, position, event_id, type, fields FROM all_events WHERE time <= $as_of
    UNION ALL
    SELECT person, time, 1000000, event_id, type, fields FROM all_outcomes
    WHERE time <= $as_of AND recorded_at <= $as_of AND list_contains($types, type)
) e LEFT JOIN names n ON n.name = e.person
WHERE e.person <> ''
"""


class NothingRecorded(ValueError):
    """The log has no events, or none of those that are asked about."""


def naive(moment: datetime) -> datetime:
    """The moment in UTC without a zone, as the tables have times."""
    return moment.astimezone(UTC).replace(tzinfo=None)


def make_timeline(tables: Tables, as_of: datetime, types: Collection[str]) -> None:
    """Makes the tables `names`, of linked names with their person, and `timeline`: their events, and outcomes of the types.

    Raises NothingRecorded where a type never occurred, with the one that was meant.
    """
    tables.connection.execute(_LINKS, {"as_of": naive(as_of)})
    tables.connection.execute(NAMES)
    tables.connection.execute(_TIMELINE, {"as_of": naive(as_of), "types": [*types]})
    there = [row["type"] for row in tables.rows("SELECT DISTINCT type FROM timeline")]
    for name in types:
        if name not in there:
            outcomes = [row["type"] for row in tables.rows("SELECT DISTINCT type FROM all_outcomes")]
            raise NothingRecorded(f"the log has no event {name}{hint(name, {*there, *outcomes})}")


def hint(name: str, known: Collection[str]) -> str:
    """Which of the known names was meant, and what there is."""
    close = get_close_matches(name, sorted(known), n=1)
    meant = f"; did you mean {close[0]}?" if close else ""
    return f"{meant}; there are {', '.join(sorted(known)[:20])}" if known else f"{meant}; there are none"


def period_of(tables: Tables, start: datetime | None, end: datetime | None, as_of: datetime) -> ReportPeriod:
    """The period; by default from the first event or decision on.

    Raises NothingRecorded where there is neither, EmptyPeriod where it ends before it begins.
    """
    (first,) = tables.row(
        "SELECT min(time) FROM (SELECT time FROM all_events UNION ALL SELECT time FROM all_decisions)"
    )
    if first is None:
        raise NothingRecorded("the log has no events")
    return ReportPeriod.of(start, end, as_of, first.replace(tzinfo=UTC))


def period_of_decisions(
    tables: Tables, start: datetime | None, end: datetime | None, as_of: datetime
) -> ReportPeriod:
    """The period; by default from the first decision on. Raises NothingRecorded, EmptyPeriod."""
    try:
        first = tables.first(as_of)
    except NothingLogged as error:
        raise NothingRecorded(str(error)) from error
    return ReportPeriod.of(start, end, as_of, first)


def last_record(tables: Tables, as_of: datetime) -> datetime:
    """The latest moment of which the log has anything by as_of: what persons did later is not known."""
    (last,) = tables.row(
        "SELECT max(time) FROM (SELECT time FROM all_events UNION ALL SELECT time FROM all_decisions"
        " UNION ALL SELECT time FROM all_outcomes) WHERE time <= ?",
        [naive(as_of)],
    )
    return as_of if last is None else last.replace(tzinfo=UTC)


def kept_warnings(
    tables: Tables, book: Book, start: datetime, types: Collection[str], as_of: datetime
) -> list[str]:
    """The sentence that says that events of the period may be gone; none where they are all kept."""
    recorded = {row["type"] for row in tables.rows("SELECT DISTINCT type FROM all_events")}
    first = last_record(tables, as_of) - timedelta(microseconds=book.events.keep)
    if first <= start or not recorded.intersection(types):
        return []
    days = timedelta(microseconds=book.events.keep) / timedelta(days=1)
    return [
        f"the book keeps events for {days:g} days, so that those before {first:%Y-%m-%d} may be missing: name a later --from"
    ]


def quantile_of(level: float) -> float:
    """The quantile of the normal distribution for two-sided limits at the level."""
    return float(ndtri(1 - (1 - level) / 2))


def rate(events: int, persons: int, level: float) -> Figure:
    """A share with Wilson's limits; refused below LEAST persons."""
    if persons < LEAST:
        return refused(f"fewer than {LEAST} persons", Unit.SHARE, persons)
    return shown(wilson(events, persons, quantile_of(level)), Unit.SHARE, "Wilson", events, persons)


def count_figure(persons: int) -> Figure:
    """So many persons; refused below LEAST."""
    if persons < LEAST:
        return refused(f"fewer than {LEAST} persons", Unit.COUNT)
    return Figure(persons, persons=persons)


def count_text(persons: int) -> str:
    """So many persons; of few only that they are few."""
    return f"fewer than {LEAST}" if 0 < persons < LEAST else f"{persons:,}"


def large_cells(counts: Mapping[str, int], most: int | None = None) -> list[tuple[str, int]]:
    """The cells of at least LEAST persons, largest first, and at most so many.

    Where the others together are fewer than LEAST, the smallest of these is left out, too: the total less the rest would give
    them away.
    """
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    cells = [(name, count) for name, count in ordered[:most] if count >= LEAST]
    hidden = sum(counts.values()) - sum(count for _, count in cells)
    while cells and 0 < hidden < LEAST:
        hidden += cells.pop()[1]
    return cells


def shown(
    interval: Interval | None,
    unit: Unit,
    method: str,
    n: int | None = None,
    persons: int | None = None,
    why: str = "",
) -> Figure:
    """The interval as a figure; without one, the sentence that says why."""
    if interval is None:
        return refused(why, unit, persons)
    return Figure(*interval, method=method, n=n, persons=persons, unit=unit)


def refused(why: str, unit: Unit, persons: int | None = None) -> Figure:
    """A figure that is not shown, and why."""
    return Figure(None, persons=persons, unit=unit, refused=why)
