"""Keeps reported outcomes, and what they change: the states of contacts, and consents."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from engine.decide.answer import from_json
from engine.decide.compiled import CompiledBook
from engine.decide.pressure.consent import consents_after, reported_purposes
from engine.decide.pressure.contact_state import ContactStatus, Evidence, status_after
from engine.ledger.commit.commands import Command, NamesToLink, Stage, UnitOfWork
from engine.ledger.commit.elsewhere import keep_contacts_elsewhere
from engine.ledger.commit.events import RecordResult, WarnedResult
from engine.ledger.errors import EventIdTaken, LedgerError, OutcomeRefused
from engine.ledger.memory import to_json
from engine.ledger.queries import consents, contacts, decisions, outcomes, persons
from engine.ledger.queries.commits import outcome_key
from engine.ledger.queries.decisions import Decided
from engine.ledger.queries.erasing import severed_outcome
from engine.ledger.queries.held import key_of_pseudonyms
from engine.ledger.queries.suppressions import is_erased
from engine.ledger.store.rows import ContactRow, OutcomeRow, PersonRow
from engine.ledger.store.store import Store
from engine.model.contact import ContactState
from engine.model.decision import WITHHELD, ChosenOffer
from engine.model.event import Event
from engine.model.instant import Instant
from engine.model.outcome import OF_THE_PERSON, WITHOUT_OFFER, OutcomeType

_AGREES = {OutcomeType.UNSUBSCRIBED: False, OutcomeType.SUBSCRIBED: True}


@dataclass(frozen=True, slots=True)
class ReportCommand(Command[RecordResult | WarnedResult]):
    """One outcome, to be kept."""

    compiled: CompiledBook
    customer: str
    """Empty: the decision's."""
    decision_id: str
    """Empty: it is of no decision in particular."""
    event: Event
    """It has an event_id, and a type that is an OutcomeType."""
    now: Instant
    channel: str = ""
    """On which it happened, where the decision does not say; empty: unknown."""
    campaign: str = ""
    """Which of the decision's offers it is about; empty: all."""
    aliases: tuple[str, ...] = ()
    """Further names of the customer."""
    clock: Instant | None = None
    """The server's own moment where `now` is simulated; None: it is `now`."""
    order: str = ""
    """The order that it is about; empty: not reported."""

    stage = Stage.REPORT

    def customers(self) -> tuple[str, ...]:
        """The customer by all names, where one is named."""
        return (self.customer, *self.aliases) if self.customer else self.aliases

    def decision_ids(self) -> tuple[str, ...]:
        """The decision, whose person the command need not name."""
        return (self.decision_id,) if self.decision_id else ()

    def locks(self) -> tuple[str, ...]:
        """The event_id."""
        return (f"event {self.event.event_id}",)

    def keeps_since(self) -> Instant | None:
        """When the call arrived."""
        return self.now if self.clock is None else self.clock

    def links(self) -> NamesToLink | None:
        """The names of the customer, where there are several."""
        return NamesToLink(self.customers(), self.elapsed, "record") if self.aliases else None

    @property
    def elapsed(self) -> Instant:
        """Its moment, not beyond the server's clock."""
        return self.now if self.clock is None else min(self.now, self.clock)

    @classmethod
    def apply(
        cls, unit: UnitOfWork, commands: Sequence[Self]
    ) -> Sequence[RecordResult | WarnedResult | LedgerError]:
        """Keeps the outcomes; quotas are adjusted by the contacts that they confirm, release or make."""
        results, new, changed = report(unit, commands)
        made = keep_contacts_elsewhere(
            unit.store,
            [
                (command.compiled.book, row, command.event.fields, command.elapsed)
                for command, row in new
                if row.type == OutcomeType.CONTACTED
            ],
        )
        unit.quotas.adjust(
            {
                (contact.decision_id, contact.position): contact.state == ContactState.CONFIRMED
                for contact in changed
            },
            made,
        )
        return results


