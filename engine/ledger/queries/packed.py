"""Reads and writes packed decisions, and the dictionaries that they are packed with."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from engine.ledger.store.packing import Texts, is_packed, unpack
from engine.ledger.store.rows import DecisionRow, DictionaryRow
from engine.ledger.store.statements import Select, columns
from engine.ledger.store.store import Store

STEP = 500
"""Decisions that are packed in one transaction."""


class TextsOfDecision(NamedTuple):
    """The texts of a decision, and whose they are."""

    decision_id: str
    person: str
    texts: Texts


_DICTIONARIES = Select("number, text", "FROM dictionaries WHERE number > ?")
"""The dictionaries of a log, which never change."""


_NEWEST = Select(columns(DictionaryRow._fields), "FROM dictionaries ORDER BY number DESC LIMIT 1")
"""The dictionary that is packed with."""


_BETWEEN = "FROM decisions WHERE decision_id > ? AND decision_id < ?"


_NEXT = Select("decision_id, person, inputs, trace, answer", f"{_BETWEEN} ORDER BY decision_id LIMIT {STEP}")
"""The texts of the decisions behind one."""


_LAST = Select("decision_id, person, inputs, trace, answer", f"{_BETWEEN} ORDER BY decision_id DESC LIMIT ?")
"""The texts of the last decisions before an id."""


_COUNT = Select("count(*)", _BETWEEN)


_PACK = (
    "UPDATE decisions SET inputs = '{}', trace = '{}', answer = given.answer"
    " FROM :given(decision_id text, person text, answer text) AS given"
    " WHERE decisions.decision_id = given.decision_id AND decisions.person = given.person"
)
"""Puts packed texts in place of those that were read. Whom somebody has erased meanwhile has another name since."""


_MOVE = "UPDATE dictionaries SET packed_to = ? WHERE number = ?"


def dictionary_of(store: Store, number: int) -> str:
    """The dictionary with the number. Raises KeyError where the log has none."""
    if number not in store.dictionaries:
        read_dictionaries(store)
    return store.dictionaries[number]


def read_dictionaries(store: Store) -> None:
    """Reads the dictionaries that are new, so that rows that stream can be unpacked without a further statement."""
    store.dictionaries |= dict(store.select(_DICTIONARIES, max(store.dictionaries, default=0)))


def whole_texts(store: Store, texts: Texts) -> Texts:
    """The texts, unpacked where they are packed. Raises LedgerUnavailable where they are damaged."""
    if not is_packed(texts.answer):
        return texts
    return unpack(texts.answer, lambda number: dictionary_of(store, number))


def whole_answer(store: Store, answer: str) -> str:
    """The answer, unpacked where it is packed."""
    return whole_texts(store, Texts("", "", answer)).answer


def decision_row(store: Store, values: Sequence[Any]) -> DecisionRow:
    """The row of a decision out of its columns, its texts unpacked."""
    row = DecisionRow(*values)
    if not is_packed(row.answer):
        return row
    inputs, trace, answer = whole_texts(store, Texts(row.inputs, row.trace, row.answer))
    return row._replace(inputs=inputs, trace=trace, answer=answer)


def newest_dictionary(store: Store) -> DictionaryRow | None:
    """The dictionary that is packed with; None where nothing was ever packed."""
    rows = store.select(_NEWEST)
    return DictionaryRow(*rows[0]) if rows else None


def add_dictionary(store: Store, row: DictionaryRow) -> None:
    """Adds a dictionary; who made one of the same number first wins."""
    store.insert(DictionaryRow, [row], "ON CONFLICT DO NOTHING")


def last_texts(store: Store, after: str, before: str, most: int) -> list[TextsOfDecision]:
    """The texts of the last decisions between two ids, at most so many, unpacked."""
    return [
        own._replace(texts=whole_texts(store, own.texts))
        for own in _texts(store.select(_LAST, after, before, most))
    ]


def next_texts(store: Store, after: str, before: str) -> list[TextsOfDecision]:
    """The texts of the next decisions between two ids, at most STEP, as they stand."""
    return _texts(store.select(_NEXT, after, before))


def count_between(store: Store, after: str, before: str) -> int:
    """How many decisions there are between two ids."""
    return int(store.select(_COUNT, after, before)[0][0])


def keep_packed(store: Store, packed: Sequence[TextsOfDecision], number: int, to: str) -> None:
    """Writes packed texts, and that all decisions up to an id are done with. number: of the dictionary."""
    if packed:
        store.change(_PACK, [(own.decision_id, own.person, own.texts.answer) for own in packed])
    store.change(_MOVE, to, number)


def _texts(rows: Sequence[Sequence[Any]]) -> list[TextsOfDecision]:
    return [TextsOfDecision(row[0], row[1], Texts(*row[2:])) for row in rows]
