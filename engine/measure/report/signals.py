"""How well signals foretell an outcome, and what acting on them saved.

The unit is the person, with the first time that the signal held in the period. Whoever is saved has no outcome, which lowers
the recall and the precision that are seen; the control, whom nothing was sent, shows what they would have been.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from engine.measure.report.build import Report
from engine.measure.report.comparable import (
    LEAST,
    NothingRecorded,
    found_share,
    make_timeline,
    naive,
    period_of,
    rate,
    refused,
    shown,
)
from engine.measure.report.figures import Computation, Figure, Grid, GridCell, Head, Section, Unit
from engine.measure.report.tables import Tables
from engine.measure.statistics.arms import Arm, Interval
from engine.measure.statistics.compare import Comparison, compare_strata
from engine.model.instant import DAY, Microseconds
from engine.rulebook.model.book import Book

_NO_CONTROL = "no control: no decision at which the signal held was drawn for one"


@dataclass(frozen=True, slots=True)
class SignalsQuestion:
    """What signals are held against."""

    outcome: str
    """The type of the event, or outcome, that they foretell."""
    horizon: Microseconds = 30 * DAY
    """How long after a signal an outcome counts as foretold."""
    level: float = 0.95


class _Measured(NamedTuple):
    """What is counted of a signal."""

    name: str
    persons: int
    hits: int
    leavers: int
    foretold: int
    quartiles: tuple[float | None, float | None, float | None]
    comparison: Comparison | None
    """None: there is no control."""


_HELD = """
CREATE TABLE held AS
SELECT s.signal, coalesce(i.person, s.person) AS person, s.since FROM (
    SELECT signal, person, since FROM all_signals WHERE time <= $as_of
    UNION SELECT signal, person, since FROM all_remembered WHERE since <= $as_of
) s LEFT JOIN all_identities i ON i.name = s.person AND i.linked_at <= $as_of WHERE s.person <> ''
"""

_FIRST = """
CREATE TABLE first_held AS
SELECT h.signal, h.person, min(h.since) AS since,
    (SELECT min(t.time) FROM timeline t WHERE t.person = h.person AND t.type = $outcome AND t.time >= min(h.since)
        AND t.time < min(h.since) + to_microseconds($horizon)) AS reached
FROM held h WHERE h.since >= $start AND h.since + to_microseconds($horizon) <= $stop GROUP BY h.signal, h.person
"""

_LEAVERS = """
CREATE TABLE leavers AS
SELECT person, min(time) AS time FROM timeline
WHERE type = $outcome AND time >= $start::TIMESTAMP + to_microseconds($horizon) AND time < $stop GROUP BY person
"""

_DRAWN = """
CREATE TABLE drawn AS
SELECT s.signal, coalesce(i.person, o.person) AS person, o.time, o.campaign, o.control_salt AS salt,
    o.control_share AS share, coalesce(o.withheld, '') = '' AS treated
FROM all_offers o JOIN all_signals s ON s.decision_id = o.decision_id
LEFT JOIN all_identities i ON i.name = o.person AND i.linked_at <= $as_of
WHERE o.control_salt IS NOT NULL AND coalesce(o.withheld, '') IN ('', 'control')
    AND o.time >= $start AND o.time + to_microseconds($horizon) <= $stop
QUALIFY row_number() OVER (PARTITION BY s.signal, coalesce(i.person, o.person)
    ORDER BY o.time, o.decision_id, o.position) = 1
"""

_ARMS = """
SELECT d.salt, d.share, d.treated, count(*), count(*) FILTER (EXISTS (
    SELECT 1 FROM timeline t WHERE t.person = d.person AND t.type = $outcome AND t.time >= d.time
        AND t.time < d.time + to_microseconds($horizon)))
