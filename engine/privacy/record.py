"""All that is held of one person, read at one moment, and written so that the person can read it."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, NamedTuple, TypeVar, cast
from zoneinfo import ZoneInfo

import orjson

from engine.decide.answer import from_json
from engine.explain import explain_found
from engine.explain.books import Books
from engine.ledger.commit.replay import logged_decision_of
from engine.ledger.queries.assignments import DrawKey, of_subjects
from engine.ledger.queries.held import (
    HeldRows,
    PersonNames,
    held_of,
    names_of_person,
    stream_held,
)
from engine.ledger.queries.releases import audit
from engine.ledger.store.release_rows import AuditRow
from engine.ledger.store.rows import AssignmentRow, ContactRow, DecisionRow, PersonRow
from engine.ledger.store.store import Store
from engine.model.decision import Decision
from engine.model.instant import Instant, from_datetime, to_datetime
from engine.privacy.access import note_access
from engine.privacy.coverage import SECTIONS, ColumnForm, HeldSection
from engine.privacy.objection import PrivacyActor
from engine.privacy.words import experiments, headline, sentences

RowT = TypeVar("RowT", bound=tuple[Any, ...])

SCHEMA = 1
"""Of the document that an export makes."""

_MOST_ACCESSES = 10_000

_UTC = ZoneInfo("UTC")


class PersonReader(NamedTuple):
    """Who reads, and what for; it stands in the audit."""

    actor: str
    action: str
    """export or show."""
    via: str = "log"
    """As in the audit: log or grpc."""


class PersonRecord(NamedTuple):
    """What is held of one person."""

    customer: str
    """The name that was asked for."""
    read_at: Instant
    names: PersonNames
    rows: HeldRows
    accesses: Sequence[AuditRow]
    """Who read or changed it before, the newest first."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing is held."""
        return not any(self.rows.values())

    def of(self, row: type[RowT]) -> Sequence[RowT]:
        """The rows of this type."""
        return cast("Sequence[RowT]", self.rows[row])


class DecisionInWords(NamedTuple):
    """A decision in plain words."""

    row: DecisionRow
    decision: Decision
    zone: ZoneInfo
    """Of the book that decided; UTC where the log does not have it."""
    headline: str
    reasons: Sequence[str]


def read_person(store: Store, customer: str, reader: PersonReader, now: Instant) -> PersonRecord:
    """Reads all that is held under any name of the person, of one moment. First it says so in the audit.

    Raises LedgerError; then nothing was read.
    """
    pseudonym = _noted(store, customer, reader, now)
    with store.transaction(writes=False):
        names = names_of_person(store, customer)
        rows = {**held_of(store, names.names)}
        units = _units_of(rows[DecisionRow])
        of_units = of_subjects(store, units).values() if units else ()
        rows[AssignmentRow] = [*rows[AssignmentRow], *(row for of_unit in of_units for row in of_unit)]
        accesses = audit(store, pseudonym, _MOST_ACCESSES)
    return PersonRecord(customer, now, names, rows, accesses)


def _noted(store: Store, customer: str, reader: PersonReader, now: Instant) -> str:
    """Says in the audit that somebody reads; the pseudonym of the person there."""
    with store.transaction():
        actor = PrivacyActor(reader.actor, reader.via, now)
        return note_access(store, actor, f"person {reader.action}", customer)


def _units_of(decisions: Iterable[Any]) -> list[DrawKey]:
    """The units that the person was drawn by, each once."""
    units: dict[DrawKey, None] = {}
    for row in decisions:
        units |= _units_in(row)
    return list(units)


def _units_in(row: DecisionRow) -> dict[DrawKey, None]:
    """The units that one decision was drawn by."""
    return {(subject, unit): None for unit, subject in orjson.loads(row.inputs).get("units", {}).items()}


def in_words(rows: Iterable[DecisionRow], books: Books) -> Iterator[DecisionInWords]:
    """The decisions in plain words, each by the book that made it. Raises LedgerError."""
    with asyncio.Runner() as runner:
        for row in rows:
            yield _in_words(row, books, runner)


def _in_words(row: DecisionRow, books: Books, runner: asyncio.Runner) -> DecisionInWords:
    compiled = books.of(row.book_version)
    if compiled is None:
        decision = from_json(row.answer)
        note = "Note: the log does not have the book that decided."
        return DecisionInWords(row, decision, _UTC, headline(decision, _UTC), [note])
    zone = compiled.book.timezone
    logged = logged_decision_of(row, compiled)
    candidates = [outcome.campaign for outcome in logged.decision.candidate_outcomes]
    if not candidates and not logged.state.lacking:
        return DecisionInWords(row, logged.decision, zone, headline(logged.decision, zone), ())
    explained = runner.run(explain_found(compiled, logged, only=candidates))
    reasons = list(sentences(explained, zone))
    return DecisionInWords(row, logged.decision, zone, headline(logged.decision, zone), reasons)


class HeldEntry(NamedTuple):
    """A row of a section as it is written."""

    section: str
    fields: dict[str, Any]


