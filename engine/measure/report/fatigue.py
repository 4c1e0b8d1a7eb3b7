"""How customers respond by the contacts of the week before: as it was, and as an effect where chance spared some.

Who got many messages differs from who got few, so responses by number of contacts compare people who differ. At a contact that
a control withholds at random, those sent to and those spared had the same week before: within a band their difference is
what one contact more brings after so many.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from engine.measure.report.build import Report, campaign_rows
from engine.measure.report.comparable import (
    LEAST,
    NothingRecorded,
    count_figure,
    hint,
    period_of_decisions,
    rate,
    refused,
    shown,
)
from engine.measure.report.figures import (
    Chart,
    Computation,
    Figure,
    Grid,
    GridCell,
    Head,
    Section,
    Unit,
    Warned,
)
from engine.measure.report.tables import Tables
from engine.measure.statistics.arms import Arm
from engine.measure.statistics.compare import Pair, compare_strata
from engine.measure.statistics.multiplicity import heterogeneity, holm
from engine.model.instant import DAY, Microseconds
from engine.rulebook.model.book import Book, Kind

MOST = 4
"""The last band has this number of contacts, or more."""

OUTCOMES = ("converted", "complained", "unsubscribed")
"""What a person did after a contact, whatever decision it was reported of."""

_RESPONSES = ("opened", "clicked", "converted", "complained", "unsubscribed")


@dataclass(frozen=True, slots=True)
class FatigueQuestion:
    """Of which contacts."""

    campaigns: tuple[str, ...] = ()
    """Only contacts of these; empty: of all. Contacts of the week before are of all campaigns in any case."""
    within: Microseconds = 7 * DAY
    """How long after a contact a response counts."""
    level: float = 0.95


_SENT = """
CREATE TABLE sent AS
SELECT DISTINCT coalesce(n.person, c.person) AS person, c.time, c.decision_id, c.position
FROM contacts c LEFT JOIN names n ON n.name = c.person
WHERE c.state = 'confirmed' AND list_contains($outbound, c.channel)
"""
"""Every contact that went out, also those that were made elsewhere and reported."""

_OPPORTUNITIES = """
CREATE TABLE opportunities AS
WITH chosen AS (
    SELECT x.decision_id, x.position, x.person, x.time, x.campaign, x.withheld = '' AS treated, x.control_salt, x.control_share
    FROM exposures x LEFT JOIN results r ON r.decision_id = x.decision_id AND r.position = x.position
    WHERE list_contains($outbound, x.channel) AND (x.withheld = 'control' OR x.withheld = '' AND coalesce(r.counts, false))
        AND x.time >= (SELECT start FROM settings) AND x.time < (SELECT stop FROM settings)
        AND ($everything OR list_contains($campaigns, x.campaign))
)
SELECT c.*, c.time + to_microseconds($within) <= (SELECT as_of FROM settings) AS mature, (
    SELECT count(*) FROM sent s WHERE s.person = c.person AND s.time < c.time AND s.time >= c.time - INTERVAL 7 DAY
) AS before
FROM chosen c
"""

_RESPONDED = """
WITH firsts AS (
    SELECT *, least(before, $most) AS band FROM opportunities WHERE treated AND mature
    QUALIFY row_number() OVER (PARTITION BY person, least(before, $most) ORDER BY time, decision_id, position) = 1
)
SELECT band, count(*) AS persons, {columns}
FROM (
    SELECT f.band, f.person, {flags}
    FROM firsts f LEFT JOIN events e ON e.decision_id = f.decision_id AND (e.campaign = f.campaign OR e.campaign = '')
        AND e.time >= f.time AND e.time < f.time + to_microseconds($within)
    GROUP BY f.band, f.person
) GROUP BY band ORDER BY band
"""

_SPARED = """
WITH firsts AS (
    SELECT *, least(before, $most) AS band FROM opportunities WHERE mature AND control_share > 0 AND control_share < 1
    QUALIFY row_number() OVER (PARTITION BY person, least(before, $most) ORDER BY time, decision_id, position) = 1
)
SELECT band, campaign, control_salt, control_share, treated, count(*) AS persons, {columns}
FROM (
    SELECT f.band, f.campaign, f.control_salt, f.control_share, f.treated, f.person, {flags}
    FROM firsts f LEFT JOIN events e ON e.person = f.person AND e.time >= f.time
        AND e.time < f.time + to_microseconds($within)
    GROUP BY ALL
) GROUP BY ALL ORDER BY ALL
"""


def fatigue(  # noqa: PLR0913 - the parts of the question
    folder: Path,
    book: Book,
    question: FatigueQuestion,
    as_of: datetime,
    start: datetime | None = None,
    end: datetime | None = None,
    memory: str = "2GB",
) -> Report:
    """Hold responses in an export against the contacts of the week before.

    Raises NothingRecorded where nothing was sent in the period, or a campaign is not in the book.
    """
    for name in question.campaigns:
        if name not in book.campaigns:
            raise NothingRecorded(f"the book has no campaign {name}{hint(name, book.campaigns)}")
    tables = Tables(folder, memory)
    try:
        period = period_of_decisions(tables, start, end, as_of)
        tables.begin(period, book, campaign_rows(book))
        counted = _Counted(tables, book, question)
    finally:
        tables.close()
    if not counted.contacts:
        raise NothingRecorded("nothing was sent on an outbound channel in the period")
    options = {"within": f"{_days(question):g}d", "level": str(question.level)}
    head = Head(
        book.name,
        book.version,
        *period,
        counted.contacts,
        counted.persons,
        question.campaigns,
        options,
        "contacts",
        book.timezone,
    )
    return Report(
        head, (_section(counted, question),), {}, "how customers respond by the contacts of the week before"
    )


class _Counted:
    """What the tables of the section are made of."""

    def __init__(self, tables: Tables, book: Book, question: FatigueQuestion) -> None:
        outbound = [channel.name for channel in book.channels.values() if channel.kind is Kind.OUTBOUND]
        tables.connection.execute(_SENT, {"outbound": outbound})
        tables.connection.execute(
            _OPPORTUNITIES,
            {
                "outbound": outbound,
                "everything": not question.campaigns,
                "campaigns": [*question.campaigns],
                "within": question.within,
            },
        )
        self.contacts, self.persons, self.maturing = tables.row(
            "SELECT count(*) FILTER (treated), count(DISTINCT person) FILTER (treated),"
            " count(*) FILTER (NOT mature) FROM opportunities"
        )
        self.responded = _by_band(tables, _RESPONDED, _RESPONSES, question)
        self.spared = _by_band(tables, _SPARED, OUTCOMES, question)


def _by_band(
    tables: Tables, query: str, outcomes: Sequence[str], question: FatigueQuestion
) -> list[dict[str, Any]]:
    flags = ", ".join(f"coalesce(bool_or(e.type = '{outcome}'), false) AS {outcome}" for outcome in outcomes)
    columns = ", ".join(f"count(*) FILTER ({outcome}) AS {outcome}" for outcome in outcomes)
    return tables.rows(query.format(flags=flags, columns=columns), {"most": MOST, "within": question.within})


def _days(question: FatigueQuestion) -> float:
    return timedelta(microseconds=question.within) / timedelta(days=1)


def _band(number: int) -> str:
    return f"{number} or more" if number == MOST else str(number)


def _section(counted: _Counted, question: FatigueQuestion) -> Section:
    within = f"{_days(question):g} days"
    effects, differs = _effects(counted.spared, question.level)
    warnings = [
        Warned(
            "responses by contacts compare people who differ: who buys much is also written to much. Only the second table is"
            " an effect"
        )
    ]
    warnings += map(Warned, differs)
    refusals = (
        ()
        if effects
        else ("nobody was spared at random: what one contact more brings after so many others is not known",)
    )
    return Section(
        "fatigue",
        "Responses by the contacts of the week before",
        "How do customers respond to a contact after none, one, two, three or more in the seven days before it, and what does"
        f" one contact more bring within {within}?",
        "",
        (
            Grid(
                "responses",
                "As it was",
                ("contacts before",),
                ("persons", *_RESPONSES),
                tuple(_responses(counted.responded, question.level)),
            ),
            Grid(
                "one_more",
                "What one contact more brings",
                ("contacts before", "outcome"),
                ("persons", "sent to", "spared", "difference", "p", "p (Holm)"),
                tuple(effects),
            ),
        ),
        charts=(
            Chart(
                "forest",
                "What one contact more brings, by the contacts of the week before",
                "A bar from limit to limit, in percentage points; of complaints and unsubscriptions, right of 0 is harm",
                "one_more",
                "difference",
            ),
        )
        if effects
        else (),
        warnings=tuple(warnings),
        refusals=refusals,
        computations=_computations(counted, within),
    )


def _responses(rows: Sequence[Mapping[str, Any]], level: float) -> Iterator[Mapping[str, GridCell]]:
    for row in rows:
        persons = row["persons"]
        cells: dict[str, GridCell] = {"contacts before": _band(row["band"]), "persons": count_figure(persons)}
        for outcome in _RESPONSES:
            cells[outcome] = rate(row[outcome], persons, level)
        yield cells


def _effects(
    rows: Sequence[Mapping[str, Any]], level: float
) -> tuple[list[Mapping[str, GridCell]], list[str]]:
    """The rows of the second table, and the sentences that say whether the effect differs between bands."""
    compared: list[tuple[dict[str, GridCell], float | None]] = []
    slices: dict[str, list[Pair]] = {outcome: [] for outcome in OUTCOMES}
    for band in sorted({row["band"] for row in rows}):
        for outcome in OUTCOMES:
            pairs = _pairs([row for row in rows if row["band"] == band], outcome)
            if not pairs:
                continue
            cells, p = _effect(band, outcome, pairs, level)
            compared.append((cells, p))
            if p is not None:
                slices[outcome].append(_together(pairs))
    adjusted = iter(holm([p for _, p in compared if p is not None]))
    for cells, p in compared:
        if p is not None:
            cells["p"] = Figure(p, unit=Unit.PROBABILITY)
            cells["p (Holm)"] = Figure(next(adjusted), unit=Unit.PROBABILITY, method="Holm")
    differs = []
    for outcome, of_bands in slices.items():
        test = heterogeneity(of_bands) if len(of_bands) > 1 else None
        if test is not None and test.p < 0.05:
            differs.append(
                f"what one contact more does to {outcome!r} differs by the contacts before it (Cochran's Q ="
                f" {test.statistic:.1f}, p = {test.p:.2g})"
            )
    return [cells for cells, _ in compared], differs


def _pairs(rows: Sequence[Mapping[str, Any]], outcome: str) -> list[Pair]:
    """Sent to and spared, by stratum of the draw; strata in which an arm has nobody are left out."""
    arms: dict[tuple[object, ...], dict[bool, Arm]] = {}
    for row in rows:
        events, persons = row[outcome], row["persons"]
        stratum = (row["campaign"], row["control_salt"], row["control_share"])
        arms.setdefault(stratum, {})[bool(row["treated"])] = Arm(persons, events, events)
    return [(by_arm[True], by_arm[False]) for by_arm in arms.values() if len(by_arm) == 2]


def _together(pairs: Sequence[Pair]) -> Pair:
    """The strata added up, for the test of whether bands differ."""
    sent, spared = (
        Arm(
            sum(pair[side].persons for pair in pairs),
            sum(pair[side].total for pair in pairs),
            sum(pair[side].squares for pair in pairs),
        )
        for side in (0, 1)
    )
    return sent, spared


def _effect(
    band: int, outcome: str, pairs: Sequence[Pair], level: float
) -> tuple[dict[str, GridCell], float | None]:
    sent, spared = (sum(pair[side].persons for pair in pairs) for side in (0, 1))
    cells: dict[str, GridCell] = {
        "contacts before": _band(band),
        "outcome": outcome,
        "persons": count_figure(sent + spared),
    }
    if min(sent, spared) < LEAST:
        why = f"an arm has fewer than {LEAST} persons"
        return {**cells, "difference": refused(why, Unit.POINTS)}, None
    comparison = compare_strata(pairs, "proportion", level)
    harmed = sum(arm.total for pair in pairs for arm in pair)
    is_rare_by_nature = (
        outcome != "converted" and harmed >= LEAST
    )  # who is spared a contact hardly complains of it
    why = comparison.refused or ("" if is_rare_by_nature else comparison.few)
    cells["sent to"] = shown(comparison.treated, Unit.SHARE, "Wilson", None, sent, why)
    cells["spared"] = shown(comparison.control, Unit.SHARE, "Wilson", None, spared, why)
    difference = None if why else comparison.difference
    cells["difference"] = shown(difference, Unit.POINTS, comparison.method, None, sent + spared, why)
    return cells, None if why else comparison.p


def _computations(counted: _Counted, within: str) -> tuple[Computation, ...]:
    exclusions = (
        f"{counted.maturing:,} contacts that are not yet {within} old; bands of fewer than {LEAST} persons"
    )
    return (
        Computation(
            "contacts before",
            "contacts with the person that went out on outbound channels in the seven days before this one, of any campaign,"
            " also those made elsewhere; what was withheld, bounced or lapsed does not count",
        ),
        Computation(
            "responses",
            f"persons of whose first contact in the band the response was reported within {within} / persons; Wilson. A person"
            " is in a band once, and may be in several",
            f"{counted.contacts:,} contacts with {counted.persons:,} persons",
            exclusions,
        ),
        Computation(
            "one contact more",
            "of persons at their first contact in the band that a control might withhold: rate of those sent to less rate of"
            f" those spared, of any such outcome of the person within {within}; within the probabilities of each control,"
            " weighted by persons. Newcombe's method 10; p by Holm over the table",
            exclusions="contacts of campaigns without a control, and those withheld by holdouts",
        ),
    )
