"""An exported log in DuckDB: what was recorded up to a moment, conversions without doubles, and first exposures.

All sums are of whole numbers (money in millionths, as HUGEINT), so that they do not depend on the order in which threads add.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from engine.model.instant import DAY, Microseconds
from engine.rulebook.model.book import Book

COLUMNS: Mapping[str, str] = {
    "decisions": "decision_id TEXT, request_id TEXT, person TEXT, time TIMESTAMP, recorded_at TIMESTAMP, book_version TEXT,"
    " outcome TEXT, placement TEXT, campaign TEXT, offer TEXT, variant TEXT, channel TEXT, score DOUBLE,"
    " selection_probability DOUBLE, next_allowed_at TIMESTAMP, expires_at TIMESTAMP, more_candidates BIGINT, attributes TEXT,"
    " masked TEXT[], consents TEXT[], customer TEXT",
    "offers": "decision_id TEXT, position BIGINT, person TEXT, time TIMESTAMP, recorded_at TIMESTAMP, book_version TEXT,"
    " campaign TEXT, offer TEXT, variant TEXT, channel TEXT, kind TEXT, placement TEXT, score DOUBLE, withheld TEXT,"
    " withheld_by TEXT, state TEXT, p_variant DOUBLE, p_treated DOUBLE, control_salt TEXT, control_share DOUBLE,"
    " learned_since TIMESTAMP",
    "candidates": "decision_id TEXT, rank BIGINT, person TEXT, time TIMESTAMP, campaign TEXT, tier BIGINT, score DOUBLE,"
    " code TEXT, name TEXT, propensity DOUBLE",
    "readings": "decision_id TEXT, person TEXT, time TIMESTAMP, campaign TEXT, channel TEXT, rule TEXT, counted BIGINT,"
    " limit_ BIGINT, blocks BOOLEAN, next_allowed_at TIMESTAMP",
    "experiments": "decision_id TEXT, person TEXT, time TIMESTAMP, campaign TEXT, purpose TEXT, name TEXT, salt TEXT,"
    " low DOUBLE, high DOUBLE, inside BOOLEAN",
    "outcomes": "event_id TEXT, person TEXT, type TEXT, time TIMESTAMP, recorded_at TIMESTAMP, decision_id TEXT,"
    " decided_at TIMESTAMP, channel TEXT, campaign TEXT, offer TEXT, variant TEXT, value DOUBLE, currency TEXT, order_id TEXT,"
    " fields TEXT",
    "contacts": "decision_id TEXT, position BIGINT, person TEXT, time TIMESTAMP, state TEXT, expires_at TIMESTAMP,"
    " channel TEXT, kind TEXT, campaign TEXT, offer TEXT, category TEXT, tags TEXT[]",
    "identities": "name TEXT, person TEXT, linked_at TIMESTAMP",
    "credits": "conversion TEXT, event_id TEXT, person TEXT, time TIMESTAMP, decision_id TEXT, position BIGINT, campaign TEXT,"
    " offer TEXT, variant TEXT, channel TEXT, how TEXT, model TEXT, numerator BIGINT, denominator BIGINT, gross BIGINT,"
    " net BIGINT, currency TEXT, shadow BOOLEAN, reversed BOOLEAN",
}
"""The tables of an export that a report reads, with the columns that it needs of them."""

_RECORDED: Mapping[str, str] = {
    "decisions": "recorded_at <= (SELECT as_of FROM settings)",
    "offers": "recorded_at <= (SELECT as_of FROM settings)",
    "outcomes": "recorded_at <= (SELECT as_of FROM settings)",
    "identities": "linked_at <= (SELECT as_of FROM settings)",
    "candidates": "decision_id < (SELECT last_id FROM settings)",
    "readings": "decision_id < (SELECT last_id FROM settings)",
    "experiments": "decision_id < (SELECT last_id FROM settings)",
    "contacts": "decision_id < (SELECT last_id FROM settings)",
    "credits": "time <= (SELECT as_of FROM settings)",
}
"""What had been recorded by --as-of. A decision_id is a UUIDv7: it begins with the millisecond of the recording."""

_NAMES = """
CREATE TABLE names AS
WITH RECURSIVE chain(name, person, depth) AS (
    SELECT name, person, 1 FROM identities
    UNION
    SELECT chain.name, identities.person, depth + 1 FROM chain JOIN identities ON identities.name = chain.person
    WHERE depth < 64 AND identities.person <> chain.person
)
SELECT name, arg_max(person, depth) AS person FROM chain GROUP BY name
"""

_EVENTS = """
CREATE TABLE events AS
SELECT o.* EXCLUDE (person, value, order_id, currency), coalesce(n.person, o.person) AS person,
    coalesce(o.order_id, '') AS order_id, coalesce(o.currency, '') AS currency,
    cast(round(coalesce(o.value, 0) * 1e6) AS HUGEINT) AS amount
