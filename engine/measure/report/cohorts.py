"""Cohorts: persons at their first ever exposure under a campaign's salt, with what they did within its window.

Where units are drawn, such as companies, a unit is compared as a person is: all that its persons did, each within a window of
their own, is the unit's, and its arm is that of its first exposure.

An exposure is an offer that was chosen: withheld by the campaign's own control, or not withheld. Both arms went through the
same funnel (ghost exposure), so that they differ by the offer alone. Everything later belongs to the arm of that first draw.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple, TypeAlias

from engine.measure.attribution import Rates
from engine.measure.report.tables import Tables
from engine.measure.statistics.sample_ratio import sample_ratio_logged

_FIRST = """
CREATE TABLE first_exposures AS
WITH draws AS (
    SELECT 'campaign' AS family, campaign AS subject, decision_id, position, person, time, book_version, variant, channel,
        control_salt AS salt, control_share AS share, withheld = '' AS treated, coalesce(unit, person) AS cluster
    FROM exposures WHERE withheld IN ('', 'control') AND control_salt IS NOT NULL
    UNION ALL
    SELECT e.purpose, e.name, e.decision_id, 0, coalesce(n.person, e.person), e.time, d.book_version, '', '', e.salt,
        CASE WHEN e.purpose = 'holdout' THEN e.high - e.low ELSE 1 - (e.high - e.low) END,
        e.inside = (e.purpose = 'trial'), coalesce(e.unit, n.person, e.person)
    FROM experiments e LEFT JOIN names n ON n.name = e.person JOIN decisions d ON d.decision_id = e.decision_id
    WHERE e.purpose IN ('holdout', 'trial')
)
SELECT * FROM draws
QUALIFY row_number() OVER (PARTITION BY family, subject, salt, person ORDER BY time, decision_id, position) = 1
"""
"""The first draw of each person under a salt: by a campaign's control, by a holdout, or by the trial of a rule."""

_COHORT = """
CREATE TABLE cohort AS
SELECT row_number() OVER (ORDER BY f.family, f.subject, f.salt, f.person) AS id, f.*,
    coalesce(c.window_length, (SELECT longest FROM settings)) AS window_length,
    f.time + coalesce(c.window_length, (SELECT longest FROM settings)) <= (SELECT as_of FROM settings) AS mature,
    f.time AT TIME ZONE 'UTC' AT TIME ZONE (SELECT zone FROM settings) AS local, coalesce(r.delivered, false) AS delivered,
    true AS leads
FROM first_exposures f LEFT JOIN campaigns c ON f.family = 'campaign' AND c.name = f.subject
LEFT JOIN results r ON f.family = 'campaign' AND r.decision_id = f.decision_id AND r.position = f.position
WHERE f.time >= (SELECT start FROM settings) AND f.time < (SELECT stop FROM settings)
    AND (f.family = 'holdout' OR NOT EXISTS (SELECT 1 FROM held_out h WHERE h.person = f.person))
"""

_VALUED = """
CREATE TABLE valued AS
SELECT conversion, person, time, decision_id, coalesce(currency, '') AS currency, net, '' AS original, NULL::DATE AS unrated
FROM conversions
"""
"""Each order with its net value in its currency."""

_ONE_RATE = 10**12
_CONVERTED = f"""
CREATE TABLE valued AS
SELECT conversion, person, time, decision_id, (SELECT name FROM into_currency) AS currency,
    coalesce(v.currency, '') AS original, CASE
        WHEN coalesce(v.currency, '') = (SELECT name FROM into_currency) THEN net WHEN rate IS NULL THEN 0
        ELSE (2 * net * rate + sign(net)::HUGEINT * {_ONE_RATE}) // {2 * _ONE_RATE} END AS net,
    CASE WHEN net <> 0 AND rate IS NULL AND coalesce(v.currency, '') <> (SELECT name FROM into_currency)
        THEN time::DATE END AS unrated
FROM conversions v LEFT JOIN rates r ON r.currency = coalesce(v.currency, '') AND r.day = v.time::DATE
"""  # noqa: S608 - numbers
"""Each order with its net value at the rate of its day (UTC), in whole millionths, half away from 0; `unrated` is the day
where there is no rate. Rates are in whole parts of _ONE_RATE."""
_IN_CLUSTERS = """
CREATE TABLE cohort AS
SELECT * REPLACE (
    row_number() OVER own = 1 AS leads, first_value(treated) OVER own AS treated, first_value(share) OVER own AS share,
    first_value(variant) OVER own AS variant, first_value(channel) OVER own AS channel,
    first_value(book_version) OVER own AS book_version, first_value(local) OVER own AS local,
    first_value(decision_id) OVER own AS decision_id,
    bool_and(mature) OVER (PARTITION BY family, subject, salt, cluster) AS mature
)
FROM alone k WHERE NOT EXISTS (
    SELECT 1 FROM first_exposures f WHERE f.family = k.family AND f.subject = k.subject AND f.salt = k.salt
        AND f.cluster = k.cluster AND f.time < (SELECT start FROM settings)
)
WINDOW own AS (PARTITION BY family, subject, salt, cluster ORDER BY time, decision_id, position)
"""
"""A unit has the arm of its first exposure, which the person in its row `leads` had; it is mature when all its persons are."""

