"""An exported log in DuckDB: what was recorded up to a moment, conversions without doubles, and first exposures.

All sums are of whole numbers (money in millionths, as HUGEINT), so that they do not depend on the order in which threads add.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from engine.measure.attribution import attribute
from engine.measure.database import as_pattern, open_database
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
    " learned_since TIMESTAMP, unit TEXT",
    "candidates": "decision_id TEXT, rank BIGINT, person TEXT, time TIMESTAMP, campaign TEXT, tier BIGINT, score DOUBLE,"
    " code TEXT, name TEXT, propensity DOUBLE",
    "readings": "decision_id TEXT, person TEXT, time TIMESTAMP, campaign TEXT, channel TEXT, rule TEXT, counted BIGINT,"
    " limit_ BIGINT, blocks BOOLEAN, next_allowed_at TIMESTAMP",
    "experiments": "decision_id TEXT, person TEXT, time TIMESTAMP, campaign TEXT, purpose TEXT, name TEXT, salt TEXT,"
    " low DOUBLE, high DOUBLE, inside BOOLEAN, unit TEXT",
    "outcomes": "event_id TEXT, person TEXT, type TEXT, time TIMESTAMP, recorded_at TIMESTAMP, decision_id TEXT,"
    " decided_at TIMESTAMP, channel TEXT, campaign TEXT, offer TEXT, variant TEXT, value DOUBLE, currency TEXT, order_id TEXT,"
    " fields TEXT, reported_for TEXT",
    "contacts": "decision_id TEXT, position BIGINT, person TEXT, time TIMESTAMP, state TEXT, expires_at TIMESTAMP,"
    " channel TEXT, kind TEXT, campaign TEXT, offer TEXT, category TEXT, tags TEXT[], cost BIGINT",
    "identities": "name TEXT, person TEXT, linked_at TIMESTAMP, linked_to TEXT",
    "books": "version TEXT, first_at TIMESTAMP, text TEXT",
    "events": "person TEXT, time TIMESTAMP, position BIGINT, event_id TEXT, type TEXT, fields TEXT",
    "signals": "decision_id TEXT, person TEXT, time TIMESTAMP, signal TEXT, since TIMESTAMP, expires_at TIMESTAMP",
    "remembered": "person TEXT, signal TEXT, since TIMESTAMP, expires_at TIMESTAMP",
    "challenges": "decision_id TEXT, book_version TEXT, outcome TEXT, campaign TEXT, variant TEXT, channel TEXT",
}
"""The tables of an export that a report reads, with the columns that it needs of them."""

_PERSONS = """
CREATE TABLE persons AS SELECT logged, row_number() OVER (ORDER BY logged)::INTEGER AS key FROM (
    SELECT person AS logged FROM all_decisions UNION SELECT person FROM all_offers UNION SELECT person FROM all_candidates
    UNION SELECT person FROM all_readings UNION SELECT person FROM all_experiments UNION SELECT person FROM all_outcomes
    UNION SELECT person FROM all_contacts UNION SELECT name FROM all_identities UNION SELECT person FROM all_identities
    UNION SELECT linked_to FROM all_identities UNION SELECT reported_for FROM all_outcomes
    UNION SELECT unit FROM all_offers UNION SELECT unit FROM all_experiments
) WHERE logged IS NOT NULL
"""
"""Numbers the persons, so that they are counted and joined as whole numbers; in the order of their ids. So it does units."""

_UNIT = "-(SELECT key FROM persons WHERE logged = unit) AS unit"
"""The number of a unit; negative, so that it is no person's."""

