"""Consents: what customers withdraw or give again is kept with the outcome that says so, for every later decision."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from engine.decide.answer import from_json
from engine.decide.compiled import CompiledBook
from engine.decide.pressure.consent import consents_after, purpose_of
from engine.decide.pressure.contact_state import ContactStatus, Evidence, StatusChange, status_after
from engine.ledger.commit.events import RecordResult
from engine.ledger.errors import EventIdTaken, LedgerError, OutcomeRefused
from engine.ledger.memory import to_json
from engine.ledger.queries import consents, decisions, outcomes, persons
from engine.ledger.queries.decisions import Decided
from engine.ledger.store.rows import ContactRow, OutcomeRow, PersonRow
from engine.ledger.store.store import Store
from engine.model.contact import ContactState
from engine.model.customer import EVERYTHING
from engine.model.decision import WITHHELD, ChosenOffer
from engine.model.event import Event
from engine.model.instant import Instant
from engine.model.outcome import OF_THE_PERSON, OutcomeType

_AGREES = {OutcomeType.UNSUBSCRIBED: False, OutcomeType.SUBSCRIBED: True}


def keep_consents(store: Store, reported: Sequence[tuple[CompiledBook, OutcomeRow]]) -> None:
    """Writes the consents of those who said something of them, in any order."""
    about = [(compiled, row) for compiled, row in reported if row.type in _AGREES and row.person]
    if not about:
        return
    kept = consents.consents_of(store, list({row.person for _, row in about}))
    for compiled, row in about:
        agrees = _AGREES[OutcomeType(row.type)]
        kept[row.person] = consents_after(
            kept.get(row.person, {}), _purpose(compiled, row.channel), row.at, agrees=agrees
        )
    consents.keep(store, kept)


def _purpose(compiled: CompiledBook, channel: str) -> str:
    """What it is about: the channel's purpose; everything that we send where it is no channel that we send on."""
    found = compiled.book.channels.get(channel)
    return (purpose_of(found) if found else "") or EVERYTHING


class ChangedContact(NamedTuple):
    """A contact that stands otherwise than before."""

    contact: ContactRow
    """As it is now."""
    change: StatusChange


def change_contacts(
    store: Store, made: Sequence[tuple[str, Instant, str]], now: Instant
) -> Sequence[ChangedContact]:
    """Writes how the contacts of decisions stand at the moment; those that changed.

    made: person of today, moment and decision_id of each decision.
    """
    evidence = outcomes.of_decisions(store, [decision_id for *_, decision_id in made])
    changed = []
    for row in decisions.contacts_made(store, made):
        before = ContactStatus(ContactState(row.state), row.expires_at)
        about = (
            Evidence(one.type, one.at)
            for one in evidence[row.decision_id]
            if one.campaign in ("", row.campaign)
        )
        found = status_after(before, about, now)
        if found.status != before:
            changed.append(
                ChangedContact(
                    row._replace(state=found.status.state, expires_at=found.status.expires_at), found
                )
            )
    decisions.change(store, [one.contact for one in changed])
    return changed


class ReportCommand(NamedTuple):
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
    """On which it happened, where the decision does not say; empty: nobody knows."""
    campaign: str = ""
    """Which of the decision's offers it is about; empty: all."""
    aliases: tuple[str, ...] = ()
    """Further names of the customer."""


def report(
    store: Store, reportings: Sequence[ReportCommand], person_of: Callable[[str], str]
) -> tuple[list[RecordResult | LedgerError], Sequence[ChangedContact]]:
    """Keeps the outcomes inside of a transaction; what became of each, and the contacts that stand otherwise now.

    person_of: who bears a name.
    """
    decided = decisions.decided(store, list({one.decision_id for one in reportings if one.decision_id}))
    owners = persons.owners(store, [one.event.event_id for one in reportings])
    new: list[tuple[CompiledBook, OutcomeRow]] = []
    answers: list[RecordResult | LedgerError] = []
    for one in reportings:
        try:
            row = _row(one, decided.get(one.decision_id), person_of)
            is_new = _is_new(row, owners)
        except LedgerError as error:
            answers.append(error)
            continue
        answers.append(RecordResult.ACCEPTED if is_new else RecordResult.DUPLICATE)
        if is_new:
            new.append((one.compiled, row))
    return answers, _keep(store, new, decided, person_of) if new else ()


