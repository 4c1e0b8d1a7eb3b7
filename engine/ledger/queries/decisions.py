"""What settling reads and writes of decisions: those that are asked for again, and the contacts that they made."""

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from engine.ledger.store.rows import AnsweredRequest, ContactRow, DecisionRow, RequestRow
from engine.ledger.store.statements import Select, id_from
from engine.ledger.store.store import Store
from engine.ledger.store.tables import ContactTable, DecisionTable, RequestTable
from engine.model.instant import DAY, Instant

_PAST = Select(
    "r.request_id, d.person, d.answer",
    "FROM requests AS r JOIN decisions AS d ON d.decision_id = r.decision_id"
    " WHERE r.request_id IN :given(id text) AND r.decision_id >= ?",
)


_CONTACTS = Select(
    "person, at, expires_at, channel, kind, campaign, offer, category, tags",
    "FROM contacts WHERE person IN :given(person text) AND at > ? AND state <> 'released'",
    packed=True,
)


_BEFORE = Select(
    "at, expires_at, channel, kind, campaign, offer, category, tags",
    "FROM contacts WHERE person = ? AND at > ? AND decision_id < ? AND state <> 'released'",
)


_DECISION = Select(", ".join(DecisionRow._fields), "FROM decisions WHERE decision_id = ?")


_DECIDED = Select(
    "decision_id, person, at, answer", "FROM decisions WHERE decision_id IN :given(decision_id text)"
)


_DECIDED_ABOUT = Select("person", "FROM decisions WHERE decision_id IN :given(decision_id text)")


_MADE = Select(
    "c.person, c.at, c.decision_id, c.position, c.state, c.expires_at, c.channel, c.kind, c.campaign, c.offer,"
    " c.category, c.tags",
    "FROM :given(person text, at bigint, decision_id text) AS asked CROSS JOIN contacts AS c"
    " WHERE c.person = asked.person AND c.at = asked.at AND c.decision_id = asked.decision_id",
)


_CHANGED = (
    "UPDATE contacts SET state = ?, expires_at = ?"
    " WHERE person = ? AND at = ? AND decision_id = ? AND position = ?"
)


_KNOWN_FOR = 31 * DAY
"""How long a request_id is known, so that no look-up goes further back into the log."""


class Decided(NamedTuple):
    """A decision of the log, to which something happened later."""

    decision_id: str
    person: str
    """As known when it was decided."""
    at: Instant
    answer: str


def answered_requests(store: Store, request_ids: Sequence[str]) -> dict[str, AnsweredRequest]:
    """The decisions that these request ids led to in the last 31 days."""
    if not request_ids:
        return {}
    rows = store.select(_PAST, request_ids, id_from(time.time_ns() // 1000 - _KNOWN_FOR))
    return {row[0]: AnsweredRequest(*row) for row in rows}


def decision_of(store: Store, decision_id: str) -> DecisionRow | None:
    """The row of the decision; None where there is none."""
    rows = store.select(_DECISION, decision_id)
    return DecisionRow(*rows[0]) if rows else None


def decided(store: Store, decision_ids: Sequence[str]) -> dict[str, Decided]:
    """Those of the decisions that the log has."""
    if not decision_ids:
        return {}
    return {row[0]: Decided(*row) for row in store.select(_DECIDED, decision_ids)}


def decided_about(store: Store, decision_ids: Sequence[str]) -> set[str]:
    """Whom the decisions were about, as known then."""
    return {person for (person,) in store.select(_DECIDED_ABOUT, decision_ids)} if decision_ids else set()


def contacts_made(store: Store, made: Sequence[tuple[str, Instant, str]]) -> list[ContactRow]:
    """The contacts that decisions made, by their person of today, moment and decision_id."""
    return [ContactRow(*row) for row in store.select(_MADE, made)] if made else []


def change(store: Store, contacts: Sequence[ContactRow]) -> None:
    """Writes the states of contacts that are there."""
    for one in contacts:
        store.change(_CHANGED, one.state, one.expires_at, one.person, one.at, one.decision_id, one.position)


def contacts_of(store: Store, persons: Sequence[str], since: Instant) -> Sequence[Sequence[Any]]:
    """The persons' contacts later than `since` that were not released, in the columns of `_CONTACTS`."""
    return store.select(_CONTACTS, persons, since)


def contacts_before(store: Store, decision: DecisionRow, since: Instant) -> Sequence[Sequence[Any]]:
    """The contacts later than `since` that earlier decisions made for its person, as they are now; without the person."""
    return store.select(_BEFORE, decision.person, since, decision.decision_id)


def keep(
    store: Store,
    decisions: Sequence[DecisionRow],
    requests: Sequence[RequestRow],
    contacts: Sequence[ContactRow],
) -> None:
    """Adds decisions, with the request ids that led to them and the contacts that they made."""
    store.insert(DecisionTable, decisions)
    store.insert(RequestTable, requests)
    store.insert(ContactTable, contacts)
