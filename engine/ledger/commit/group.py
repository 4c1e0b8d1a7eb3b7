"""One transaction for a group: who is who, the persons' contacts, one verdict after the other, and all of it kept.

What the group links is linked first, then come the outcomes that are reported: every decision of the group knows both. Events
that are to be recorded are kept after the decisions.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

import structlog
from uuid_utils import uuid7

from engine.decide.answer import answer, from_json
from engine.decide.evaluate import Evaluation
from engine.decide.experiments.learning import LearnedState
from engine.decide.pressure.counters import QuotaKey
from engine.decide.select import select
from engine.ledger.commit.customer_state import CustomerStates, _histories
from engine.ledger.commit.decisions import contact_rows, decision_row
from engine.ledger.commit.events import ConcludedSignals, RecordCommand, RecordResult, record
from engine.ledger.commit.identity import Command, Identities, LinkCommand, LinkResult
from engine.ledger.commit.learning import LearnCommand, learn, trials
from engine.ledger.commit.locks import transaction
from engine.ledger.commit.outcomes import ChangedContact, ReportCommand, report
from engine.ledger.commit.quotas import QuotaPreview, Quotas, QuotaUndecided
from engine.ledger.errors import LedgerError, RequestIdTaken, SettleFault
from engine.ledger.queries import decisions, learning, outcomes, persons
from engine.ledger.store.rows import AnsweredRequest, ContactRow, DecisionRow, PersonRow, RequestRow, TrialRow
from engine.ledger.store.store import Store
from engine.model.contact import Contact, ContactState
from engine.model.decision import Decision
from engine.model.request import Mode
from engine.rulebook.model.experiments import MOST_CONVERSIONS

log = structlog.get_logger()


Settled: TypeAlias = Decision | RecordResult | LinkResult | Mapping[str, Sequence[LearnedState]] | LedgerError
"""The answer to one of a group, or an error."""


def settle_group(store: Store, asks: Sequence[Command]) -> list[Settled]:
    """Settles the asks in order, each against what the ones before it reserved; an answer or an error each.

    A group of none proves that the store takes what is written.

    Raises LedgerUnavailable when the store did not take the group; then nothing of it is kept.
    """
    reported: Sequence[RecordResult | LedgerError] = ()
    changed: Sequence[ChangedContact] = ()
    recorded: Sequence[RecordResult | LedgerError] = ()
    learned: Sequence[Mapping[str, Sequence[LearnedState]]] = ()
    with transaction(store, asks):
        if not asks:
            store.prove()
        identities = Identities(store, asks)
        sound = _without(asks, identities.refused)
        requests = [one for one in sound if isinstance(one, Evaluation)]
        if len(requests) < len(sound):
            reported, changed = report(
                store, [one for one in sound if isinstance(one, ReportCommand)], identities.of
            )
        settled = _settled(store, requests, identities, changed)
        settled.keep()
        if len(requests) < len(sound):
            recordings = [one for one in sound if isinstance(one, RecordCommand)]
            recorded = record(
                store, [one._replace(customer=identities.of(one.customer)) for one in recordings]
            )
            learned = [learn(store, one) for one in sound if isinstance(one, LearnCommand)]
    if len(requests) == len(asks):
        return [*settled.answers]
    answers = iter(settled.answers), iter(reported), iter(recorded), iter(learned)
    return list(_in_order(asks, identities, *answers))


def _settled(
    store: Store, asks: Sequence[Evaluation], identities: Identities, changed: Sequence[ChangedContact]
) -> "_Group":
    """The group with its answers; again where what it had of a counter was not enough to answer.

    changed: contacts that stand otherwise than before, by what was reported.
    """
    counters, stand = Quotas(store, asks), _stand(changed)
    while True:
        try:
            counters.account(stand)
            return _Group(store, asks, identities, counters).settle()
        except QuotaUndecided:
            counters.start_again()


def _stand(changed: Sequence[ChangedContact]) -> dict[tuple[str, int], bool]:
    """By decision and position, whether the contact counts now; what is reported settles that."""
    return {
        (one.contact.decision_id, one.contact.position): one.change.status.state is ContactState.CONFIRMED
        for one in changed
    }


def _without(asks: Sequence[Command], refused: Mapping[int, LedgerError]) -> Sequence[Command]:
    return [one for place, one in enumerate(asks) if place not in refused] if refused else asks


def _in_order(
    asks: Sequence[Command],
    identities: Identities,
    decided: Iterator[Decision | LedgerError],
    reported: Iterator[RecordResult | LedgerError],
    recorded: Iterator[RecordResult | LedgerError],
    learned: Iterator[Mapping[str, Sequence[LearnedState]]],
) -> Iterator[Settled]:
    """The answers, each at the place of its ask."""
    for place, one in enumerate(asks):
        if place in identities.refused:
            yield identities.refused[place]
            continue
        match one:
            case Evaluation():
                yield next(decided)
            case ReportCommand():
                yield next(reported)
            case RecordCommand():
                yield next(recorded)
            case LearnCommand():
                yield next(learned)
            case LinkCommand():
                yield LinkResult(identities.of(one.names[0]))


class _Group:
    """A group under way."""

    def __init__(
        self, store: Store, asks: Sequence[Evaluation], identities: Identities, counters: Quotas
    ) -> None:
        self._asks, self._store, self._identities, self._counters = asks, store, identities, counters
        self._past = decisions.answered_requests(
            store, list({ask.request.request_id for ask in asks if ask.is_named})
        )
        self._histories = _histories(store, asks, identities)
        self._customer_states = CustomerStates(store, asks, identities)
        self._conversions = _conversions(store, asks)
        self._decisions: list[DecisionRow] = []
        self._requests: list[RequestRow] = []
        self._contacts: list[ContactRow] = []
        self._trials: list[TrialRow] = []
        self._remembered = ConcludedSignals()
        self.answers: list[Decision | LedgerError] = []

    def settle(self) -> "_Group":
        """Fills the answers, and what is to be kept. Raises Short."""
        if wanted := _likely_counters(self._asks):
            self._counters.open(wanted)
        for ask in self._asks:
            past = self._past.get(ask.request.request_id) if ask.is_named else None
            self.answers.append(self._again(ask, past) if past is not None else self._decide_alone(ask))
        return self

    def keep(self) -> None:
        """Writes the rows."""
        store = self._store
        persons.know(store, [PersonRow(one.person, one.at) for one in self._decisions])
        decisions.keep(store, self._decisions, self._requests, self._contacts)
        if self._trials:
            learning.keep_trials(store, self._trials)
        self._counters.write()
        self._remembered.write(store)

    def _decide_alone(self, ask: Evaluation) -> Decision | LedgerError:
        """A fault in one request is that request's own, not its neighbours'."""
        try:
            return self._decide(ask)
        except QuotaUndecided:
            raise
        except Exception as fault:
            log.exception("could not decide", request_id=ask.request.request_id)
            error = SettleFault("the request could not be decided")
            error.__cause__ = fault
            return error

    def _decide(self, ask: Evaluation) -> Decision:
        person = self._identities.of(ask.request.customer)
        if ask.compiled.ramped:
            ask = ask._replace(conversions=self._conversions)
        if ask.request.mode is Mode.PREVIEW:
            customer_state = self._customer_states.of_all(self._identities.all_of(ask))
            return answer(
                ask, select(ask, self._seen(ask), person, customer_state, QuotaPreview(self._counters)), ""
            )
        history, customer_state = self._histories[person], self._customer_states.of(person)
        selection = select(ask, history, person, customer_state, self._counters)
        decision = answer(ask, selection, str(uuid7()))
        row = decision_row(ask, person, decision, selection, history, customer_state)
        contacts = contact_rows(person, decision, selection)
        self._decisions.append(row)
        self._contacts += contacts
        if ask.compiled.learns:
            self._trials += trials(row.decision_id, selection)
        self._remembered.add(person, ask.concluded)
        history += [one.contact for one in selection.chosen]
        for position, (proposal, contact, withheld) in enumerate(selection.chosen):
            if withheld is None:
                self._counters.take(row.decision_id, position, contact, proposal.campaign_channel.quotas)
        if row.request_id:
            self._remember(row.request_id, row)
        return decision

    def _seen(self, ask: Evaluation) -> list[Contact]:
        """The contacts of everybody whom a preview names."""
        return [contact for person in self._identities.all_of(ask) for contact in self._histories[person]]

    def _again(self, ask: Evaluation, past: AnsweredRequest) -> Decision | LedgerError:
        if not self._identities.is_of(past.person, ask.request.customer):
            return RequestIdTaken("this request_id was used for another customer")
        return from_json(past.answer)

    def _remember(self, request_id: str, row: DecisionRow) -> None:
        """So that the same request_id, later in this group or any other, gets the same answer."""
        self._requests.append(RequestRow(request_id, row.decision_id))
        self._past[request_id] = AnsweredRequest(request_id, row.person, row.answer)


def _likely_counters(asks: Sequence[Evaluation]) -> dict[QuotaKey, int]:
    """The counters of each request's best candidate, with their limits; others are read when they are asked for."""
    return {
        rule.key(ask.request.now): rule.limit
        for ask in asks
        if ask.candidates and ask.compiled.pressure.is_shared and ask.request.mode is Mode.COMMIT
        for channel in ask.candidates[0].channels
        for rule in ask.candidates[0].compiled_campaign.campaign_channels[channel].quotas
    }


def _conversions(store: Store, asks: Sequence[Evaluation]) -> dict[str, int]:
    """Of the campaigns whose ramps go by them; at most as many as matter."""
    ramped = {name for ask in asks if ask.candidates for name in ask.compiled.ramped}
    return {name: outcomes.conversions(store, name, MOST_CONVERSIONS) for name in sorted(ramped)}