def _keep(
    store: Store,
    new: Sequence[tuple[CompiledBook, OutcomeRow]],
    decided: Mapping[str, Decided],
    person_of: Callable[[str], str],
) -> Sequence[ChangedContact]:
    rows = [row for _, row in new]
    outcomes.keep(store, rows)
    keep_consents(store, new)
    latest = {row.person: row for row in rows if row.person}
    persons.know(store, [PersonRow(one.person, one.recorded_at) for one in latest.values()])
    about = {row.decision_id for row in rows if row.decision_id in decided}
    made = [(person_of(one.person), one.at, one.decision_id) for one in decided.values()]
    return change_contacts(
        store, [one for one in made if one[2] in about], max(row.recorded_at for row in rows)
    )


def _is_new(row: OutcomeRow, owners: dict[str, str]) -> bool:
    """Whether the outcome is not kept yet. Raises EventIdReused."""
    owner = owners.get(row.event_id)
    if owner is None:
        owners[row.event_id] = row.person
        return True
    if owner and row.person and owner != row.person:
        raise EventIdTaken("this event_id was used for another customer")
    return False


def _row(one: ReportCommand, decided: Decided | None, person_of: Callable[[str], str]) -> OutcomeRow:
    """The row of `outcomes`, with what it needs of the decision. Raises OutcomeRefused."""
    event, fields = one.event, dict(one.event.fields)
    value, currency = fields.pop("value", None), fields.pop("currency", None)
    channel, campaign, offer, variant = _about(one, decided)
    return OutcomeRow(
        person=_person(one, decided, person_of),
        type=event.type,
        at=event.at,
        event_id=event.event_id,
        decision_id=one.decision_id or None,
        decided_at=None if decided is None else decided.at,
        recorded_at=one.now,
        channel=channel,
        campaign=campaign,
        offer=offer,
        variant=variant,
        value=value if isinstance(value, float) else None,
        currency=currency if isinstance(currency, str) else None,
        fields=to_json(fields),
    )


def _person(one: ReportCommand, decided: Decided | None, person_of: Callable[[str], str]) -> str:
    named = person_of(one.customer) if one.customer else ""
    if decided is None:
        if not named and one.event.type in OF_THE_PERSON:
            raise OutcomeRefused("the decision is not in the log, so name the customer whose outcome it is")
        return named
    person = person_of(decided.person)
    if named not in ("", person):
        raise OutcomeRefused("the decision is about another customer")
    return person


def _about(one: ReportCommand, decided: Decided | None) -> tuple[str, str, str, str]:
    """Channel, campaign, offer and variant; empty where it is about several, or nobody knows."""
    decision = from_json(decided.answer) if decided else None
    offers: Sequence[ChosenOffer] = decision.offers if decision else ()
    if decision is not None and one.campaign:
        offers = [each for each in offers if each.campaign == one.campaign]
        if not offers and not any(each.code in WITHHELD for each in decision.reasons):
            raise OutcomeRefused("the decision made no offer of that campaign")
        if not offers:  # what was withheld led to nothing; the outcome is compared by its decision, and counts for no campaign
            return one.channel, "", "", ""
    if not offers:
        return one.channel, one.campaign, "", ""
    channels = {each.channel for each in offers}
    channel = channels.pop() if len(channels) == 1 else one.channel
    if len(offers) > 1:
        return channel, "", "", ""
    (only,) = offers
    return channel, only.campaign, only.offer, only.variant
