"""Who is who: the names by which callers know a person, and how several persons become one.

A name that was never linked is a person of its own and has no row; the name under which a linked person is kept has none
either. All of it runs inside of a transaction of the store.
"""

from collections.abc import Sequence
from math import inf

from engine.ledger.errors import TooManyNames
from engine.ledger.queries import consents, persons
from engine.ledger.store.rows import EventRow, IdentityRow, SignalRow
from engine.ledger.store.statements import Select
from engine.ledger.store.store import Store
from engine.ledger.store.tables import IdentityTable
from engine.model.instant import Instant

MOST_NAMES = 100
"""Names of one person. One name that many share, a test account's or a kiosk's, must not make one person of them all."""


_COUNTED = Select("count(*)", "FROM identities WHERE person IN :given(person text)")


_FIRST_SEEN = Select("person, first_seen", "FROM persons WHERE person IN :given(person text)")


_EVENTS = Select(
    "person, at, position, event_id, type, fields",
    "FROM events WHERE person IN :given(person text) ORDER BY person, at, position",
)


_SIGNALS = Select(
    "person, name, since, expires_at, fields",
    "FROM signals WHERE person IN :given(person text) ORDER BY expires_at, since, fields",
)


_MOVE_CONTACTS = "UPDATE contacts SET person = ? WHERE person IN :given(person text)"


_MOVE_OUTCOMES = "UPDATE outcomes SET person = ? WHERE person IN :given(person text)"


_MOVE_NAMES = "UPDATE identities SET person = ? WHERE person IN :given(person text)"


_NO_PERSONS = "DELETE FROM persons WHERE person IN :given(person text)"


_NO_EVENTS = "DELETE FROM events WHERE person IN :given(person text)"


_NO_SIGNALS = "DELETE FROM signals WHERE person IN :given(person text)"


def link(store: Store, names: Sequence[str], at: Instant, source: str) -> str:
    """Makes one person of all who bear the names, with what is kept of each; the name under which it is kept.

    That is the person seen first, then the first name in order: whatever the order in which names are linked, the result is
    the same. source: what linked them, for the log. Raises TooManyNames; then nothing is changed.
    """
    known = persons.resolve(store, names)
    merged = sorted({known.get(name, name) for name in names})
    if len(merged) == 1:
        return merged[0]
    seen = dict(store.select(_FIRST_SEEN, merged))
    kept = min(merged, key=lambda person: (seen.get(person, inf), person))
    others = [person for person in merged if person != kept]
    new = {*names, *others}.difference(known, (kept,))
    _check_number(store, [kept, *others], len(new))
    _merge(store, kept, others, at)
    store.change(_MOVE_NAMES, kept, others)
    store.insert(IdentityTable, [IdentityRow(name, kept, at, source) for name in sorted(new)])
    return kept


def _check_number(store: Store, merged: Sequence[str], new: int) -> None:
    number = 1 + store.select(_COUNTED, merged)[0][0] + new
    if number > MOST_NAMES:
        raise TooManyNames(f"the person would have {number} names, and at most {MOST_NAMES} are kept")


def _merge(store: Store, kept: str, others: Sequence[str], at: Instant) -> None:
    """Moves everything that is kept of the others to the one who is kept."""
    store.change(_MOVE_CONTACTS, kept, others)
    store.change(_MOVE_OUTCOMES, kept, others)
    consents.join(store, kept, others)
    store.change(_NO_PERSONS, others)
    _move_events(store, kept, others)
    _join_signals(store, kept, others, at)


def _move_events(store: Store, kept: str, others: Sequence[str]) -> None:
    """Events of one moment come behind those that the kept person has of it."""
    moving = [EventRow(*row) for row in store.select(_EVENTS, others)]
    if not moving:
        return
    last = persons.last_positions(store, list({(kept, one.at) for one in moving}))
    rows = []
    for one in moving:
        last[kept, one.at] = position = last.get((kept, one.at), -1) + 1
        rows.append(one._replace(person=kept, position=position))
    store.change(_NO_EVENTS, others)
    persons.keep_events(store, rows)


def _join_signals(store: Store, kept: str, others: Sequence[str], at: Instant) -> None:
    """A signal that several hold is held since the first of them and until the last, with what that one exposes."""
    everybody = [kept, *others]
    joined: dict[str, SignalRow] = {}
    for one in (SignalRow(*row) for row in store.select(_SIGNALS, everybody)):
        if one.expires_at > at:
            before = joined.get(one.name, one)
            joined[one.name] = one._replace(person=kept, since=min(one.since, before.since))
    store.change(_NO_SIGNALS, everybody)
    persons.remember(store, list(joined.values()))
