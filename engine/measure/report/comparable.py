"""What `report paths` and `report signals` share: events and outcomes on one line of time, by person, and figures of rates."""

from collections.abc import Collection
from datetime import UTC, datetime
from difflib import get_close_matches
from math import exp, log, sqrt

from scipy.special import ndtri

from engine.measure.report.figures import Figure, Unit
from engine.measure.report.tables import ReportPeriod, Tables
from engine.measure.statistics.arms import Interval, wilson

LEAST = 20
"""Persons below whom a cell is neither shown nor tested."""

_TIMELINE = """
CREATE TABLE timeline AS
SELECT coalesce(i.person, e.person) AS person, e.time, e.position, e.event_id, e.type, e.fields FROM (
    SELECT person, time, position, event_id, type, fields FROM all_events WHERE time <= $as_of
    UNION ALL
    SELECT person, time, 1000000, event_id, type, fields FROM all_outcomes
    WHERE time <= $as_of AND recorded_at <= $as_of AND list_contains($types, type)
) e LEFT JOIN all_identities i ON i.name = e.person AND i.linked_at <= $as_of
WHERE e.person <> ''
"""


class NothingRecorded(ValueError):
    """The log has no events, or none of those that are asked about."""


def naive(moment: datetime) -> datetime:
    """The moment in UTC without a zone, as the tables have times."""
    return moment.astimezone(UTC).replace(tzinfo=None)


def make_timeline(tables: Tables, as_of: datetime, types: Collection[str]) -> None:
    """Makes the table `timeline`: all events, and outcomes of the types, of linked names under their person.

    Raises NothingRecorded where a type never occurred, with the one that was meant.
    """
    tables.connection.execute(_TIMELINE, {"as_of": naive(as_of), "types": [*types]})
    there = [row["type"] for row in tables.rows("SELECT DISTINCT type FROM timeline ORDER BY type")]
    for name in types:
        if name not in there:
            known = there or [row["type"] for row in tables.rows("SELECT DISTINCT type FROM all_outcomes")]
            raise NothingRecorded(f"the log has no event {name}{hint(name, known)}")


def hint(name: str, known: Collection[str]) -> str:
    """Which of the known names was meant, and what there is."""
    close = get_close_matches(name, known, n=1)
    meant = f"; did you mean {close[0]}?" if close else ""
    return f"{meant}; there are {', '.join(sorted(known)[:20])}" if known else f"{meant}; there are none"


def period_of(tables: Tables, start: datetime | None, end: datetime | None, as_of: datetime) -> ReportPeriod:
    """The period; by default from the first event or decision on. Raises NothingRecorded where there is neither."""
    (first,) = tables.row(
        "SELECT min(time) FROM (SELECT time FROM all_events UNION ALL SELECT time FROM all_decisions)"
    )
    if first is None:
        raise NothingRecorded("the log has no events")
    return ReportPeriod(start or first.replace(tzinfo=UTC), min(end or as_of, as_of), as_of)


def quantile_of(level: float) -> float:
    """The quantile of the normal distribution for two-sided limits at the level."""
    return float(ndtri(1 - (1 - level) / 2))


def rate(events: int, persons: int, level: float) -> Figure:
    """A share with Wilson's limits; refused below LEAST persons."""
    if persons < LEAST:
        return refused(f"fewer than {LEAST} persons", Unit.SHARE, persons)
    return shown(wilson(events, persons, quantile_of(level)), Unit.SHARE, "Wilson", events, persons)


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


def found_share(rate_of_hits: Interval, hits: int, missed: int, level: float) -> Interval | None:
    """The share hits·rate / (hits·rate + missed), with limits on the scale of log odds, ln(hits·rate) - ln(missed).

    The missed are a Poisson count, whose logarithm has the standard error 1/sqrt(missed). None where either part is 0.
    """
    if rate_of_hits.low <= 0 or not missed:
        return None
    value, spread = log(hits * rate_of_hits.value / missed), quantile_of(level) / sqrt(missed)
    below = sqrt(log(rate_of_hits.value / rate_of_hits.low) ** 2 + spread**2)
    above = sqrt(log(rate_of_hits.high / rate_of_hits.value) ** 2 + spread**2)
    return Interval(*(1 / (1 + exp(-odds)) for odds in (value, value - below, value + above)))
