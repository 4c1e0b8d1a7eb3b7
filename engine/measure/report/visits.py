"""Visits of persons: recorded events divided by time without one, from the step on at which visits are compared."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from engine.measure.report.comparable import NothingRecorded, hint, naive
from engine.measure.report.tables import ReportPeriod, Tables
from engine.model.instant import SECOND, Microseconds

_MINUTE = 60 * SECOND


@dataclass(frozen=True, slots=True)
class PathsQuestion:
    """Which visits are compared."""

    goal: str
    """The type of the event, or outcome, that makes a buyer."""
    begin: str = ""
    """The type of the event from which on visits are compared; empty: the first of the visit."""
    by: tuple[str, ...] = ()
    """Fields of events by whose values steps are split."""
    strata: tuple[str, ...] = ()
    """Fields, known by the start step, within whose values buyers are compared with others, beside the week."""
    gap: Microseconds = 30 * _MINUTE
    """Without an event for longer than this, a visit is over."""
    level: float = 0.95


class PathVisit(NamedTuple):
    """A visit of a person."""

    person: str
    bought: bool
    steps: Sequence[str]
    """Types of events from the start step on, before the goal."""
    known: Mapping[str, str]
    """By field, the last value up to the start step."""
    values: Mapping[tuple[str, str], str]
    """By type of step and field, the last value at it."""
    stratum: tuple[str, ...]


_VISITS = """
CREATE TABLE numbered AS
SELECT *, sum(begins) OVER (PARTITION BY person ORDER BY ord) AS visit FROM (
    SELECT *, row_number() OVER w AS ord,
        CASE WHEN time - lag(time) OVER w <= to_microseconds($gap) THEN 0 ELSE 1 END AS begins
    FROM timeline WINDOW w AS (PARTITION BY person ORDER BY time, position, event_id)
)
"""

_STARTED = """
CREATE TABLE started AS
SELECT s.*, (SELECT min(g.ord) FROM numbered g
    WHERE g.person = s.person AND g.visit = s.visit AND g.type = $goal AND g.ord > s.first) AS reached
FROM (
    SELECT n.person, n.visit, min(n.ord) AS first, min(n.time) AS time,
        (SELECT max(o.time) FROM numbered o WHERE o.person = n.person AND o.visit = n.visit) AS last
    FROM numbered n WHERE CASE WHEN $begin = '' THEN n.type <> $goal ELSE n.type = $begin END GROUP BY ALL
) s
WHERE s.time >= $start AND s.time < $stop
"""

_CHOSEN = """
CREATE TABLE chosen AS
SELECT * FROM (SELECT * FROM started QUALIFY row_number() OVER (PARTITION BY person ORDER BY first) = 1)
WHERE last + to_microseconds($gap) < $as_of
"""

_EVENTS = """
SELECT c.person, c.reached IS NOT NULL AS bought, n.type, n.ord < c.first AS before,
    strftime(date_trunc('week', c.time), '%Y-%m-%d') AS week, {fields}
FROM chosen c JOIN numbered n ON n.person = c.person AND n.visit = c.visit AND (c.reached IS NULL OR n.ord < c.reached)
ORDER BY c.person, n.ord
"""


def choose_visits(tables: Tables, question: PathsQuestion, period: ReportPeriod) -> tuple[int, int]:
    """Makes the table `chosen`: one visit a person; visits that started, and persons whose visit is not over."""
    run = tables.connection.execute
    run(_VISITS, {"gap": question.gap})
    moments = {"start": naive(period.start), "stop": naive(period.end)}
    run(_STARTED, {"goal": question.goal, "begin": question.begin, **moments})
    run(_CHOSEN, {"gap": question.gap, "as_of": naive(period.as_of)})
    started, persons = tables.row("SELECT count(*), count(DISTINCT person) FROM started")
    return started, persons - tables.row("SELECT count(*) FROM chosen")[0]


def read_visits(tables: Tables, question: PathsQuestion) -> list[PathVisit]:
    """The visits of the table `chosen`. Raises NothingRecorded where no event has a field of the question."""
    names = [*dict.fromkeys((*question.by, *question.strata))]
    _check_fields(tables, names)
    pointers = {
        f"p{index}": "/" + name.replace("~", "~0").replace("/", "~1") for index, name in enumerate(names)
    }
    fields = (
        ", ".join(f"json_extract_string(n.fields, ${key}) AS f{key[1:]}" for key in pointers) or "1 AS none"
    )
    cursor = tables.connection.execute(_EVENTS.format(fields=fields), pointers)
    by_person: dict[str, list[Any]] = defaultdict(list)
    for row in cursor.fetchall():
        by_person[row[0]].append(row)
    return [_visit(rows, names, question.strata) for rows in by_person.values()]


def _visit(rows: Sequence[Any], names: Sequence[str], strata: Sequence[str]) -> PathVisit:
    known: dict[str, str] = {}
    values: dict[tuple[str, str], str] = {}
    steps: list[str] = []
    for _, _, type_, before, _, *given in rows:
        there = {name: value for name, value in zip(names, given, strict=False) if value is not None}
        if before or not steps:
            known |= there
        if not before:
            steps.append(type_)
            values |= {(type_, name): value for name, value in there.items()}
    return PathVisit(
        rows[0][0], rows[0][1], steps, known, values, (rows[0][4], *(known.get(name, "") for name in strata))
    )


def _check_fields(tables: Tables, names: Sequence[str]) -> None:
    if not names:
        return
    query = "SELECT DISTINCT unnest(json_keys(fields)) AS name FROM timeline ORDER BY name"
    there = [row["name"] for row in tables.rows(query)]
    for name in names:
        if name not in there:
            raise NothingRecorded(f"no event has the field {name}{hint(name, there)}")
