"""Erases persons from the log: what is theirs alone is deleted, and what counts for others stays without them.

Rows are read and written back as a whole, since JSON has to be taken apart. All of it runs inside a transaction of the store
that has locked the person.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import orjson

from engine.decide.experiments.subjects import unit_id
from engine.ledger.queries.packed import decision_row
from engine.ledger.queries.suppressions import hashed_id
from engine.ledger.store.rows import (
    ChallengeRow,
    ContactRow,
    DecisionRow,
    IdentityRow,
    OutcomeRow,
    RequestRow,
)
from engine.ledger.store.statements import Select, columns
from engine.ledger.store.store import Store
from engine.ledger.store.tables import table_of
from engine.model.instant import SECOND

RowT = TypeVar("RowT", bound=tuple[Any, ...])

_AROUND = 600 * SECOND
"""Between the moment of an outcome and that of the commit that kept it, by clocks that differ and groups that wait."""

_PAGE = 500
"""Rows that are read at a time."""

_DELETED = {
    "events": "person",
    "signals": "person",
    "consents": "person",
    "persons": "person",
    "assignments": "subject",
}
"""Tables whose rows are the person's alone, by the column that has their name."""

_REQUESTS = Select(
    columns(RequestRow._fields),
    "FROM requests WHERE decision_id IN :given(decision_id text) ORDER BY request_id",
)
_DELETE_REQUESTS = "DELETE FROM requests WHERE request_id IN :given(request_id text)"

_DECISIONS = Select(
    columns(DecisionRow._fields),
    "FROM decisions WHERE person IN :given(name text) AND decision_id > ? ORDER BY decision_id LIMIT ?",
)
_CHALLENGES = Select(
    columns(ChallengeRow._fields), "FROM challenges WHERE decision_id IN :given(decision_id text)"
)
_CONTACTS = Select(columns(ContactRow._fields), "FROM contacts WHERE person IN :given(name text)")
_DELETE_CONTACTS = "DELETE FROM contacts WHERE person IN :given(name text)"
_OUTCOMES = Select(columns(OutcomeRow._fields), "FROM outcomes WHERE person IN :given(name text)")
_WAITING = Select(
    columns(OutcomeRow._fields), "FROM outcomes WHERE person = '' AND decision_id IN :given(decision_id text)"
)
_DELETE_OUTCOMES = "DELETE FROM outcomes WHERE person IN :given(name text)"
_DELETE_WAITING = "DELETE FROM outcomes WHERE person = '' AND decision_id IN :given(decision_id text)"
_SAME_KEY = Select(
    "o.event_id, o.type, o.at, o.recorded_at",
    "FROM :given(event_id text, type text, at bigint, recorded_at bigint) AS given CROSS JOIN outcomes AS o"
    " WHERE o.event_id = given.event_id AND o.type = given.type AND o.at = given.at"
    " AND o.recorded_at = given.recorded_at",
)
"""The outcomes of others that bear the same key."""

_IDENTITIES = Select(columns(IdentityRow._fields), "FROM identities WHERE person IN :given(name text)")
_DELETE_IDENTITIES = "DELETE FROM identities WHERE person IN :given(name text)"

_COMMITS_AROUND = Select(
    "c.commit_id, c.outcomes",
    "FROM :given(low bigint, high bigint) AS given CROSS JOIN commits AS c"
    " WHERE c.committed_at >= given.low AND c.committed_at <= given.high AND c.outcomes <> '[]'",
)
_COMMITS = Select(
    "commit_id, outcomes", "FROM commits WHERE outcomes <> '[]' AND commit_id > ? ORDER BY commit_id LIMIT ?"
)
_CHANGE_COMMIT = "UPDATE commits SET outcomes = ? WHERE commit_id = ?"


_UNIT_NAMES = Select("DISTINCT unit", "FROM assignments WHERE unit <> ''")
"""The attributes by whose values draws are kept."""


def unit_names(store: Store) -> list[str]:
    """The attributes by whose values draws are kept. Passes over all draws, so not while anybody is locked."""
    return [unit for (unit,) in store.select(_UNIT_NAMES)]


def units_named(attributes: Iterable[str], names: Sequence[str]) -> list[str]:
    """The ids of units that bear one of the names."""
    return [unit_id(attribute, name) for attribute in attributes for name in names]


class Erased(NamedTuple):
    """What an erasure did."""

    deleted: Mapping[str, int]
    """Rows by table."""
    severed: Mapping[str, int]
    runs: Sequence[str]
    """The sends that the person was among."""