_OF_CLUSTERS = """
CREATE TABLE cohort_outcomes AS
SELECT min(id) AS id, family, subject, salt, share, treated, variant, channel, book_version, local, decision_id,
    max(converted) AS converted, sum(orders) AS orders, sum(value) AS value, sum(named) AS named, max(credited) AS credited,
    max(unsubscribed) AS unsubscribed, max(complained) AS complained, bool_or(delivered) AS delivered, sum(spent) AS spent,
    sum(before) AS before
FROM persons_outcomes
GROUP BY family, subject, salt, share, treated, variant, channel, book_version, local, decision_id, cluster
"""

_DONE = """
CREATE TABLE cohort_orders AS
SELECT k.id, v.currency, count(*) AS orders, sum(v.net) AS value,
    count(*) FILTER (v.decision_id IS NOT NULL AND d.outcome = 'offer') AS named
FROM cohort k JOIN valued v ON v.person = k.person AND v.time >= k.time AND v.time < k.time + k.window_length
LEFT JOIN decisions d ON d.decision_id = v.decision_id
WHERE k.mature GROUP BY ALL
"""
"""All conversions of a person from the first exposure until their window ends, credited or not, by currency."""

_OUTCOMES = """
CREATE TABLE cohort_outcomes AS
WITH done AS (
    SELECT id, sum(orders) AS orders, sum(value) AS value, sum(named) AS named FROM cohort_orders GROUP BY id
), credited AS (
    SELECT k.id, count(DISTINCT a.conversion) AS credited
    FROM cohort k JOIN conversions v ON v.person = k.person AND v.time >= k.time AND v.time < k.time + k.window_length
    JOIN credits a ON a.campaign = k.subject AND a.conversion = v.conversion AND a.shadow = NOT k.treated
    WHERE k.mature AND k.family = 'campaign' GROUP BY k.id
), objections AS (
    SELECT k.id, bool_or(e.type = 'unsubscribed') AS unsubscribed, bool_or(e.type = 'complained') AS complained
    FROM cohort k JOIN events e ON e.person = k.person AND e.time >= k.time AND e.time < k.time + k.window_length
    WHERE k.mature AND e.type IN ('unsubscribed', 'complained') GROUP BY k.id
), earlier AS (
    SELECT k.id, sum(v.net) AS before
    FROM cohort k JOIN valued v ON v.person = k.person AND v.time < k.time AND v.time >= k.time - INTERVAL 28 DAY
    WHERE k.mature GROUP BY k.id
), costs AS (
    SELECT k.id, sum(h.cost) AS spent
    FROM cohort k JOIN exposures x ON k.family = 'campaign' AND x.campaign = k.subject AND x.person = k.person
        AND x.time >= k.time AND x.time < k.time + k.window_length
    JOIN results r ON r.decision_id = x.decision_id AND r.position = x.position AND r.counts
    JOIN channels h ON h.name = x.channel WHERE k.mature AND h.cost > 0 GROUP BY k.id
)
SELECT k.*, (coalesce(orders, 0) > 0)::HUGEINT AS converted, coalesce(orders, 0)::HUGEINT AS orders,
    coalesce(value, 0)::HUGEINT AS value, coalesce(named, 0)::HUGEINT AS named,
    (coalesce(credited, 0) > 0)::HUGEINT AS credited, coalesce(unsubscribed, false)::HUGEINT AS unsubscribed,
    coalesce(complained, false)::HUGEINT AS complained, coalesce(spent, 0)::HUGEINT AS spent,
    coalesce(before, 0)::HUGEINT AS before
FROM cohort k LEFT JOIN done USING (id) LEFT JOIN credited USING (id) LEFT JOIN objections USING (id)
LEFT JOIN costs USING (id) LEFT JOIN earlier USING (id)
WHERE k.mature
"""

