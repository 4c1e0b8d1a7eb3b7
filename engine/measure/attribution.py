"""Attributes conversions to contacts: which contact gets the credit, as the book's `attribution` says.

It says nothing of what a contact caused; only a randomised control does. All of it is SQL in DuckDB over the exported tables:
joins, windows and sums by person there spill to disk, so memory is bounded by the connection's `memory_limit` however long the
log is, and all amounts are integers (micro-units of a currency), so that every sum is exact.

Rules, in order:

1. Outcomes `converted` of one order are one conversion: the earliest by (time, recorded_at, event_id). Others are duplicates.
   Without an order each event_id of a person is one. A `converted` with a negative value is a refund, as is `refunded`.
2. A conversion that names its decision is credited to that decision: to the offers that were made, of the campaign if one is
   named; else to those that were withheld; else to the fallback.
3. Any other goes to touches of the person, under every linked name: contacts that are confirmed, or shadows (withheld ones,
   by the same rules as real ones), at or before the conversion, and younger than their own campaign's window (half-open). If
   any has a click within its campaign's click window, only those with one count, as of their latest such click.
4. The latest touch, ties by the greater decision_id, then the first position, gets all, or all get equal parts, as the model
   of its campaign says.
5. Refunds reduce the net of their order. Without a known order, or in another currency, they are orphans and reduce nothing.

So for each currency the credits and what is not attributed sum to the orders, in number, gross and net.
"""

import csv
from collections.abc import Iterable, Mapping
from datetime import date
from fractions import Fraction
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from duckdb import DuckDBPyConnection

from engine.rulebook.model.experiments import Attribution

_EVENTS = """
CREATE OR REPLACE TEMP TABLE sales AS
SELECT DISTINCT o.event_id, coalesce(i.person, o.person) AS person, o.type, o.time, o.recorded_at, o.decision_id,
  nullif(o.campaign, '') AS campaign, o.currency, nullif(o.order_id, '') AS order_id,
  CASE WHEN abs(o.value) <= 1e12 THEN CAST(round(o.value * 1000000) AS BIGINT) ELSE 0 END AS amount,
  o.type = 'refunded' OR coalesce(o.value < 0, false) AS refund
FROM outcomes AS o LEFT JOIN identities AS i ON i.name = o.person
WHERE o.type IN ('converted', 'refunded')
"""
"""Conversions and refunds as they were reported, by the person's present name.

A value beyond 1e12 counts as 0: logs from before the contract had this bound may hold some."""

_CONVERSIONS = """
CREATE OR REPLACE TEMP TABLE orders AS
SELECT row_number() OVER (ORDER BY time, event_id, person) AS key, coalesce(order_id, event_id) AS conversion,
  * EXCLUDE (first, type, refund)
FROM (
  SELECT *, row_number() OVER same AS first, count(*) OVER (PARTITION BY order_id, lone) - 1 AS duplicates
  FROM (SELECT *, CASE WHEN order_id IS NULL THEN struct_pack(person, event_id) END AS lone FROM sales WHERE NOT refund)
  WINDOW same AS (PARTITION BY order_id, lone ORDER BY time, recorded_at, event_id, person)
) WHERE first = 1
"""
"""Each order once. key: numbers them."""

_REFUNDS = """
CREATE OR REPLACE TEMP TABLE refunds AS
SELECT s.event_id, s.person, s.time, s.order_id, abs(s.amount) AS amount, s.currency, o.conversion, o.key,
  CASE WHEN o.key IS NOT NULL THEN '' WHEN s.order_id IS NULL THEN 'no order'
    WHEN EXISTS (FROM orders AS k WHERE k.order_id = s.order_id) THEN 'other currency' ELSE 'unknown order' END AS orphan
FROM sales AS s LEFT JOIN orders AS o ON o.order_id = s.order_id AND o.currency IS NOT DISTINCT FROM s.currency
WHERE s.refund
"""

_TOUCHES = """
CREATE OR REPLACE TEMP TABLE touches AS
SELECT c.decision_id, c.position, c.person, c.campaign, c.offer, c.channel, c.shadow,
  epoch_us(coalesce(d.delivered_at, c.time)) AS moment,
  coalesce(t.window_, $window) AS window_, coalesce(t.click, $click) AS click, coalesce(t.model, $model) AS model
FROM (
  SELECT c.* EXCLUDE (person), coalesce(i.person, c.person) AS person, c.state = 'shadow' AS shadow
  FROM contacts AS c LEFT JOIN identities AS i ON i.name = c.person
  WHERE c.state IN ('confirmed', 'shadow') AND c.position >= 0
) AS c
LEFT JOIN (
  SELECT c.decision_id, c.position, min(o.time) AS delivered_at
  FROM contacts AS c JOIN outcomes AS o ON o.decision_id = c.decision_id AND o.campaign IN ('', c.campaign)
  WHERE o.type IN ('delivered', 'impression') AND c.state <> 'shadow'
  GROUP BY ALL
) AS d ON d.decision_id = c.decision_id AND d.position = c.position
LEFT JOIN terms AS t ON t.campaign = c.campaign
WHERE c.person IN (SELECT person FROM orders WHERE decision_id IS NULL)
"""
"""Contacts that may get credit, with their delivery, or the contact where none was reported; times in microseconds."""

