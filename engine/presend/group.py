"""Decides a group of a population in one transaction, exactly as if its customers had been decided one after the other.

Customers without history are proposed by columns: what pressure rules, consents and kept draws would read of them is
looked up under their locks, and where there is nothing, only the counters that all customers share are left to be taken.
All others are evaluated one by one, as a server does.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

from uuid_utils import uuid7

from engine.batch.results import RowDecision
from engine.decide.answer import answer, offer_of
from engine.decide.arbitrate.campaign import CampaignChannel
from engine.decide.evaluate import Evaluation
from engine.decide.select import Selection, select
from engine.ledger.commit.assignments import KeptDraws
from engine.ledger.commit.books import keep_books
from engine.ledger.commit.commands import Command, NamesToLink, Stage, UnitOfWork
from engine.ledger.commit.customer_state import CustomerStates, contacts_by_person
from engine.ledger.commit.decision_rows import contact_rows, decision_row, drawn_row
from engine.ledger.commit.decisions import conversions_of
from engine.ledger.commit.events import ConcludedSignals
from engine.ledger.commit.learning import trials
from engine.ledger.commit.new_counters import add_new_counters
from engine.ledger.commit.quotas import QuotaCommit, UnruledContact
from engine.ledger.errors import LedgerError
from engine.ledger.queries import learning, persons, presends
from engine.ledger.store.rows import ContactRow, DecisionRow, PersonRow, TrialRow
from engine.ledger.store.store import Store
from engine.model.contact import Contact
from engine.model.customer import CustomerState
from engine.model.decision import Decision, Reason
from engine.model.instant import Instant
from engine.model.request import Request
from engine.presend.rows import Full, Sender, Sent, experiments_of, part_lock, sent_by_columns, sent_by_engine


@dataclass(frozen=True, slots=True)
class SendCommand(Command[Sent]):
    """A customer of a population, to be decided; proposed: without history, by columns; None: they are evaluated."""

    sender: Sender = field(repr=False)
    part: int
    """Of the run, which is decided by one process at a time."""
    request: Request
    proposed: RowDecision | None
    full: Full = frozenset()
    """The counters without room as the columns have it."""

    stage = Stage.DECIDE

    def customers(self) -> tuple[str, ...]:
        """The customer, by all names."""
        return self.request.customer, *self.request.aliases

    def locks(self) -> tuple[str, ...]:
        """The part of the run, and the units whose draws are kept."""
        part = part_lock(self.sender.plan.run, self.part)
        if not self.sender.compiled.sticky:
            return (part,)
        return (part, *sorted(f"unit {unit}" for unit in self.sender.units(self.request).values()))

    def links(self) -> NamesToLink | None:
        """The names of the customer."""
        if not self.request.aliases:
            return None
        return NamesToLink(self.customers(), self.request.elapsed, "decide")

    @classmethod
    def prepare(cls, store: Store, commands: Sequence[Self]) -> None:
        """Adds the counters of the book that the log does not have yet."""
        sender, request = commands[0].sender, commands[0].request
        moment = sender.compiled.moment(request.now, {})
        add_new_counters(store, [Evaluation(sender.compiled, request, (), moment)])

    @classmethod
    def apply(cls, unit: UnitOfWork, commands: Sequence[Self]) -> list[Sent | LedgerError]:
        """Decides in order; anew from the first where what was in hand of a counter was not enough to decide."""
        latest = max(command.request.elapsed for command in commands)
        group = unit.quotas.attempt(lambda: _Group(unit, commands).decide(), latest)
        group.write()
        unit.decision_ids += [row.decision_id for row in group.decisions]
        return list(group.sent)


class _Group:
    """The decisions of a group, until they are written."""

    def __init__(self, unit: UnitOfWork, commands: Sequence[SendCommand]) -> None:
        self._unit, self._store, self._commands = unit, unit.store, commands
        self._sender = commands[0].sender
        self.sent: list[Sent] = []
        self.decisions: list[DecisionRow] = []
        self._contacts: list[ContactRow] = []
        self._trials: list[TrialRow] = []
        self._unruled: list[UnruledContact] = []
        self._concluded = ConcludedSignals()
        self._persons = [unit.identities.person_of(command.request.customer) for command in commands]
        sender, at = self._sender, commands[0].request.elapsed
        sender.full = sender.full_of(sender.counted(self._store, at))
        self._is_short = False
        """Whether a counter got full meanwhile, which adds to the reasons of those who get nothing."""
        self._evaluations = self._evaluated()
        evaluations = list(self._evaluations.values())
        self._contacts_of = contacts_by_person(self._store, evaluations, unit.identities)
        self._states = CustomerStates(self._store, evaluations, unit.identities)
        self._kept = KeptDraws(self._store, evaluations, unit.identities)
        self._conversions = conversions_of(self._store, evaluations)

    def _evaluated(self) -> dict[int, Evaluation]:
        """The evaluations of those whom the columns do not cover, or of whom the log holds something, by position."""
        history = presends.with_history(self._store, self._persons, self._sender.since)
        return {
            position: self._sender.evaluated(command.request)
            for position, (command, person) in enumerate(zip(self._commands, self._persons, strict=True))
            if command.proposed is None
            or command.full != self._sender.full
            or person in history
            or person != command.request.customer
        }

    def decide(self) -> "_Group":
        """Fills the results and the rows. Raises QuotaUndecided."""
        for position, (command, person) in enumerate(zip(self._commands, self._persons, strict=True)):
            sent = None if position in self._evaluations else self._proposed(command, person)
            if sent is None:
                sent = self._decided_alone(position, command, person)
            self.sent.append(sent)
        if self._unruled:
            self._unit.quotas.follow(self._unruled)
        return self

    def write(self) -> None:
        """Writes the rows, and the book that made the decisions."""
        now = self._commands[0].request.elapsed
        keep_books(self._store, [(self._sender.compiled.book, now)])
        persons.know(self._store, [PersonRow(row.person, now) for row in self.decisions])
        self._store.load(DecisionRow, self.decisions)
        self._store.load(ContactRow, self._contacts)
        if self._trials:
            learning.keep_trials(self._store, self._trials)
        self._concluded.write(self._store)
        self._kept.write(self._store)

    def _proposed(self, command: SendCommand, person: str) -> Sent | None:
        """What the columns proposed, if the shared counters let it pass; None: the customer is evaluated."""
        proposed, request = command.proposed, command.request
        if proposed is None or (not proposed.chosen and self._is_short):
            return None
        if not proposed.chosen:
            return sent_by_columns(request.customer, "", proposed, None)
        form = proposed.chosen[0]
        on = self._sender.campaigns[form.campaign].campaign_channels[form.channel]
        if form.withheld is not None or self._sender.plan.content or not self._has_room(on, request):
            return None
        sent_form = self._sender.form_of(proposed, form, request)
        if sent_form is None:
            return None
        decision_id = str(uuid7())
        self.decisions.append(sent_form.decision(decision_id, person, form.score))
        self._contacts.append(sent_form.contact_row(decision_id, person))
        self._reserve(decision_id, [(sent_form.contact, on, None)], request.elapsed)
        return sent_by_columns(request.customer, decision_id, proposed, sent_form.offer)

    def _has_room(self, on: CampaignChannel, request: Request) -> bool:
        counts, now = QuotaCommit(self._unit.quotas, request.elapsed), request.now
        for rule in on.quotas:
            counted = counts.counted(rule.key(now), rule.limit, now, (), rule.amount)
            if counted + rule.amount > rule.limit:
                self._is_short = True
                return False
        return True

    def _decided_alone(self, position: int, command: SendCommand, person: str) -> Sent:
        evaluation = self._evaluations.get(position)
        if evaluation is None:  # of nobody of whom the log holds anything
            evaluation = self._sender.evaluated(command.request)
        if evaluation.compiled.ramped:
            evaluation = evaluation._replace(conversions=self._conversions)
        contacts, state = self._contacts_of[person], self._states.of(person)
        if evaluation.compiled.sticky:
            state = state._replace(kept=self._kept.of(evaluation, [person]))
        counts = QuotaCommit(self._unit.quotas, command.request.elapsed)
        selection = select(evaluation, contacts, person, state, counts)
        decision = answer(evaluation, selection, str(uuid7()))
        self._concluded.add(person, evaluation.concluded, command.request.now, command.request.elapsed)
        if not selection.chosen:
            return sent_by_engine(command.request.customer, decision._replace(decision_id=""), None)
        row = self._row(evaluation, person, decision, selection, state)
        contacts += [chosen.contact for chosen in selection.chosen]
        self.decisions.append(row)
        self._contacts += contact_rows(evaluation.compiled.book.channels, person, decision, selection)
        if evaluation.compiled.learns:
            self._trials += trials(row.decision_id, selection)
        if evaluation.compiled.sticky:
            self._kept.add(evaluation, person, selection, row.decision_id)
        made = [(own.contact, own.proposal.campaign_channel, own.withheld) for own in selection.chosen]
        self._reserve(row.decision_id, made, command.request.elapsed)
        return sent_by_engine(command.request.customer, decision, row)

    def _row(
        self,
        evaluation: Evaluation,
        person: str,
        decision: Decision,
        selection: Selection,
        state: CustomerState,
    ) -> DecisionRow:
        if self._sender.plan.full_log:
            row = decision_row(evaluation, person, decision, selection, state)
            return row._replace(run=self._sender.plan.run)
        first = decision.offers[0] if decision.offers else offer_of(evaluation, selection.chosen[0])
        proposal = selection.chosen[0].proposal
        experiments = experiments_of(
            proposal.compiled_campaign,
            proposal.campaign_channel,
            evaluation.subject(person, state.kept),
            evaluation.request.now,
            evaluation.conversions,
        )
        drawn = [*drawn_row(evaluation, proposal)]
        return self._sender.thin_row(person, decision, first, drawn, experiments)

    def _reserve(
        self,
        decision_id: str,
        made: Sequence[tuple[Contact, CampaignChannel, Reason | None]],
        until: Instant,
    ) -> None:
        """Counts the contacts of a decision for those that follow, of all customers."""
        for index, (contact, on, withheld) in enumerate(made):
            if withheld is not None:
                continue
            self._unit.quotas.take(decision_id, index, contact, on.quotas)
            if on.unruled:
                self._unruled.append(UnruledContact(decision_id, index, contact, on.unruled, until))