_SUMS = """
SELECT subject, {slice} AS slice, salt, share, treated, count(*) AS persons,
    sum(converted) AS converted, sum(orders) AS orders, sum(orders * orders) AS orders_squares, sum(value) AS value,
    sum(value * value) AS value_squares, sum(credited) AS credited, sum(named) AS named,
    sum(unsubscribed) AS unsubscribed, sum(complained) AS complained, sum(delivered::BIGINT) AS delivered,
    sum(spent) AS spent, sum(spent * spent) AS spent_squares, sum(spent * value) AS spent_value,
    sum(spent * converted) AS spent_converted,
    sum(before) AS before, sum(before * before) AS before_squares, sum(before * converted) AS before_converted,
    sum(before * orders) AS before_orders, sum(before * value) AS before_value
FROM {source} WHERE family = ? GROUP BY ALL ORDER BY ALL
"""

_VALUES = """
SELECT subject, currency, salt, share, treated, sum(value) AS total, sum(value * value) AS squares FROM (
    SELECT k.subject, o.currency, k.salt, k.share, k.treated, k.cluster, sum(o.value) AS value
    FROM cohort_orders o JOIN cohort k USING (id) WHERE k.family = ? GROUP BY ALL
) GROUP BY ALL HAVING sum(abs(value)) > 0 ORDER BY ALL
"""

_CURRENCIES = """
SELECT k.subject, count(DISTINCT v.currency) FILTER (v.net <> 0) AS currencies, min(v.unrated) AS unrated,
    arg_min(v.original, (v.unrated, v.original)) FILTER (v.unrated IS NOT NULL) AS original
FROM cohort k JOIN valued v ON v.person = k.person AND v.time >= k.time AND v.time < k.time + {length}
WHERE k.family = ? AND (k.mature OR {since}) GROUP BY k.subject
"""

_ENROLLED = """
SELECT subject, count(*) FILTER (leads) AS persons, count(*) FILTER (leads AND NOT mature) AS maturing,
    count(*) FILTER (leads AND treated) AS treated, quantile_disc(time + window_length, 0.5) AS half_ready,
    max(window_length) AS window_length, count(*) FILTER (leads AND cluster < 0) AS units,
    count(*) FILTER (cluster < 0) AS members
FROM cohort WHERE family = ? GROUP BY subject ORDER BY subject
"""

_DRAWS = """
SELECT subject, {slice} AS slice, salt, share, count(*) AS persons, count(*) FILTER (treated) AS treated
FROM cohort WHERE family = ? AND leads GROUP BY ALL ORDER BY ALL
"""

_CROSSED = """
WITH both_arms AS (
    SELECT campaign, control_salt, person FROM exposures WHERE withheld IN ('', 'control') AND control_salt IS NOT NULL
    GROUP BY ALL HAVING count(DISTINCT withheld) = 2
)
SELECT k.subject, count(*) FILTER (treated) AS treated, count(*) FILTER (NOT treated) AS control
FROM cohort k JOIN both_arms b ON k.family = 'campaign' AND b.campaign = k.subject AND b.control_salt = k.salt
    AND b.person = k.person
GROUP BY k.subject
"""

_LEFT_OUT = """
WITH seen AS (
    SELECT campaign, person, max(time >= (SELECT start FROM settings) AND time < (SELECT stop FROM settings)) AS inside,
        min(time) AS time
    FROM exposures WHERE control_salt IS NOT NULL GROUP BY ALL
)
SELECT s.campaign AS subject, count(*) FILTER (h.person IS NOT NULL) AS held_out,
    count(*) FILTER (h.person IS NULL AND s.time < (SELECT start FROM settings)) AS before
FROM seen s LEFT JOIN held_out h ON h.person = s.person WHERE s.inside GROUP BY s.campaign
"""

SINCE = "weeks since exposure"
"""Divides what persons did by the week after their first exposure, 1 being the first seven days; no slice of persons."""

