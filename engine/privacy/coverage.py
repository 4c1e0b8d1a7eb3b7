"""Which tables hold something of a person, how each of their columns is written for them, and why the others hold nothing.

A table or column that is missing here fails the tests, so that nothing new is held and not told.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from engine.ledger.store.rows import (
    AssignmentRow,
    ChallengeRow,
    ConsentRow,
    ContactRow,
    DecisionRow,
    EventRow,
    HoldingRow,
    IdentityRow,
    OutcomeRow,
    PersonRow,
    PresendRunRow,
    RequestRow,
    SignalRow,
    TrialRow,
)


class ColumnForm(StrEnum):
    """How a column is written."""

    PLAIN = "plain"
    TIME = "time"
    """Microseconds since 1970, as RFC 3339 in UTC."""
    JSON = "json"


class ErasedForm(StrEnum):
    """What becomes of a column when the person is erased."""

    KEPT = "kept"
    """It says nothing of the person without the others, and something is counted by it."""
    PSEUDONYM = "pseudonym"
    """A random one, the same in all tables."""
    HASHED = "hashed"
    """By the log's key, so that a repeated report is known again."""
    EMPTIED = "emptied"
    STRIPPED = "stripped"
    """What is personal is taken out of the JSON."""


class HeldSection(NamedTuple):
    """The rows of one table, for the person."""

    name: str
    row: type[tuple[Any, ...]]
    meaning: str
    """What the rows are, for a reader who does not know the product."""
    forms: Mapping[str, ColumnForm]
    """By column."""
    erased: Mapping[str, ErasedForm] | None = None
    """By column, what becomes of it when the person is erased; None: the rows are deleted."""


_PLAIN, _TIME, _JSON = ColumnForm.PLAIN, ColumnForm.TIME, ColumnForm.JSON


def _forms(plain: str, time: str = "", json: str = "") -> dict[str, ColumnForm]:
    by_form = ((_PLAIN, plain), (_TIME, time), (_JSON, json))
    return {column: form for form, columns in by_form for column in columns.split()}


def _erased(kept: str, **changed: str) -> dict[str, ErasedForm]:
    by_form = ((ErasedForm.KEPT, kept), *((ErasedForm(form), columns) for form, columns in changed.items()))
    return {column: form for form, columns in by_form for column in columns.split()}


