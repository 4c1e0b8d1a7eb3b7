"""Contact pressure: how many contacts persons get, which rules bind, and what a rule costs where a trial lifts it."""

from collections.abc import Mapping, Sequence
from typing import Any

from engine.conditions.trace import phrase_of
from engine.measure.report.effects import Effect, uncounted
from engine.measure.report.figures import (
    Chart,
    Computation,
    Figure,
    Grid,
    GridCell,
    Section,
    Unit,
    Warned,
)
from engine.measure.report.replays import MOST, Supposal, Supposed, Supposition, WithoutRule
from engine.measure.report.tables import Tables
from engine.measure.report.uplift import Subject
from engine.rulebook.model.book import Book

_PERSON_WEEKS = """
CREATE OR REPLACE TABLE person_weeks AS
WITH weeks AS (
    SELECT DISTINCT coalesce(n.person, d.person) AS person, c.week
    FROM decisions d LEFT JOIN names n ON n.name = d.person JOIN calendar c ON c.quarter = epoch_us(d.time) // 900000000
    WHERE d.time >= (SELECT start FROM settings) AND d.time < (SELECT stop FROM settings)
), sent AS (
    SELECT x.person, x.week, x.channel
    FROM exposures x JOIN results r ON r.decision_id = x.decision_id AND r.position = x.position
    WHERE r.counts AND x.time >= (SELECT start FROM settings) AND x.time < (SELECT stop FROM settings)
), channels_used AS (SELECT DISTINCT channel FROM sent)
SELECT '(all)' AS channel, person, week, count(s.channel) AS contacts
FROM weeks LEFT JOIN sent s USING (person, week) GROUP BY ALL
UNION ALL
SELECT u.channel, person, week, count(s.channel)
FROM weeks CROSS JOIN channels_used u LEFT JOIN sent s USING (person, week, channel) GROUP BY ALL
"""

_DISTRIBUTION = """
SELECT channel, contacts, count(*) AS person_weeks, count(DISTINCT person) AS persons FROM person_weeks
GROUP BY ALL ORDER BY ALL
"""

_SUMMARY = """
SELECT channel, count(*) AS person_weeks, count(DISTINCT person) AS persons, sum(contacts) AS contacts,
    count(*) FILTER (contacts = 0) AS none, quantile_disc(contacts, 0.5) AS p50, quantile_disc(contacts, 0.95) AS p95,
    max(contacts) AS most
FROM person_weeks GROUP BY channel ORDER BY channel
"""

_NOBODY = """
WITH without AS (
    SELECT person FROM person_weeks WHERE channel = '(all)' GROUP BY person HAVING sum(contacts) = 0
), reasons AS (
    SELECT coalesce(n.person, r.person) AS person, 'rule' AS kind, r.rule AS name
        FROM readings r LEFT JOIN names n ON n.name = r.person
    WHERE r.blocks AND r.time >= (SELECT start FROM settings) AND r.time < (SELECT stop FROM settings)
    UNION ALL
    SELECT person, 'experiment', CASE withheld WHEN 'control' THEN 'control' ELSE 'holdout' END FROM exposures
    WHERE withheld <> '' AND time >= (SELECT start FROM settings) AND time < (SELECT stop FROM settings)
    UNION ALL
    SELECT person, 'contact', 'released, or never reported' FROM exposures x
    JOIN results r ON r.decision_id = x.decision_id AND r.position = x.position
    WHERE NOT r.counts AND x.time >= (SELECT start FROM settings) AND x.time < (SELECT stop FROM settings)
)
SELECT coalesce(kind, 'none') AS kind, coalesce(name, 'no campaign fitted or was reachable') AS name,
    count(DISTINCT w.person) AS persons, (SELECT count(*) FROM without) AS whole
FROM without w LEFT JOIN reasons USING (person) GROUP BY ALL ORDER BY persons DESC, kind, name
"""

