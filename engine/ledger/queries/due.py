"""Reads which blocked decisions become allowed, by when."""

from typing import NamedTuple

from engine.ledger.queries.packed import decision_row
from engine.ledger.store.rows import DecisionRow
from engine.ledger.store.statements import Select, columns
from engine.ledger.store.store import Store
from engine.model.instant import Instant


class DueDecision(NamedTuple):
    """A blocked decision after which nothing was said to the person, nor decided to be."""

    person: str
    """The id under which the person is stored now."""
    row: DecisionRow

    @property
    def next_allowed_at(self) -> Instant:
        """When it becomes allowed; every row that is read has it."""
        return self.row.next_allowed_at or 0

    @property
    def key(self) -> tuple[Instant, str]:
        """Where it stands in the order."""
        return self.next_allowed_at, self.row.decision_id


_OPEN = "{0}.outcome = 'blocked' AND {0}.next_allowed_at IS NOT NULL AND {0}.placement IS NULL"


_DUE = Select(
    f"coalesce(i.person, d.person), {columns(DecisionRow._fields, 'd')}",
    "FROM decisions AS d LEFT JOIN identities AS i ON i.name = d.person"
    f" WHERE {_OPEN.format('d')} AND d.next_allowed_at >= ? AND d.next_allowed_at < ?"
    " AND (d.next_allowed_at, d.decision_id) > (?, ?)"
    " AND NOT EXISTS (SELECT 1 FROM contacts AS c WHERE c.person = coalesce(i.person, d.person) AND c.kind = 'outbound'"
    " AND (c.at > d.at OR c.at = d.at AND c.decision_id > d.decision_id))"
    f" AND NOT EXISTS (SELECT 1 FROM decisions AS later WHERE {_OPEN.format('later')}"
    " AND later.decision_id > d.decision_id AND later.person = coalesce(i.person, d.person))"
    " AND NOT EXISTS (SELECT 1 FROM identities AS other JOIN decisions AS later ON later.person = other.name"
    f" WHERE other.person = coalesce(i.person, d.person) AND {_OPEN.format('later')} AND later.decision_id > d.decision_id)"
    " ORDER BY d.next_allowed_at, d.decision_id LIMIT ?",
)
"""Blocked decisions by next_allowed_at, without those that a later contact or blocked decision of the person replaces."""


def due_decisions(
    store: Store, since: Instant, until: Instant, after: tuple[Instant, str], most: int
) -> list[DueDecision]:
    """The decisions whose next_allowed_at lies from `since` until before `until`, in order; at most so many.

    after: the key of the last one that was read.
    """
    rows = store.select(_DUE, since, until, *after, most)
    return [DueDecision(row[0], decision_row(store, row[1:])) for row in rows]