_STORED: Mapping[str, str] = {
    "decisions": "decision_id::UUID AS decision_id, k.key AS person, time, recorded_at, book_version, outcome,"
    " next_allowed_at, expires_at, more_candidates",
    "offers": "decision_id::UUID AS decision_id, position, k.key AS person, time, recorded_at, book_version, campaign, offer,"
    f" variant, channel, withheld, withheld_by, p_variant, control_salt, control_share, learned_since, {_UNIT}",
    "candidates": "decision_id::UUID AS decision_id, k.key AS person, time, campaign, tier, score, code, name",
    "readings": "decision_id::UUID AS decision_id, k.key AS person, time, campaign, channel, rule, blocks, next_allowed_at",
    "experiments": "decision_id::UUID AS decision_id, k.key AS person, time, purpose, name, salt, low, high,"
    f" inside, {_UNIT}",
    "outcomes": "event_id, k.key AS person, type, time, recorded_at, coalesce(campaign, '') AS campaign, value,"
    " nullif(currency, '') AS currency, nullif(order_id, '') AS order_id, CASE WHEN decision_id <> '' THEN"
    " coalesce(TRY_CAST(decision_id AS UUID), '00000000-0000-0000-0000-000000000000'::UUID) END AS decision_id",
    "stored_contacts": "decision_id::UUID AS decision_id, position, coalesce(d.person, k.key) AS person,"
    " contacts.time, state, coalesce(contacts.expires_at, d.expires_at) AS expires_at, channel, campaign, offer,"
    " cost",
}
"""What is kept of a table, read once: decision_ids as UUIDs, and persons by number. What is reported of a decision_id that is
no UUID is of a decision that is not in the log."""

_JOINED: Mapping[str, str] = {
    "outcomes": "LEFT JOIN persons k ON k.logged = coalesce(outcomes.reported_for, outcomes.person)",
    "contacts": "LEFT JOIN persons k ON k.logged = contacts.person"
    " LEFT JOIN (SELECT decision_id AS id, person, expires_at FROM decisions) d ON d.id = contacts.decision_id::UUID",
}
"""What links and outcomes change later is read as it was: outcomes are of the person for whom they were reported, contacts of
that of their decision, and they were reserved as long as it says."""

_RECORDED = "recorded_at <= (SELECT as_of FROM settings)"
_LOGGED = "decision_id < (SELECT last_id FROM settings)"
_UNTIL: Mapping[str, str] = {
    "decisions": _RECORDED,
    "offers": _RECORDED,
    "outcomes": f"{_RECORDED} AND time <= (SELECT as_of FROM settings)",  # noqa: S608 - constants
}
"""What was recorded by --as-of. A decision_id is a UUIDv7: it begins with the millisecond of the recording."""

_LINKS = """
CREATE TABLE links AS SELECT n.key AS name, p.key AS person FROM all_identities i
JOIN persons n ON n.logged = i.name JOIN persons p ON p.logged = coalesce(i.linked_to, i.person)
WHERE i.linked_at <= (SELECT as_of FROM settings)
"""

_CALENDAR = """
CREATE TABLE calendar AS SELECT quarter, date_trunc('week', local)::DATE AS week, strftime(local, '%Y-%m') AS month FROM (
    SELECT quarter, make_timestamp(quarter * 900000000) AT TIME ZONE 'UTC' AT TIME ZONE (SELECT zone FROM settings) AS local
    FROM (SELECT DISTINCT epoch_us(time) // 900000000 AS quarter FROM decisions
        UNION SELECT DISTINCT epoch_us(time) // 900000000 FROM offers)
)
"""
"""Week and month on the book's clock of every quarter of an hour, in which no clock is changed."""

_IDENTITIES = "CREATE VIEW identities AS FROM names"

_CONTACTS = """
CREATE VIEW contacts AS
SELECT c.* REPLACE (CASE WHEN c.state = 'shadow' THEN 'shadow' ELSE coalesce(r.settled, c.state) END AS state)
FROM stored_contacts c LEFT JOIN results r ON r.decision_id = c.decision_id AND r.position = c.position
"""

NAMES = """
CREATE TABLE names AS
WITH RECURSIVE chain(name, person, depth) AS (
    SELECT name, person, 1 FROM links
    UNION
    SELECT chain.name, links.person, depth + 1 FROM chain JOIN links ON links.name = chain.person
    WHERE depth < 128 AND links.person <> chain.person
)
SELECT name, arg_max(person, depth) AS person FROM chain GROUP BY name
"""
"""Makes, of the table `links`, the table `names`: who bears a name, over several links."""

_EVENTS = """
CREATE TABLE events AS
SELECT o.event_id, o.type, o.time, o.decision_id, o.campaign, coalesce(n.person, o.person) AS person
FROM outcomes o LEFT JOIN names n ON n.name = o.person
"""