_BINDS = """
WITH proposals AS (
    SELECT decision_id, campaign, channel, rule, any_value(person) AS person, min(time) AS time,
        min(next_allowed_at) AS next_allowed_at
    FROM readings WHERE blocks AND time >= (SELECT start FROM settings) AND time < (SELECT stop FROM settings) GROUP BY ALL
), counted AS (
    SELECT *, count(*) OVER (PARTITION BY decision_id, campaign, channel) AS blocking FROM proposals
)
SELECT p.rule, count(DISTINCT p.decision_id) AS blocked, count(DISTINCT p.decision_id) FILTER (p.blocking = 1) AS alone,
    count(DISTINCT p.person) AS persons, count(*) FILTER (p.campaign IS NULL) AS unknown,
    quantile_disc(epoch_us(coalesce(p.next_allowed_at, d.next_allowed_at)) - epoch_us(p.time), 0.5)
        FILTER (p.next_allowed_at IS NOT NULL OR p.blocking = 1) AS wait
FROM counted p LEFT JOIN decisions d ON d.decision_id = p.decision_id
GROUP BY p.rule ORDER BY blocked DESC, p.rule
"""


_BLOCKING = """
SELECT rule, count(DISTINCT decision_id) AS decisions FROM readings
WHERE blocks AND time >= (SELECT start FROM settings) AND time < (SELECT stop FROM settings)
GROUP BY rule ORDER BY rule
"""

_BLOCKED_BY = """
SELECT DISTINCT decision_id::TEXT AS decision_id, md5(decision_id::TEXT) AS digest FROM readings
WHERE blocks AND rule = ? AND time >= (SELECT start FROM settings) AND time < (SELECT stop FROM settings)
ORDER BY digest, decision_id LIMIT ?
"""


def blocking_rules(tables: Tables) -> dict[str, int]:
    """The rules that blocked in the period, with the number of decisions."""
    return {row["rule"]: row["decisions"] for row in tables.rows(_BLOCKING)}


def suppositions(tables: Tables, rules: Mapping[str, int], most: int) -> list[Supposition]:
    """What is to be tried: each rule taken out of the decisions in which it blocked, at most so many."""
    return [
        Supposition(
            WithoutRule(rule), [row["decision_id"] for row in tables.rows(_BLOCKED_BY, [rule, most])], whole
        )
        for rule, whole in rules.items()
    ]


def pressure(
    tables: Tables,
    book: Book,
    trials: Sequence[Subject],
    effects: Sequence[Effect],
    supposals: Mapping[Supposed, Supposal],
    untried: str,
) -> Section:
    """Distribution, binding rules, what they hold back and prices. untried: why nothing was tried; empty where it was."""
    tables.connection.execute(_PERSON_WEEKS)
    binds, notes = _binds(tables, book)
    return Section(
        "pressure",
        "Contact pressure and its price",
        "How many contacts do persons get, which rules hold contacts back, and what does that cost?",
        "",
        (
            *(_summary(tables), _distribution(tables), _nobody(tables), binds),
            *(_held_back(supposals), _prices(trials, effects)),
        ),
        (
            Chart(
                "histogram",
                "Contacts per person and week",
                "A bar for each number of contacts, as high as the share of person-weeks that have it",
                "contacts",
                "share",
            ),
        ),
        tuple(notes),
        tuple(_refusals(book, trials, untried)),
        (
            Computation(
                "contacts",
                "contacts that count, per person and calendar week on the book's clock; p50 and p95 are observed numbers",
                "weeks in which the person was decided for",
                "withheld, released and lapsed contacts",
            ),
            Computation(
                "blocked, alone",
                "decisions in which the rule blocked a proposal (campaign on a channel), and those in"
                " which it was the only rule that blocked one",
                "all readings of rules in the period",
            ),
            Computation(
                "median wait",
                "median of the moment from which the rule lets pass, less the time of the decision",
                exclusions="rules of one person that blocked beside others: the log has the wait of all of them together",
            ),
            Computation(
                "would have gone, value by scores",
                "each decision in which the rule blocked is made again by its own book, at its logged history,"
                " without the rule (one step): contacts that then go and had not gone; Σ(value × propensity) of"
                " what then goes, less that of what had gone",
                f"at most {MOST:,} decisions a rule, those whose ids have the lowest MD5; of more, × all ÷ tried",
                "decisions that do not come out as logged before anything is changed",
            ),
            Computation(
                "price",
                "difference of net value of all orders a person, rule lifted less rule kept, ×"
                " persons; arms are drawn by the rule's `trial`",
                "persons at their first draw under the trial's salt",
                "persons in a holdout",
            ),
        ),
    )