class Eraser:
    """Erases the person who bears the names.

    pseudonyms: what stands for each of their names. key: of pseudonyms. unit_names: as `unit_names` reads them.
    """

    def __init__(
        self, store: Store, pseudonyms: Mapping[str, str], key: bytes, unit_names: Sequence[str]
    ) -> None:
        self._store, self._pseudonyms, self._key, self._unit_names = store, pseudonyms, key, unit_names
        self._names = list(pseudonyms)
        self._deleted: dict[str, int] = {}
        self._severed: dict[str, int] = {}

    def erase(self) -> Erased:
        """Erases everything."""
        decision_ids, runs = self._decisions()
        self._challenges(decision_ids)
        self._requests(decision_ids)
        self._contacts()
        self._outcomes(decision_ids)
        self._identities()
        for table, column in _DELETED.items():
            own = self._subjects() if table == "assignments" else self._names
            ((number,),) = self._store.select(
                Select("count(*)", f"FROM {table} WHERE {column} IN :given(name text)"), own
            )
            if number:
                self._store.change(f"DELETE FROM {table} WHERE {column} IN :given(name text)", own)
                self._deleted[table] = int(number)
        return Erased(self._deleted, self._severed, runs)

    def _subjects(self) -> list[str]:
        """Whose draws are deleted: the names', and those of units that bear one of the names, whose id is a hash of it."""
        return [*self._names, *units_named(self._unit_names, self._names)]

    def _decisions(self) -> tuple[list[str], list[str]]:
        decision_ids: list[str] = []
        runs: dict[str, None] = {}
        last = ""
        while rows := self._decision_rows(last):
            last = rows[-1].decision_id
            decision_ids += [row.decision_id for row in rows]
            runs |= {row.run: None for row in rows if row.run}
            self._replace(DecisionRow, [self._severed_decision(row) for row in rows])
        return decision_ids, list(runs)

    def _decision_rows(self, after: str) -> list[DecisionRow]:
        """The next decisions, unpacked: what is severed is written back as JSON."""
        rows = self._store.select(_DECISIONS, self._names, after, _PAGE)
        return [decision_row(self._store, row) for row in rows]

    def _severed_decision(self, row: DecisionRow) -> DecisionRow:
        return row._replace(
            request_id=None,
            person=self._pseudonyms[row.person],
            next_allowed_at=None,
            inputs=self._inputs(row.inputs),
            trace=self._trace(row.trace),
            answer=_answer(row.answer),
        )

    def _challenges(self, decision_ids: Sequence[str]) -> None:
        for page in _pages(decision_ids):
            rows = [ChallengeRow(*row) for row in self._store.select(_CHALLENGES, page)]
            severed = [
                row._replace(
                    person=self._pseudonyms.get(row.person, self._pseudonyms[self._names[0]]),
                    inputs=self._inputs(row.inputs),
                    trace=self._trace(row.trace),
                    answer=_answer(row.answer),
                )
                for row in rows
            ]
            self._replace(ChallengeRow, severed)

    def _inputs(self, text: str) -> str:
        """What replaying would take, without anything of the person: so it says that it cannot be replayed."""
        inputs = orjson.loads(text)
        kept = {
            "attributes": {},
            "masked": [],
            "consents": [],
            "preferred_channels": [],
            "channels": inputs["channels"],
            "max_offers": inputs["max_offers"],
            "salt": inputs.get("salt", ""),
            "thin": True,
            "erased": True,
        }
        if "customer" in inputs:
            kept["customer"] = self._pseudonyms.get(inputs["customer"], self._pseudonyms[self._names[0]])
        return orjson.dumps(kept).decode()

    def _trace(self, text: str) -> str:
        """The trace without the person's history; ids of units are hashed, so that what is compared by units still is."""
        trace = {name: rows for name, rows in orjson.loads(text).items() if name in _KEPT_OF_TRACE}
        trace["contacts"] = []
        for name, index in _UNITS.items():
            for row in trace.get(name, ()):
                if len(row) > index:
                    row[index] = hashed_id(self._key, "unit", row[index])
        return orjson.dumps(trace).decode()

    def _requests(self, decision_ids: Sequence[str]) -> None:
        for page in _pages(decision_ids):
            rows = [RequestRow(*row) for row in self._store.select(_REQUESTS, page)]
            if rows:
                self._store.change(_DELETE_REQUESTS, [row.request_id for row in rows])
                self._deleted["requests"] = self._deleted.get("requests", 0) + len(rows)

    def _contacts(self) -> None:
        rows = [ContactRow(*row) for row in self._store.select(_CONTACTS, self._names)]
        if rows:
            self._store.change(_DELETE_CONTACTS, self._names)
            severed = [
                row._replace(person=self._pseudonyms[row.person], zones="", alike="", counted_by=None)
                for row in rows
            ]
            self._store.insert(ContactRow, severed)
            self._severed["contacts"] = len(rows)

    def _outcomes(self, decision_ids: Sequence[str]) -> None:
        rows = [OutcomeRow(*row) for row in self._store.select(_OUTCOMES, self._names)]
        if rows:
            self._store.change(_DELETE_OUTCOMES, self._names)
        for page in _pages(decision_ids):
            waiting = [OutcomeRow(*row) for row in self._store.select(_WAITING, page)]
            if waiting:
                self._store.change(_DELETE_WAITING, page)
                rows += waiting
        if not rows:
            return
        severed = [severed_outcome(row, self._pseudonyms.get, self._key) for row in rows]
        self._store.insert(OutcomeRow, severed, "ON CONFLICT DO NOTHING")
        self._severed["outcomes"] = len(rows)
        changed = {
            (row.event_id, row.type, row.at, row.recorded_at): hashed_id(self._key, "event", row.event_id)
            for row in rows
        }
        self._severed["commits"] = self._commits(changed)

    def _commits(self, changed: dict[tuple[Any, ...], str]) -> int:
        """Writes the new ids of outcomes where commits repeat them; how many commits."""
        shared = {tuple(row) for row in self._store.select(_SAME_KEY, [list(key) for key in changed])}
        windows = sorted({key[3] for key in changed})
        rewritten: set[tuple[Any, ...]] = set()
        number = 0
        for page in _pages(windows):
            around = [[at - _AROUND, at + _AROUND] for at in page]
            number += self._change_commits(
                dict(self._store.select(_COMMITS_AROUND, around)), changed, shared, rewritten
            )
        last = 0
        while rewritten != changed.keys() and (rows := self._store.select(_COMMITS, last, _PAGE)):
            number += self._change_commits(dict(rows), changed, shared, rewritten)
            last = rows[-1][0]
        return number

    def _change_commits(
        self,
        commits: Mapping[int, str],
        changed: Mapping[tuple[Any, ...], str],
        shared: set[tuple[Any, ...]],
        rewritten: set[tuple[Any, ...]],
    ) -> int:
        number = 0
        for commit_id, text in commits.items():
            keys = [tuple(key) for key in orjson.loads(text)]
            own = [key for key in keys if key in changed]
            if own:
                rewritten.update(own)
                others = [key for key in dict.fromkeys(keys) if key not in changed or key in shared]
                new = [(changed[key], *key[1:]) for key in own]
                self._store.change(_CHANGE_COMMIT, [*others, *new], commit_id)
                number += 1
        return number

    def _identities(self) -> None:
        rows = [IdentityRow(*row) for row in self._store.select(_IDENTITIES, self._names)]
        if rows:
            self._store.change(_DELETE_IDENTITIES, self._names)
            severed = [
                row._replace(
                    name=self._pseudonyms[row.name],
                    person=self._pseudonyms[row.person],
                    linked_to=None if row.linked_to is None else self._pseudonyms.get(row.linked_to),
                )
                for row in rows
            ]
            self._store.insert(IdentityRow, severed)
            self._severed["identities"] = len(rows)

    def _replace(self, row: type[RowT], rows: Sequence[RowT]) -> None:
        """Writes rows in place of those with the same decision_id."""
        if rows:
            fields: tuple[str, ...] = row._fields  # type: ignore[attr-defined] # every row is a NamedTuple
            names = [name for name in fields if name != "decision_id"]
            values = ", ".join(f"{name} = excluded.{name}" for name in names)
            self._store.insert(row, rows, f"ON CONFLICT (decision_id) DO UPDATE SET {values}")
            table = str(table_of(row).name)
            self._severed[table] = self._severed.get(table, 0) + len(rows)


