"""How fast a campaign gathers persons and what they do, read from a decision log: what a plan starts from."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from engine.measure.database import open_database
from engine.measure.export.source import LogColumn, LogSource
from engine.measure.statistics.arms import Arm
from engine.model.instant import Microseconds

METRICS = ("converted", "orders", "value")
"""Of a person within the window: whether they ordered, how often, and for how much, less refunds."""
WEEKS = 4
"""New persons a week are those of the log's last weeks."""

_CONTACTS = (
    *(LogColumn("decision_id"), LogColumn("person"), LogColumn("at", "time")),
    *(LogColumn("state"), LogColumn("campaign"), LogColumn("position", "integer")),
)
_OUTCOMES = (
    *(LogColumn("event_id"), LogColumn("person"), LogColumn("type"), LogColumn("at", "time")),
    *(LogColumn("value", "number"), LogColumn("order_id")),
)
_IDENTITIES = (LogColumn("name"), LogColumn("person"))

_EXPOSED = """
CREATE TABLE exposed AS
SELECT coalesce(i.person, c.person) AS person, min(time) AS first,
  arg_min(state = 'shadow', (time, decision_id)) AS is_control
FROM contacts AS c LEFT JOIN identities AS i ON i.name = c.person
WHERE position >= 0 GROUP BY 1
"""
"""Each person once, with the arm of their first contact; contacts that were made elsewhere are of no arm."""

_ORDERS = """
CREATE TABLE orders AS
SELECT coalesce(i.person, o.person) AS person, time, coalesce(value, 0) AS value,
  o.type = 'refunded' OR coalesce(value < 0, false) AS is_refund
FROM outcomes AS o LEFT JOIN identities AS i ON i.name = o.person
QUALIFY is_refund OR row_number() OVER (
  PARTITION BY coalesce(nullif(order_id, ''), event_id), CASE WHEN coalesce(order_id, '') = '' THEN o.person END, is_refund
  ORDER BY time, event_id) = 1
"""
"""Orders once each, and refunds."""

_SUMS = """
WITH persons AS (
  SELECT e.person, e.is_control, count(o.person) FILTER (WHERE NOT is_refund) AS orders,
    sum(CASE WHEN is_refund THEN -abs(value) ELSE value END) AS revenue
  FROM exposed AS e LEFT JOIN orders AS o
    ON o.person = e.person AND o.time >= e.first AND o.time < e.first + to_microseconds($window)
  WHERE e.first + to_microseconds($window) <= $until
  GROUP BY ALL
), measured AS (
  SELECT is_control, CASE $metric WHEN 'converted' THEN (orders > 0)::INTEGER WHEN 'orders' THEN orders
    ELSE coalesce(revenue, 0) END AS y
  FROM persons
)
SELECT is_control, count(*), sum(y), sum(y * y) FROM measured GROUP BY 1
"""

_PACE = """
SELECT count(*), count(*) FILTER (WHERE first > $until - to_weeks($weeks)),
  count(*) FILTER (WHERE first > $until - to_weeks($weeks) AND is_control),
  least($weeks, greatest(1, epoch($until - min(first)) / 604800)),
  count(*) FILTER (WHERE first + to_microseconds($window) > $until)
FROM exposed
"""


@dataclass(frozen=True, slots=True)
class Pace:
    """What a campaign's persons did within the window after their first contact, and how many new ones come."""

    treated: Arm
    control: Arm
    weekly: float
    """New persons a week, of both arms, over the last weeks of the log."""
    share: float | None
    """Share of the control among them; None where nobody was withheld."""
    maturing: int
    """Persons whose window is not over; they are not in the arms."""
    until: datetime
    """The log's latest decision."""

    @property
    def baseline(self) -> Arm:
        """The control, or all persons where it has fewer than 100."""
        return self.control if self.control.persons >= 100 else self.treated + self.control


def campaign_pace(url: str, campaign: str, metric: str, window: Microseconds) -> Pace | None:
    """Read the campaign's pace from the log at the URL; None where it never chose the campaign.

    metric: one of METRICS. Raises ValueError for a URL without a log, LedgerUnavailable where it cannot be read.
    """
    with LogSource(url) as log, working_memory() as memory:
        quoted = campaign.replace("'", "''")
        copy_table(memory, log, "contacts", _CONTACTS, f"WHERE campaign = '{quoted}'")
        copy_table(memory, log, "outcomes", _OUTCOMES, "WHERE type IN ('converted', 'refunded')")
        copy_table(memory, log, "identities", _IDENTITIES)
        until = latest_decision(memory, log)
        memory.execute(_EXPOSED)
        memory.execute(_ORDERS)
        bounds = {"until": until, "window": window}
        ((everyone, recent, withheld, weeks, maturing),) = memory.execute(
            _PACE, {**bounds, "weeks": WEEKS}
        ).fetchall()
        sums = memory.execute(_SUMS, {**bounds, "metric": metric}).fetchall()
    if not everyone:
        return None
    arms = {is_control: Arm(persons, total, squares) for is_control, persons, total, squares in sums}
    nobody = Arm(0, 0, 0)
    share = withheld / recent if withheld else None
    return Pace(arms.get(False, nobody), arms.get(True, nobody), recent / weeks, share, maturing, until)


def latest_decision(memory: duckdb.DuckDBPyConnection, log: LogSource) -> datetime:
    """When the latest decision was made."""
    with log.rows("SELECT coalesce(max(at), 0) AS at_ FROM decisions") as stream:
        memory.register("source", stream)
        ((latest,),) = memory.execute("SELECT make_timestamp(CAST(at_ AS BIGINT)) FROM source").fetchall()
        memory.unregister("source")
    moment: datetime = latest
    return moment


@contextmanager
def working_memory() -> Iterator[duckdb.DuckDBPyConnection]:
    """An empty database in memory, which spills to a temporary folder beyond 1 GB."""
    with TemporaryDirectory() as folder:
        connection = open_database(memory="1GB", spill=Path(folder))
        try:
            yield connection
        finally:
            connection.close()


def copy_table(
    memory: duckdb.DuckDBPyConnection,
    log: LogSource,
    table: str,
    columns: tuple[LogColumn, ...],
    rest: str = "",
) -> None:
    """Copies columns of a table of the log; a log of an earlier form lacks some."""
    with log.rows(log.columns_statement(table)) as stream:
        memory.register("source", stream)
        present = [name for (name,) in memory.execute("SELECT name FROM source").fetchall()]
        memory.unregister("source")
    decoded = ", ".join(column.decoded for column in columns)
    with log.rows(log.statement(table, columns, present, rest)) as stream:
        memory.register("source", stream)
        memory.execute(f"CREATE TABLE {table} AS SELECT {decoded} FROM source")
        memory.unregister("source")
