"""What is kept of persons beside their contacts: that they are known, what they did, and which signals are remembered.

One statement a group, inside of a transaction of the store.
"""

from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import Any

from engine.ledger.store.rows import EventRow, PersonRow, SignalRow
from engine.ledger.store.statements import Select
from engine.ledger.store.store import Store
from engine.ledger.store.tables import EventTable, PersonTable, SignalTable
from engine.model.customer import Recalled, RecallQuery
from engine.model.instant import Instant

_EVENTS = Select(
    "asked.place, e.at, e.position, e.event_id, e.type, json(e.fields)",
    "FROM :given(place bigint, person text, since bigint) AS asked CROSS JOIN events AS e"
    " WHERE e.person = asked.person AND e.at > asked.since AND e.type IN :given(type text)",
    packed=True,
)


_SIGNALS = Select(
    "asked.place, s.name, s.since, s.expires_at, json(s.fields)",
    "FROM :given(place bigint, person text) AS asked CROSS JOIN signals AS s WHERE s.person = asked.person",
    packed=True,
)


_PERSONS = Select("name, person", "FROM identities WHERE name IN :given(name text)")


_KNOWN = Select("person", "FROM persons WHERE person IN :given(person text)")


_OWNERS = Select(
    "event_id, person",
    "FROM events WHERE event_id IN :given(event_id text)"
    " UNION ALL SELECT event_id, person FROM outcomes WHERE event_id IN :given(event_id text)",
)


_LAST = Select(
    "e.person, e.at, max(e.position)",
    "FROM :given(person text, at bigint) AS asked CROSS JOIN events AS e"
    " WHERE e.person = asked.person AND e.at = asked.at GROUP BY e.person, e.at",
)


_TOO_OLD = "DELETE FROM events WHERE person = ? AND at <= ?"


_TOO_MANY = """
    DELETE FROM events WHERE person = ? AND (at, position) < (
      SELECT at, position FROM events WHERE person = ? ORDER BY at DESC, position DESC LIMIT 1 OFFSET ?)"""


_RENEWED = """
    ON CONFLICT (person, name) DO UPDATE SET expires_at = excluded.expires_at, fields = excluded.fields,
      since = CASE WHEN signals.expires_at > excluded.since AND signals.since < excluded.since
                   THEN signals.since ELSE excluded.since END"""


_FORGOTTEN = """
    DELETE FROM signals WHERE (person, name, expires_at) IN :given(person text, name text, expires_at bigint)"""


_order = itemgetter(0, 1)


def recall(store: Store, wanted: Sequence[RecallQuery]) -> list[Recalled]:
    """What is remembered of the persons, in their order, under whichever of their names they are asked for."""
    names = {name for one in wanted for name in (one.person, *one.aliases)}
    linked = resolve(store, list(names))
    if not linked and not any(one.aliases for one in wanted):
        return _recall(store, wanted)
    every = [
        (place, one._replace(person=person))
        for place, one in enumerate(wanted)
        for person in sorted({linked.get(name, name) for name in (one.person, *one.aliases)})
    ]
    found: dict[int, list[Recalled]] = {}
    for (place, _), recalled in zip(every, _recall(store, [one for _, one in every]), strict=True):
        found.setdefault(place, []).append(recalled)
    return [_together(found[place]) for place in range(len(wanted))]


def resolve(store: Store, names: Sequence[str]) -> dict[str, str]:
    """The person of each name that was linked to another; the other names are persons themselves."""
    return dict(store.select(_PERSONS, names))


def _together(recalled: Sequence[Recalled]) -> Recalled:
    """What is remembered of several who are one person."""
    if len(recalled) == 1:
        return recalled[0]
    return Recalled(
        sorted((row for one in recalled for row in one.events), key=_order),
        [row for one in recalled for row in one.signals],
        None if recalled[0].is_known is None else any(one.is_known for one in recalled),
    )


def _recall(store: Store, wanted: Sequence[RecallQuery]) -> list[Recalled]:
    events = _by_place(
        row for types, asked in _by_types(wanted).items() for row in store.select(_EVENTS, asked, types)
    )
    asked = [(place, one.person) for place, one in enumerate(wanted) if one.signals]
    signals = _by_place(store.select(_SIGNALS, asked) if asked else ())
    persons = [one.person for one in wanted if one.is_known]
    known = {row[0] for row in store.select(_KNOWN, persons)} if persons else set()
    return [
        Recalled(
            sorted(events.get(place, ()), key=_order),
            signals.get(place, ()),
            one.person in known if one.is_known else None,
        )
        for place, one in enumerate(wanted)
    ]


def owners(store: Store, event_ids: Sequence[str]) -> dict[str, str]:
    """By event_id, the person of each of these events and outcomes that is kept."""
    return dict(store.select(_OWNERS, event_ids, event_ids))


def last_positions(store: Store, moments: Sequence[tuple[str, Instant]]) -> dict[tuple[str, Instant], int]:
    """The highest position among a person's events of a moment, where there are any."""
    return {(person, at): last for person, at, last in store.select(_LAST, moments)}


def keep_events(store: Store, rows: Sequence[EventRow]) -> None:
    """Adds events."""
    store.insert(EventTable, rows)


def trim_events(store: Store, person: str, *, until: Instant, newest: int) -> None:
    """Deletes the person's events up to a moment, and all but the newest so many."""
    store.change(_TOO_OLD, person, until)
    store.change(_TOO_MANY, person, person, newest - 1)


def know(store: Store, rows: Sequence[PersonRow]) -> None:
    """Notes that there are these persons; what is known of them stays."""
    store.insert(PersonTable, rows, "ON CONFLICT DO NOTHING")


def remember(store: Store, signals: Sequence[SignalRow]) -> None:
    """Writes signals; one that is there, and has not expired, keeps the moment since when it holds."""
    store.insert(SignalTable, signals, _RENEWED)


def forget(store: Store, signals: Sequence[tuple[str, str, Instant]]) -> None:
    """Deletes signals by person, name and the moment at which they expire."""
    store.change(_FORGOTTEN, signals)


def _by_types(wanted: Sequence[RecallQuery]) -> dict[tuple[str, ...], list[tuple[int, str, Instant]]]:
    """Place, person and moment, by the types that are wanted: mostly those of one book."""
    found: dict[tuple[str, ...], list[tuple[int, str, Instant]]] = {}
    for place, one in enumerate(wanted):
        if one.events:
            found.setdefault(one.events, []).append((place, one.person, one.since))
    return found


def _by_place(rows: Iterable[Sequence[Any]]) -> dict[int, list[Sequence[Any]]]:
    """The rows without their first column, by it."""
    found: dict[int, list[Sequence[Any]]] = {}
    for place, *row in rows:
        found.setdefault(place, []).append(row)
    return found
