"""Reads the contacts of persons that pressure rules can count, at a cost that is bounded however many a person has.

Of a person with few contacts in the longest window all are read. Of any other the newest of each kind: contacts are of one
kind (the column `alike`) if no rule can tell them apart but by their time. They are held equally long, so the newest are
the last to stop counting.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import orjson

from engine.ledger.store.rows import ContactRow, DecisionRow
from engine.ledger.store.statements import Select, columns
from engine.ledger.store.store import Store
from engine.model.contact import Contact, Facts
from engine.model.instant import Instant, Microseconds

FEW = 32
"""Contacts of a person that are read without looking at their kinds."""


_FIRST = 5
"""Contacts of a kind that are read to see what kind it is."""


_COLUMNS = ("at", "expires_at", *Facts._fields, "zones", "counted_by")
"""What `_contact` reads."""


_CROWDED = Select(
    "given.person",
    "FROM :given(person text) AS given WHERE (SELECT count(*) FROM (SELECT 1 FROM contacts AS c"
    f" WHERE c.person = given.person AND c.at > ? ORDER BY c.at DESC LIMIT {FEW + 1}) AS newest) > {FEW}",
)
"""The persons who have more than a few contacts later than an instant."""


_CONTACTS = Select(
    f"person, {columns(_COLUMNS)}",
    "FROM contacts WHERE person IN :given(person text) AND at > ? AND state <> 'released'",
    packed=True,
)
"""The persons' contacts later than an instant that were not released."""


_KINDS = Select(
    "known.person, known.alike",
    "FROM (WITH RECURSIVE kinds (person, alike) AS (SELECT g.person, (SELECT c.alike FROM contacts AS c"
    " WHERE c.person = g.person AND c.state <> 'released' ORDER BY c.alike LIMIT 1) FROM :given(person text) AS g"
    " UNION ALL SELECT k.person, (SELECT c.alike FROM contacts AS c WHERE c.person = k.person AND c.alike > k.alike"
    " AND c.state <> 'released' ORDER BY c.alike LIMIT 1) FROM kinds AS k WHERE k.alike IS NOT NULL)"
    " SELECT person, alike FROM kinds WHERE alike IS NOT NULL) AS known",
)
"""The kinds of contacts that persons have: from one to the next by the index, without reading the contacts."""


_NEWEST = Select(
    columns(_COLUMNS),
    "FROM contacts WHERE person = ? AND alike >= ? AND alike <= ? AND state <> 'released'"
    " ORDER BY alike DESC, at DESC LIMIT ?",
)
"""The newest contacts of a person that are of one kind, given twice: by a range, as SQLite else took the primary key."""


_OF_NO_KIND = Select(
    columns(_COLUMNS), "FROM contacts WHERE person = ? AND at > ? AND alike = '' AND state <> 'released'"
)
"""The contacts of a person whose kind is not known, later than an instant."""


_BEFORE = Select(
    columns(_COLUMNS),
    "FROM contacts WHERE person = ? AND at > ? AND decision_id < ? AND state <> 'released'",
)
"""A person's contacts later than an instant, of decisions before a decision_id."""


_CHANGE = (
    "UPDATE contacts SET state = ?, expires_at = ?, alike = ?"
    " WHERE person = ? AND at = ? AND decision_id = ? AND position = ?"
)
"""Changes the state of a contact."""


def kinds_of(store: Store, persons: Sequence[str]) -> list[tuple[str, str]]:
    """Person and kind of the persons' contacts that were not released, each kind once."""
    return [(person, alike) for person, alike in store.select(_KINDS, persons)] if persons else []


def alike_of(contact: Contact) -> str:
    """The kind of a contact: a hash of all that a rule can read of it but its time."""
    held = None if contact.expires_at is None else contact.expires_at - contact.at
    return _alike(contact.facts, contact.zones, held, contact.counted_by)


@lru_cache(maxsize=4096)
def _alike(facts: Facts, zones: str, held: Microseconds | None, counted_by: str | None) -> str:
    described = [*facts[:5], sorted(facts.tags), zones, held]
    if counted_by is not None:
        described.append(counted_by)
    return blake2b(orjson.dumps(described), digest_size=12).hexdigest()


def contacts_of(
    store: Store, persons: Sequence[str], since: Instant, most: Callable[[Facts], int]
) -> list[tuple[str, Contact]]:
    """The contacts of persons later than `since` that were not released, each with its person.

    most: of contacts with these facts, how many at most can matter to any rule; beyond a few only so many are read, those
    that stop counting last.
    """
    crowded = [person for (person,) in store.select(_CROWDED, persons, since)]
    others = [person for person in persons if person not in crowded] if crowded else persons
    contacts = [(person, _contact(row)) for person, *row in store.select(_CONTACTS, others, since)]
    for person, alike in kinds_of(store, crowded):
        contacts += [(person, contact) for contact in _newest(store, person, alike, since, most)]
    return contacts


def contacts_before(store: Store, decision: DecisionRow, since: Instant) -> list[Contact]:
    """The contacts later than `since` that earlier decisions made for the decision's person, as they are now."""
    rows = store.select(_BEFORE, decision.person, since, decision.decision_id)
    return [_contact(row) for row in rows]


def _newest(
    store: Store, person: str, alike: str, since: Instant, most: Callable[[Facts], int]
) -> Sequence[Contact]:
    """The newest contacts of the kind, as many as matter; all of those whose kind is not known."""
    if not alike:
        return [_contact(row) for row in store.select(_OF_NO_KIND, person, since)]
    rows = store.select(_NEWEST, person, alike, alike, _FIRST)
    needed = most(_contact(rows[0]).facts) if rows and rows[0][0] > since else 0
    if needed > _FIRST == len(rows):
        rows = store.select(_NEWEST, person, alike, alike, needed)
    return [_contact(row) for row in rows[:needed] if row[0] > since]


def _contact(row: Sequence[Any]) -> Contact:
    at, expires_at, channel, kind, campaign, offer, category, tags, zones, counted_by = row
    facts = Facts(channel, kind, campaign, offer, category, frozenset(orjson.loads(tags)))
    return Contact(at, expires_at, facts, zones, counted_by)


def change(store: Store, contacts: Sequence[ContactRow]) -> None:
    """Writes the states of contacts that are there."""
    for row in contacts:
        contact = _contact((row.at, row.expires_at, *row[6:12], row.zones, row.counted_by))
        key = row.person, row.at, row.decision_id, row.position
        store.change(_CHANGE, row.state, row.expires_at, alike_of(contact), *key)
