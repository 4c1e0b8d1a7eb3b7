"""What happened between a person and the books, in order of time: it answers "why did she get nothing on Tuesday?"."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple
from zoneinfo import ZoneInfo

import orjson

from engine.explain.books import Books
from engine.ledger.store.rows import (
    ConsentRow,
    ContactRow,
    DecisionRow,
    EventRow,
    IdentityRow,
    OutcomeRow,
    SignalRow,
)
from engine.model.customer import EVERYTHING
from engine.model.instant import Instant
from engine.privacy.record import PersonRecord, contacts_of_decisions, first_seen, in_words

_SHADOW = "withheld: it counts for this customer as if it had been made"


class TimelineEntry(NamedTuple):
    """Something that happened."""

    at: Instant
    kind: str
    """decision, contact, outcome, consent, event, signal, link or seen."""
    text: str
    details: Sequence[str] = ()


def timeline(record: PersonRecord, books: Books, period: tuple[Instant, Instant]) -> list[TimelineEntry]:
    """What happened from the first moment until before the second, in order. Only these decisions are explained."""
    since, until = period
    rows = [row for row in record.of(DecisionRow) if since <= row.at < until]
    happened = [*_others(record), *_decisions(record, books, rows)]
    return sorted((entry for entry in happened if since <= entry.at < until), key=lambda entry: entry.at)


def zone_of(record: PersonRecord, books: Books) -> ZoneInfo:
    """The time zone of the book that decided last; UTC where there is none."""
    last = max(record.of(DecisionRow), key=lambda row: row.at, default=None)
    compiled = None if last is None else books.of(last.book_version)
    return ZoneInfo("UTC") if compiled is None else compiled.book.timezone


def _decisions(record: PersonRecord, books: Books, rows: Sequence[DecisionRow]) -> Iterator[TimelineEntry]:
    contacts = contacts_of_decisions(record)
    for own in in_words(rows, books):
        made = [_contact(contact) for contact in contacts.get(own.row.decision_id, ())]
        source = f"decision {own.row.decision_id}, book {own.row.book_version[:12]}"
        sent_by = f"{source}, send {own.row.run}" if own.row.run else source
        yield TimelineEntry(own.row.at, "decision", own.headline, [*own.reasons, *made, sent_by])


def _contact(contact: ContactRow) -> str:
    state = _SHADOW if contact.state == "shadow" else contact.state
    return f"The contact on {contact.channel} is {state}."


def _others(record: PersonRecord) -> Iterator[TimelineEntry]:
    decided = {row.decision_id for row in record.of(DecisionRow)}
    if (seen := first_seen(record)) is not None:
        yield TimelineEntry(seen, "seen", "First seen.")
    for contact in record.of(ContactRow):
        if contact.decision_id not in decided:
            about = contact.campaign or contact.offer or "something else"
            text = f"Contacted on {contact.channel} about {about}, not by a decision."
            yield TimelineEntry(contact.at, "contact", text)
    for outcome in record.of(OutcomeRow):
        yield TimelineEntry(outcome.at, "outcome", _outcome(outcome))
    for consent in record.of(ConsentRow):
        yield from _consent(consent)
    for event in record.of(EventRow):
        yield TimelineEntry(event.at, "event", f"Event {event.type}{_fields(event.fields)}.")
    for signal in record.of(SignalRow):
        text = f"The signal {signal.name} began{_fields(signal.fields)}."
        yield TimelineEntry(signal.since, "signal", text)
    for identity in record.of(IdentityRow):
        text = f"The name {identity.name} was linked, by {identity.source}."
        yield TimelineEntry(identity.linked_at, "link", text)


def _outcome(row: OutcomeRow) -> str:
    of = f" {row.campaign}" if row.campaign else ""
    on = f" on {row.channel}" if row.channel else ""
    worth = "" if row.value is None else f", {row.value:g} {row.currency or ''}".rstrip()
    return f"Outcome{of}{on}: {row.type}{worth}."


def _consent(row: ConsentRow) -> Iterator[TimelineEntry]:
    purpose = "everything" if row.purpose == EVERYTHING else row.purpose
    if row.given_at is not None:
        yield TimelineEntry(row.given_at, "consent", f"Agreed to {purpose}.")
    if row.withdrawn_at is not None:
        yield TimelineEntry(row.withdrawn_at, "consent", f"Withdrew {purpose}.")


def _fields(text: str) -> str:
    fields = orjson.loads(text)
    return f" ({', '.join(f'{name} {value}' for name, value in fields.items())})" if fields else ""
