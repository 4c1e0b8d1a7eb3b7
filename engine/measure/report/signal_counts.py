"""Counts what followed signals, what preceded outcomes, and who was sent something for a signal.

A person counts from the first time in the period that the signal held. What is sent for a signal goes out at decisions at
which it held, by the campaigns whose `when` refers to it, directly or through other signals.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from engine.conditions.model import attributes_of
from engine.decide.attributes.derive import PATTERN, SIGNAL, closure
from engine.measure.report.comparable import last_record, naive, quantile_of
from engine.measure.report.tables import ReportPeriod, Tables
from engine.model.instant import DAY, Microseconds
from engine.rulebook.model.book import Book


@dataclass(frozen=True, slots=True)
class SignalsQuestion:
    """What signals are held against."""

    outcome: str
    """The type of the event, or outcome, that they foretell."""
    horizon: Microseconds = 30 * DAY
    """How long after a signal an outcome counts as foretold."""
    signals: tuple[str, ...] = ()
    """Only these signals, and patterns as `pattern.NAME`; empty: all."""
    recurring: bool = False
    """Whether persons count who had the outcome before: it comes again and again, as purchases do. Otherwise a person's
    first outcome in the log counts, as of leaving."""
    level: float = 0.95


class SentArms(NamedTuple):
    """Persons to whom something was sent with the same probability: those who got it, and those who were spared."""

    probability: float
    """0: of those of whom no campaign wanted anything. 1: nobody was spared at random."""
    sent: int = 0
    sent_reached: int = 0
    """Of them, those with the outcome."""
    spared: int = 0
    spared_reached: int = 0


class PrecededArms(NamedTuple):
    """Persons with the outcome to whom something had been sent with the same probability before."""

    probability: float
    foretold: bool
    sent: int
    spared: int


class SavedCounts(NamedTuple):
    """Those for whom a signal's campaigns first wanted something in the period, at a decision with the signal."""

    arms: tuple[SentArms, ...]
    """With probabilities between 0 and 1."""
    ratio_expected: float
    ratio_variance: float
    """Σp and Σp(1−p) of the persons of the arms."""
    unrandomised: int
    """Sent something that nobody was spared at random."""
    maturing: int
    """Their horizon is not over."""
    crossed: int
    """Spared, and sent something for the signal within the horizon all the same."""
    in_units: int
    """Drawn together with others of their unit, such as a company."""


class SignalCounts(NamedTuple):
    """What is counted of a signal."""

    name: str
    acting: bool
    """Whether a campaign of the book refers to it."""
    persons: int
    """Of whom it held, whose horizon is over."""
    reached: int
    maturing: int
    late: int
    """It held only after their outcome."""
    arms: tuple[SentArms, ...]
    """The persons, by what was sent to them before the outcome or the end of the horizon."""
    foretold: int
    """Of the persons with the outcome, those of whom it held within the horizon before."""
    leads: tuple[float | None, ...]
    """Days from its first time within the horizon to the outcome: lower quartile, median with limits, upper quartile."""
    preceded: tuple[PrecededArms, ...]
    saved: SavedCounts


class Counted(NamedTuple):
    """What is counted of all signals."""

    signals: tuple[SignalCounts, ...]
    outcomes: int
    """Persons with the outcome, from a horizon after the start of the period on."""
    persons: int
    """Of whom a signal held."""
    until: datetime
    """The last that the log has, by as_of: what came later is not known."""


_SIGHTINGS = """
CREATE TABLE sightings AS
SELECT s.signal, coalesce(n.person, s.person) AS person, s.since, s.decision_id FROM (
    SELECT s.signal, s.person, s.since, s.decision_id FROM all_signals s SEMI JOIN logged USING (decision_id)
    UNION ALL SELECT signal, person, since, NULL FROM all_remembered WHERE since <= $as_of
    UNION ALL SELECT p.name, d.person, d.time, d.decision_id FROM all_decisions d SEMI JOIN logged USING (decision_id),
        (SELECT unnest($patterns::TEXT[]) AS name) p
        WHERE json_extract_string(d.attributes, '/' || p.name) = 'true'
) s LEFT JOIN names n ON n.name = s.person
WHERE s.person <> '' AND (len($names::TEXT[]) = 0 OR list_contains($names::TEXT[], s.signal))
"""
"""Every time that a signal is known to have held, with the moment since which it did."""

_LOGGED = "CREATE TABLE logged AS SELECT decision_id FROM all_decisions WHERE recorded_at <= $as_of AND time <= $as_of"

_REACHED = """
CREATE TABLE reached AS SELECT person, time FROM timeline WHERE type = $outcome
QUALIFY $recurring OR row_number() OVER (PARTITION BY person ORDER BY time) = 1
"""

_HELD = """
CREATE TABLE held AS
SELECT f.*, r.time AS next, f.since + to_microseconds($horizon) AS ends,
    NOT $recurring AND EXISTS (SELECT 1 FROM reached e WHERE e.person = f.person AND e.time <= f.since) AS late
FROM (
    SELECT signal, person, min(since) AS since FROM sightings WHERE since >= $start AND since < $stop GROUP BY ALL
) f ASOF LEFT JOIN reached r ON r.person = f.person AND f.since < r.time
"""
"""The first time in the period of each person, with the outcome that came next. An outcome of the same moment is not foretold:
the signal may follow from it."""