SECTIONS: tuple[HeldSection, ...] = (
    HeldSection("persons", PersonRow, "When anything was first kept of you.", _forms("person", "first_seen")),
    HeldSection(
        "identities",
        IdentityRow,
        "Names, such as a customer number and a device, that were linked because they are yours.",
        _forms("name person source linked_to", "linked_at"),
        _erased("source linked_at", pseudonym="name person linked_to"),
    ),
    HeldSection(
        "consents",
        ConsentRow,
        "What you agreed to, and what you withdrew; the later of the two holds.",
        _forms("person purpose", "withdrawn_at given_at"),
    ),
    HeldSection(
        "decisions",
        DecisionRow,
        "Each time it was decided whether to say something to you, what it was decided by, and why it came out so.",
        _forms(
            "decision_id request_id person book_version outcome campaign offer variant channel placement score"
            " selection_probability run",
            "at next_allowed_at expires_at",
            "inputs trace answer",
        ),
        _erased(
            "decision_id at book_version outcome campaign offer variant channel placement score selection_probability"
            " expires_at run",
            pseudonym="person",
            stripped="inputs trace answer",
            emptied="request_id next_allowed_at",
        ),
    ),
    HeldSection("requests", RequestRow, "The ids of the calls that asked.", _forms("request_id decision_id")),
    HeldSection(
        "contacts",
        ContactRow,
        "What was sent or shown to you, so that it does not become too much. A shadow was withheld, to measure its effect.",
        _forms(
            "person decision_id position state channel kind campaign offer category zones alike counted_by cost",
            "at expires_at",
            "tags",
        ),
        _erased(
            "at decision_id position state expires_at channel kind campaign offer category tags cost",
            pseudonym="person",
            emptied="zones alike counted_by",
        ),
    ),
    HeldSection(
        "outcomes",
        OutcomeRow,
        "What was reported of it later: delivered, opened, clicked, bought, complained about.",
        _forms(
            "person type event_id decision_id channel campaign offer variant value currency alike order_id reported_for",
            "at decided_at recorded_at",
            "fields",
        ),
        _erased(
            "type at decision_id decided_at recorded_at channel campaign offer variant value currency alike",
            pseudonym="person reported_for",
            hashed="event_id order_id",
            emptied="fields",
        ),
    ),
    HeldSection(
        "events",
        EventRow,
        "What you did, as a website or a shop reported it.",
        _forms("person position event_id type", "at", "fields"),
    ),
    HeldSection(
        "signals",
        SignalRow,
        "What was concluded from what you did, and until when it is remembered.",
        _forms("person name", "since expires_at", "fields"),
    ),
    HeldSection(
        "assignments",
        AssignmentRow,
        "Draws of experiments that are kept, so that you are always treated alike.",
        _forms("subject unit campaign purpose salt drawn share decision_id", "at"),
    ),
    HeldSection(
        "challenges",
        ChallengeRow,
        "What a second set of rules, which is only tried, would have decided; nothing of it was sent.",
        _forms(
            "decision_id person book_version outcome campaign offer variant channel",
            "at",
            "inputs trace answer",
        ),
        _erased(
            "decision_id at book_version outcome campaign offer variant channel",
            pseudonym="person",
            stripped="inputs trace answer",
        ),
    ),
    HeldSection(
        "holdings",
        HoldingRow,
        "What a contact with you takes of stock, a capacity or a budget.",
        _forms("decision_id position counter period counted amount", "expires_at"),
        _erased("decision_id position counter period counted amount expires_at"),
    ),
    HeldSection(
        "trials",
        TrialRow,
        "Offers to you that are about to be counted, without your name, to learn which variant does better.",
        _forms("campaign decision_id variant", "at"),
        _erased("campaign decision_id variant at"),
    ),
    HeldSection(
        "presend_runs",
        PresendRunRow,
        "Sends to many people that you were among; their files have a row of you as well.",
        _forms("run book_version people fingerprint", "started_at now finished_at", "settings shares"),
        _erased("run book_version people fingerprint started_at now finished_at settings shares"),
    ),
)
"""What is held of a person, by table."""


NOT_HELD: Mapping[str, str] = {
    "activations": "it says who of the staff made which book live",
    "approvals": "it says who of the staff approved which book",
    "arms": "it counts offers and outcomes of all customers",
    "audit": "it has pseudonyms in place of names; an export lists the rows under the person's own",
    "books": "it holds the texts of books",
    "commits": "it repeats the ids of decisions and outcomes, which their own tables hold, and erasing hashes both",
    "counters": "it counts contacts of all customers",
    "dictionaries": "it holds parts of texts that the decisions of at least 20 persons share",
    "drafts": "it holds texts of books, and who of the staff edits them",
    "learned": "it sums up outcomes of all customers",
    "presend_pieces": "it counts decisions and names files; the files stand under the runs",
    "prices": "it holds prices of counters",
    "pseudonym_keys": "it holds a random key",
    "publications": "it holds books, and who of the staff published them",
    "suppressions": "it has keyed hashes of names in place of names, so that what the erased forbade stays in force",
    "rollup": "it counts what came of decisions of all customers",
    "rollup_cursor": "it says how far the log was counted",
    "servers": "it says what servers serve",
    "trend_alarms": "it says which numbers of all customers were unusual",
    "trend_cells": "it counts events of all customers by the hour",
    "trend_series": "it says which events are counted",
}
"""By table, why it holds nothing of a person."""
