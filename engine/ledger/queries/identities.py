"""Links names: how several persons become one, with everything that is stored of them.

A name that was never linked is a person of its own and has no row; the name under which a linked person is stored has none
either. All of it runs inside a transaction of the store.
"""

from collections.abc import Sequence
from math import inf

from engine.ledger.errors import TooManyNames
from engine.ledger.queries import assignments, consents, persons
from engine.ledger.store.rows import EventRow, IdentityRow, SignalRow
from engine.ledger.store.statements import Select, columns
from engine.ledger.store.store import Store
from engine.model.instant import Instant

MOST_NAMES = 100
"""Names of one person. A name that many share, a test account's or a kiosk's, must not make one person of them all."""


_COUNT = Select("count(*)", "FROM identities WHERE person IN :given(person text)")
"""How many names are linked to persons."""


_FIRST_SEEN = Select("person, first_seen", "FROM persons WHERE person IN :given(person text)")
"""When persons were first seen."""


_EVENTS = Select(
    columns(EventRow._fields),
    "FROM events WHERE person IN :given(person text) ORDER BY person, at, position",
)
"""The events of persons, in order."""


_SIGNALS = Select(
    columns(SignalRow._fields),
    "FROM signals WHERE person IN :given(person text) ORDER BY expires_at, since, fields",
)
"""The signals of persons, those that end last at the end."""


_MOVE_CONTACTS = "UPDATE contacts SET person = ? WHERE person IN :given(person text)"
"""Moves the contacts of persons to another."""


_DELETE_SAME_OUTCOMES = """
    DELETE FROM outcomes WHERE person IN :given(person text) AND EXISTS (SELECT 1 FROM outcomes AS same
      WHERE (same.person = ? OR (same.person < outcomes.person AND same.person IN :given(person text)))
      AND same.type = outcomes.type AND same.at = outcomes.at AND same.event_id = outcomes.event_id)"""
"""Deletes the outcomes of persons that one of the others, or another person, has by the same id, type and time."""


_MOVE_OUTCOMES = (
    "UPDATE outcomes SET reported_for = coalesce(reported_for, person), person = ?"
    " WHERE person IN :given(person text)"
)
"""Moves the outcomes of persons to another."""


_MOVE_NAMES = (
    "UPDATE identities SET linked_to = coalesce(linked_to, person), person = ?"
    " WHERE person IN :given(person text)"
)
"""Moves the names of persons to another."""


_DELETE_PERSONS = "DELETE FROM persons WHERE person IN :given(person text)"
"""Deletes persons."""


_DELETE_EVENTS = "DELETE FROM events WHERE person IN :given(person text)"
"""Deletes the events of persons."""


_DELETE_SIGNALS = "DELETE FROM signals WHERE person IN :given(person text)"
"""Deletes the signals of persons."""


def link(store: Store, names: Sequence[str], at: Instant, source: str) -> str:
    """Makes one person of all who bear the names, with what is stored of each; the name under which the person is stored.

    That is the person seen first, then the first name in order: whatever the order in which names are linked, the result is
    the same. source: what linked them, for the log. Raises TooManyNames; then nothing is changed.
    """
    linked = persons.resolve(store, names)
    merged = sorted({linked.get(name, name) for name in names})
    if len(merged) == 1:
        return merged[0]
    seen = dict(store.select(_FIRST_SEEN, merged))
    kept = min(merged, key=lambda person: (seen.get(person, inf), person))
    others = [person for person in merged if person != kept]
    new = {*names, *others}.difference(linked, (kept,))
    _check_number(store, [kept, *others], len(new))
    _merge(store, kept, others, at)
    store.change(_MOVE_NAMES, kept, others)
    store.insert(IdentityRow, [IdentityRow(name, kept, at, source) for name in sorted(new)])
    return kept


def _check_number(store: Store, merged: Sequence[str], new: int) -> None:
    number = 1 + store.select(_COUNT, merged)[0][0] + new
    if number > MOST_NAMES:
        raise TooManyNames(f"the person would have {number} names, and at most {MOST_NAMES} are kept")


def _merge(store: Store, kept: str, others: Sequence[str], at: Instant) -> None:
    """Moves everything that is stored of the others to the person who is kept."""
    store.change(_MOVE_CONTACTS, kept, others)
    store.change(_DELETE_SAME_OUTCOMES, others, kept, others)
    store.change(_MOVE_OUTCOMES, kept, others)
    consents.join(store, kept, others)
    assignments.join(store, kept, others)
    store.change(_DELETE_PERSONS, others)
    _move_events(store, kept, others)
    _join_signals(store, kept, others, at)


def _move_events(store: Store, kept: str, others: Sequence[str]) -> None:
    """Moves events; those of one moment come behind those that the kept person has of it."""
    moving = [EventRow(*row) for row in store.select(_EVENTS, others)]
    if not moving:
        return
    last = persons.last_positions(store, list({(kept, event.at) for event in moving}))
    rows = []
    for event in moving:
        last[kept, event.at] = position = last.get((kept, event.at), -1) + 1
        rows.append(event._replace(person=kept, position=position))
    store.change(_DELETE_EVENTS, others)
    persons.keep_events(store, rows)


def _join_signals(store: Store, kept: str, others: Sequence[str], at: Instant) -> None:
    """Joins signals: one that several hold lasts from the first start to the last end, with the fields of the last."""
    persons_joined = [kept, *others]
    joined: dict[str, SignalRow] = {}
    for signal in (SignalRow(*row) for row in store.select(_SIGNALS, persons_joined)):
        if signal.expires_at > at:
            before = joined.get(signal.name, signal)
            joined[signal.name] = signal._replace(person=kept, since=min(signal.since, before.since))
    store.change(_DELETE_SIGNALS, persons_joined)
    persons.remember(store, list(joined.values()))
