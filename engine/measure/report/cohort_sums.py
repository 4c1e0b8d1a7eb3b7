"""Sums over cohorts: what the persons, or units, of each arm did, by subject, stratum and slice."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from engine.measure.attribution import Rates
from engine.measure.report.cohorts import SLICES
from engine.measure.report.tables import Tables

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
