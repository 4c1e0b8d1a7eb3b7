"""Objections to being profiled, as commands of the ledger: noted, and taken back by the person."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

from uuid_utils import uuid7

from engine.decide.pressure.consent import objection_to, objections_in, says_again
from engine.ledger.commit.commands import Command, Stage, UnitOfWork
from engine.ledger.queries import consents, persons
from engine.ledger.queries.held import pseudonym_of
from engine.ledger.queries.releases import add_audit
from engine.ledger.store.release_rows import AuditRow
from engine.ledger.store.rows import PersonRow
from engine.model.instant import Instant


class PrivacyActor(NamedTuple):
    """Who acts on behalf of a person, and when."""

    name: str
    via: str
    """As in the audit: grpc or log."""
    at: Instant


class Objections(NamedTuple):
    """What a person objects to now."""

    purposes: tuple[str, ...]
    """In order; `*`: everything."""
    is_new: bool
    """Whether the command changed it."""


@dataclass(frozen=True, slots=True)
class ObjectionCommand(Command[Objections]):
    """A person objects to being profiled for a purpose, or takes that back.

    purpose: as books name it, `channel:NAME`, or `*` for everything. reference: where the person's request is filed.
    """

    customer: str
    purpose: str
    objects: bool
    reference: str
    actor: PrivacyActor

    stage = Stage.REPORT

    def customers(self) -> tuple[str, ...]:
        """The customer."""
        return (self.customer,)

    def keeps_since(self) -> Instant | None:
        """When the call arrived."""
        return self.actor.at

    @classmethod
    def apply(cls, unit: UnitOfWork, commands: Sequence[Self]) -> list[Objections]:
        """Notes them in order, each with its row of the audit."""
        return [command.apply_alone(unit) for command in commands]

    def apply_alone(self, unit: UnitOfWork) -> Objections:
        """Notes it, with its row of the audit."""
        store, actor = unit.store, self.actor
        person = unit.identities.person_of(self.customer)
        said = consents.consents_of(store, [person]).get(person, {})
        is_new = (self.purpose in objections_in(said)) is not self.objects
        if is_new:
            after = says_again(said, objection_to(self.purpose), actor.at, agrees=not self.objects)
            persons.know(store, [PersonRow(person, actor.at)])
            consents.keep(store, {person: after})
            said = after
        action = "person object" if self.objects else "person withdraw objection"
        note = f"{self.purpose}: {self.reference}" if self.reference else self.purpose
        pseudonym = pseudonym_of(store, person, actor.at)
        add_audit(
            store,
            [AuditRow(str(uuid7()), actor.at, actor.name, actor.via, action, pseudonym, "", "done", note)],
        )
        return Objections(objections_in(said), is_new)