_WEEKS = "least(13, greatest(4, (epoch_us(k.window_length) + 604799999999) // 604800000000))"
"""Weeks that are shown of a person: up to the end of their window, at least four and at most thirteen."""
_SHOWN_WEEKS = f"to_days(7 * {_WEEKS}::INTEGER)"

_SUMS_SINCE = f"""
WITH drawn AS (
    SELECT subject, salt, share, treated, cluster, window_length, max(time) AS time, bool_or(delivered) AS delivered
    FROM cohort WHERE family = ? GROUP BY ALL
), weeks AS (
    SELECT k.subject, k.salt, k.cluster, (epoch_us(v.time) - epoch_us(k.time)) // 604800000000 + 1 AS since,
        count(*) AS orders, sum(v.net)::HUGEINT AS value, count(c.conversion) AS credited
    FROM cohort k JOIN valued v ON v.person = k.person AND v.time >= k.time AND v.time < k.time + {_SHOWN_WEEKS}
    LEFT JOIN (SELECT DISTINCT conversion, campaign, shadow FROM credits) c
        ON c.conversion = v.conversion AND c.campaign = k.subject AND c.shadow = NOT k.treated
    WHERE k.family = ? GROUP BY ALL
), done AS (
    SELECT k.subject, since, k.salt, k.share, k.treated, count(*) AS converted, sum(orders) AS orders,
        sum(orders * orders) AS orders_squares, sum(value) AS value, sum(value * value) AS value_squares,
        count(*) FILTER (credited > 0) AS credited
    FROM weeks JOIN drawn k USING (subject, salt, cluster)
    WHERE k.time + INTERVAL 7 DAY * since <= (SELECT as_of FROM settings) GROUP BY ALL
), over AS (
    SELECT k.subject, since, k.salt, k.share, k.treated, count(*) AS persons, count(*) FILTER (k.delivered) AS delivered
    FROM drawn k JOIN (SELECT unnest(range(1, 14)) AS since) w
        ON since <= {_WEEKS} AND k.time + INTERVAL 7 DAY * since <= (SELECT as_of FROM settings)
    GROUP BY ALL
)
SELECT o.*, since::TEXT AS slice, coalesce(converted, 0) AS converted, coalesce(orders, 0) AS orders,
    coalesce(orders_squares, 0) AS orders_squares, coalesce(value, 0) AS value, coalesce(value_squares, 0) AS value_squares,
    coalesce(credited, 0) AS credited
FROM over o LEFT JOIN done USING (subject, since, salt, share, treated) ORDER BY ALL
"""  # noqa: S608 - constants
"""Persons or units by week that is over for them, and what they did in it; nothing else is known by week.

A week is over for a unit when it is for all its persons."""

SLICES: Mapping[str, str] = {
    "": "''",
    "week": "date_trunc('week', local)::DATE::TEXT",
    "day": "local::DATE::TEXT",
    "variant": "variant",
    "channel": "channel",
    "book_version": "book_version[1:12]",
}
"""What cohorts can be divided by, besides attributes: what was drawn or known at the first exposure, for both arms alike."""


class ArmSums(NamedTuple):
    """Sums over the persons, or units, of one arm in one stratum; money in millionths."""

    persons: int = 0
    converted: int = 0
    orders: int = 0
    orders_squares: int = 0
    value: int = 0
    value_squares: int = 0
    credited: int = 0
    named: int = 0
    """Conversions that were reported with the id of a decision that offered something."""
    unsubscribed: int = 0
    complained: int = 0
    delivered: int = 0
    spent: int = 0
    """Costs of the campaign's contacts that count."""
    spent_squares: int = 0
    spent_value: int = 0
    spent_converted: int = 0
    before: int = 0
    """Net value of the orders in the 28 days before the first exposure."""
    before_squares: int = 0
    before_converted: int = 0
    before_orders: int = 0
    before_value: int = 0

    def plus(self, other: "ArmSums") -> "ArmSums":
        """Both together."""
        return ArmSums(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))


class DrawStratum(NamedTuple):
    """Persons who were drawn with the same salt and the same probability."""

    salt: str
    share: float
    """Probability of control."""