FROM drawn d WHERE d.signal = $signal GROUP BY ALL ORDER BY ALL
"""


def signals(  # noqa: PLR0913 - the parts of the question
    folder: Path,
    book: Book,
    question: SignalsQuestion,
    as_of: datetime,
    start: datetime | None = None,
    end: datetime | None = None,
    memory: str = "2GB",
) -> Report:
    """Hold the signals of an export against an outcome.

    Raises NothingRecorded where the log has no such outcome, or no signal so early that its horizon is over.
    """
    tables = Tables(folder, memory)
    try:
        period = period_of(tables, start, end, as_of)
        make_timeline(tables, as_of, [question.outcome])
        run, known = tables.connection.execute, {"as_of": naive(as_of)}
        bounds = {
            "horizon": question.horizon,
            "start": naive(period.start),
            "stop": naive(period.end),
        }
        run(_HELD, known)
        run(_FIRST, {"outcome": question.outcome, **bounds})
        run(_LEAVERS, {"outcome": question.outcome, **bounds})
        run(_DRAWN, {**known, **bounds})
        names = [row["signal"] for row in tables.rows("SELECT DISTINCT signal FROM first_held ORDER BY 1")]
        if not names:
            raise NothingRecorded("no signal of the period is old enough: its --horizon is not over by --to")
        measured = [_measured(tables, name, question) for name in names]
        (persons,) = tables.row("SELECT count(DISTINCT person) FROM first_held")
    finally:
        tables.close()
    days = timedelta(microseconds=question.horizon) / timedelta(days=1)
    options = {"outcome": question.outcome, "horizon": f"{days:g}d", "level": str(question.level)}
    count = sum(signal.persons for signal in measured)
    head = Head(book.name, book.version, *period, count, persons, (), options, "signals")
    section = _section(measured, question, f"{days:g} days")
    return Report(head, (section,), {}, "how well signals foretell, and what acting on them saved")


def _measured(tables: Tables, name: str, question: SignalsQuestion) -> _Measured:
    persons, hits, *quartiles = tables.row(
        "SELECT count(*), count(reached), "
        + ", ".join(
            f"quantile_cont(epoch_us(reached) - epoch_us(since), {part}) / {DAY}"
            for part in (0.25, 0.5, 0.75)
        )
        + " FROM first_held WHERE signal = ?",
        [name],
    )
    leavers, foretold = tables.row(
        "SELECT count(*), count(*) FILTER (EXISTS (SELECT 1 FROM held h WHERE h.person = l.person AND h.signal = ?"
        " AND h.since <= l.time AND h.since > l.time - to_microseconds(?))) FROM leavers l",
        [name, question.horizon],
    )
    low, median, high = quartiles
    return _Measured(
        name, persons, hits, leavers, foretold, (low, median, high), _compared(tables, name, question)
    )


def _compared(tables: Tables, name: str, question: SignalsQuestion) -> Comparison | None:
    """Those to whom something was sent against those from whom a control withheld it, within (salt, share)."""
    values = {"outcome": question.outcome, "horizon": question.horizon, "signal": name}
    arms: dict[tuple[str, float], dict[bool, Arm]] = {}
    for salt, share, treated, persons, reached in tables.connection.execute(_ARMS, values).fetchall():
        arms.setdefault((salt, share), {})[treated] = Arm(persons, reached, reached)
    pairs = [(stratum[True], stratum[False]) for stratum in arms.values() if len(stratum) == 2]
    if not pairs:
        return None
    return compare_strata(pairs, "proportion", question.level)


def _section(measured: list[_Measured], question: SignalsQuestion, horizon: str) -> Section:
    lead = ("signal", "hits", "lower quartile", "median", "upper quartile")
    return Section(
        "signals",
        f"Signals before {question.outcome}",
        f"Of the persons of whom a signal held, how many had {question.outcome} within {horizon}; of those who had it, how many"
        " were foretold; and what share did acting on it save?",
        "",
        (
            Grid(
                "signals",
                "How well they foretell",
                ("signal",),
                ("persons", "precision", "precision (control)", "recall", "recall (corrected)"),
                tuple(_foretelling(signal, question.level) for signal in measured),
            ),
            Grid("lead_time", "How early", lead[:1], lead[1:], tuple(map(_lead, measured))),
            Grid(
                "saved",
                "What acting on them saved",
                ("signal",),
                ("sent", "control", "saved"),
                tuple(map(_saved, measured)),
            ),
        ),
        computations=(
            Computation(
                "precision and recall",
                "persons with the outcome within the horizon of the first time the signal held / persons; first outcomes from"
                " --from plus the horizon on that had the signal within the horizon before / all of them; Wilson",
                f"{max(signal.leavers for signal in measured):,} persons with the outcome",
                f"signals whose horizon is not over by --to; figures of fewer than {LEAST} persons",
            ),
            Computation(
                "recall (corrected)",
                "persons of the signal · rate of the control / (this + outcomes not foretold); limits on the scale of log odds"
                " from those of the rate and 1/sqrt(not foretold). It takes as many outcomes to begin in a day all along, and"
                " the control to stand for all persons of the signal",
            ),
            Computation(
                "saved",
                "1 - rate of those sent to / rate of the control, at the first decision with the signal that was drawn for a"
                " control, within strata of (salt, share); Newcombe's method 10 and its ratio",
            ),
        ),
    )


def _foretelling(signal: _Measured, level: float) -> Mapping[str, GridCell]:
    control = signal.comparison.control if signal.comparison and not _few(signal) else None
    missed = signal.leavers - signal.foretold
    why = _few(signal) or "nobody of the control had the outcome, or none was missed"
    corrected = found_share(control, signal.persons, missed, level) if control else None
    return {
        "signal": signal.name,
        "persons": Figure(signal.persons, persons=signal.persons),
        "precision": rate(signal.hits, signal.persons, level),
        "precision (control)": shown(control, Unit.SHARE, "Wilson", why=why),
        "recall": rate(signal.foretold, signal.leavers, level),
        "recall (corrected)": shown(corrected, Unit.SHARE, "log odds", None, signal.leavers, why),
    }


def _lead(signal: _Measured) -> Mapping[str, GridCell]:
    names = ("lower quartile", "median", "upper quartile")
    few = f"fewer than {LEAST} persons" if signal.hits < LEAST else ""
    return {
        "signal": signal.name,
        "hits": Figure(signal.hits, persons=signal.hits),
        **{
            name: refused(few, Unit.DAYS, signal.hits)
            if few
            else Figure(value, persons=signal.hits, unit=Unit.DAYS)
            for name, value in zip(names, signal.quartiles, strict=True)
        },
    }


def _few(signal: _Measured) -> str:
    """Why the signal has no comparison; empty where it has one."""
    if signal.comparison is None:
        return _NO_CONTROL
    few = min(signal.comparison.persons) < LEAST
    return f"fewer than {LEAST} persons in an arm" if few else signal.comparison.refused


def _saved(signal: _Measured) -> Mapping[str, GridCell]:
    why, comparison = _few(signal), signal.comparison
    if why or comparison is None:
        return {
            "signal": signal.name,
            **{name: refused(why, Unit.SHARE) for name in ("sent", "control", "saved")},
        }
    relative, sent = comparison.relative, comparison.persons
    saved = None
    if relative is not None and relative.value is not None and relative.high is not None:
        saved = Interval(-relative.value, -relative.high, -relative.low)
    return {
        "signal": signal.name,
        "sent": shown(comparison.treated, Unit.SHARE, "Wilson", None, sent[0]),
        "control": shown(comparison.control, Unit.SHARE, "Wilson", None, sent[1]),
        "saved": shown(
            saved,
            Unit.SHARE,
            comparison.method,
            None,
            sum(sent),
            comparison.relative_refused or "no upper limit",
        ),
    }