_EXPOSURES = """
CREATE TABLE exposures AS
SELECT o.decision_id, o.position, coalesce(n.person, o.person) AS person, o.time, o.recorded_at, o.book_version, o.campaign,
    o.offer, coalesce(o.variant, '') AS variant, coalesce(o.channel, '') AS channel, coalesce(o.withheld, '') AS withheld,
    coalesce(o.withheld_by, '') AS withheld_by, o.p_variant, o.control_salt, o.control_share, o.learned_since, o.unit, c.week,
    c.month
FROM offers o LEFT JOIN names n ON n.name = o.person JOIN calendar c ON c.quarter = epoch_us(o.time) // 900000000
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
    SELECT x.decision_id, x.position, x.channel,
        max(e.time) FILTER (e.type NOT IN ('bounced', 'not_sent', 'cancelled', 'subscribed', 'refunded')) AS confirmed_at,
        max(e.time) FILTER (e.type IN ('bounced', 'not_sent', 'cancelled')) AS released_at,
        coalesce(bool_or(e.type IN ('delivered', 'impression')), false) AS delivered,
        coalesce(bool_or(e.type = 'opened'), false) AS opened, coalesce(bool_or(e.type = 'clicked'), false) AS clicked
    FROM exposures x
    LEFT JOIN events e ON e.decision_id = x.decision_id AND (e.campaign = x.campaign OR e.campaign = '')
    WHERE x.withheld = '' GROUP BY ALL
)
SELECT *, settled <> 'released' AS counts FROM (
    SELECT e.decision_id, e.position, delivered, opened, clicked, coalesce(c.cost, h.cost, 0) AS cost, CASE
        WHEN released_at > coalesce(confirmed_at, '-infinity'::TIMESTAMP) THEN 'released'
        WHEN confirmed_at IS NOT NULL THEN 'confirmed'
        WHEN c.expires_at <= (SELECT as_of FROM settings) THEN 'released'
        WHEN c.expires_at IS NOT NULL THEN 'reserved' ELSE 'confirmed' END AS settled
    FROM evidence e LEFT JOIN stored_contacts c ON c.decision_id = e.decision_id AND c.position = e.position
    LEFT JOIN channels h ON h.name = e.channel
)
"""
"""Of every offer that was not withheld: what was reported of it by --as-of, and the state of its contact by then. Contacts
of earlier versions, which do not say what they cost, cost what the book says."""


class NothingLogged(ValueError):
    """The log has no decision to report on."""


class EmptyPeriod(ValueError):
    """The period ends before it begins."""


class ReportPeriod(NamedTuple):
    """The time that a report is about, and up to when it knows what was recorded."""

    start: datetime
    end: datetime
    """Exclusive."""
    as_of: datetime

    @classmethod
    def of(
        cls, start: datetime | None, end: datetime | None, as_of: datetime, first: datetime
    ) -> "ReportPeriod":
        """From `start`, by default the log's first row, to `end`, at most `as_of`. Raises EmptyPeriod."""
        check_zones(as_of, start, end)
        begin, stop = start or first, min(end or as_of, as_of)
        if begin >= stop:
            of_start = "" if start else " (the first of the log)"
            of_end = " (as of)" if stop == as_of else ""
            raise EmptyPeriod(
                f"the period is empty: it begins at {_at(begin)}{of_start}, and ends at {_at(stop)}{of_end}"
            )
        return cls(begin, stop, as_of)


def check_zones(*moments: datetime | None) -> None:
    """Raises ValueError for a moment without a time zone, which would be another one on each machine."""
    for moment in moments:
        if moment is not None and moment.tzinfo is None:
            raise ValueError(f"the time {moment} has no time zone")


def _at(moment: datetime) -> str:
    clock = "%H:%M" if not (moment.second or moment.microsecond) else "%H:%M:%S"
    return f"{moment.astimezone(UTC):%Y-%m-%d {clock}} UTC"


class CampaignRow(NamedTuple):
    """What a report reads of a campaign in the book."""

    name: str
    tier: int
    window: Microseconds
    """Age of a contact from which conversions are not counted for it."""
    learns: bool