_EXPOSED = """
CREATE TABLE exposed AS
SELECT a.signal, coalesce(n.person, o.person) AS person, o.time, o.decision_id, o.position,
    coalesce(o.withheld, '') = '' AS sent, round(coalesce(o.p_treated, 1 - o.control_share, 1), 9) AS probability,
    o.unit IS NOT NULL AS in_unit
FROM all_offers o SEMI JOIN logged USING (decision_id)
JOIN (SELECT unnest($signals::TEXT[]) AS signal, unnest($campaigns::TEXT[]) AS campaign) a ON a.campaign = o.campaign
SEMI JOIN sightings s ON s.decision_id = o.decision_id AND s.signal = a.signal
LEFT JOIN names n ON n.name = o.person WHERE o.person <> ''
"""
"""What was sent for a signal, and what a control or holdout withheld: at decisions at which it held, since a campaign may
refer to a signal that must not hold, or be one for others too."""

_ACTED = """
CREATE TABLE acted AS SELECT * FROM exposed WHERE probability < 1 OR time >= $start
QUALIFY row_number() OVER (PARTITION BY signal, person ORDER BY time, decision_id, position) = 1
"""
"""What was first sent for a signal, or withheld, to each person: the arm of that draw is theirs for good. What was sent to
everybody before the period is as it was, in all arms alike."""

_DRAWN = """
CREATE TABLE drawn AS
SELECT a.*, r.time AS next, a.time + to_microseconds($horizon) AS ends,
    a.time + to_microseconds($horizon) <= $until AS mature
FROM (
    SELECT * FROM acted a WHERE a.time >= $start AND a.time < $stop
        AND ($recurring OR NOT EXISTS (SELECT 1 FROM reached e WHERE e.person = a.person AND e.time <= a.time))
) a ASOF LEFT JOIN reached r ON r.person = a.person AND a.time < r.time
"""

_LEAVERS = """
CREATE TABLE leavers AS
SELECT person, min(time) AS time FROM reached
WHERE time >= $start::TIMESTAMP + to_microseconds($horizon) AND time < $stop GROUP BY person
"""

_FORETOLD = """
CREATE TABLE foretold AS
SELECT s.signal, l.person, l.time, min(s.since) AS since
FROM leavers l JOIN sightings s ON s.person = l.person AND s.since < l.time AND s.since > l.time - to_microseconds($horizon)
GROUP BY ALL
"""

_PERSONS = """
SELECT signal, count(*) FILTER (NOT late AND ends <= $until), count(*) FILTER (NOT late AND ends <= $until AND next < ends),
    count(*) FILTER (NOT late AND ends > $until), count(*) FILTER (late)
FROM held GROUP BY signal ORDER BY signal
"""

_ARMS = """
SELECT h.signal, probability, count(*) FILTER (sent), count(*) FILTER (sent AND next < ends),
    count(*) FILTER (NOT sent), count(*) FILTER (NOT sent AND next < ends)
FROM (
    SELECT h.signal, h.next, h.ends, coalesce(a.probability, 0) AS probability, coalesce(a.sent, false) AS sent
    FROM held h LEFT JOIN acted a ON a.signal = h.signal AND a.person = h.person
        AND a.time < least(coalesce(h.next, h.ends), h.ends)
    WHERE NOT h.late AND h.ends <= $until
) h GROUP BY ALL ORDER BY ALL
"""

_PRECEDED = """
SELECT a.signal, a.probability, f.person IS NOT NULL AS foretold, count(*) FILTER (a.sent), count(*) FILTER (NOT a.sent)
FROM leavers l JOIN acted a ON a.person = l.person AND a.time < l.time
LEFT JOIN foretold f ON f.signal = a.signal AND f.person = l.person GROUP BY ALL ORDER BY ALL
"""

_SAVED_ARMS = """
SELECT signal, probability, count(*) FILTER (sent), count(*) FILTER (sent AND next < ends),
    count(*) FILTER (NOT sent), count(*) FILTER (NOT sent AND next < ends)
FROM drawn WHERE mature AND probability > 0 AND probability < 1 GROUP BY ALL ORDER BY ALL
"""

_DRAWS = """
SELECT d.signal, sum(probability) FILTER (random), sum(probability * (1 - probability)) FILTER (random),
    count(*) FILTER (probability >= 1), count(*) FILTER (NOT mature AND probability < 1),
    count(*) FILTER (random AND NOT sent AND EXISTS (
        SELECT 1 FROM exposed e WHERE e.signal = d.signal AND e.person = d.person AND e.sent
            AND e.time >= d.time AND e.time < d.ends)),
    count(*) FILTER (in_unit)
FROM (SELECT *, mature AND probability > 0 AND probability < 1 AS random FROM drawn) d GROUP BY d.signal
"""

