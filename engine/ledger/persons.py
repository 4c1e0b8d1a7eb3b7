"""What is kept of persons beside their contacts: that they are known, what they did, and which signals are remembered.

One statement a group: the persons asked about go in as one JSON text, and what is found comes out as one. All of it runs
inside of a transaction of the store.
"""

from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

import orjson

from engine.instant import Instant
from engine.ledger.rows import EventRow, PersonRow, SignalRow
from engine.ledger.store import SqliteStore
from engine.ledger.tables import EventTable, PersonTable, SignalTable

_EVENTS = """
    SELECT json_group_array(json_array(asked.key, e.at, e.position, e.event_id, e.type, json(e.fields)))
    FROM json_each(?) AS asked CROSS JOIN events AS e
    WHERE e.person = json_extract(asked.value, '$[0]') AND e.at > json_extract(asked.value, '$[1]')
      AND e.type IN (SELECT value FROM json_each(?))"""
_SIGNALS = """
    SELECT json_group_array(json_array(asked.key, s.name, s.since, s.expires_at, json(s.fields)))
    FROM json_each(?) AS asked CROSS JOIN signals AS s WHERE s.person = asked.value"""
_KNOWN = "SELECT person FROM persons WHERE person IN (SELECT value FROM json_each(?))"
_OWNERS = "SELECT event_id, person FROM events WHERE event_id IN (SELECT value FROM json_each(?))"
_LAST = """
    SELECT e.person, e.at, max(e.position) FROM json_each(?) AS asked CROSS JOIN events AS e
    WHERE e.person = json_extract(asked.value, '$[0]') AND e.at = json_extract(asked.value, '$[1]') GROUP BY 1, 2"""
_TOO_OLD = "DELETE FROM events WHERE person = ? AND at <= ?"
_TOO_MANY = """
    DELETE FROM events WHERE person = ?1 AND (at, position) < (
      SELECT at, position FROM events WHERE person = ?1 ORDER BY at DESC, position DESC LIMIT 1 OFFSET ?2 - 1)"""
_RENEWED = """
    ON CONFLICT DO UPDATE SET expires_at = excluded.expires_at, fields = excluded.fields,
      since = CASE WHEN signals.expires_at > excluded.since THEN min(signals.since, excluded.since)
                   ELSE excluded.since END"""
_FORGOTTEN = """
    DELETE FROM signals WHERE (person, name, expires_at) IN (
      SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]') FROM json_each(?))"""

_order = itemgetter(0, 1)


class Wanted(NamedTuple):
    """What is wanted of one person."""

    person: str
    events: tuple[str, ...] = ()
    """Their types; none: no events are wanted."""
    since: Instant = 0
    """Events later than this."""
    signals: bool = False
    is_known: bool = False


class Recalled(NamedTuple):
    """What was found of one person, as JSON has it."""

    events: Sequence[Sequence[Any]]
    """at, position, event_id, type, fields: in order."""
    signals: Sequence[Sequence[Any]]
    """name, since, expires_at, fields: also those that have expired."""
    is_known: bool | None
    """None: it was not asked."""


def recall(store: SqliteStore, wanted: Sequence[Wanted]) -> list[Recalled]:
    """What is remembered of the persons, in their order."""
    events = _by_place(
        row
        for types, asked in _by_types(wanted).items()
        for row in _found(store, _EVENTS, [_json(asked), _json(types)])
    )
    asked = {place: one.person for place, one in enumerate(wanted) if one.signals}
    signals = _by_place(_found(store, _SIGNALS, [_json(asked)]) if asked else ())
    persons = [one.person for one in wanted if one.is_known]
    known = {row[0] for row in store.run(_KNOWN, [_json(persons)])} if persons else set()
    return [
        Recalled(
            sorted(events.get(place, ()), key=_order),
            signals.get(place, ()),
            one.person in known if one.is_known else None,
        )
        for place, one in enumerate(wanted)
    ]


def owners(store: SqliteStore, event_ids: Sequence[str]) -> dict[str, str]:
    """By event_id, the person of each of these events that is kept."""
    return dict(store.run(_OWNERS, [_json(event_ids)]))


def last_positions(
    store: SqliteStore, moments: Sequence[tuple[str, Instant]]
) -> dict[tuple[str, Instant], int]:
    """The highest position among a person's events of a moment, where there are any."""
    return {(person, at): last for person, at, last in store.run(_LAST, [_json(moments)])}


def keep_events(store: SqliteStore, rows: Sequence[EventRow]) -> None:
    """Adds events."""
    store.insert(EventTable, rows)


def trim_events(store: SqliteStore, person: str, *, until: Instant, newest: int) -> None:
    """Deletes the person's events up to a moment, and all but the newest so many."""
    store.run(_TOO_OLD, [person, until])
    store.run(_TOO_MANY, [person, newest])


def know(store: SqliteStore, rows: Sequence[PersonRow]) -> None:
    """Notes that there are these persons; what is known of them stays."""
    store.insert(PersonTable, rows, "ON CONFLICT DO NOTHING")


def remember(store: SqliteStore, signals: Sequence[SignalRow]) -> None:
    """Writes signals; one that is there, and has not expired, keeps the moment since when it holds."""
    store.insert(SignalTable, signals, _RENEWED)


def forget(store: SqliteStore, signals: Sequence[tuple[str, str, Instant]]) -> None:
    """Deletes signals by person, name and the moment at which they expire."""
    store.run(_FORGOTTEN, [_json(signals)])


def _by_types(wanted: Sequence[Wanted]) -> dict[tuple[str, ...], dict[int, tuple[str, Instant]]]:
    """Person and moment by place, by the types that are wanted: mostly those of one book."""
    found: dict[tuple[str, ...], dict[int, tuple[str, Instant]]] = {}
    for place, one in enumerate(wanted):
        if one.events:
            found.setdefault(one.events, {})[place] = (one.person, one.since)
    return found


def _found(store: SqliteStore, statement: str, parameters: Sequence[str]) -> list[list[Any]]:
    """The rows of a statement that gives them as one JSON text."""
    rows: list[list[Any]] = orjson.loads(store.run(statement, parameters)[0][0])
    return rows


def _by_place(rows: Iterable[list[Any]]) -> dict[int, list[list[Any]]]:
    """The rows without their first column, by it."""
    found: dict[int, list[list[Any]]] = {}
    for place, *row in rows:
        found.setdefault(int(place), []).append(row)
    return found


def _json(value: object) -> str:
    return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()