@dataclass(slots=True)
class Sums:
    """The two arms by stratum."""

    treated: dict[DrawStratum, ArmSums]
    control: dict[DrawStratum, ArmSums]

    @property
    def pairs(self) -> list[tuple[ArmSums, ArmSums]]:
        """Treated and control of the strata that have both, in order."""
        return [
            (self.treated[key], self.control[key])
            for key in sorted(self.treated.keys() & self.control.keys())
        ]

    def whole(self) -> tuple[ArmSums, ArmSums]:
        """Treated and control over all strata."""
        return _all(self.treated.values()), _all(self.control.values())

    def add(self, other: "Sums") -> None:
        """Adds the persons of the other."""
        for mine, theirs in ((self.treated, other.treated), (self.control, other.control)):
            for key, sums in theirs.items():
                mine[key] = mine.get(key, ArmSums()).plus(sums)


def _all(arms: Iterable[ArmSums]) -> ArmSums:
    whole = ArmSums()
    for arm in arms:
        whole = whole.plus(arm)
    return whole


class Enrolled(NamedTuple):
    """Who is in a campaign's cohort, and who is not."""

    persons: int
    maturing: int
    """Their window is not over; they are in no rate."""
    treated: int
    half_ready: datetime
    """When the windows of half the persons are over."""
    window: timedelta
    """Age of the first exposure until which orders count."""
    crossed_treated: int
    crossed_control: int
    held_out: int
    before: int
    """Exposed for the first time before the period."""
    units: int = 0
    """Of those who are counted, how many are units of several persons, such as companies."""
    members: int = 0
    """The persons of these units."""


def make_cohorts(tables: Tables, rates: Rates | None = None) -> None:
    """Makes `cohort`, one row a person, subject and salt, and what they did: `cohort_orders`, `cohort_outcomes`.

    The last has one row a unit, where units were drawn. rates: by which orders are converted at their day.
    """
    if rates is not None:
        _keep_rates(tables, rates)
    run = tables.connection.execute
    run(_FIRST)
    run(_COHORT)
    (by_unit,) = tables.row("SELECT coalesce(bool_or(cluster < 0), false) FROM cohort")
    if by_unit:
        run("ALTER TABLE cohort RENAME TO alone")
        run(_IN_CLUSTERS)
    run(_VALUED if rates is None else _CONVERTED)
    run(_DONE)
    run(_OUTCOMES)
    if by_unit:
        run("ALTER TABLE cohort_outcomes RENAME TO persons_outcomes")
        run(_OF_CLUSTERS)


def _keep_rates(tables: Tables, rates: Rates) -> None:
    tables.connection.execute("CREATE TABLE into_currency AS SELECT ?::TEXT AS name", [rates.into])
    tables.connection.execute("CREATE TABLE rates (day DATE, currency TEXT, rate HUGEINT)")
    rows = [[day, currency, round(rate * _ONE_RATE)] for (day, currency), rate in rates.known.items()]
    if rows:
        tables.connection.executemany("INSERT INTO rates VALUES (?, ?, ?)", rows)


def untotalled(tables: Tables, family: str, rates: Rates | None, by: str = "") -> dict[str, str]:
    """By subject, the sentence that refuses sums of its orders' values; subjects that are not in it have a sum.

    by: as in `sums`; by SINCE orders of all weeks that are shown count.
    """
    length = "k.window_length" if by != SINCE else _SHOWN_WEEKS
    query = _CURRENCIES.format(length=length, since=str(by == SINCE).lower())
    sentences: dict[str, str] = {}
    for row in tables.rows(query, [family]):
        if rates is not None and row["unrated"] is not None:
            sentences[row["subject"]] = rates.missing(row["original"], row["unrated"])
        elif rates is None and row["currencies"] > 1:
            sentences[row["subject"]] = "orders are in several currencies and are not added"
    return sentences


def sums(tables: Tables, family: str, by: str = "") -> dict[str, dict[str, Sums]]:
    """The arms by subject and by value of `by`: a key of SLICES, an attribute's name, or SINCE.

    Only persons whose window is over; by SINCE those for whom the week is, each in several.
    """
    divided: dict[str, dict[str, Sums]] = {}
    query, names = _sums_query(tables, by), ArmSums._fields
    for row in tables.rows(query, [family] * query.count("?")):
        arms = divided.setdefault(row["subject"], {}).setdefault(row["slice"] or "", Sums({}, {}))
        arm = arms.treated if row["treated"] else arms.control
        arm[DrawStratum(row["salt"], row["share"])] = ArmSums(
            **{name: int(row[name]) for name in names if name in row}
        )
    return divided