def report(
    unit: UnitOfWork, commands: Sequence[ReportCommand]
) -> tuple[
    list[RecordResult | WarnedResult | LedgerError],
    Sequence[tuple[ReportCommand, OutcomeRow]],
    Sequence[ContactRow],
]:
    """Keeps the outcomes inside a transaction.

    Returns what became of each, those that are new, and the contacts whose state changed, as they are now.
    """
    store, person_of = unit.store, unit.identities.person_of
    decided = decisions.decided(
        store, list({command.decision_id for command in commands if command.decision_id})
    )
    rows: list[OutcomeRow | LedgerError] = [
        _outcome_row(command, decided.get(command.decision_id), person_of) for command in commands
    ]
    rows = _severed(store, rows)
    types = outcomes.types(store, [_key(row) for row in rows if isinstance(row, OutcomeRow)])
    new: list[tuple[ReportCommand, OutcomeRow]] = []
    results: list[RecordResult | WarnedResult | LedgerError] = []
    for command, row in zip(commands, rows, strict=True):
        if isinstance(row, LedgerError):
            results.append(row)
            continue
        known = types.setdefault(_key(row), set())
        is_new = not known
        if is_new:
            known.add(row.type)
            new.append((command, row))
        elif row.type not in known:  # called a duplicate, an `unsubscribed` would be lost
            results.append(EventIdTaken("this event_id was used for another outcome of the customer"))
            continue
        result = RecordResult.ACCEPTED if is_new else RecordResult.DUPLICATE
        warning = _warning(command, decided.get(command.decision_id))
        results.append(WarnedResult(result, warning) if warning else result)
    unit.outcomes += [outcome_key(row) for _, row in new]
    return results, new, _keep(store, new, decided, person_of) if new else ()


def _severed(store: Store, rows: list[OutcomeRow | LedgerError]) -> list[OutcomeRow | LedgerError]:
    """The rows; those of decisions whose persons were erased without what is personal."""
    if not any(isinstance(row, OutcomeRow) and is_erased(row.person) for row in rows):
        return rows
    key = key_of_pseudonyms(store, 0)
    return [
        severed_outcome(row, {}.get, key) if isinstance(row, OutcomeRow) and is_erased(row.person) else row
        for row in rows
    ]


def _warning(command: ReportCommand, decided: Decided | None) -> str:
    """Why an outcome of a decision hints at a mistake of the caller's; empty if it does not.

    Contacts are withheld from control groups in vain if the caller sends nevertheless.
    """
    type_ = command.event.type
    if not command.decision_id:
        return ""
    if decided is None:
        return f"the decision is not in the log: {type_} is kept, and changes no contact"
    if type_ in WITHOUT_OFFER:
        return ""
    decision = from_json(decided.answer)
    if not decision.offers:
        return (
            f"the decision's outcome was {decision.outcome.upper()}: it offered nothing that could be {type_}"
        )
    if command.campaign and command.campaign not in {offer.campaign for offer in decision.offers}:
        return (
            f"the decision withheld the offer of {command.campaign}: there was nothing that could be {type_}"
        )
    return ""


def _key(row: OutcomeRow) -> tuple[str, str]:
    """By which the outcome is kept once."""
    return row.person, row.event_id


def _keep(
    store: Store,
    new: Sequence[tuple[ReportCommand, OutcomeRow]],
    decided: Mapping[str, Decided],
    person_of: Callable[[str], str],
) -> Sequence[ContactRow]:
    rows = [row for _, row in new]
    outcomes.keep(store, rows)
    keep_consents(store, [(command.compiled, row) for command, row in new])
    latest = {row.person: row for row in rows if row.person}
    persons.know(store, [PersonRow(row.person, row.recorded_at) for row in latest.values()])
    decision_ids = {row.decision_id for row in rows}
    keys = [
        (person_of(decision.person), decision.at, decision.decision_id)
        for decision in decided.values()
        if decision.decision_id in decision_ids
    ]
    return change_contacts(store, keys, max(row.recorded_at for row in rows))