FROM outcomes o LEFT JOIN names n ON n.name = o.person
WHERE o.time <= (SELECT as_of FROM settings)
"""

_CONVERSIONS = """
CREATE TABLE conversions AS
WITH reported AS (
    SELECT *, CASE WHEN order_id <> '' THEN 'order:' || order_id ELSE 'event:' || event_id END AS conversion
    FROM events WHERE type = 'converted' AND amount >= 0
), first AS (
    SELECT * FROM reported
    QUALIFY row_number() OVER (PARTITION BY conversion ORDER BY time, recorded_at, event_id) = 1
), refunds AS (
    SELECT order_id, currency, sum(abs(amount)) AS refunded FROM events
    WHERE (type = 'refunded' OR (type = 'converted' AND amount < 0)) AND order_id <> '' GROUP BY ALL
)
SELECT first.conversion, CASE WHEN first.order_id <> '' THEN first.order_id ELSE event_id END AS name, event_id, person, time, coalesce(decision_id, '') AS decision_id, first.currency, first.order_id,
    amount AS gross, amount - coalesce(refunded, 0) AS net
FROM first LEFT JOIN refunds ON refunds.order_id = first.order_id AND refunds.currency = first.currency
    AND first.order_id <> ''
"""

_EXPOSURES = """
CREATE TABLE exposures AS
SELECT o.decision_id, o.position, coalesce(n.person, o.person) AS person, o.time, o.recorded_at, o.book_version, o.campaign,
    o.offer, coalesce(o.variant, '') AS variant, coalesce(o.channel, '') AS channel, coalesce(o.withheld, '') AS withheld,
    coalesce(o.withheld_by, '') AS withheld_by, o.p_variant, o.control_salt, o.control_share, o.learned_since
FROM offers o LEFT JOIN names n ON n.name = o.person
WHERE o.campaign <> ''
"""

_HELD_OUT = """
CREATE TABLE held_out AS
SELECT DISTINCT coalesce(n.person, e.person) AS person
FROM experiments e LEFT JOIN names n ON n.name = e.person WHERE e.purpose = 'holdout' AND e.inside
UNION
SELECT person FROM exposures WHERE withheld = 'held_out'
"""

_RESULTS = """
CREATE TABLE results AS
WITH evidence AS (
    SELECT x.decision_id, x.position,
        max(e.time) FILTER (e.type NOT IN ('bounced', 'not_sent', 'cancelled', 'subscribed', 'refunded')) AS confirmed_at,
        max(e.time) FILTER (e.type IN ('bounced', 'not_sent', 'cancelled')) AS released_at,
        coalesce(bool_or(e.type IN ('delivered', 'impression')), false) AS delivered,
        coalesce(bool_or(e.type = 'opened'), false) AS opened, coalesce(bool_or(e.type = 'clicked'), false) AS clicked
    FROM exposures x
    LEFT JOIN events e ON e.decision_id = x.decision_id AND (e.campaign = x.campaign OR coalesce(e.campaign, '') = '')
    WHERE x.withheld = '' GROUP BY ALL
)
SELECT e.decision_id, e.position, delivered, opened, clicked,
    (released_at IS NULL OR coalesce(confirmed_at >= released_at, false)) AND (confirmed_at IS NOT NULL
        OR c.expires_at IS NULL OR c.expires_at > (SELECT as_of FROM settings)) AS counts