_KEPT_OF_TRACE = frozenset(
    (
        "candidates",
        "more_candidates",
        "variants",
        "counters",
        "learned",
        "propensities",
        "prices",
        "experiments",
    )
)
"""Of a trace, what reports count: which campaigns were tried, and by what they fell."""


_UNITS = {"variants": 5, "experiments": 7}
"""Where rows of a trace have the id of a unit."""


def severed_outcome(row: OutcomeRow, pseudonym_of: Any, key: bytes) -> OutcomeRow:
    """The outcome without what is personal: the same report again has the same ids. pseudonym_of: by name, if there is one."""
    return row._replace(
        person=pseudonym_of(row.person) or row.person,
        event_id=hashed_id(key, "event", row.event_id),
        fields="{}",
        order_id=None if row.order_id is None else hashed_id(key, "order", row.order_id),
        reported_for=None if row.reported_for is None else pseudonym_of(row.reported_for),
    )


def _answer(text: str) -> str:
    """The reply without its request_id, the contents of its offers, when something is possible again, and signals."""
    decision_id, _, at, outcome, version, offers, reasons, blocked_by, _, *rest = orjson.loads(text)
    for offer in offers:
        offer[_CONTENT] = {}
    kept = [decision_id, "", at, outcome, version, offers, reasons, blocked_by, None]
    if rest:
        kept += [[], *rest[1:2], *([None] if len(rest) > 2 else [])]
    return orjson.dumps(kept).decode()


_CONTENT = 7
"""Where an offer of an answer has its content."""


def _pages(items: Sequence[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(items), _PAGE):
        yield list(items[start : start + _PAGE])
