"""Visits of persons: recorded events divided by time without one, from the step on at which visits are compared."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple, TypeAlias

from duckdb import DuckDBPyConnection

from engine.measure.report.comparable import NothingRecorded, hint, naive
from engine.measure.report.tables import ReportPeriod, Tables
from engine.model.instant import SECOND, Microseconds

VisitStratum: TypeAlias = tuple[str, ...]
"""The week of the start step, and values known by it."""

_MINUTE = 60 * SECOND
_BATCH = 10_000
"""Events that are read at once."""


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
    stratum: VisitStratum


@dataclass(slots=True)
class VisitCounts:
    """Persons, by what their visits have: they are counted while they are read, so that their number needs no memory."""

    visits: Counter[tuple[VisitStratum, bool]] = field(default_factory=Counter)
    """By stratum and whether they bought."""
    with_step: Counter[tuple[VisitStratum, bool, str]] = field(default_factory=Counter)
    """Those that have the step."""
    last: Counter[str] = field(default_factory=Counter)
    """Of those who did not buy, by their last step."""
    known: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By field and value up to the start step."""
    known_with: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """Of them, those that have the step, or the goal."""
    values: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """By step, field and value at it."""
    stopped: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """Of them, those who stopped there."""

    def add(self, visit: PathVisit, question: PathsQuestion) -> None:
        """Counts a person's visit."""
        steps = {*visit.steps}
        last = "" if visit.bought else visit.steps[-1]
        self.visits[visit.stratum, visit.bought] += 1
        self.with_step.update((visit.stratum, visit.bought, step) for step in steps)
        if not visit.bought:
            self.last[last] += 1
        for name in question.by:
            if (value := visit.known.get(name)) is not None:
                self.known[name, value] += 1
                self.known_with.update((name, value, step) for step in steps - {question.goal})
                self.known_with[name, value, question.goal] += visit.bought
        for (step, name), value in visit.values.items():
            self.values[step, name, value] += 1
            self.stopped[step, name, value] += not visit.bought and step == last

    @property
    def persons(self) -> int:
        """All who are counted."""
        return self.visits.total()

    @property
    def buyers(self) -> int:
        """Of them, those who bought."""
        return sum(count for (_, bought), count in self.visits.items() if bought)

    @property
    def reached(self) -> Counter[str]:
        """Persons by the steps that they have."""
        steps: Counter[str] = Counter()
        for (_, _, step), count in self.with_step.items():
            steps[step] += count
        return steps


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


def count_visits(tables: Tables, question: PathsQuestion) -> VisitCounts:
    """Counts the visits of the table `chosen`. Raises NothingRecorded where no event has a field of the question."""
    names = [*dict.fromkeys((*question.by, *question.strata))]
    _check_fields(tables, names)
    pointers = {
        f"p{index}": "/" + name.replace("~", "~0").replace("/", "~1") for index, name in enumerate(names)
    }
    fields = (
        ", ".join(f"json_extract_string(n.fields, ${key}) AS f{key[1:]}" for key in pointers) or "1 AS none"
    )
    cursor = tables.connection.execute(_EVENTS.format(fields=fields), pointers)
    counts = VisitCounts()
    for _, rows in groupby(_rows(cursor), key=itemgetter(0)):
        counts.add(_visit([*rows], names, question.strata), question)
    return counts


def _rows(cursor: DuckDBPyConnection) -> Iterator[tuple[Any, ...]]:
    while rows := cursor.fetchmany(_BATCH):
        yield from rows


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
