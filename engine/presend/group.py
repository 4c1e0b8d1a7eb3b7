"""Decides a group of a population in one transaction, exactly as if its customers had been decided one after the other.

Customers without history are proposed by columns: what pressure rules, consents and kept draws would read of them is
looked up under their locks, and where there is nothing, only the counters that all customers share are left to be taken.
Those of whom there is something are proposed by columns under the locks, where rules cannot tell it from that of several
others. All others are evaluated one by one, as a server does.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence, Set
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Self

import numpy as np
import numpy.typing as npt
import orjson

from engine.batch.columns import Bools, Codes
from engine.batch.logged import LoggedHistory
from engine.decide.answer import answer, offer_of
from engine.decide.arbitrate.campaign import CampaignChannel
from engine.decide.evaluate import Evaluation
from engine.decide.experiments.subjects import Units
from engine.decide.select import Selection, select
from engine.ledger.commit.assignments import KeptDraws, ProposedDraws
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
from engine.ledger.queries import learning, new_counters, persons, presends
from engine.ledger.store.rows import ContactRow, DecisionRow, TrialRow
from engine.ledger.store.store import Store
from engine.model.contact import Contact
from engine.model.customer import CustomerState
from engine.model.decision import Decision, Reason
from engine.model.instant import Instant
from engine.presend.chunk import RowWay, SendChunk
from engine.presend.histories import logged_of
from engine.presend.rows import CodePlan, Sender, SentForm, experiments_of, part_lock
from engine.presend.sent import SentKind, SentRows, kind_by_engine, new_decision_ids

_FOREVER: Instant = 2**62


@dataclass(frozen=True, slots=True)
class SendCommand(Command[SentRows]):
    """Customers of a population who follow each other, to be decided in order; with further names, one alone."""

    sender: Sender = field(repr=False)
    part: int
    """Of the run, which is decided by one process at a time."""
    chunk: SendChunk = field(repr=False)
    rows: range
    """Their rows in the chunk."""

    stage = Stage.DECIDE

    def names(self) -> Sequence[str]:
        """The customers, by the names that they are sent by."""
        return self.chunk.names[self.rows.start : self.rows.stop]

    def customers(self) -> tuple[str, ...]:
        """The customers, by all names."""
        if len(self.rows) > 1:
            return tuple(self.names())
        return *self.names(), *self.chunk.people.aliases(self.rows.start)

    def locks(self) -> tuple[str, ...]:
        """The part of the run, and the units whose draws are kept."""
        part = part_lock(self.sender.plan.run, self.part)
        if not self.sender.keeps_of_units:
            return (part,)
        own = (self.sender.units(self.chunk.people.request(row).attributes) for row in self.rows)
        return (part, *sorted({f"unit {unit}" for units in own for unit in units.values()}))

    def keeps_since(self) -> Instant | None:
        """The end of time: a population says anew who is in it, whenever a person was erased."""
        return _FOREVER

    def links(self) -> NamesToLink | None:
        """The names of the customer."""
        names = self.customers()
        if len(self.rows) > 1 or len(names) == 1:
            return None
        return NamesToLink(names, self.chunk.people.elapsed, "decide")

    @classmethod
    def prepare(cls, store: Store, commands: Sequence[Self]) -> None:
        """Adds the counters of the book that the log does not have yet."""
        sender, chunk = commands[0].sender, commands[0].chunk
        request = chunk.people.request(commands[0].rows.start)._replace(attributes={}, events=())
        moment = sender.compiled.moment(request.now, {})
        add_new_counters(store, [Evaluation(sender.compiled, request, (), moment)])

    @classmethod
    def apply(cls, unit: UnitOfWork, commands: Sequence[Self]) -> list[SentRows | LedgerError]:
        """Decides in order; anew from the first where what was in hand of a counter was not enough to decide."""
        latest = max(command.chunk.people.elapsed for command in commands)
        group = unit.quotas.attempt(lambda: _Group(unit, commands).decide(), latest)
        group.write()
        unit.decision_ids += group.decision_ids
        stops = [*accumulate(len(command.rows) for command in commands)]
        return [
            group.sent.part(stop - len(command.rows), stop)
            for command, stop in zip(commands, stops, strict=True)
        ]


def commands_of(sender: Sender, part: int, chunk: SendChunk, rows: range) -> list[SendCommand]:
    """The commands of a group: customers with further names by themselves, since these are linked."""
    alone = [row for row in chunk.with_aliases if row in rows]
    commands, start = [], rows.start
    for row in [*alone, rows.stop]:
        if start < row:
            commands.append(SendCommand(sender, part, chunk, range(start, row)))
        if row < rows.stop:
            commands.append(SendCommand(sender, part, chunk, range(row, row + 1)))
        start = row + 1
    return commands


class _Group:
    """The decisions of a group, until they are written."""

    def __init__(self, unit: UnitOfWork, commands: Sequence[SendCommand]) -> None:
        self._unit, self._store = unit, unit.store
        self._sender, self._chunk = commands[0].sender, commands[0].chunk
        self._people = self._chunk.people
        self._elapsed = self._people.elapsed
        self._decisions: list[DecisionRow] = []
        self._contacts: list[ContactRow] = []
        self._of_units: dict[int, Units] = {}
        """By position, the units of those whose forms the columns proposed, where the book draws by units."""
        self._trials: list[TrialRow] = []
        self._unruled: list[tuple[str, int, Contact, CampaignChannel]] = []
        self._concluded = ConcludedSignals()
        self._rows = np.concatenate([np.arange(own.rows.start, own.rows.stop) for own in commands])
        names = [name for command in commands for name in command.names()]
        self.sent = SentRows.not_linked(names, self._sender.kinds)
        self._proposed = np.zeros(len(names), np.bool_)
        """By position, whether what columns proposed is sent, or withheld."""
        self._forms = np.full(len(names), None, np.object_)
        """By position, the form of that."""
        self._ids = new_decision_ids(len(names))
        self._persons = [unit.identities.person_of(name) for name in names]
        self._counts = QuotaCommit(unit.quotas, self._elapsed)
        sender = self._sender
        sender.full = sender.full_of(sender.counted(self._store, self._elapsed))
        self._is_short = False
        """Whether a counter got full meanwhile, which adds to the reasons of those who get nothing."""
        self._follows = new_counters.is_any(self._store)
        chunk = self._chunk
        self._codes, self._scores = chunk.codes[self._rows], chunk.scores[self._rows]
        """By position, the place of the decision that columns propose, and its score."""
        self._covered = self._are_covered(names)
        """By position, whether columns propose something for the customer, if the log holds nothing of them."""
        history = presends.with_history(self._store, self._persons, sender.since)
        self._logged = self._proposed_by_history(history)
        """What the log holds of those whom columns decide by it."""
        self._evaluations = self._evaluated(history - self._logged.keys())
        evaluations = list(self._evaluations.values())
        self._contacts_of = contacts_by_person(self._store, evaluations, unit.identities)
        self._contacts_of.update({person: list(own.contacts) for person, own in self._logged.items()})
        self._states = CustomerStates(self._store, evaluations, unit.identities)
        self._kept = [KeptDraws(self._store, evaluations, unit.identities)]
        """Of those who are evaluated: of the first together, then of each who has to be after all."""
        self._draws = self._proposed_draws()
        self._conversions = conversions_of(self._store, evaluations)

    @property
    def decision_ids(self) -> list[str]:
        """Of the decisions that are kept."""
        return [decision_id for decision_id in self.sent.decision_ids.tolist() if decision_id is not None]

    def _evaluated(self, history: Collection[str]) -> dict[int, Evaluation]:
        """The evaluations of those whom the columns do not cover, or of whom the log holds something, by position."""
        alone = ~self._covered
        if history:
            alone |= np.fromiter((person in history for person in self._persons), np.bool_, len(alone))
        return {
            at: self._sender.evaluated(self._people.request(int(self._rows[at])))
            for at in np.flatnonzero(alone).tolist()
        }

    def _are_covered(self, names: Sequence[str]) -> Bools:
        """See `_covered`; of nobody who is here under several names, or was linked to another."""
        persons = self._persons
        if self._chunk.full != self._sender.full:
            return np.zeros(len(names), np.bool_)
        covered: Bools = self._codes >= 0
        if persons != names or len(set(persons)) < len(persons):
            number_of = Counter(persons)
            alone = [
                person == name and number_of[person] == 1 for person, name in zip(persons, names, strict=True)
            ]
            covered &= np.array(alone, np.bool_)
        return covered

    def _proposed_by_history(self, history: Set[str]) -> dict[str, LoggedHistory]:
        """Proposes by what the log holds of customers, where it is like that of several others; what it holds of these.

        Histories are told apart as rules do. Where those of others stand for them with other moments, only what is sent, or
        withheld, is the same for all: who gets nothing is evaluated, for when they may. So is who is here under several names,
        as one contact counts for all.
        """
        sender, kernel = self._sender, self._chunk.kernel
        if kernel is None or not history:
            return {}
        positions = [at for at in np.flatnonzero(self._covered).tolist() if self._persons[at] in history]
        if not positions:
            return {}
        persons = [self._persons[at] for at in positions]
        logged = logged_of(self._store, persons, sender.compiled.pressure, sender.plan.now, sender.since)
        alike = sender.alike.column([logged[person] for person in persons])
        nothing = alike.nothing
        by_columns = {persons[at]: logged[persons[at]] for at in np.flatnonzero(nothing).tolist()}
        rows = np.flatnonzero(alike.covered & ~nothing)
        if not len(rows):
            return by_columns
        places = np.array(positions, np.int64)
        people = self._people.taken(self._rows[places[rows]])
        people.histories = alike.taken(rows)
        proposed = kernel.propose(people)
        gets = np.array([bool(own.chosen) for own in proposed.distinct], np.bool_)[proposed.codes]
        kept = np.flatnonzero((gets | ~alike.rounded[rows]) & ~np.isinf(proposed.scores))
        own = rows[kept]
        self._codes[places[own]], self._scores[places[own]] = proposed.codes[kept], proposed.scores[kept]
        for at in own.tolist():
            by_columns[persons[at]] = logged[persons[at]]
        return by_columns

    def _by_columns(self) -> Codes:
        """The positions of those who are not evaluated."""
        by_columns = np.ones(len(self._rows), np.bool_)
        by_columns[list(self._evaluations)] = False
        return np.flatnonzero(by_columns)

    def _proposed_draws(self) -> ProposedDraws:
        """What is kept of those for whom columns propose a sticky campaign."""
        if not self._sender.compiled.sticky:
            return ProposedDraws(self._store, ())
        positions, plans = self._by_columns(), self._chunk.plans
        codes = self._codes[positions]
        plans.plan(codes, self._chunk.distinct)
        chosen = {code: plans[code].proposed.chosen for code in np.unique(codes).tolist()}
        names = {code: forms[0].campaign for code, forms in chosen.items() if forms}
        sticky = {code: name for code, name in names.items() if self._sender.is_sticky(name)}
        at = zip(positions.tolist(), codes.tolist(), strict=True)
        pairs = [(self._persons[position], sticky[code]) for position, code in at if code in sticky]
        return ProposedDraws(self._store, pairs)

    def decide(self) -> "_Group":
        """Fills the results and the rows. Raises QuotaUndecided."""
        sent, plans, alone = self.sent, self._chunk.plans, self._evaluations
        at = self._by_columns()
        codes = self._codes[at]
        plans.plan(codes, self._chunk.distinct)
        ways = np.full(len(sent), RowWay.SINGLY, np.int8)
        ways[at] = plans.ways[codes]
        if self._follows:
            ways[ways == RowWay.ALIKE] = RowWay.SINGLY
        alike = ways != RowWay.SINGLY
        sent.codes[alike] = plans.kinds[self._codes[alike]]
        proposed = self._proposed
        proposed |= ways == RowWay.ALIKE
        self._forms[proposed] = plans.forms[self._codes[proposed]]
        for position in self._single(ways):
            if position in alone or not self._take(position):
                self._decide_alone(position)
        sent.decision_ids[proposed] = np.array(self._ids, np.object_)[proposed]
        sent.scores[proposed] = self._scores[proposed]
        if self._unruled:
            self._follow()
        return self

    def _single(self, ways: npt.NDArray[np.int8]) -> Iterator[int]:
        """The positions that are looked at, in order; once a counter got full, also those who get nothing."""
        for position in np.flatnonzero(ways == RowWay.SINGLY).tolist():
            yield position
            if self._is_short:
                yield from (np.flatnonzero(ways[position + 1 :] != RowWay.ALIKE) + position + 1).tolist()
                return

    def _take(self, position: int) -> bool:
        """Takes for a customer what the columns proposed, if the shared counters let it pass."""
        plan = self._chunk.plans[int(self._codes[position])]
        form = self._form(plan, position)
        if form is None or plan.on is None or not self._keep(form, position):
            return False
        self._proposed[position], self._forms[position] = True, form
        self.sent.codes[position] = form.kind
        if plan.on.quotas or self._follows:
            made = form.contact, plan.on, plan.proposed.chosen[0].withheld
            self._reserve(self._ids[position], [made])
        return True

    def _keep(self, form: SentForm, position: int) -> bool:
        """Keeps what the form draws for a sticky campaign; False where another draw of the customer is kept."""
        person, decision_id = self._persons[position], self._ids[position]
        drawn = [row._replace(subject=person, decision_id=decision_id) for row in form.draws]
        return not drawn or self._draws.take(drawn)

    def write(self) -> None:
        """Writes the rows, and the book that made the decisions."""
        now, store = self._elapsed, self._store
        keep_books(store, [(self._sender.compiled.book, now)])
        forms: list[SentForm] = self._forms[self._proposed].tolist()
        at = np.flatnonzero(self._proposed).tolist()
        proposed = [self._persons[position] for position in at]
        persons.know_since(store, [*proposed, *(own.person for own in self._decisions)], now)
        if forms:
            scores = orjson.dumps(self._scores[self._proposed], option=orjson.OPT_SERIALIZE_NUMPY)
            values = [[self._ids[position] for position in at], proposed, scores[1:-1].decode().split(",")]
            values += [
                [self._of_units[position].get(name, "") for position in at]
                for name in self._sender.compiled.units
            ]
            store.load_alike(DecisionRow, [form.decision for form in forms], values)
            store.load_alike(ContactRow, [form.made for form in forms], values)
        store.load(DecisionRow, self._decisions)
        store.load(ContactRow, self._contacts)
        if self._trials:
            learning.keep_trials(store, self._trials)
        self._concluded.write(store)
        for kept in self._kept:
            kept.write(store)
        self._draws.write(store)

    def _form(self, plan: CodePlan, position: int) -> SentForm | None:
        """The form that the columns proposed, if the shared counters let it pass; None: the customer is to be evaluated."""
        on = plan.on
        if plan.is_alone or on is None or (on.quotas and not self._has_room(on)):
            return None
        if plan.reads is None:
            return plan.form
        row = int(self._rows[position])
        attributes = self._people.attributes(plan.reads, row)
        form = self._sender.form_of(plan.proposed, attributes, self._chunk.names[row])
        if form is not None and self._sender.compiled.units:
            self._of_units[position] = self._sender.units(attributes)
        return form

    def _follow(self) -> None:
        """Counts contacts for counters without a rule in their book, if the log has such. Raises QuotaUndecided."""
        at = self._sender.plan.now
        campaign_channels = {id(on): on for *_, on in self._unruled}.values()
        names = {name for on in campaign_channels for name in on.unruled}
        if new_counters.latest(self._store, [(name, at) for name in sorted(names)]):
            self._unit.quotas.follow(
                [
                    UnruledContact(decision_id, index, contact, on.unruled, self._elapsed)
                    for decision_id, index, contact, on in self._unruled
                ]
            )

    def _has_room(self, on: CampaignChannel) -> bool:
        now = self._sender.plan.now
        for rule in on.quotas:
            counted = self._counts.counted(rule.key(now), rule.limit, now, (), rule.amount)
            if counted + rule.amount > rule.limit:
                self._is_short = True
                return False
        return True

    def _decide_alone(self, position: int) -> None:
        evaluation, person = self._evaluations.get(position), self._persons[position]
        if evaluation is None:  # of nobody of whom the log holds anything
            evaluation = self._sender.evaluated(self._people.request(int(self._rows[position])))
        if evaluation.compiled.ramped:
            evaluation = evaluation._replace(conversions=self._conversions)
        logged = self._logged.get(person)
        contacts = self._contacts_of[person]
        state = self._states.of(person) if logged is None else logged.state
        kept = self._kept[0] if position in self._evaluations else self._kept_of(evaluation)
        if evaluation.compiled.sticky:
            state = state._replace(kept=kept.of(evaluation, [person]))
        selection = select(evaluation, contacts, person, state, self._counts)
        decision = answer(evaluation, selection, self._ids[position])
        self._concluded.add(person, evaluation.concluded, self._sender.plan.now, self._elapsed)
        if not selection.chosen:
            self._add_kind(position, kind_by_engine(decision, None))
            return
        made_row = self._row(evaluation, person, decision, selection, state)
        contacts += [chosen.contact for chosen in selection.chosen]
        self._decisions.append(made_row)
        self._contacts += contact_rows(evaluation.compiled.book.channels, person, decision, selection)
        if evaluation.compiled.learns:
            self._trials += trials(made_row.decision_id, selection)
        if evaluation.compiled.sticky:
            kept.add(evaluation, person, selection, made_row.decision_id)
        made = [(own.contact, own.proposal.campaign_channel, own.withheld) for own in selection.chosen]
        self._reserve(made_row.decision_id, made)
        sent = self.sent
        self._add_kind(position, kind_by_engine(decision, made_row))
        sent.decision_ids[position] = made_row.decision_id
        sent.scores[position] = np.nan if made_row.score is None else made_row.score
        if decision.offers and self._sender.plan.content:
            sent.contents[position] = decision.offers[0].content

    def _kept_of(self, evaluation: Evaluation) -> KeptDraws:
        """What is kept of the draws of a customer who is evaluated after all."""
        self._kept.append(KeptDraws(self._store, [evaluation], self._unit.identities))
        return self._kept[-1]

    def _add_kind(self, position: int, kind: SentKind) -> None:
        """Of a customer who was evaluated; called in order."""
        self.sent.alone.append(kind)
        self.sent.codes[position] = -len(self.sent.alone)

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
    ) -> None:
        """Counts the contacts of a decision for those that follow, of all customers."""
        for index, (contact, on, withheld) in enumerate(made):
            if withheld is not None:
                continue
            self._unit.quotas.take(decision_id, index, contact, on.quotas)
            if on.unruled and self._follows:
                self._unruled.append((decision_id, index, contact, on))
