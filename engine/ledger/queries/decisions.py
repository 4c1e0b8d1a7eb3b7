"""Reads and writes decisions, the request ids that led to them, and the contacts that they made."""

import time
from collections.abc import Sequence
from typing import NamedTuple

from engine.ledger.queries.packed import decision_row, whole_answer, whole_texts
from engine.ledger.store.packing import Texts
from engine.ledger.store.rows import ContactRow, DecisionRow, RequestRow
from engine.ledger.store.statements import Select, columns, id_from
from engine.ledger.store.store import Store
from engine.model.instant import DAY, Instant


class AnsweredRequest(NamedTuple):
    """What an earlier call with the same request_id was answered."""

    request_id: str
    person: str
    """As stored when it was decided."""
    answer: str
    placement: str
    """Empty: none."""
    inputs: str
    """As in the decision's row."""


class Decided(NamedTuple):
    """A logged decision of which an outcome is reported."""

    decision_id: str
    person: str
    """As stored when it was decided."""
    at: Instant
    answer: str


class DecisionHead(NamedTuple):
    """What a list shows of a decision."""

    decision_id: str
    person: str
    at: Instant
    book_version: str
    outcome: str
    campaign: str | None
    offer: str | None
    variant: str | None
    channel: str | None
    placement: str | None


class DecisionSearch(NamedTuple):
    """Which decisions are listed."""

    since: str
    """The least decision_id; ids are in order of time."""
    before: str
    """All ids are less."""
    names: Sequence[str] = ()
    """Of one person; empty: of everybody."""
    outcome: str = ""
    campaign: str = ""


_ANSWERED = Select(
    "r.request_id, d.person, d.answer, coalesce(d.placement, ''), d.inputs",
    "FROM requests AS r JOIN decisions AS d ON d.decision_id = r.decision_id"
    " WHERE r.request_id IN :given(id text) AND r.decision_id >= ?",
)
"""The answers to request ids, of decisions from a decision_id on."""


_DECISION = Select(columns(DecisionRow._fields), "FROM decisions WHERE decision_id = ?")
"""The row of a decision."""


_PERIOD = "FROM decisions WHERE at >= ? AND at < ?"


_AFTER = Select(columns(DecisionRow._fields), f"{_PERIOD} AND decision_id > ? ORDER BY decision_id LIMIT ?")
"""The rows that follow a decision_id, of a period."""


_HEAD = "decision_id, person, at, book_version, outcome, campaign, offer, variant, channel, placement"


_LISTED = Select(
    _HEAD,
    f"FROM (SELECT {_HEAD} FROM decisions WHERE decision_id >= ? AND decision_id < ? ORDER BY decision_id DESC LIMIT ?)"
    " AS latest WHERE (? = '' OR outcome = ?) AND (? = '' OR campaign = ?) ORDER BY decision_id DESC LIMIT ?",
)
"""Those of the last decisions between two ids that fit, the latest first."""


_REACHED = Select(
    "decision_id",
    "FROM decisions WHERE decision_id >= ? AND decision_id < ? ORDER BY decision_id DESC LIMIT 1 OFFSET ?",
)
"""How far the last so many decisions reach back."""


_LISTED_OF = Select(
    _HEAD,
    "FROM decisions WHERE person IN :given(person text) AND decision_id >= ? AND decision_id < ?"
    " AND (? = '' OR outcome = ?) AND (? = '' OR campaign = ?) ORDER BY decision_id DESC LIMIT ?",
)
"""The decisions about a person, by any of their names, that fit, the latest first."""


_LAST_VERSION = Select("book_version", "FROM decisions ORDER BY decision_id DESC LIMIT 1")
"""The version of the book that decided last."""


_COUNT = Select("count(*)", _PERIOD)
"""Counts the decisions of a period."""


_NEWEST = Select(
    "count(*), min(at)",
    f"FROM (SELECT at {_PERIOD} ORDER BY decision_id DESC LIMIT ?) AS newest",
)
"""How many of the newest decisions of a period there are, at most so many, and the first moment of them."""


_BY_VERSION = Select(
    "book_version, outcome, count(*)",
    "FROM (SELECT book_version, outcome FROM decisions WHERE decision_id >= ? ORDER BY decision_id DESC LIMIT ?)"
    " AS newest GROUP BY book_version, outcome ORDER BY book_version, outcome",
)
"""Counts the newest decisions from a decision_id on, by version and outcome."""


_DECIDED = Select(columns(Decided._fields), "FROM decisions WHERE decision_id IN :given(decision_id text)")
"""What outcomes need of their decisions."""


_PERSONS_OF = Select("person", "FROM decisions WHERE decision_id IN :given(decision_id text)")
"""The persons of decisions."""


