"""Erases a person, as a command of the ledger: in one transaction, under the person's lock, with a receipt in the audit."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

import orjson
from uuid_utils import uuid7

from engine.ledger.commit.commands import Command, Stage, UnitOfWork
from engine.ledger.queries import consents
from engine.ledger.queries.erasing import Erased, Eraser, unit_names, units_named
from engine.ledger.queries.held import key_of_pseudonyms, names_of_person, pseudonym_of
from engine.ledger.queries.releases import add_audit
from engine.ledger.queries.suppressions import new_pseudonym, suppress
from engine.ledger.store.release_rows import AuditRow
from engine.ledger.store.store import Store
from engine.model.instant import Instant, to_datetime


class Receipt(NamedTuple):
    """What was erased. It does not name the person."""

    receipt_id: str
    at: Instant
    erased: Erased
    suppressed: int
    """Withdrawn consents and objections that stay in force."""

    @property
    def document(self) -> dict[str, Any]:
        """The receipt as JSON, as it stands in the audit."""
        return {
            "receipt": self.receipt_id,
            "erased_at": to_datetime(self.at).isoformat(),
            "deleted": dict(sorted(self.erased.deleted.items())),
            "severed": dict(sorted(self.erased.severed.items())),
            "suppressed": self.suppressed,
            "runs": list(self.erased.runs),
        }


@dataclass(frozen=True, slots=True)
class EraseCommand(Command[Receipt]):
    """A person who is to be erased, by any of their names.

    clock: gives the moment of the erasure, once the person is locked. What arrived before it and waits is refused.
    """

    customer: str
    reference: str
    actor: str
    via: str
    """As in the audit: grpc or log."""
    clock: Callable[[], Instant]
    unit_names: list[str] = field(default_factory=list, compare=False, repr=False)
    """The attributes by whose values draws are kept, as they were just before the transaction."""
    units: list[str] = field(default_factory=list, compare=False, repr=False)
    """The ids of units that bear a name of the person, as of then."""

    stage = Stage.LEARN
    is_alone = True

    def customers(self) -> tuple[str, ...]:
        """The customer."""
        return (self.customer,)

    def locks(self) -> tuple[str, ...]:
        """The units that bear a name of the person, whose draws are deleted."""
        return tuple(f"unit {unit}" for unit in self.units)

    @classmethod
    def prepare(cls, store: Store, commands: Sequence[Self]) -> None:
        """Finds the units that may bear a name of a person.

        That passes over all draws, which takes a tenth of a second for a million, so nobody is locked meanwhile. What a
        unit draws between here and the transaction is as if it came after the erasure.
        """
        with store.transaction(writes=False):
            names = unit_names(store)
            for command in commands:
                command.unit_names[:] = names
                command.units[:] = units_named(names, names_of_person(store, command.customer).names)

    @classmethod
    def apply(cls, unit: UnitOfWork, commands: Sequence[Self]) -> list[Receipt]:
        """Erases one after the other."""
        return [command.apply_alone(unit) for command in commands]

    def apply_alone(self, unit: UnitOfWork) -> Receipt:
        """Erases the person, and notes it."""
        store, now = unit.store, self.clock()
        person, names = names_of_person(store, self.customer)
        key = key_of_pseudonyms(store, now)
        said = consents.consents_of(store, [person]).get(person, {})
        forbidden = {
            purpose: consent.withdrawn_at
            for purpose, consent in said.items()
            if consent.withdrawn_at is not None
            and (consent.given_at is None or consent.given_at <= consent.withdrawn_at)
        }
        pseudonyms = {name: new_pseudonym() for name in names}
        erased = Eraser(store, pseudonyms, key, self.unit_names).erase()
        suppress(store, names, forbidden, key, now)
        receipt = Receipt(str(uuid7()), now, erased, len(forbidden))
        note = {**receipt.document, **({"reference": self.reference} if self.reference else {})}
        pseudonym = pseudonym_of(store, person, now)
        add_audit(
            store,
            [
                AuditRow(
                    receipt.receipt_id,
                    now,
                    self.actor,
                    self.via,
                    "person erase",
                    pseudonym,
                    "",
                    "done",
                    orjson.dumps(note).decode(),
                )
            ],
        )
        return receipt
