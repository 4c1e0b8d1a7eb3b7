"""Cohorts: persons at their first ever exposure under a campaign's salt, with what they did within its window.

Where units are drawn, such as companies, a unit is compared as a person is: all that its persons did, each within a window of
their own, is the unit's, and its arm is that of its first exposure.

An exposure is an offer that was chosen: withheld by the campaign's own control, or not withheld. Both arms went through the
same funnel (ghost exposure), so that they differ by the offer alone. Everything later belongs to the arm of that first draw.
"""

from collections.abc import Mapping

from engine.measure.attribution import Rates
from engine.measure.report.tables import Tables

_FIRST = """
CREATE TABLE first_exposures AS
WITH draws AS (
    SELECT 'campaign' AS family, campaign AS subject, decision_id, position, person, time, book_version, variant, channel,
        control_salt AS salt, control_share AS share, withheld = '' AS treated, coalesce(unit, person) AS cluster
    FROM exposures WHERE withheld IN ('', 'control') AND control_salt IS NOT NULL
    UNION ALL
    SELECT e.purpose, e.name, e.decision_id, 0, coalesce(n.person, e.person), e.time, d.book_version, '', '', e.salt,
        CASE WHEN e.purpose = 'holdout' THEN e.high - e.low ELSE 1 - (e.high - e.low) END,
        e.inside = (e.purpose <> 'holdout'), coalesce(e.unit, n.person, e.person)
    FROM experiments e LEFT JOIN names n ON n.name = e.person JOIN decisions d ON d.decision_id = e.decision_id
    WHERE e.purpose IN ('holdout', 'trial', 'stage')
)
SELECT * FROM draws
QUALIFY row_number() OVER (PARTITION BY family, subject, salt, person ORDER BY time, decision_id, position) = 1
"""
"""The first draw of each person under a salt: by a campaign's control, a holdout, the trial of a rule, or a staged version."""

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
    SELECT k.id, sum(r.cost) AS spent
    FROM cohort k JOIN exposures x ON k.family = 'campaign' AND x.campaign = k.subject AND x.person = k.person
        AND x.time >= k.time AND x.time < k.time + k.window_length
    JOIN results r ON r.decision_id = x.decision_id AND r.position = x.position AND r.counts
    WHERE k.mature AND r.cost > 0 GROUP BY k.id
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

SLICES: Mapping[str, str] = {
    "": "''",
    "week": "date_trunc('week', local)::DATE::TEXT",
    "day": "local::DATE::TEXT",
    "variant": "variant",
    "channel": "channel",
    "book_version": "book_version[1:12]",
}
"""What cohorts can be divided by, besides attributes: what was drawn or known at the first exposure, for both arms alike."""


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