def _summary(tables: Tables) -> Grid:
    rows = []
    for row in tables.rows(_SUMMARY):
        weeks, persons = row["person_weeks"], row["persons"]

        def figure(
            value: float, unit: Unit = Unit.COUNT, weeks: int = weeks, persons: int = persons
        ) -> Figure:
            return Figure(value, method="per person and calendar week", n=weeks, persons=persons, unit=unit)

        rows.append(
            {
                "channel": row["channel"],
                "person-weeks": figure(weeks),
                "persons": figure(persons),
                "contacts": figure(int(row["contacts"])),
                "without any": figure(row["none"] / weeks, Unit.SHARE),
                "p50": figure(row["p50"]),
                "p95": figure(row["p95"]),
                "most": figure(row["most"]),
            }
        )
    columns = ("person-weeks", "persons", "contacts", "without any", "p50", "p95", "most")
    return Grid("pressure", "Contacts per person and week", ("channel",), columns, tuple(rows))


def _distribution(tables: Tables) -> Grid:
    counted = tables.rows(_DISTRIBUTION)
    whole: dict[str, int] = {}
    for row in counted:
        whole[row["channel"]] = whole.get(row["channel"], 0) + row["person_weeks"]
    rows = [
        {
            "channel": row["channel"],
            "contacts": str(row["contacts"]),
            "person-weeks": Figure(
                row["person_weeks"], method="count", n=row["person_weeks"], persons=row["persons"]
            ),
            "share": Figure(
                row["person_weeks"] / whole[row["channel"]],
                method="of person-weeks",
                n=row["person_weeks"],
                persons=row["persons"],
                unit=Unit.SHARE,
            ),
        }
        for row in counted
    ]
    return Grid(
        "contacts",
        "Distribution of contacts",
        ("channel", "contacts"),
        ("person-weeks", "share"),
        tuple(rows),
    )


def _nobody(tables: Tables) -> Grid:
    rows = [
        {
            "reason": row["kind"],
            "name": row["name"],
            "persons": Figure(
                row["persons"], method="distinct persons", n=row["whole"], persons=row["persons"]
            ),
            "share": Figure(
                row["persons"] / row["whole"],
                method="of persons without a contact",
                n=row["whole"],
                persons=row["persons"],
                unit=Unit.SHARE,
            ),
        }
        for row in tables.rows(_NOBODY)
    ]
    return Grid(
        "without_contact",
        "Who got nothing in the period, and by which rule",
        ("reason", "name"),
        ("persons", "share"),
        tuple(rows),
        "A person counts at every rule that blocked something for them.",
    )


def _binds(tables: Tables, book: Book) -> tuple[Grid, list[Warned]]:
    counted, notes = tables.rows(_BINDS), []
    rows = [_bound(row) for row in counted]
    bound = {row["rule"] for row in counted}
    idle = [rule for rule in sorted(set(book.rules)) if rule not in bound]
    if idle:
        notes.append(Warned(f"Never bound in the period: {', '.join(idle)}."))
    unknown = sum(row["unknown"] for row in counted)
    if unknown:
        notes.append(
            Warned(
                f"{unknown:,} readings are of a version that did not log campaign and channel: where"
                f" several proposals were blocked,"
                " `alone` counts too few."
            )
        )
    return (
        Grid(
            "binds",
            "What the rules hold back",
            ("rule",),
            ("blocked", "alone", "persons", "median wait"),
            tuple(rows),
            _for_some(book),
        ),
        notes,
    )


def _for_some(book: Book) -> str:
    """Which rules hold for some customers only; empty where none does."""
    rules = [f"{name} ({phrase_of(when)})" for name, when in book.pressure.conditions.items()]
    return f"For some customers only: {'; '.join(rules)}." if rules else ""


