"""Reads the contacts that conditions count, and what was reported of them, at a bounded cost however many a person has.

Of a person with few contacts in the longest window all are read; of any other the newest of each kind that is asked for.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from engine.ledger.queries.contacts import FEW, kinds_of
from engine.ledger.store.statements import Select, columns
from engine.ledger.store.store import Store
from engine.model.contact import MOST_ALIKE, ContactQuery, ContactState, MadeContact
from engine.model.instant import Instant
from engine.model.outcome import RELEASING


class _Row(NamedTuple):
    at: Instant
    decision_id: str
    position: int
    state: str
    campaign: str
    offer: str
    channel: str


_CROWDED = Select(
    "given.query",
    "FROM :given(query bigint, person text, since bigint) AS given WHERE (SELECT count(*) FROM (SELECT 1 FROM contacts AS c"
    f" WHERE c.person = given.person AND c.at > given.since LIMIT {FEW + 1}) AS newest) > {FEW}",
)
"""The queries of persons who have more than a few contacts later than an instant."""


_ALL = Select(
    f"given.query, {columns(_Row._fields, 'c')}",
    "FROM :given(query bigint, person text, since bigint) AS given CROSS JOIN contacts AS c"
    " WHERE c.person = given.person AND c.at > given.since AND c.state <> 'shadow'",
    packed=True,
)
"""The contacts of persons later than an instant each, with the index of the query."""


_NEWEST = Select(
    columns(_Row._fields),
    "FROM contacts WHERE person = ? AND alike >= ? AND alike <= ? AND state <> 'released' AND state <> 'shadow'"
    " ORDER BY alike DESC, at DESC LIMIT ?",
)
"""The newest contacts of a person that are of one kind, given twice: by a range, as SQLite else took the primary key."""


_RELEASED = Select(
    columns(_Row._fields, "c"),
    "FROM outcomes AS o CROSS JOIN contacts AS c WHERE o.person = ? AND o.type IN :given(type text) AND o.at > ?"
    " AND c.person = o.person AND c.at = o.decided_at AND c.decision_id = o.decision_id AND c.state = 'released' AND c.at > ?",
)
"""The contacts of a person that were released, by the outcomes of these types, later than an instant."""


_OUTCOMES = Select(
    "decision_id, campaign, type, at",
    "FROM outcomes WHERE decision_id IN :given(decision_id text) AND type IN :given(type text)",
    packed=True,
)
"""The outcomes of decisions, of some types."""


def made_contacts(
    store: Store, queries: Sequence[tuple[str, ContactQuery | None]]
) -> list[Sequence[MadeContact]]:
    """By query, the contacts of a person that its selectors select, in any order; of no query none."""
    given = [
        (index, person, query.since) for index, (person, query) in enumerate(queries) if query is not None
    ]
    rows: list[list[_Row]] = [[] for _ in queries]
    if not given:
        return [() for _ in queries]
    crowded = {index for (index,) in store.select(_CROWDED, given)}
    for index, *row in store.select(_ALL, [entry for entry in given if entry[0] not in crowded]):
        rows[index].append(_Row(*row))
    for index in sorted(crowded):
        person, query = queries[index]
        if query is not None:
            rows[index] = [*_of_crowded(store, person, query)]
    return _with_outcomes(store, [query for _, query in queries], rows)


def _of_crowded(store: Store, person: str, query: ContactQuery) -> Iterator[_Row]:
    for _, alike in kinds_of(store, [person]):
        first = [_Row(*row) for row in store.select(_NEWEST, person, alike, alike, 1)]
        if first and first[0].at > query.since and (not alike or _is_selected(query, first[0])):
            rows = (_Row(*row) for row in store.select(_NEWEST, person, alike, alike, MOST_ALIKE))
            yield from (row for row in rows if row.at > query.since)
    if releasing := sorted(RELEASING.intersection(query.outcomes)):
        released = store.select(_RELEASED, person, releasing, query.since, query.since)
        yield from {_Row(*row) for row in released}


def _is_selected(query: ContactQuery, row: _Row) -> bool:
    return any(selector.selects(row.campaign, row.offer, row.channel) for selector in query.selectors)


def _with_outcomes(
    store: Store, queries: Sequence[ContactQuery | None], rows: Sequence[Sequence[_Row]]
) -> list[Sequence[MadeContact]]:
    selected = [
        [row for row in of_query if query is not None and _is_selected(query, row)]
        for query, of_query in zip(queries, rows, strict=True)
    ]
    types = sorted({type_ for query in queries if query is not None for type_ in query.outcomes})
    ids = sorted({row.decision_id for of_query in selected for row in of_query})
    reported: dict[str, list[Sequence[Any]]] = defaultdict(list)
    for decision_id, *outcome in store.select(_OUTCOMES, ids, types) if ids and types else ():
        reported[decision_id].append(outcome)
    return [[_made(row, reported[row.decision_id]) for row in of_query] for of_query in selected]


def _made(row: _Row, reported: Sequence[Sequence[Any]]) -> MadeContact:
    return MadeContact(
        row.at,
        row.campaign,
        row.offer,
        row.channel,
        row.state == ContactState.CONFIRMED,
        row.position < 0,
        tuple((type_, at) for campaign, type_, at in reported if campaign in ("", row.campaign)),
    )
