"""Reads and writes what is stored of persons beside their contacts: that they are known, their events and their signals.

One statement a group, inside a transaction of the store.
"""

from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from engine.ledger.queries.made_contacts import made_contacts
from engine.ledger.store.rows import EventRow, PersonRow, SignalRow
from engine.ledger.store.statements import Select
from engine.ledger.store.store import Store
from engine.model.customer import Recalled, RecallQuery
from engine.model.instant import Instant

_EVENTS = Select(
    "given.query, e.at, e.position, e.event_id, e.type, json(e.fields)",
    "FROM :given(query bigint, person text, since bigint) AS given CROSS JOIN events AS e"
    " WHERE e.person = given.person AND e.at > given.since AND e.type IN :given(type text)",
    packed=True,
)
"""The events of persons later than an instant each, of some types, with the index of the query."""


_SIGNALS = Select(
    "given.query, s.name, s.since, s.expires_at, json(s.fields)",
    "FROM :given(query bigint, person text) AS given CROSS JOIN signals AS s WHERE s.person = given.person",
    packed=True,
)
"""The signals of persons, with the index of the query."""


_PERSONS = Select("name, person", "FROM identities WHERE name IN :given(name text)")
"""The persons to whom names were linked."""


_PERSONS_AND_KEY = Select(
    "name, person",
    "FROM identities WHERE name IN :given(name text) UNION ALL SELECT '', secret FROM pseudonym_keys"
    " WHERE EXISTS (SELECT 1 FROM suppressions)",
)
"""The same, and under an empty name the key of pseudonyms where anybody was erased: no further statement where nobody was."""


_KNOWN = Select("person", "FROM persons WHERE person IN :given(person text)")
"""Those of the persons who are known."""


_KNOW_SINCE = (
    "INSERT INTO persons (person, first_seen) SELECT given.person, ? FROM :given(person text) AS given"
    " WHERE true ON CONFLICT DO NOTHING"  # without WHERE the parser of SQLite takes ON for that of a join
)
"""Adds persons with the same moment."""


_FIRST_SEEN = Select("first_seen", "FROM persons WHERE person = ?")
"""When a person was first seen."""


_KEPT_IDS = Select(
    "e.person, e.event_id",
    "FROM :given(person text, event_id text) AS given CROSS JOIN events AS e"
    " WHERE e.person = given.person AND e.event_id = given.event_id",
)
"""Those of the events that are kept, by person and event_id."""


_LAST_POSITIONS = Select(
    "e.person, e.at, max(e.position)",
    "FROM :given(person text, at bigint) AS given CROSS JOIN events AS e"
    " WHERE e.person = given.person AND e.at = given.at GROUP BY e.person, e.at",
)
"""The last position of an event by person and moment."""


_DELETE_OLD_EVENTS = "DELETE FROM events WHERE person = ? AND at <= ?"
"""Deletes a person's events up to an instant."""


_DELETE_EVENTS_BEYOND = """
    DELETE FROM events WHERE person = ? AND (at, position) < (
      SELECT at, position FROM events WHERE person = ? ORDER BY at DESC, position DESC LIMIT 1 OFFSET ?)"""
"""Deletes a person's events that are older than the newest so many."""


_DELETE_EVENTS_BEYOND_BY_TYPE = """
    DELETE FROM events WHERE person = ? AND (at, position) IN (
      SELECT at, position FROM (
        SELECT e.at, e.position, coalesce(given.newest, ?) AS newest,
          row_number() OVER (PARTITION BY given.type ORDER BY e.at DESC, e.position DESC) AS nth
        FROM events AS e LEFT JOIN :given(type text, newest bigint) AS given ON given.type = e.type
        WHERE e.person = ?) AS ranked
      WHERE nth > newest)"""
"""Deletes a person's events that are older than the newest so many of their type, or of all types that are not given."""


_RENEW_SIGNAL = """
    ON CONFLICT (person, name) DO UPDATE SET expires_at = excluded.expires_at, fields = excluded.fields,
      since = CASE WHEN signals.expires_at > excluded.since AND signals.since < excluded.since
                   THEN signals.since ELSE excluded.since END"""
"""An added signal replaces the one of its name; the start of one that has not expired stays."""


_FORGET_SIGNALS = """
    DELETE FROM signals WHERE (person, name, expires_at) IN :given(person text, name text, expires_at bigint)"""
"""Deletes signals, unless their expiry has changed."""


_order = itemgetter(0, 1)


def recall(store: Store, queries: Sequence[RecallQuery]) -> list[Recalled]:
    """What is remembered of the persons, in the order of the queries, whichever of their names a query has."""
    names = {name for query in queries for name in (query.person, *query.aliases)}
    linked = resolve(store, list(names))
    if not linked and not any(query.aliases for query in queries):
        return _recall(store, queries)
    by_person = [
        (index, query._replace(person=person))
        for index, query in enumerate(queries)
        for person in sorted({linked.get(name, name) for name in (query.person, *query.aliases)})
    ]
    recalled: list[list[Recalled]] = [[] for _ in queries]
    for (index, _), of_person in zip(
        by_person, _recall(store, [query for _, query in by_person]), strict=True
    ):
        recalled[index].append(of_person)
    return [_joined(of_query) for of_query in recalled]