_CANDIDATES = """
CREATE OR REPLACE TEMP TABLE candidates_of_orders AS
SELECT k.key, t.*, epoch_us(k.time) - t.moment < t.window_ AS viewed, max(epoch_us(o.time)) AS clicked_at
FROM orders AS k
JOIN touches AS t ON t.person = k.person AND t.moment <= epoch_us(k.time)
LEFT JOIN outcomes AS o ON o.decision_id = t.decision_id AND o.campaign IN ('', t.campaign) AND o.type = 'clicked'
  AND o.time <= k.time AND epoch_us(k.time) - epoch_us(o.time) < t.click
WHERE k.decision_id IS NULL
GROUP BY ALL
HAVING viewed OR clicked_at IS NOT NULL
"""

_SHARES = """
CREATE OR REPLACE TEMP TABLE shares AS
WITH clicks_first AS (
  SELECT *, coalesce(clicked_at, moment) AS latest FROM candidates_of_orders
  QUALIFY (clicked_at IS NOT NULL) = bool_or(clicked_at IS NOT NULL) OVER (PARTITION BY key)
), ranked AS (
  SELECT *, row_number() OVER latest_first AS rank, first_value(model) OVER latest_first AS model_of_latest
  FROM clicks_first WINDOW latest_first AS (PARTITION BY key ORDER BY latest DESC, decision_id DESC, position)
), named AS (
  SELECT k.key, k.decision_id, f.position, f.campaign, f.offer, f.variant, f.channel,
    coalesce(f.withheld <> '', false) AS shadow,
    CASE WHEN f.withheld <> '' THEN 2 WHEN f.campaign = '' THEN 3 ELSE 1 END AS precedence
  FROM orders AS k LEFT JOIN offers AS f ON f.decision_id = k.decision_id AND f.campaign = coalesce(k.campaign, f.campaign)
  WHERE k.decision_id IS NOT NULL
  QUALIFY precedence = min(precedence) OVER (PARTITION BY k.key)
), credited AS (
  SELECT key, decision_id, position, campaign, offer, variant, channel, shadow, 'named' AS how, NULL AS model,
    row_number() OVER (PARTITION BY key ORDER BY position) AS rank
  FROM named
  UNION ALL
  SELECT r.key, r.decision_id, r.position, r.campaign, r.offer, f.variant, r.channel, r.shadow,
    CASE WHEN r.clicked_at IS NULL THEN 'view' ELSE 'click' END, r.model_of_latest, r.rank
  FROM ranked AS r LEFT JOIN offers AS f ON f.decision_id = r.decision_id AND f.position = r.position
  WHERE r.model_of_latest = 'linear' OR r.rank = 1
)
SELECT *, count(*) OVER (PARTITION BY key) AS parts FROM credited
"""
"""Who shares in each order, in order of rank."""

_RESULTS = """
CREATE OR REPLACE TEMP TABLE conversions AS
SELECT k.key, k.conversion, k.order_id, k.event_id, k.person, k.time, k.decision_id, k.currency, k.duplicates,
  k.amount AS gross, CAST(k.amount - coalesce(r.amount, 0) AS BIGINT) AS net,
  coalesce(r.amount >= k.amount, false) AS reversed,
  coalesce((SELECT any_value(s.how) FROM shares AS s WHERE s.key = k.key), 'none') AS how
FROM orders AS k
LEFT JOIN (SELECT key, sum(amount) AS amount FROM refunds WHERE orphan = '' GROUP BY key) AS r ON r.key = k.key
"""

_CREDITS = """
CREATE OR REPLACE TEMP TABLE credits AS
SELECT c.conversion, c.event_id, c.person, c.time, s.decision_id, s.position, s.campaign, s.offer, s.variant, s.channel,
  s.how, s.model, 1::BIGINT AS numerator, s.parts AS denominator,
  c.gross // s.parts + (s.rank <= c.gross % s.parts)::BIGINT AS gross,
  CAST(sign(c.net) AS BIGINT) * (abs(c.net) // s.parts + (s.rank <= abs(c.net) % s.parts)::BIGINT) AS net,
  c.currency, s.shadow, c.reversed
FROM conversions AS c JOIN shares AS s ON s.key = c.key
"""
"""The parts of an amount differ by at most one micro-unit, the larger first, so that they sum to it exactly."""

