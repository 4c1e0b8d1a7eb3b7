"""Who read a person's decisions: a row of the audit, which is written before anything is read."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from uuid_utils import uuid7

from engine.ledger.commit.commands import Command, Stage, UnitOfWork
from engine.ledger.queries.decisions import decision_of
from engine.ledger.queries.held import names_of_person, pseudonym_of
from engine.ledger.queries.releases import add_audit
from engine.ledger.store.release_rows import AuditRow
from engine.ledger.store.store import Store
from engine.privacy.objection import PrivacyActor

DECISION_READ = "person decision"
"""Of the audit: one decision was read."""


FEED_READ = "persons feed"
"""Of the audit: decisions of all persons are being read, as they are kept."""


def note_access(store: Store, actor: PrivacyActor, action: str, customer: str) -> str:
    """Adds the row, inside a transaction; the pseudonym of the person, who may be named by any of their names."""
    pseudonym = pseudonym_of(store, names_of_person(store, customer).person, actor.at)
    _add(store, actor, action, pseudonym)
    return pseudonym


def note_decision(store: Store, actor: PrivacyActor, decision_id: str) -> None:
    """Adds the row of the person whom the decision is about, inside a transaction; none where there is no such decision.

    The row does not name the decision: that stays in the log when its person is erased, and would lead to them.
    """
    row = decision_of(store, decision_id)
    if row is not None:
        note_access(store, actor, DECISION_READ, row.person)


def note_feed(store: Store, actor: PrivacyActor) -> None:
    """Adds the row of somebody who begins to read what is kept of all, inside a transaction."""
    _add(store, actor, FEED_READ, "")


def _add(store: Store, actor: PrivacyActor, action: str, name: str) -> None:
    add_audit(store, [AuditRow(str(uuid7()), actor.at, actor.name, actor.via, action, name, "", "done", "")])


@dataclass(frozen=True, slots=True)
class ReadCommand(Command[None]):
    """Somebody reads one decision, or, without an id, what is kept of all."""

    actor: PrivacyActor
    decision_id: str = ""

    stage = Stage.REPORT

    def decision_ids(self) -> tuple[str, ...]:
        """The decision: its person is locked, and so is not erased meanwhile."""
        return (self.decision_id,) if self.decision_id else ()

    @classmethod
    def apply(cls, unit: UnitOfWork, commands: Sequence[Self]) -> list[None]:
        """Adds the rows in order."""
        for command in commands:
            if command.decision_id:
                note_decision(unit.store, command.actor, command.decision_id)
            else:
                note_feed(unit.store, command.actor)
        return [None] * len(commands)