def _bound(row: dict[str, Any]) -> dict[str, GridCell]:
    def figure(name: str) -> Figure:
        return Figure(row[name], method="distinct", n=row["blocked"], persons=row["persons"])

    cells: dict[str, GridCell] = {
        "rule": row["rule"],
        **{name: figure(name) for name in ("blocked", "alone", "persons")},
    }
    if row["wait"] is not None:
        cells["median wait"] = Figure(
            row["wait"] / 3_600_000_000,
            method="median",
            n=row["blocked"],
            persons=row["persons"],
            unit=Unit.HOURS,
        )
    return cells


_TRIED = {
    "value": "price",
    "unsubscribed": "unsubscribed",
    "complained": "complained",
    "converted": "converted",
}


def _prices(trials: Sequence[Subject], effects: Sequence[Effect]) -> Grid:
    """What lifting a rule changes, a row a rule: its price is the difference of net value times all persons."""
    rows = []
    for subject in trials:
        of_rule = {known.metric: known for known in effects if known.subject == subject.name}
        row: dict[str, GridCell] = {"rule": subject.name}
        for metric, known in of_rule.items():
            column = _TRIED.get(metric.split(" ", maxsplit=1)[0])
            if column is not None:
                row[f"{column} a person"] = known.uplift
            if column == "price":  # of several currencies there is no one price
                uplift = uncounted(known, subject.untotalled).uplift
                row["price"], row["price a person"] = _times(uplift, subject.enrolled.persons), uplift
        rows.append(row)
    columns = (
        "price",
        "price a person",
        "converted a person",
        "unsubscribed a person",
        "complained a person",
    )
    return Grid("prices", "Price of the rules on trial", ("rule",), columns, tuple(rows))


def _times(figure: Figure, persons: int) -> Figure:
    if figure.value is None or figure.low is None or figure.high is None:
        return figure
    low, high = figure.low * persons, figure.high * persons
    method = "difference of net value a person × persons, lifted less kept"
    return Figure(figure.value * persons, low, high, method, figure.n, figure.persons, Unit.MONEY)


def _held_back(supposals: Mapping[Supposed, Supposal]) -> Grid:
    rows: list[dict[str, GridCell]] = []
    for change, supposal in supposals.items():
        if not isinstance(change, WithoutRule):
            continue
        method = "replayed without the rule, one step"
        if supposal.tried < supposal.whole:
            method += f", × {supposal.whole:,} ÷ {supposal.tried:,}"
        refused = "" if supposal.tried else "no decision of it can be made again"
        went, value = supposal.went * supposal.scale, supposal.value * supposal.scale
        rows.append(
            {
                "rule": change.rule,
                "tried": supposal.sample,
                "blocked": Figure(supposal.whole, method="count of decisions", n=supposal.whole),
                "decisions tried": Figure(supposal.tried, method=method, n=supposal.whole),
                "would have gone": Figure(
                    None if refused else went, method=method, n=supposal.tried, refused=refused
                ),
                "value by scores": Figure(
                    None if refused else value,
                    method=method,
                    n=supposal.tried,
                    unit=Unit.MONEY,
                    refused=refused,
                ),
            }
        )
    return Grid(
        "held_back",
        "Held back, if scores are right and contacts do not tire",
        ("rule", "tried"),
        ("blocked", "decisions tried", "would have gone", "value by scores"),
        tuple(rows),
        "Not a price: only a trial, which lifts a rule for a random share of persons, measures what it costs.",
    )


def _refusals(book: Book, trials: Sequence[Subject], untried: str) -> list[str]:
    refusals = [f"{subject.name}: {subject.refused}" for subject in trials if subject.refused]
    tried = {subject.name for subject in trials}
    without = [name for name in book.pressure.names if name not in tried]
    if without:
        refusals.append(
            f"no price for {', '.join(without)}: only a trial, which lifts the rule for a random share"
            f" of persons, shows what it costs"
        )
    if untried:
        refusals.append(
            f"what scores say was held back is not computed ({untried}): it takes a replay without the rule, and holds"
            " only if scores are right and contacts do"
            " not tire"
        )
    return refusals