_STEPS = (
    *(_EVENTS, _CONVERSIONS, _REFUNDS, _TOUCHES, _CANDIDATES, _SHARES, _RESULTS, _CREDITS),
    "ALTER TABLE conversions DROP COLUMN key",
    "ALTER TABLE refunds DROP COLUMN key",
    *(
        f"DROP TABLE {name}"
        for name in ("sales", "orders", "touches", "candidates_of_orders", "shares", "terms")
    ),
)


def attribute(
    connection: DuckDBPyConnection, campaigns: Mapping[str, Attribution], otherwise: Attribution
) -> None:
    """Makes the temporary tables `conversions`, `credits` and `refunds` of the connection.

    It reads `outcomes`, `contacts`, `offers` and `identities` of the connection, with the columns of the exported tables.
    For a report as of a moment they are views of what was recorded until then. campaigns: the attribution by campaign.
    otherwise: of campaigns that are not among them.

    conversions: each order once: `how` is `named`, `click`, `view` or `none` (not attributed), `duplicates` are further
    reports of it, `reversed` says whether refunds took all of it. credits: the parts of those that are attributed.
    refunds: `conversion` is what they reduce; for an `orphan` the column says why it reduces nothing. Amounts are in
    micro-units of `currency`; currencies are never added (see `Rates`).
    """
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE terms (campaign VARCHAR, window_ BIGINT, click BIGINT, model VARCHAR)"
    )
    rows = [(name, terms.window, terms.click, terms.model.value) for name, terms in campaigns.items()]
    if rows:
        connection.executemany("INSERT INTO terms VALUES (?, ?, ?, ?)", rows)
    parameters = {
        "window": otherwise.window,
        "click": otherwise.click,
        "model": otherwise.model.value,
    }
    for step in _STEPS:
        connection.execute(step, parameters if step is _TOUCHES else None)


class MissingRate(ValueError):
    """A day and currency without a rate: the total is not known."""


class DayAmount(NamedTuple):
    """What came in on one day (UTC) in one currency."""

    day: date
    currency: str
    amount: int
    """In micro-units."""


class Rates:
    """Rates of currencies by day, into one currency; a currency's own rate is 1 and need not be given."""

    def __init__(self, into: str, rates: Mapping[tuple[date, str], Fraction]) -> None:
        self.into = into
        self._rates = rates

    @property
    def known(self) -> Mapping[tuple[date, str], Fraction]:
        """The rates by day and currency."""
        return self._rates

    @property
    def digest(self) -> str:
        """Names the rates: others have another one."""
        listed = "\n".join(
            f"{day} {currency} {rate}" for (day, currency), rate in sorted(self._rates.items())
        )
        return sha256(listed.encode()).hexdigest()[:12]

    @classmethod
    def read(cls, path: Path, into: str) -> "Rates":
        """Reads a CSV file with the columns `day`, `currency` and `rate`. Raises ValueError that names the line."""
        rates: dict[tuple[date, str], Fraction] = {}
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            if missing := {"day", "currency", "rate"}.difference(rows.fieldnames or ()):
                raise ValueError(f"{path}: there is no column {', '.join(sorted(missing))}")
            for row in rows:
                try:
                    key, rate = (date.fromisoformat(row["day"]), row["currency"]), Fraction(row["rate"])
                except (ValueError, TypeError, ZeroDivisionError) as error:
                    raise ValueError(
                        f"{path}, line {rows.line_num}: it takes a day such as 2026-03-01, a currency, and a number"
                    ) from error
                if rate <= 0:
                    raise ValueError(f"{path}, line {rows.line_num}: a rate is above 0")
                if rates.setdefault(key, rate) != rate:
                    raise ValueError(
                        f"{path}, line {rows.line_num}: another rate for the same day and currency"
                    )
        return cls(into, rates)

    def total(self, amounts: Iterable[DayAmount]) -> int:
        """The sum in micro-units of `into`, exact and rounded once, half to even. Raises MissingRate for the first gap."""
        return round(sum((amount.amount * self._rate(amount) for amount in amounts), Fraction()))

    def _rate(self, amount: DayAmount) -> Fraction:
        if amount.currency == self.into:
            return Fraction(1)
        rate = self._rates.get((amount.day, amount.currency))
        if rate is None:
            raise MissingRate(self.missing(amount.currency, amount.day))
        return rate

    def missing(self, currency: str, day: date) -> str:
        """The sentence that refuses a total for want of this rate."""
        return f"there is no rate of {currency} into {self.into} for {day}"
