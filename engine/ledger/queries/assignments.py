"""Reads and writes the draws that sticky campaigns keep, and finds in earlier decisions those of before they were sticky."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import orjson

from engine.ledger.queries.packed import whole_texts
from engine.ledger.store.packing import Texts
from engine.ledger.store.rows import AssignmentRow
from engine.ledger.store.statements import Select, columns
from engine.ledger.store.store import Store

DrawKey: TypeAlias = tuple[str, str]
"""The person or the id of the unit, and the attribute of the unit; empty: a person."""


_ASSIGNMENTS = Select(
    columns(AssignmentRow._fields),
    "FROM assignments WHERE subject IN :given(subject text) ORDER BY decision_id",
)
"""The draws that are kept of persons and units, in the order in which they were made."""


_DELETE = "DELETE FROM assignments WHERE unit = '' AND subject IN :given(subject text)"
"""Deletes the draws of persons."""


_FIRST = Select(
    "c.person, c.campaign, min(c.decision_id)",
    "FROM contacts AS c JOIN :given(person text, campaign text) AS g ON c.person = g.person AND c.campaign = g.campaign"
    " GROUP BY c.person, c.campaign",
)
"""The first decision that chose a campaign for a person, withheld or not, whatever became of the contact."""


_DECISIONS = Select(
    "decision_id, at, inputs, trace, answer", "FROM decisions WHERE decision_id IN :given(decision_id text)"
)
"""What decisions drew."""


def of_subjects(store: Store, subjects: Iterable[DrawKey]) -> dict[DrawKey, list[AssignmentRow]]:
    """The draws of persons and units, in the order in which they were made; subjects without any are missing."""
    by_subject: dict[DrawKey, list[AssignmentRow]] = {}
    keys = set(subjects)
    for row in (
        AssignmentRow(*values) for values in store.select(_ASSIGNMENTS, sorted({key[0] for key in keys}))
    ):
        if row[:2] in keys:
            by_subject.setdefault(row[:2], []).append(row)
    return by_subject


def keep(store: Store, rows: Sequence[AssignmentRow]) -> None:
    """Adds draws."""
    store.insert(AssignmentRow, rows)


def join(store: Store, kept: str, others: Sequence[str]) -> None:
    """Moves the draws of others to the person who is kept; of the same draw the earlier one stays."""
    keys = [(person, "") for person in (kept, *others)]
    rows = [row for draws in of_subjects(store, keys).values() for row in draws]
    if not any(row.subject != kept for row in rows):
        return
    first: dict[tuple[Any, ...], AssignmentRow] = {}
    for row in sorted(rows, key=lambda row: row.decision_id):
        first.setdefault(row[1:6], row._replace(subject=kept))
    store.change(_DELETE, [kept, *others])
    keep(store, list(first.values()))


def before(store: Store, units: Mapping[tuple[str, str], str]) -> Iterator[AssignmentRow]:
    """What the first decisions drew for persons and campaigns that have no kept draw yet.

    units: by person and campaign, the attribute by which the campaign is drawn; empty: by person. The campaign was not
    sticky then, or the draw is older than the table. A decision that drew by another unit is of no use.
    """
    first = {
        decision_id: (person, campaign)
        for person, campaign, decision_id in store.select(_FIRST, [list(key) for key in units])
    }
    rows = store.select(_DECISIONS, sorted(first)) if first else ()
    for decision_id, at, *texts in rows:
        inputs, trace, _ = whole_texts(store, Texts(*texts))
        person, campaign = first[decision_id]
        unit = units[person, campaign]
        subject = orjson.loads(inputs).get("units", {}).get(unit) if unit else person
        if subject is not None:
            for purpose, salt, drawn, share in _drawn(orjson.loads(trace), orjson.loads(inputs), campaign):
                yield AssignmentRow(subject, unit, campaign, purpose, salt, drawn, share, at, decision_id)


def _drawn(
    trace: Mapping[str, Any], inputs: Mapping[str, Any], campaign: str
) -> Iterator[tuple[str, str, str, float]]:
    """Purpose, salt, what was drawn, and its share; rows of earlier versions lack the campaign of a variant."""
    salt = inputs.get("salt", "")
    controls = [row for row in trace.get("experiments", ()) if row[:2] == [campaign, "control"]]
    for _, _, _, own_salt, low, high, inside, *_ in controls:
        yield "control", own_salt, "control" if inside else "treated", high - low
    if not controls:
        yield "control", salt, "treated", 0.0
    for variant, probability, *rest in trace["variants"]:
        if variant and rest[1:2] == [campaign]:
            yield "variant", salt, variant, probability