def change_contacts(
    store: Store, keys: Sequence[tuple[str, Instant, str]], now: Instant
) -> Sequence[ContactRow]:
    """Writes the contacts whose state the outcomes of their decisions change, and returns them as they are now.

    keys: the present person, the time and the decision_id of each decision.
    """
    evidence = outcomes.of_decisions(store, [decision_id for *_, decision_id in keys])
    changed = []
    for contact in decisions.contacts_made(store, keys):
        before = ContactStatus(ContactState(contact.state), contact.expires_at)
        of_contact = (
            Evidence(outcome.type, outcome.at)
            for outcome in evidence[contact.decision_id]
            if outcome.campaign in ("", contact.campaign)
        )
        after = status_after(before, of_contact, now).status
        if after != before:
            changed.append(contact._replace(state=after.state, expires_at=after.expires_at))
    contacts.change(store, changed)
    return changed


def keep_consents(store: Store, reported: Sequence[tuple[CompiledBook, OutcomeRow]]) -> None:
    """Writes the consents that outcomes withdraw or give, in whatever order they came."""
    agreeing = [(compiled, row) for compiled, row in reported if row.type in _AGREES and row.person]
    if not agreeing:
        return
    kept = consents.consents_of(store, list({row.person for _, row in agreeing}))
    for compiled, row in agreeing:
        agrees = _AGREES[OutcomeType(row.type)]
        for purpose in reported_purposes(compiled.book.channels.values(), row.channel):
            before = kept.get(row.person, {})
            kept[row.person] = consents_after(before, purpose, row.at, agrees=agrees)
    consents.keep(store, kept)


def _outcome_row(
    command: ReportCommand, decided: Decided | None, person_of: Callable[[str], str]
) -> OutcomeRow | OutcomeRefused:
    """The row of `outcomes`, with what it takes from the decision; or why there is none."""
    try:
        return _row(command, decided, person_of)
    except OutcomeRefused as refused:
        return refused


def _row(command: ReportCommand, decided: Decided | None, person_of: Callable[[str], str]) -> OutcomeRow:
    event, fields = command.event, dict(command.event.fields)
    value, currency = fields.pop("value", None), fields.pop("currency", None)
    channel, campaign, offer, variant = _offer_of(command, decided)
    return OutcomeRow(
        person=_person(command, decided, person_of),
        type=event.type,
        at=event.at,
        event_id=event.event_id,
        decision_id=command.decision_id or None,
        decided_at=None if decided is None else decided.at,
        recorded_at=command.now,
        channel=channel,
        campaign=campaign,
        offer=offer,
        variant=variant,
        value=value if isinstance(value, float) else None,
        currency=currency if isinstance(currency, str) else None,
        fields=to_json(fields),
        order_id=command.order or None,
    )


def _person(command: ReportCommand, decided: Decided | None, person_of: Callable[[str], str]) -> str:
    named = person_of(command.customer) if command.customer else ""
    if decided is None:
        if not named and command.event.type in OF_THE_PERSON:
            raise OutcomeRefused("the decision is not in the log, so name the customer whose outcome it is")
        return named
    person = person_of(decided.person)
    if named not in ("", person):
        raise OutcomeRefused("the decision is about another customer")
    return person


def _offer_of(command: ReportCommand, decided: Decided | None) -> tuple[str, str, str, str]:
    """Channel, campaign, offer and variant; empty where the outcome is about several, or it is not known."""
    decision = from_json(decided.answer) if decided else None
    offers: Sequence[ChosenOffer] = decision.offers if decision else ()
    if decision is not None and command.campaign:
        offers = [offer for offer in offers if offer.campaign == command.campaign]
        if not offers and not any(reason.code in WITHHELD for reason in decision.reasons):
            raise OutcomeRefused("the decision made no offer of that campaign")
        if not offers:  # what was withheld led to nothing; the outcome is compared by its decision, and counts for no campaign
            return command.channel, "", "", ""
    if not offers:
        return command.channel, command.campaign, "", ""
    channels = {offer.channel for offer in offers}
    channel = channels.pop() if len(channels) == 1 else command.channel
    if len(offers) > 1:
        return channel, "", "", ""
    (only,) = offers
    return channel, only.campaign, only.offer, only.variant