_LEADS = f"""
SELECT signal, count(*), quantile_cont(lead, 0.25) / {DAY}, quantile_cont(lead, 0.5) / {DAY},
    list_sort(list(lead))[greatest(1, floor(count(*) / 2 - $tail * sqrt(count(*))))::BIGINT] / {DAY},
    list_sort(list(lead))[least(count(*), ceil(count(*) / 2 + $tail * sqrt(count(*))) + 1)::BIGINT] / {DAY},
    quantile_cont(lead, 0.75) / {DAY}
FROM (SELECT signal, epoch_us(time) - epoch_us(since) AS lead FROM foretold) GROUP BY signal
"""  # noqa: S608 - a constant


_NOTHING = [(0,) * 6]
"""In place of the rows of a signal that has none."""


def count_signals(tables: Tables, question: SignalsQuestion, book: Book, period: ReportPeriod) -> Counted:
    """Counts the signals of an export, whose `timeline` is made; those that are not in the period have no persons."""
    until = last_record(tables, period.as_of)
    acting = [*_acting(book)]
    _make(tables, question, book, period, until, acting)
    known = {"until": naive(until)}
    persons, arms = _by_signal(tables, _PERSONS, known), _sent_arms(tables, _ARMS, known)
    leads, preceded = _leads(tables, question.level), _by_signal(tables, _PRECEDED)
    draws, saved = _by_signal(tables, _DRAWS), _sent_arms(tables, _SAVED_ARMS)
    refers = {name for name, _ in acting}
    (outcomes,) = tables.row("SELECT count(*) FROM leavers")
    (everybody,) = tables.row("SELECT count(DISTINCT person) FROM held")
    counts = []
    for name in sorted({*persons, *leads, *question.signals}):
        expected, variance, *others = draws.get(name, _NOTHING)[0]
        of_persons = persons.get(name, _NOTHING)[0]
        foretold, *quantiles = leads.get(name, _NOTHING)[0]
        saved_counts = SavedCounts(tuple(saved.get(name, ())), expected or 0.0, variance or 0.0, *others[:4])
        counts.append(
            SignalCounts(
                name=name,
                acting=name in refers,
                persons=of_persons[0],
                reached=of_persons[1],
                maturing=of_persons[2],
                late=of_persons[3],
                arms=tuple(arms.get(name, ())),
                foretold=foretold,
                leads=tuple(quantiles),
                preceded=tuple(PrecededArms(*row) for row in preceded.get(name, ())),
                saved=saved_counts,
            )
        )
    return Counted(tuple(counts), outcomes, everybody, until)


def _make(
    tables: Tables,
    question: SignalsQuestion,
    book: Book,
    period: ReportPeriod,
    until: datetime,
    acting: Sequence[tuple[str, str]],
) -> None:
    as_of = {"as_of": naive(period.as_of)}
    bounds = {
        "horizon": question.horizon,
        "start": naive(period.start),
        "stop": naive(period.end),
    }
    recurring = {"recurring": question.recurring}
    run = tables.connection.execute
    run(_LOGGED, as_of)
    patterns = [PATTERN + name for name in book.derived.patterns]
    run(_SIGHTINGS, {**as_of, "patterns": patterns, "names": [*question.signals]})
    run(_REACHED, {"outcome": question.outcome, **recurring})
    run(_HELD, {**bounds, **recurring})
    run(_EXPOSED, {"signals": [name for name, _ in acting], "campaigns": [name for _, name in acting]})
    run(_ACTED, {"start": naive(period.start)})
    run(_DRAWN, {**bounds, **recurring, "until": naive(until)})
    run(_LEAVERS, bounds)
    run(_FORETOLD, {"horizon": question.horizon})


def _acting(book: Book) -> Iterator[tuple[str, str]]:
    """Signals and patterns, each with the campaigns whose `when` refers to it."""
    for campaign in book.campaigns.values():
        names = closure(book.derived, attributes_of(campaign.when))
        yield from ((name, campaign.name) for name in book.derived.signals if SIGNAL + name in names)
        yield from (
            (PATTERN + name, campaign.name) for name in book.derived.patterns if PATTERN + name in names
        )


def _leads(tables: Tables, level: float) -> dict[str, list[tuple[Any, ...]]]:
    """By signal: persons, and quantiles of the lead; the median's limits are those of its rank, 1/2 ± z/(2√n)."""
    return _by_signal(tables, _LEADS, {"tail": quantile_of(level) / 2})


def _sent_arms(tables: Tables, query: str, values: dict[str, Any] | None = None) -> dict[str, list[SentArms]]:
    rows = _by_signal(tables, query, values)
    return {signal: [SentArms(*row) for row in of_signal] for signal, of_signal in rows.items()}


def _by_signal(
    tables: Tables, query: str, values: dict[str, Any] | None = None
) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of the query, without their first column, which is the signal."""
    rows: dict[str, list[tuple[Any, ...]]] = {}
    for signal, *row in tables.connection.execute(query, values or {}).fetchall():
        rows.setdefault(signal, []).append(tuple(row))
    return rows
