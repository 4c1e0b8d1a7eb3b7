"""What came of each logged decision within a window: the rewards of an evaluation.

`converted`: 1 if the decision's person placed an order, under any linked name, attributed or not. `value`: the value of these
orders, less refunds. `clicked`: 1 if a click that names the decision was reported. An order counts for every decision within
whose window it lies. Orders are counted once each (see engine.measure.attribution).
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

import duckdb

from engine.measure.attribution import attribute
from engine.measure.export.source import LogColumn, LogSource
from engine.measure.pace import copy_table, latest_decision
from engine.model.instant import Instant, Microseconds, from_datetime
from engine.rulebook.model.experiments import Attribution

METRICS = ("converted", "clicked", "value")

_DECISIONS = (LogColumn("decision_id"), LogColumn("person"), LogColumn("at", "time"))
_OUTCOMES = (
    *(LogColumn("event_id"), LogColumn("person"), LogColumn("type"), LogColumn("at", "time")),
    *(LogColumn("recorded_at", "time"), LogColumn("decision_id"), LogColumn("campaign")),
    *(LogColumn("value", "number"), LogColumn("currency"), LogColumn("order_id")),
)
_IDENTITIES = (LogColumn("name"), LogColumn("person"))

_UNUSED = (
    "CREATE TABLE contacts (decision_id VARCHAR, position INTEGER, person VARCHAR, time TIMESTAMP, state VARCHAR,"
    " campaign VARCHAR, offer VARCHAR, channel VARCHAR)",
    "CREATE TABLE offers (decision_id VARCHAR, position INTEGER, campaign VARCHAR, offer VARCHAR, variant VARCHAR,"
    " channel VARCHAR, withheld VARCHAR)",
)
"""What attribution reads beside the outcomes: without contacts it makes orders and refunds alone."""

_WITHIN = "{0}.time >= d.time AND {0}.time < d.time + to_microseconds($window)"

_REWARDS = """
SELECT d.decision_id, coalesce(i.person, d.person) AS whose, {reward}
FROM decisions AS d LEFT JOIN identities AS i ON i.name = d.person LEFT JOIN {joined}
WHERE d.time + to_microseconds($window) <= $until
GROUP BY ALL ORDER BY d.decision_id
"""
_ORDERS = f"conversions AS c ON c.person = coalesce(i.person, d.person) AND {_WITHIN.format('c')}"
_CLICKS = f"outcomes AS o ON o.decision_id = d.decision_id AND {_WITHIN.format('o')}"
_STATEMENTS = {
    "converted": _REWARDS.format(reward="(count(c.person) > 0)::DOUBLE", joined=_ORDERS),
    "value": _REWARDS.format(reward="coalesce(sum(c.net), 0)::DOUBLE / 1000000", joined=_ORDERS),
    "clicked": _REWARDS.format(reward="(count(o.person) > 0)::DOUBLE", joined=_CLICKS),
}


class Rewarded(NamedTuple):
    """What came of a decision."""

    decision_id: str
    person: str
    """Under the present name."""
    reward: float


class Currencies(ValueError):
    """The orders are in several currencies, which are never added."""


class Rewards:
    """The rewards of the decisions of a log, in the order of their ids, of those whose window is over."""

    def __init__(
        self, memory: duckdb.DuckDBPyConnection, log: LogSource, metric: str, window: Microseconds
    ) -> None:
        self._memory, self._metric, self._window = memory, metric, window
        self._until = latest_decision(memory, log)

    def load(self, log: LogSource, period: tuple[Instant, Instant], currency: str = "") -> None:
        """Copies what is needed of the log. Raises Currencies; LedgerUnavailable where it cannot be read.

        currency: of the orders whose value counts, where there are several.
        """
        since, until = period
        copy_table(self._memory, log, "decisions", _DECISIONS, f"WHERE at >= {since:d} AND at < {until:d}")
        kinds = "('clicked')" if self._metric == "clicked" else "('converted', 'refunded')"
        copy_table(self._memory, log, "outcomes", _OUTCOMES, f"WHERE type IN {kinds}")
        copy_table(self._memory, log, "identities", _IDENTITIES)
        for statement in _UNUSED:
            self._memory.execute(statement)
        attribute(self._memory, {}, Attribution())
        if self._metric == "value":
            self._keep(currency)

    def _keep(self, currency: str) -> None:
        """Keeps the orders of one currency."""
        if currency:
            self._memory.execute("DELETE FROM conversions WHERE currency IS DISTINCT FROM $1", [currency])
        rows = self._memory.execute(
            "SELECT DISTINCT coalesce(currency, '') FROM conversions ORDER BY 1"
        ).fetchall()
        if len(rows) > 1:
            names = ", ".join(name or "none" for (name,) in rows)
            raise Currencies(f"orders are in several currencies, which are never added: {names}")

    def maturing(self) -> tuple[int, int, Instant]:
        """The decisions, those whose window is not over, and when half of all windows are."""
        bounds = {"window": self._window, "until": self._until}
        ((decisions, maturing, middle),) = self._memory.execute(
            "SELECT count(*), count(*) FILTER (WHERE time + to_microseconds($window) > $until),"
            " coalesce(quantile_disc(time, 0.5), $until) + to_microseconds($window) FROM decisions",
            bounds,
        ).fetchall()
        ready: datetime = middle
        return decisions, maturing, from_datetime(ready.replace(tzinfo=UTC))

    def __iter__(self) -> Iterator[Rewarded]:
        """Reads them a few thousand at a time."""
        bounds = {"window": self._window, "until": self._until}
        result = self._memory.execute(_STATEMENTS[self._metric], bounds)
        while rows := result.fetchmany(4_096):
            yield from (Rewarded(*row) for row in rows)