class Tables:
    """An export, opened in DuckDB; the queries of a report run on its connection.

    What they make is in memory, and beyond `memory` in a temporary folder; in a file it would be compressed, which takes a
    fifth of a report's time.
    """

    def __init__(self, folder: Path, memory: str = "2GB") -> None:
        self.folder = folder
        self._work = TemporaryDirectory(prefix="tact-report-")
        self.connection = open_database(memory=memory, spill=Path(self._work.name, "spilled"), ordered=False)
        try:
            for name, columns in COLUMNS.items():
                self._open(name, columns)
        except BaseException:
            self.close()
            raise

    def _open(self, name: str, columns: str) -> None:
        """Makes all_NAME: the files of the table, or an empty table where nothing was exported yet."""
        self.connection.execute(f"CREATE TABLE all_{name} ({columns})")
        files = sorted(
            map(as_pattern, [*self.folder.glob(f"{name}/*.parquet"), *self.folder.glob(f"{name}.parquet")])
        )
        if not files:
            return
        declared = self.connection.execute(f"DESCRIBE all_{name}").fetchall()
        source = self.connection.read_parquet(files, union_by_name=True)
        there = set(source.columns)
        chosen = ", ".join(
            f"CAST({column if column in there else 'NULL'} AS {kind}) AS {column}"
            for column, kind, *_ in declared
        )
        self.connection.execute(f"DROP TABLE all_{name}")
        source.project(chosen).create_view(f"all_{name}")

    def first(self, as_of: datetime) -> datetime:
        """The time of the first decision. Raises NothingLogged where none was recorded by `as_of`."""
        check_zones(as_of)
        moment, recorded = self.row("SELECT min(time), min(recorded_at) FROM all_decisions")
        if moment is None:
            raise NothingLogged("the log has no decisions")
        if recorded.replace(tzinfo=UTC) > as_of:
            raise NothingLogged(
                f"nothing was recorded by {_at(as_of)}: the log's first decision was recorded at"
                f" {_at(recorded.replace(tzinfo=UTC))}"
            )
        first: datetime = moment.replace(tzinfo=UTC)
        return first

    def begin(self, period: ReportPeriod, book: Book, campaigns: list[CampaignRow]) -> None:
        """Makes what the sections share: what was recorded by the period's as_of, conversions, exposures and their results."""
        self._settings(period, book, campaigns)
        self.connection.execute(_PERSONS)
        for name, columns in _STORED.items():
            self._store(name, columns)
        for statement in (
            _LINKS,
            NAMES,
            _IDENTITIES,
            _CALENDAR,
            _EVENTS,
            _EXPOSURES,
            _HELD_OUT,
            _RESULTS,
            _CONTACTS,
        ):
            self.connection.execute(statement)
        terms = {campaign.name: campaign.attribution for campaign in book.campaigns.values()}
        attribute(self.connection, terms, book.attribution)

    def _store(self, name: str, columns: str) -> None:
        """Makes the table of the name: the columns of what was recorded until as_of."""
        table = name.removeprefix("stored_")
        until = _UNTIL.get(table, _LOGGED) + (" AND blocks" if table == "readings" else "")
        self.connection.execute(
            f"CREATE TABLE {name} AS SELECT {columns} FROM all_{table} {table}"  # noqa: S608 - names of the code
            f" {_JOINED.get(table, f'LEFT JOIN persons k ON k.logged = {table}.person')} WHERE {until}"
        )

    def _settings(self, period: ReportPeriod, book: Book, campaigns: list[CampaignRow]) -> None:
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
                [[channel.name, channel.cost_micros] for channel in book.channels.values()],
            )

    def rows(self, query: str, values: list[Any] | dict[str, Any] | None = None) -> list[dict[str, Any]]:
        """The rows of a query, by column. values: by position, or by name."""
        cursor = self.connection.execute(query, values or [])
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def row(self, query: str, values: list[Any] | dict[str, Any] | None = None) -> tuple[Any, ...]:
        """The only row of a query. Raises ValueError if there is none."""
        row = self.connection.execute(query, values or []).fetchone()
        if row is None:
            raise ValueError(f"no row: {query}")
        return row

    def close(self) -> None:
        """Closes the connection and removes its files."""
        self.connection.close()
        self._work.cleanup()