_CONTACTS_MADE = Select(
    columns(ContactRow._fields, "c"),
    "FROM :given(person text, at bigint, decision_id text) AS given CROSS JOIN contacts AS c"
    " WHERE c.person = given.person AND c.at = given.at AND c.decision_id = given.decision_id",
)
"""The contacts that decisions made, by their key."""


_KNOWN_FOR = 31 * DAY
"""How long a request_id is known, so that no look-up goes further back into the log."""


def answered_requests(store: Store, request_ids: Sequence[str]) -> dict[str, AnsweredRequest]:
    """The decisions that these request ids led to in the last 31 days."""
    if not request_ids:
        return {}
    rows = store.select(_ANSWERED, request_ids, id_from(time.time_ns() // 1000 - _KNOWN_FOR))
    answered = (AnsweredRequest(*row) for row in rows)
    return {own.request_id: _whole(store, own) for own in answered}


def decision_of(store: Store, decision_id: str) -> DecisionRow | None:
    """The row of the decision; None where there is none."""
    rows = store.select(_DECISION, decision_id)
    return decision_row(store, rows[0]) if rows else None


def decisions_after(
    store: Store, decision_id: str, most: int, since: Instant, until: Instant
) -> list[DecisionRow]:
    """The rows behind the decision_id, in order; at most so many, of moments from `since` until before `until`."""
    return [decision_row(store, row) for row in store.select(_AFTER, since, until, decision_id, most)]


def list_decisions(
    store: Store, search: DecisionSearch, most: int, looked_at: int
) -> tuple[list[DecisionHead], str | None]:
    """The latest decisions that fit, at most so many, and the id to go on before; None: there are no more.

    looked_at: how many decisions are looked at, of which fewer may fit; then the rest is looked at by going on.
    """
    fits = (search.outcome, search.outcome, search.campaign, search.campaign, most + 1)
    if search.names:
        rows = store.select(_LISTED_OF, search.names, search.since, search.before, *fits)
        reached: Sequence[tuple[str]] = ()
    else:
        rows = store.select(_LISTED, search.since, search.before, looked_at, *fits)
        reached = store.select(_REACHED, search.since, search.before, looked_at - 1)
    heads = [DecisionHead(*row) for row in rows]
    if len(heads) > most:
        return heads[:most], heads[most - 1].decision_id
    return heads, reached[0][0] if reached else None


def last_version(store: Store) -> str | None:
    """The version of the book that decided last; None: nothing was decided."""
    rows = store.select(_LAST_VERSION)
    return rows[0][0] if rows else None


def count_decisions(store: Store, since: Instant, until: Instant) -> int:
    """The number of decisions of moments from `since` until before `until`."""
    return int(store.select(_COUNT, since, until)[0][0])


def newest_period(store: Store, since: Instant, until: Instant, most: int) -> tuple[int, Instant]:
    """The number of the newest decisions of a period, at most so many, and the moment of the first of them."""
    number, first = store.select(_NEWEST, since, until, most)[0]
    return int(number), since if number < most else int(first)


def outcomes_by_version(store: Store, since: Instant, most: int) -> list[tuple[str, str, int]]:
    """Version, outcome and number of the newest decisions that were made since the moment, at most so many."""
    rows = store.select(_BY_VERSION, id_from(since), most)
    return [(version, outcome, int(number)) for version, outcome, number in rows]


def decided(store: Store, decision_ids: Sequence[str]) -> dict[str, Decided]:
    """Those of the decisions that are in the log, by decision_id."""
    if not decision_ids:
        return {}
    rows = [Decided(*row) for row in store.select(_DECIDED, decision_ids)]
    return {row.decision_id: row._replace(answer=whole_answer(store, row.answer)) for row in rows}


def decided_about(store: Store, decision_ids: Sequence[str]) -> set[str]:
    """The persons of the decisions, as stored when they were decided."""
    return {person for (person,) in store.select(_PERSONS_OF, decision_ids)} if decision_ids else set()


def contacts_made(store: Store, keys: Sequence[tuple[str, Instant, str]]) -> list[ContactRow]:
    """The contacts that decisions made; keys: present person, time and decision_id of each decision."""
    return [ContactRow(*row) for row in store.select(_CONTACTS_MADE, keys)] if keys else []


def keep(
    store: Store,
    decisions: Sequence[DecisionRow],
    requests: Sequence[RequestRow],
    contacts: Sequence[ContactRow],
) -> None:
    """Adds decisions, with the request ids that led to them and the contacts that they made."""
    store.insert(DecisionRow, decisions)
    store.insert(RequestRow, requests)
    store.insert(ContactRow, contacts)


def _whole(store: Store, answered: AnsweredRequest) -> AnsweredRequest:
    """With the texts unpacked."""
    texts = whole_texts(store, Texts(answered.inputs, "", answered.answer))
    return answered._replace(inputs=texts.inputs, answer=texts.answer)
