"""All that is held of one person, read at one moment, and written so that the person can read it."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeVar, cast
from zoneinfo import ZoneInfo

import orjson
from uuid_utils import uuid7

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
    pseudonym_of,
)
from engine.ledger.queries.releases import add_audit, audit
from engine.ledger.store.release_rows import AuditRow
from engine.ledger.store.rows import AssignmentRow, ContactRow, DecisionRow, PersonRow
from engine.ledger.store.store import Store
from engine.model.decision import Decision
from engine.model.instant import Instant, from_datetime, to_datetime
from engine.privacy.coverage import SECTIONS, ColumnForm, HeldSection
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
    with store.transaction():
        person = names_of_person(store, customer).person
        pseudonym = pseudonym_of(store, person, now)
        row = AuditRow(
            str(uuid7()), now, reader.actor, reader.via, f"person {reader.action}", pseudonym, "", "done", ""
        )
        add_audit(store, [row])
    with store.transaction(writes=False):
        names = names_of_person(store, customer)
        rows = {**held_of(store, names.names)}
        units = _units_of(rows[DecisionRow])
        of_units = of_subjects(store, units).values() if units else ()
        rows[AssignmentRow] = [*rows[AssignmentRow], *(row for of_unit in of_units for row in of_unit)]
        accesses = audit(store, pseudonym, _MOST_ACCESSES)
    return PersonRecord(customer, now, names, rows, accesses)


def _units_of(decisions: Sequence[Any]) -> list[DrawKey]:
    """The units that the person was drawn by, each once."""
    units: dict[DrawKey, None] = {}
    for row in decisions:
        units |= {
            (subject, unit): None for unit, subject in orjson.loads(row.inputs).get("units", {}).items()
        }
    return list(units)


def in_words(rows: Sequence[DecisionRow], books: Books) -> Iterator[DecisionInWords]:
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


def entries(record: PersonRecord, books: Books) -> Iterator[HeldEntry]:
    """All that is held, row by row in the order of the sections; a decision also in words, and who had access at the end."""
    for section in SECTIONS:
        if section.row is DecisionRow:
            yield from (
                HeldEntry(section.name, _decision_fields(section, own))
                for own in in_words(record.of(DecisionRow), books)
            )
        else:
            yield from (HeldEntry(section.name, fields_of(section, row)) for row in record.of(section.row))
    for access in record.accesses:
        yield HeldEntry("access", {"at": time_of(access.at), "by": access.actor, "what": access.action})


def head(record: PersonRecord) -> dict[str, Any]:
    """What an export is of, before its rows; `sections` says what the rows of each section are."""
    return {
        "schema": SCHEMA,
        "customer": record.customer,
        "person": record.names.person,
        "names": list(record.names.names),
        "made_at": time_of(record.read_at),
        "sections": {section.name: section.meaning for section in SECTIONS}
        | {"access": "Who read what is held of you, or changed it."},
    }


def document(record: PersonRecord, books: Books) -> dict[str, Any]:
    """All that is held as one JSON document."""
    return document_of(head(record), entries(record, books))


def document_of(made_head: Mapping[str, Any], rows: Iterable[HeldEntry]) -> dict[str, Any]:
    """The document of a head and its rows."""
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
