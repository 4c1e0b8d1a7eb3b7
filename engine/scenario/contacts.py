"""What a scenario's customer was before: earlier contacts, which count for pressure and for campaigns that are sticky."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import orjson

from engine.decide.arbitrate.campaign import CompiledCampaign
from engine.decide.compiled import CompiledBook
from engine.decide.experiments.samples import CONTROL, TREATED
from engine.decide.experiments.subjects import Units, units_of
from engine.ledger.commit.commands import Command, Stage, UnitOfWork
from engine.ledger.queries import assignments, decisions, persons
from engine.ledger.queries.contacts import alike_of
from engine.ledger.store.rows import AssignmentRow, ContactRow, PersonRow
from engine.model.contact import Contact, ContactState
from engine.model.instant import Instant
from engine.model.request import Request
from engine.rulebook.report.diagnostics import Code, quote
from engine.rulebook.report.findings import Findings, Path
from engine.rulebook.shapes.faults import shaped
from engine.scenario.contexts import moment
from engine.scenario.shapes import PastContactShape


class PastContact(NamedTuple):
    """One earlier contact of a scenario's customer."""

    campaign: CompiledCampaign
    channel: str
    variant: str
    """Empty: it is not said."""
    at: Instant
    is_control: bool


@dataclass(frozen=True, slots=True)
class PastContactsCommand(Command[None]):
    """Stores earlier contacts of a scenario's customer, and the draws that sticky campaigns keep of them."""

    compiled: CompiledBook
    customer: str
    units: Units
    contacts: tuple[PastContact, ...]

    stage = Stage.LINK

    def customers(self) -> tuple[str, ...]:
        """The customer."""
        return (self.customer,)

    @classmethod
    def apply(cls, unit: UnitOfWork, commands: Sequence[Self]) -> list[None]:
        """Writes the rows."""
        for command in commands:
            person = unit.identities.person_of(command.customer)
            numbered = [*enumerate(sorted(command.contacts, key=lambda contact: contact.at))]
            persons.know(unit.store, [PersonRow(person, contact.at) for _, contact in numbered[:1]])
            decisions.keep(
                unit.store, [], [], [_contact_row(person, number, contact) for number, contact in numbered]
            )
            kept: dict[tuple[object, ...], AssignmentRow] = {}
            for number, contact in numbered:
                for row in command._draws(person, number, contact):  # noqa: SLF001 - of the same class
                    kept.setdefault(row[: 5 if row.purpose == "control" else 6], row)
            assignments.keep(unit.store, list(kept.values()))
        return [None for _ in commands]

    def _draws(self, person: str, number: int, contact: PastContact) -> list[AssignmentRow]:
        campaign, book = contact.campaign.campaign, self.compiled.book
        if not campaign.sticky:
            return []
        unit = campaign.unit if campaign.unit in self.units else ""
        row = AssignmentRow(
            self.units[unit] if unit else person,
            unit,
            campaign.name,
            "control",
            campaign.control.salts.at(contact.at) if campaign.control else book.salt,
            CONTROL if contact.is_control else TREATED,
            campaign.control.share if campaign.control else 0.0,
            contact.at,
            _decision_id(number),
        )
        shares = {variant.name: variant.share for variant in campaign.variants}
        if not contact.variant:
            return [row]
        share = shares[contact.variant] / sum(shares.values())
        return [row, row._replace(purpose="variant", salt=book.salt, drawn=contact.variant, share=share)]


def _decision_id(number: int) -> str:
    """Of an earlier contact, whose decision is not in the log: before those of all decisions."""
    return f"00000000-0000-7000-8000-{number:012x}"


def _contact_row(person: str, number: int, contact: PastContact) -> ContactRow:
    facts = contact.campaign.campaign_channels[contact.channel].facts
    return ContactRow(
        person,
        contact.at,
        _decision_id(number),
        0,
        ContactState.SHADOW if contact.is_control else ContactState.CONFIRMED,
        None,
        *facts[:5],
        tags=orjson.dumps(sorted(facts.tags)).decode(),
        alike=alike_of(Contact(contact.at, None, facts)),
    )


@dataclass(frozen=True, slots=True)
class PastContactReader:
    """Reads `contacts` against one live book, and reports names and values that it does not have."""

    compiled: CompiledBook
    findings: Findings

    def read(self, data: Sequence[Any] | None, path: Path) -> tuple[PastContact, ...]:
        """The earlier contacts: {campaign, at, channel, variant, assigned: treated | control}."""
        contacts = (self._contact(item, (*path, index)) for index, item in enumerate(data or ()))
        return tuple(contact for contact in contacts if contact is not None)

    def command(
        self, contacts: tuple[PastContact, ...], request: Request | None, path: Path
    ) -> PastContactsCommand | None:
        """Stores the contacts before the test's first decision; None where there are none, or nothing is decided."""
        if not contacts or request is None:
            return None
        if any(contact.at >= request.now for contact in contacts):
            message = "an earlier contact is not before the first decision of the test"
            self.findings.error(path, Code.VALUE, message)
        units = units_of(self.compiled.units, request.attributes)
        return PastContactsCommand(self.compiled, request.customer, units, contacts)

    def _contact(self, data: Any, path: Path) -> PastContact | None:
        shape = shaped(PastContactShape, data, path, self.findings)
        if shape is None:
            return None
        at = moment(shape.at, self.compiled.book.timezone, (*path, "at"), self.findings)
        by_name = {compiled.campaign.name: compiled for compiled in self.compiled.compiled_campaigns}
        campaign = self._known(shape.campaign, "campaign", by_name, (*path, "campaign"))
        if campaign is None or at is None:
            return None
        channels, variants = campaign.campaign_channels, {v.name: v for v in campaign.campaign.variants}
        channel = shape.channel or next(iter(channels))
        self._known(channel, f"channel of {shape.campaign}", channels, (*path, "channel"))
        if shape.variant:
            self._known(shape.variant, f"variant of {shape.campaign}", variants, (*path, "variant"))
        if shape.assigned == CONTROL and campaign.campaign.control is None:
            message = f"the campaign {quote(shape.campaign)} has no control"
            self.findings.error((*path, "assigned"), Code.NO_EFFECT, message)
        return PastContact(campaign, channel, shape.variant or "", at, shape.assigned == CONTROL)

    def _known(self, name: str, noun: str, entries: Mapping[str, Any], path: Path) -> Any:
        if name not in entries:
            hint = (
                self.findings.suggest(name, entries) or f"there are: {', '.join(sorted(entries)) or 'none'}"
            )
            self.findings.error(path, Code.UNKNOWN, f"the book has no {noun} {quote(name)}", hint)
        return entries.get(name)