def resolve(store: Store, names: Sequence[str]) -> dict[str, str]:
    """The person of each name that was linked to another; the other names are persons themselves."""
    return dict(store.select(_PERSONS, names))


def resolve_with_key(store: Store, names: Sequence[str]) -> tuple[dict[str, str], bytes | None]:
    """As `resolve`, and the key under which what erased persons forbade is found; None where nobody was erased."""
    linked = dict(store.select(_PERSONS_AND_KEY, names))
    secret = linked.pop("", None)
    return linked, None if secret is None else bytes.fromhex(secret)


def _joined(several: Sequence[Recalled]) -> Recalled:
    """What is remembered of several persons who are one."""
    if len(several) == 1:
        return several[0]
    return Recalled(
        sorted((event for recalled in several for event in recalled.events), key=_order),
        [signal for recalled in several for signal in recalled.signals],
        None if several[0].is_known is None else any(recalled.is_known for recalled in several),
        [contact for recalled in several for contact in recalled.contacts],
    )


def _recall(store: Store, queries: Sequence[RecallQuery]) -> list[Recalled]:
    events = _by_query(
        row for types, given in _by_types(queries).items() for row in store.select(_EVENTS, given, types)
    )
    given = [(index, query.person) for index, query in enumerate(queries) if query.signals]
    signals = _by_query(store.select(_SIGNALS, given) if given else ())
    persons = [query.person for query in queries if query.is_known]
    known = {row[0] for row in store.select(_KNOWN, persons)} if persons else set()
    contacts = made_contacts(store, [(query.person, query.contacts) for query in queries])
    return [
        Recalled(
            sorted(events.get(index, ()), key=_order),
            signals.get(index, ()),
            query.person in known if query.is_known else None,
            contacts[index],
        )
        for index, query in enumerate(queries)
    ]


def _by_types(queries: Sequence[RecallQuery]) -> dict[tuple[str, ...], list[tuple[int, str, Instant]]]:
    """Index, person and instant of the queries, by the types of events that they read: mostly those of one book."""
    by_types: dict[tuple[str, ...], list[tuple[int, str, Instant]]] = {}
    for index, query in enumerate(queries):
        if query.events:
            by_types.setdefault(query.events, []).append((index, query.person, query.since))
    return by_types


def _by_query(rows: Iterable[Sequence[Any]]) -> dict[int, list[Sequence[Any]]]:
    """The rows without their first column, by it."""
    by_query: dict[int, list[Sequence[Any]]] = {}
    for index, *row in rows:
        by_query.setdefault(index, []).append(row)
    return by_query


def first_seen(store: Store, person: str) -> Instant | None:
    """When the person's first decision was made or event recorded; None where nothing was ever kept of them."""
    rows = store.select(_FIRST_SEEN, person)
    return rows[0][0] if rows else None


def kept_events(store: Store, keys: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
    """Those of the events that are kept; keys: person and event_id of each."""
    return {(person, event_id) for person, event_id in store.select(_KEPT_IDS, keys)}


def last_positions(store: Store, moments: Sequence[tuple[str, Instant]]) -> dict[tuple[str, Instant], int]:
    """The last position among a person's events of a moment, where there are any."""
    return {(person, at): last for person, at, last in store.select(_LAST_POSITIONS, moments)}


def keep_events(store: Store, rows: Sequence[EventRow]) -> None:
    """Adds events."""
    store.insert(EventRow, rows)


def trim_events(
    store: Store, person: str, *, until: Instant, newest: int, newest_of: Mapping[str, int] | None = None
) -> None:
    """Deletes the person's events up to an instant, and all but the newest so many.

    newest_of: by type, how many of it stay; `newest` is then for all other types together.
    """
    store.change(_DELETE_OLD_EVENTS, person, until)
    if newest_of:
        store.change(_DELETE_EVENTS_BEYOND_BY_TYPE, person, newest, list(newest_of.items()), person)
    else:
        store.change(_DELETE_EVENTS_BEYOND, person, person, newest - 1)


def know(store: Store, rows: Sequence[PersonRow]) -> None:
    """Adds persons, where they are not known yet."""
    store.insert(PersonRow, rows, "ON CONFLICT DO NOTHING")


def know_since(store: Store, names: Sequence[str], at: Instant) -> None:
    """Adds many persons as first seen at one moment, where they are not known yet."""
    if names:
        store.change(_KNOW_SINCE, at, names)


def remember(store: Store, signals: Sequence[SignalRow]) -> None:
    """Writes signals; one that is there, and has not expired, keeps the time since when it holds."""
    store.insert(SignalRow, signals, _RENEW_SIGNAL)


def forget(store: Store, signals: Sequence[tuple[str, str, Instant]]) -> None:
    """Deletes signals by person, name and expiry."""
    store.change(_FORGET_SIGNALS, signals)