def _sums_query(tables: Tables, by: str) -> str:
    if by == SINCE:
        return _SUMS_SINCE
    if by in SLICES:
        return _SUMS.format(slice=SLICES[by], source="cohort_outcomes")
    tables.connection.execute("CREATE OR REPLACE TABLE slicing AS SELECT ? AS attribute", [by])
    return _SUMS.format(slice=_ATTRIBUTE, source=_WITH_ATTRIBUTE)


_ATTRIBUTE = """CASE WHEN list_contains(masked, (SELECT attribute FROM slicing)) THEN '(masked)'
    ELSE coalesce(json_extract_string(attributes, '$."' || (SELECT attribute FROM slicing) || '"'), '(missing)') END"""

_WITH_ATTRIBUTE = """(SELECT k.*, d.attributes, d.masked FROM cohort_outcomes k
    LEFT JOIN all_decisions d ON d.decision_id = k.decision_id::TEXT)"""


Totals: TypeAlias = dict[tuple[DrawStratum, bool], tuple[int, int]]
"""Σ and Σ² of net value by stratum and whether treated, in millionths."""


def values(tables: Tables, family: str) -> dict[str, dict[str, Totals]]:
    """Net value by subject and currency; where orders are converted, in that currency alone."""
    by_subject: dict[str, dict[str, Totals]] = {}
    for row in tables.rows(_VALUES, [family]):
        by_arm = by_subject.setdefault(row["subject"], {}).setdefault(row["currency"], {})
        key = DrawStratum(row["salt"], row["share"]), row["treated"]
        by_arm[key] = int(row["total"]), int(row["squares"])
    return by_subject


def enrolled(tables: Tables, family: str) -> dict[str, Enrolled]:
    """Who is in the cohorts, by subject."""
    crossed = {row["subject"]: row for row in tables.rows(_CROSSED)} if family == "campaign" else {}
    left_out = {row["subject"]: row for row in tables.rows(_LEFT_OUT)} if family == "campaign" else {}
    nobody: Mapping[str, int] = {}
    return {
        row["subject"]: Enrolled(
            persons=row["persons"],
            maturing=row["maturing"],
            treated=row["treated"],
            half_ready=row["half_ready"],
            window=row["window_length"],
            crossed_treated=crossed.get(row["subject"], nobody).get("treated", 0),
            crossed_control=crossed.get(row["subject"], nobody).get("control", 0),
            held_out=left_out.get(row["subject"], nobody).get("held_out", 0),
            before=left_out.get(row["subject"], nobody).get("before", 0),
            units=row["units"],
            members=row["members"],
        )
        for row in tables.rows(_ENROLLED, [family])
    }


class Draws(NamedTuple):
    """How many persons or units of a stratum were drawn as treated."""

    persons: int
    treated: int
    share: float
    """Probability of treatment, as logged."""


def draws(tables: Tables, family: str, by: str = "") -> dict[str, dict[str, list[Draws]]]:
    """The draws of all persons in the cohorts, maturing ones too, by subject and by value of `by` (a key of SLICES)."""
    divided: dict[str, dict[str, list[Draws]]] = {}
    for row in tables.rows(_DRAWS.format(slice=SLICES[by]), [family]):
        strata = divided.setdefault(row["subject"], {}).setdefault(row["slice"] or "", [])
        strata.append(Draws(row["persons"], row["treated"], 1.0 - row["share"]))
    return divided


def ratio_p(strata: Iterable[Draws]) -> float:
    """The p of the sample ratio against the logged probabilities: z = (O − Σp)/√Σp(1 − p), two-sided.

    It is the χ² of equal shares where there is one stratum, and holds its level where the share of the control changed.
    """
    known = [stratum for stratum in strata if 0 < stratum.share < 1]
    variance = sum(stratum.persons * stratum.share * (1 - stratum.share) for stratum in known)
    if not variance:
        return 1.0
    expected = sum(stratum.persons * stratum.share for stratum in known)
    treated = sum(stratum.treated for stratum in known)
    persons = sum(stratum.persons for stratum in known)
    return sample_ratio_logged(treated, persons - treated, expected, variance).p