def export_of(
    store: Store, books: Books, customer: str, reader: PersonReader, now: Instant
) -> Iterator[dict[str, Any] | HeldEntry]:
    """All that is held under any name of the person, of one moment: the head, then row by row in the order of the sections.

    A decision is told in words as well, and who had access comes at the end. First the audit says who reads. Memory does not
    grow with the rows: they are read as they are taken. Raises LedgerError, also in the middle.
    """
    pseudonym = _noted(store, customer, reader, now)
    with closing(store.another()) as reading, reading.transaction(writes=False):
        names = names_of_person(reading, customer)
        yield head(customer, names, now)
        units: dict[DrawKey, None] = {}
        for section in SECTIONS:
            rows = stream_held(reading, section.row, names.names)
            if section.row is DecisionRow:
                own = in_words(_noting_units(cast("Iterator[DecisionRow]", rows), units), books)
                yield from (HeldEntry(section.name, _decision_fields(section, decision)) for decision in own)
                continue
            yield from (HeldEntry(section.name, fields_of(section, row)) for row in rows)
            if section.row is AssignmentRow and units:
                kept = of_subjects(reading, units).values()
                yield from (
                    HeldEntry(section.name, fields_of(section, row)) for own_rows in kept for row in own_rows
                )
        for access in audit(reading, pseudonym, _MOST_ACCESSES):
            yield HeldEntry("access", {"at": time_of(access.at), "by": access.actor, "what": access.action})


def _noting_units(rows: Iterable[DecisionRow], units: dict[DrawKey, None]) -> Iterator[DecisionRow]:
    """The same rows; the units that they were drawn by are added to `units`."""
    for row in rows:
        units |= _units_in(row)
        yield row


def head(customer: str, names: PersonNames, now: Instant) -> dict[str, Any]:
    """What an export is of, before its rows; `sections` says what the rows of each section are."""
    return {
        "schema": SCHEMA,
        "customer": customer,
        "person": names.person,
        "names": list(names.names),
        "made_at": time_of(now),
        "sections": {section.name: section.meaning for section in SECTIONS}
        | {"access": "Who read what is held of you, or changed it."},
    }


def written(made_head: Mapping[str, Any], rows: Iterable[HeldEntry]) -> Iterator[bytes]:
    """The text of the document of a head and its rows, piece by piece, as `document_of` would be written with two blanks."""
    text = orjson.dumps(made_head, option=orjson.OPT_INDENT_2)
    yield text.removesuffix(b"\n}")
    by_section = groupby(rows, lambda row: row.section)
    section, own = next(by_section, ("", iter(())))
    for name in made_head["sections"]:
        yield b',\n  "%s": [' % name.encode()
        if name == section:
            for number, row in enumerate(own):
                row_text = orjson.dumps(row.fields, option=orjson.OPT_INDENT_2)
                yield (b"," if number else b"") + b"\n    " + row_text.replace(b"\n", b"\n    ")
            yield b"\n  "
            section, own = next(by_section, ("", iter(())))
        yield b"]"
    yield b"\n}\n"


def document_of(made_head: Mapping[str, Any], rows: Iterable[HeldEntry]) -> dict[str, Any]:
    """The document of a head and its rows, which are held at once."""
    by_section: dict[str, list[dict[str, Any]]] = {name: [] for name in made_head["sections"]}
    for row in rows:
        by_section[row.section].append(row.fields)
    return {**made_head, **by_section}


def fields_of(section: HeldSection, row: Sequence[Any]) -> dict[str, Any]:
    """The row with every column, times in RFC 3339 and JSON as it is."""
    names: Sequence[str] = row._fields  # type: ignore[attr-defined] # every row is a NamedTuple
    return {name: _written(section.forms[name], value) for name, value in zip(names, row, strict=True)}


def time_of(at: Instant) -> str:
    """The moment in RFC 3339, in UTC."""
    return to_datetime(at).astimezone(UTC).isoformat()


def first_seen(record: PersonRecord) -> Instant | None:
    """When anything was first kept of the person; None where that is not known."""
    return min((row.first_seen for row in record.of(PersonRow)), default=None)


def contacts_of_decisions(record: PersonRecord) -> dict[str, list[ContactRow]]:
    """The contacts by decision_id."""
    by_decision: dict[str, list[ContactRow]] = {}
    for row in record.of(ContactRow):
        by_decision.setdefault(row.decision_id, []).append(row)
    return by_decision


def _decision_fields(section: HeldSection, own: DecisionInWords) -> dict[str, Any]:
    fields = fields_of(section, own.row)
    said = {"summary": own.headline, "reasons": list(own.reasons)}
    return {**fields, **said, "experiments": experiments(fields["trace"])}


def _written(form: ColumnForm, value: Any) -> Any:
    if value is None:
        return None
    match form:
        case ColumnForm.TIME:
            try:
                return time_of(value)
            except (OverflowError, ValueError):  # beyond the years of the calendar
                return value
        case ColumnForm.JSON:
            return orjson.loads(value)
        case _:
            return value


def present() -> Instant:
    """The present moment."""
    return from_datetime(datetime.now(UTC))
