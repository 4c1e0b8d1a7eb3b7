"""Reads and writes which transaction kept which decisions and outcomes."""

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson

from engine.ledger.queries.packed import decision_row
from engine.ledger.store.rows import CommitRow, DecisionRow, OutcomeRow
from engine.ledger.store.statements import Select, columns
from engine.ledger.store.store import Store
from engine.model.instant import Instant
from engine.model.trends import TrendAlert

_ADD = "INSERT INTO commits (committed_at, decisions, outcomes, trends) VALUES (?, ?, ?, ?)"
"""Adds the row of the transaction; the database numbers it."""


_COMMITS = columns(CommitRow._fields)


_AFTER = Select(_COMMITS, "FROM commits WHERE commit_id > ? AND commit_id < ? ORDER BY commit_id LIMIT ?")
"""The commits that follow one, in order."""


_LAST = Select(_COMMITS, "FROM commits WHERE commit_id < ? ORDER BY commit_id DESC LIMIT ?")
"""The last commits, the latest first."""


_SINCE = Select("commit_id", "FROM commits WHERE committed_at >= ? ORDER BY committed_at, commit_id LIMIT 1")
"""The first commit from a moment on."""


_DECISIONS = Select(
    columns(DecisionRow._fields), "FROM decisions WHERE decision_id IN :given(decision_id text)"
)
"""The rows of decisions."""


_OUTCOMES = Select(
    columns(OutcomeRow._fields, "o"),
    "FROM :given(event_id text, type text, at bigint, recorded_at bigint) AS given CROSS JOIN outcomes AS o"
    " WHERE o.event_id = given.event_id AND o.type = given.type AND o.at = given.at"
    " AND o.recorded_at = given.recorded_at",
)
"""The rows of outcomes, whoever's they are by now."""


OutcomeKey = tuple[str, str, Instant, Instant]
"""event_id, type, time and recorded_at of an outcome."""


class KeptCommit(NamedTuple):
    """What a transaction kept."""

    commit_id: int
    outcomes: Sequence[OutcomeKey]
    decision_ids: Sequence[str]
    alerts: Sequence[TrendAlert]

    @property
    def size(self) -> int:
        """How many outcomes, decisions and alerts it kept."""
        return len(self.outcomes) + len(self.decision_ids) + len(self.alerts)


def outcome_key(row: OutcomeRow) -> OutcomeKey:
    """By what the outcome is found again, also when names are linked later."""
    return row.event_id, row.type, row.at, row.recorded_at


def add(
    store: Store,
    decision_ids: Sequence[str],
    outcomes: Sequence[OutcomeKey],
    alerts: Sequence[TrendAlert] = (),
) -> None:
    """Notes what the transaction keeps."""
    store.change(_ADD, time.time_ns() // 1000, list(decision_ids), list(outcomes), list(map(list, alerts)))


def commits_after(store: Store, commit_id: int, most: int) -> list[KeptCommit]:
    """The commits that follow, in order; those that no earlier one can follow any more."""
    return [_kept(row) for row in store.select(_AFTER, commit_id, store.unsettled(), most)]


def last_commits(store: Store, most: int) -> list[KeptCommit]:
    """The last commits, in order."""
    return [_kept(row) for row in reversed(store.select(_LAST, store.unsettled(), most))]


def _kept(row: Sequence[Any]) -> KeptCommit:
    commit = CommitRow(*row)
    keys = [
        (event_id, type_, at, recorded_at)
        for event_id, type_, at, recorded_at in orjson.loads(commit.outcomes)
    ]
    alerts = [TrendAlert(*alert) for alert in orjson.loads(commit.trends)]
    return KeptCommit(commit.commit_id, keys, orjson.loads(commit.decisions), alerts)


def first_commit_since(store: Store, since: Instant) -> int | None:
    """The number of the first commit from the moment on; None where there is none yet."""
    rows = store.select(_SINCE, since)
    return rows[0][0] if rows else None


def decisions_of(store: Store, decision_ids: Sequence[str]) -> dict[str, DecisionRow]:
    """Those of the decisions that are in the log, by decision_id."""
    rows = store.select(_DECISIONS, decision_ids) if decision_ids else ()
    return {row[0]: decision_row(store, row) for row in rows}


def outcomes_of(store: Store, keys: Sequence[OutcomeKey]) -> dict[OutcomeKey, list[OutcomeRow]]:
    """Those of the outcomes that are in the log; several of one key where two persons have one, alike in all of it."""
    by_key: dict[OutcomeKey, list[OutcomeRow]] = {}
    for row in map(OutcomeRow._make, store.select(_OUTCOMES, keys) if keys else ()):
        by_key.setdefault(outcome_key(row), []).append(row)
    return by_key
