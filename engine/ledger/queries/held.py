"""Reads all that is held of one person: table by table, under every name that was linked to them.

Decisions, and what hangs on them, stay under the name by which they were made; everything else is moved to the person when
names are linked. All of it runs inside a transaction of the store.
"""

import hmac
import secrets
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any, NamedTuple, TypeAlias, TypeVar, cast

from engine.ledger.queries import persons
from engine.ledger.queries.packed import decision_row, read_dictionaries
from engine.ledger.store.rows import (
    AssignmentRow,
    ChallengeRow,
    ConsentRow,
    ContactRow,
    DecisionRow,
    EventRow,
    HoldingRow,
    IdentityRow,
    OutcomeRow,
    PersonRow,
    PresendRunRow,
    PseudonymKeyRow,
    RequestRow,
    SignalRow,
    TrialRow,
)
from engine.ledger.store.statements import Select, columns
from engine.ledger.store.store import Store
from engine.model.instant import Instant

RowT = TypeVar("RowT", bound=tuple[Any, ...])

HeldRows: TypeAlias = Mapping[type[tuple[Any, ...]], Sequence[tuple[Any, ...]]]
"""By the type of row, the rows of one person, in the order of the table's key or of time."""


class PersonNames(NamedTuple):
    """A person, and the names that they bear."""

    person: str
    """The id under which they are stored."""
    names: tuple[str, ...]
    """All names, that id first."""


def _of_names(row: type[tuple[Any, ...]], table: str, by: str, order: str) -> Select:
    fields: tuple[str, ...] = row._fields  # type: ignore[attr-defined] # every row is a NamedTuple
    return Select(columns(fields), f"FROM {table} WHERE {by} IN :given(name text) ORDER BY {order}")


_OWN_DECISIONS = "(SELECT decision_id FROM decisions WHERE person IN :given(name text))"
_OWN_REQUESTS = (
    "(SELECT request_id FROM decisions WHERE person IN :given(name text) AND request_id IS NOT NULL)"
)
_OWN_CONTACTS = "(SELECT decision_id FROM contacts WHERE person IN :given(name text))"

BY_NAME: Mapping[type[tuple[Any, ...]], Select] = {
    PersonRow: _of_names(PersonRow, "persons", "person", "person"),
    IdentityRow: _of_names(IdentityRow, "identities", "name", "name"),
    ConsentRow: _of_names(ConsentRow, "consents", "person", "person, purpose"),
    EventRow: _of_names(EventRow, "events", "person", "at, position"),
    SignalRow: _of_names(SignalRow, "signals", "person", "name"),
    DecisionRow: _of_names(DecisionRow, "decisions", "person", "decision_id"),
    RequestRow: Select(
        columns(RequestRow._fields), f"FROM requests WHERE request_id IN {_OWN_REQUESTS} ORDER BY decision_id"
    ),
    ContactRow: _of_names(ContactRow, "contacts", "person", "at, decision_id, position"),
    OutcomeRow: _of_names(OutcomeRow, "outcomes", "person", "at, event_id"),
    HoldingRow: Select(
        columns(HoldingRow._fields),
        f"FROM holdings WHERE decision_id IN {_OWN_CONTACTS} ORDER BY decision_id, position, counter",
    ),
    TrialRow: Select(
        columns(TrialRow._fields, "t"),
        "FROM contacts AS c JOIN trials AS t ON t.campaign = c.campaign AND t.at = c.at AND t.decision_id = c.decision_id"
        " WHERE c.person IN :given(name text) ORDER BY t.at, t.decision_id",
    ),
    ChallengeRow: Select(
        columns(ChallengeRow._fields),
        f"FROM challenges WHERE decision_id IN {_OWN_DECISIONS} ORDER BY decision_id",
    ),
    AssignmentRow: Select(
        columns(AssignmentRow._fields),
        "FROM assignments WHERE unit = '' AND subject IN :given(name text) ORDER BY decision_id",
    ),
    PresendRunRow: Select(
        columns(PresendRunRow._fields),
        "FROM presend_runs WHERE run IN (SELECT run FROM decisions WHERE person IN :given(name text))"
        " ORDER BY started_at, run",
    ),
}
"""By the type of row, what reads those of a person, given all of their names."""


_NAMES = Select("name", "FROM identities WHERE person = ? ORDER BY linked_at, name")
"""The names that were linked to a person."""


_KEY = Select("secret", "FROM pseudonym_keys WHERE number = 0")
"""The key of pseudonyms."""


def names_of_person(store: Store, name: str) -> PersonNames:
    """The person who bears the name, with all names; a name of which nothing is known is a person of its own."""
    person = persons.resolve(store, [name]).get(name, name)
    names = (person, *(own for (own,) in store.select(_NAMES, person)))
    return PersonNames(person, names)


def held_of(store: Store, names: Sequence[str]) -> HeldRows:
    """All rows of the person who bears the names."""
    return {
        row: [_made(store, row, values) for values in store.select(select, names)]
        for row, select in BY_NAME.items()
    }


def stream_held(store: Store, row: type[RowT], names: Sequence[str]) -> Iterator[RowT]:
    """The rows of one type of the person who bears the names, as they are taken."""
    if row is DecisionRow:
        read_dictionaries(store)
    return (_made(store, row, values) for values in store.stream(BY_NAME[row], names))


def _made(store: Store, row: type[RowT], values: Sequence[Any]) -> RowT:
    """The row, unpacked if it is a decision."""
    return cast("RowT", decision_row(store, values)) if row is DecisionRow else row(*values)


def key_of_pseudonyms(store: Store, now: Instant) -> bytes:
    """The log's own key, which is made if there is none yet."""
    rows = store.select(_KEY)
    if not rows:
        made = PseudonymKeyRow(0, secrets.token_hex(32), now)
        store.insert(PseudonymKeyRow, [made], "ON CONFLICT DO NOTHING")
        rows = store.select(_KEY)
    return bytes.fromhex(rows[0][0])


def pseudonym_of(store: Store, name: str, now: Instant) -> str:
    """The name as the audit has it: HMAC-SHA256 by the key of pseudonyms."""
    return f"person:{hmac.new(key_of_pseudonyms(store, now), name.encode(), sha256).hexdigest()}"
