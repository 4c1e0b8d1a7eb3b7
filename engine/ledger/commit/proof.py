"""Proves that decisions can be kept, by writing as much as a group of them does and taking it back in the same transaction."""

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from uuid_utils import uuid7

from engine.ledger.commit.commands import Command, Stage, UnitOfWork
from engine.ledger.errors import LedgerError
from engine.ledger.store.rows import CommitRow, ContactRow, DecisionRow, RequestRow
from engine.model.contact import ContactState
from engine.model.decision import Outcome

_ANSWER_BYTES = 512
"""Random bytes of a row, written as twice as many digits: it is about as large as a decision's, and not compressible."""


_ID_BYTES = 19
"""Random bytes in place of a decision_id in the list of a commit."""


@dataclass(frozen=True, slots=True)
class ProveCommand(Command[None]):
    """Writes what so many decisions write, of which nothing is ever seen.

    A value that is written over itself proves little: it fits where a decision does not, into the last page of a full disk.
    """

    decisions: int

    stage = Stage.PROVE

    @classmethod
    def apply(cls, unit: UnitOfWork, commands: Sequence[Self]) -> list[LedgerError | None]:
        """Has the store write the rows of all of them."""
        rows = [_rows() for command in commands for _ in range(command.decisions)]
        decisions, requests, contacts = zip(*rows, strict=True)
        # below the numbers of commits, and no other server's: it would wait
        commit = CommitRow(
            -1 - secrets.randbits(62), 0, f"[{secrets.token_hex(_ID_BYTES * len(rows))}]", "[]", "[]"
        )
        unit.store.prove(
            {DecisionRow: decisions, RequestRow: requests, ContactRow: contacts, CommitRow: (commit,)}
        )
        return [None] * len(commands)


def _rows() -> tuple[DecisionRow, RequestRow, ContactRow]:
    """The rows of a decision with one offer, of a person and a request whom nobody else names: as spread as decisions are."""
    decision_id, person, request_id, now = (
        str(uuid7()),
        secrets.token_hex(16),
        secrets.token_hex(16),
        time.time_ns() // 1000,
    )
    row = DecisionRow(
        decision_id=decision_id,
        request_id=request_id,
        person=person,
        at=now,
        book_version="",
        outcome=Outcome.OFFER,
        campaign=None,
        offer=None,
        variant=None,
        channel=None,
        placement=None,
        score=None,
        selection_probability=None,
        next_allowed_at=None,
        expires_at=None,
        inputs="{}",
        trace="{}",
        answer=secrets.token_hex(_ANSWER_BYTES),
    )
    contact = ContactRow(
        person=person,
        at=now,
        decision_id=decision_id,
        position=0,
        state=ContactState.RESERVED,
        expires_at=now,
        channel="",
        kind="",
        campaign="",
        offer="",
        category="",
        tags="[]",
    )
    return row, RequestRow(request_id, decision_id), contact