FROM evidence e LEFT JOIN contacts c ON c.decision_id = e.decision_id AND c.position = e.position
"""
"""Of every offer that was not withheld: what was reported of it by --as-of, and whether its contact counts by then."""


class Period(NamedTuple):
    """The time that a report is about, and up to when it knows what was recorded."""

    start: datetime
    end: datetime
    """Exclusive."""
    as_of: datetime


class CampaignRow(NamedTuple):
    """What a report reads of a campaign in the book."""

    name: str
    tier: int
    window: Microseconds
    """Age of a contact from which conversions are not counted for it."""
    learns: bool


class Tables:
    """An export, opened in DuckDB; the queries of a report run on its connection."""

    def __init__(self, folder: Path, memory: str = "2GB") -> None:
        self.folder = folder
        self.connection = duckdb.connect(config={"memory_limit": memory, "preserve_insertion_order": False})
        self.connection.execute("SET TimeZone = 'UTC'")
        for name, columns in COLUMNS.items():
            self._open(name, columns)

    def _open(self, name: str, columns: str) -> None:
        """Makes all_NAME: the files of the table, or an empty table where nothing was exported yet."""
        self.connection.execute(f"CREATE TABLE all_{name} ({columns})")
        files = sorted(map(str, [*self.folder.glob(f"{name}/*.parquet"), *self.folder.glob(f"{name}.parquet")]))
        if not files:
            return
        declared = self.connection.execute(f"DESCRIBE all_{name}").fetchall()
        source = self.connection.read_parquet(files, union_by_name=True)
        there = set(source.columns)
        chosen = ", ".join(
            f'CAST({column if column in there else "NULL"} AS {kind}) AS {column}'
            for column, kind, *_ in declared
        )
        self.connection.execute(f"DROP TABLE all_{name}")
        source.project(chosen).create_view(f"all_{name}")

    def bounds(self) -> tuple[datetime, datetime] | None:
        """The times of the first and of the last decision; None where there is none."""
        first, last = self.row("SELECT min(time), max(time) FROM all_decisions")
        return None if first is None else (_utc(first), _utc(last))

    def begin(self, period: Period, book: Book, campaigns: list[CampaignRow]) -> None:
        """Makes what the sections share: what was recorded by the period's as_of, conversions, exposures and their results."""
        self._settings(period, book, campaigns)
        for name, condition in _RECORDED.items():
            self.connection.execute(f"CREATE OR REPLACE VIEW {name} AS SELECT * FROM all_{name} WHERE {condition}")
        for statement in (_NAMES, _EVENTS, _CONVERSIONS, _EXPOSURES, _HELD_OUT, _RESULTS):
            self.connection.execute(statement)

    def _settings(self, period: Period, book: Book, campaigns: list[CampaignRow]) -> None:
        last_id = f"{int(period.as_of.timestamp() * 1000) + 1:012x}"
        self.connection.execute(
            "CREATE TABLE settings AS SELECT ?::TIMESTAMP AS start, ?::TIMESTAMP AS stop, ?::TIMESTAMP AS as_of,"
            " ?::TEXT AS last_id, ?::TEXT AS zone, to_microseconds(?) AS longest",
            [
                *(moment.astimezone(UTC).replace(tzinfo=None) for moment in period),
                f"{last_id[:8]}-{last_id[8:]}",
                str(book.timezone),
                max((row.window for row in campaigns), default=7 * DAY),
            ],
        )
        self.connection.execute(
            "CREATE TABLE campaigns (name TEXT, tier BIGINT, window_length INTERVAL, learns BOOLEAN)"
        )
        if campaigns:
            self.connection.executemany(
                "INSERT INTO campaigns VALUES (?, ?, to_microseconds(?), ?)", [[*row] for row in campaigns]
            )
        self.connection.execute("CREATE TABLE channels (name TEXT, cost HUGEINT)")
        if book.channels:
            self.connection.executemany(
                "INSERT INTO channels VALUES (?, ?)",
                [[channel.name, round(channel.cost * 1e6)] for channel in book.channels.values()],
            )

    def rows(self, query: str, values: list[Any] | None = None) -> list[dict[str, Any]]:
        """The rows of a query, by column."""
        cursor = self.connection.execute(query, values or [])
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def row(self, query: str, values: list[Any] | None = None) -> tuple[Any, ...]:
        """The only row of a query. Raises ValueError if there is none."""
        row = self.connection.execute(query, values or []).fetchone()
        if row is None:
            raise ValueError(f"no row: {query}")
        return row

    def close(self) -> None:
        """Closes the connection; the tables are gone."""
        self.connection.close()


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC)
