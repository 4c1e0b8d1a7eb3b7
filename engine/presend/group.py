"""Decides a group of a population in one transaction, exactly as if its customers had been decided one after the other.

Customers without history are proposed by columns: what pressure rules, consents and kept draws would read of them is
looked up under their locks, and where there is nothing, only the counters that all customers share are left to be taken.
All others are evaluated one by one, as a server does.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self, TypeAlias

import orjson
from uuid_utils import uuid7

from engine.batch.results import ChosenForm, RowDecision
from engine.decide.answer import answer, offer_of, to_json
from engine.decide.arbitrate.campaign import CampaignChannel, CompiledCampaign
from engine.decide.attributes.zones import zones_text
from engine.decide.compiled import CompiledBook
from engine.decide.evaluate import Evaluation, evaluate
from engine.decide.experiments.learning import Learned
from engine.decide.experiments.samples import NO_CONVERSIONS, Conversions
from engine.decide.experiments.subjects import NO_UNITS, DrawSubject, Units, units_of
from engine.decide.pressure.caps import counted_value
from engine.decide.pressure.counters import QuotaKey
from engine.decide.select import Selection, select
from engine.ledger.commit.assignments import KeptDraws
from engine.ledger.commit.books import keep_books
from engine.ledger.commit.commands import Command, NamesToLink, Stage, UnitOfWork
from engine.ledger.commit.customer_state import CustomerStates, contacts_by_person
from engine.ledger.commit.decision_rows import contact_row, contact_rows, decision_row, drawn_row, sample_row
from engine.ledger.commit.decisions import conversions_of
from engine.ledger.commit.events import ConcludedSignals
from engine.ledger.commit.learning import trials
from engine.ledger.commit.new_counters import add_new_counters
from engine.ledger.commit.quotas import QuotaCommit, UnruledContact
from engine.ledger.errors import LedgerError
from engine.ledger.queries import learning, persons, presends, quotas
from engine.ledger.store.rows import ContactRow, DecisionRow, PersonRow, TrialRow
from engine.ledger.store.store import Store
from engine.model.contact import Contact
from engine.model.customer import CustomerState
from engine.model.decision import ChosenOffer, Decision, Reason
from engine.model.instant import Instant
from engine.model.request import Request

_NO_TRACE: Mapping[str, Any] = {"candidates": [], "more_candidates": 0, "counters": [], "contacts": []}

REFUSED = "refused"
"""The outcome of a customer whose names could not be linked."""

_NEVER: Instant = 2**62
"""Later than any contact: of a book whose rules count none, contacts are no history."""


Full: TypeAlias = frozenset[tuple[QuotaKey, int]]
"""Counters without room for a contact, each with what the contact would take."""


class SendPlan(NamedTuple):
    """What all groups of a run have alike."""

    run: str
    now: Instant
    channels: tuple[str, ...] = ()
    content: bool = False
    """Whether the texts are wanted: then every customer who gets an offer is evaluated."""
    full_log: bool = False
    """Whether rows hold all that replaying them takes: then every customer is evaluated."""


class Sent(NamedTuple):
    """The decision for one customer."""

    customer: str
    decision_id: str
    """Empty where nothing is kept in the log: nothing was to be sent."""
    outcome: str
    """An Outcome, or REFUSED."""
    campaign: str | None
    offer: str | None
    variant: str | None
    channel: str | None
    score: float | None
    selection_probability: float
    reasons: tuple[Reason, ...]
    next_allowed_at: Instant | None
    expires_at: Instant | None
    content: Mapping[str, str] | None
    is_evaluated: bool
    """Whether the customer was evaluated one by one."""


_ID, _SCORE = "00000000-0000-7000-8000-000000000000", 1.2345678987654321e-300
_SCORE_TEXT = orjson.dumps(_SCORE).decode()
"""Stand for what differs from customer to customer in the answer of a form."""


_INSIDE = 6
"""Where a row of an experiment says whether the person is in its range."""


class SentForm(NamedTuple):
    """What all decisions have alike that send one variant of a campaign on one channel for the same reasons."""

    offer: str
    contact: Contact
    row: DecisionRow
    made: ContactRow
    answer: tuple[str, str, str]
    """The answer around decision_id and score."""

    def decision(self, decision_id: str, person: str, score: float) -> DecisionRow:
        """The row of one decision."""
        row, (head, middle, tail) = self.row, self.answer
        answered = f"{head}{decision_id}{middle}{orjson.dumps(score).decode()}{tail}"
        return DecisionRow(decision_id, None, person, *row[3:11], score, *row[12:17], answered, row.run)

    def contact_row(self, decision_id: str, person: str) -> ContactRow:
        """The row of its contact."""
        return ContactRow(person, self.made.at, decision_id, *self.made[3:])


def part_lock(run: str, part: int) -> str:
    """The lock of those who commit customers of the part."""
    return f"presend {run} {part}"


class Sender:
    """The book and plan of a run, with what its groups share."""

    def __init__(self, compiled: CompiledBook, plan: SendPlan, learned: Learned) -> None:
        self.compiled, self.plan, self.learned = compiled, plan, learned
        self.campaigns: dict[str, CompiledCampaign] = {
            own.campaign.name: own for own in compiled.compiled_campaigns
        }
        lookback = compiled.pressure.lookback
        self._shared = list(
            {
                (rule.key(plan.now), rule.amount): rule
                for own in compiled.compiled_campaigns
                for on in own.campaign_channels.values()
                for rule in on.quotas
            }.items()
        )
        self._forms: dict[Hashable, SentForm] = {}
        self.full: Full = frozenset()
        """The counters without room when the last group was committed."""
        self.since = plan.now - lookback if lookback else _NEVER
        """Contacts later than this are history."""
        self._inputs = orjson.dumps(
            {
                "attributes": {},
                "masked": [],
                "consents": [],
                "preferred_channels": [],
                "channels": plan.channels,
                "max_offers": 1,
                "salt": compiled.book.salt,
                "thin": True,
            }
        ).decode()

    def counted(self, store: Store, at: Instant) -> dict[QuotaKey, int]:
        """What the counters of the book that all customers share have counted."""
        keys = list({key for (key, _), _ in self._shared})
        counted = quotas.peek_all(store, keys, at)
        return {key: counted.get(key, 0) for key in keys}

    def full_of(self, counted: Mapping[QuotaKey, int]) -> Full:
        """The counters without room, each with what a contact would take."""
        return frozenset(
            (key, amount) for (key, amount), rule in self._shared if counted[key] + amount > rule.limit
        )

    def form_of(self, proposed: RowDecision, form: ChosenForm, request: Request) -> "SentForm | None":
        """What all decisions of the same form have alike; None where the contact keeps a value that may be derived."""
        own, by = (
            self.campaigns[form.campaign],
            self.campaigns[form.campaign].campaign_channels[form.channel].counted_by,
        )
        if by is not None and by not in request.attributes:
            return None
        on = own.campaign_channels[form.channel]
        creative = next(creative for creative in on.creatives if creative.variant == form.variant)
        language = creative.texts_for(request.attributes).language if creative.by_language else ""
        keeps_zones = self.compiled.pressure.keeps_zones
        zones = zones_text(request.attributes, self.compiled.book.timezone) if keeps_zones else ""
        value = None if by is None else counted_value(request.attributes.get(by))
        units = self.units(request)
        key = (
            form._replace(score=0.0),
            proposed.selection_probability,
            proposed.reasons,
            language,
            zones,
            value,
        )
        known = None if units else self._forms.get(key)
        if known is None:
            contact = Contact(request.now, form.expires_at, on.facts, zones, value)
            known = self._new_form(proposed, form, contact, (language, units))
            if not units:
                self._forms[key] = known
        return known

    def _new_form(
        self, proposed: RowDecision, form: ChosenForm, contact: Contact, drawn_by: tuple[str, Units]
    ) -> "SentForm":
        own, (language, units) = self.campaigns[form.campaign], drawn_by
        on, probability = own.campaign_channels[form.channel], proposed.selection_probability
        offer = ChosenOffer(
            *(form.campaign, own.offer.name, form.variant, form.channel, "", _SCORE),
            selection_probability=probability,
            content={},
            expires_at=form.expires_at,
        )
        decision = Decision(
            decision_id=_ID,
            request_id="",
            at=contact.at,
            outcome=proposed.outcome,
            book_version=self.compiled.book.version,
            offers=(offer,),
            reasons=proposed.reasons,
            selection_probability=probability,
        )
        drawn: list[str | float] = [
            form.variant,
            probability / on.treated,
            on.treated,
            form.campaign,
            language,
        ]
        if own.campaign.unit in units:
            drawn.append(units[own.campaign.unit])
        experiments = _experiments_of_treated(own, on, DrawSubject("", units), contact.at)
        row = self.thin_row("", decision, offer, drawn, experiments)
        made = contact_row(self.compiled.book.channels, "", _ID, 0, contact)
        head, rest = row.answer.split(_ID)
        middle, tail = rest.split(_SCORE_TEXT)
        return SentForm(own.offer.name, contact, row, made, (head, middle, tail))

    def units(self, request: Request) -> Units:
        """The units that the customer is drawn by."""
        units = self.compiled.units
        return units_of(units, request.attributes) if units else NO_UNITS

    def evaluated(self, request: Request) -> Evaluation:
        """The engine's evaluation of a customer."""
        return evaluate(self.compiled, request, self.learned)

    def thin_row(
        self,
        person: str,
        decision: Decision,
        first: ChosenOffer,
        drawn: Sequence[str | float],
        experiments: Sequence[Sequence[str | float | bool]],
    ) -> DecisionRow:
        """The row of a decision without what the population holds: inputs, candidates and texts.

        first: its first offer, withheld or not. drawn: as `drawn_row` gives it. experiments: of the offer's campaign.
        """
        trace = {**_NO_TRACE, "variants": [drawn]}
        if experiments:
            trace["experiments"] = experiments
        without_texts = tuple(offer._replace(content={}) for offer in decision.offers)
        return DecisionRow(
            decision_id=decision.decision_id,
            request_id=None,
            person=person,
            at=decision.at,
            book_version=decision.book_version,
            outcome=decision.outcome,
            campaign=first.campaign,
            offer=first.offer,
            variant=first.variant,
            channel=first.channel,
            placement=None,
            score=first.score,
            selection_probability=decision.selection_probability,
            next_allowed_at=decision.next_allowed_at,
            expires_at=first.expires_at,
            inputs=self._inputs,
            trace=orjson.dumps(trace).decode(),
            answer=to_json(decision._replace(offers=without_texts)),
            run=self.plan.run,
        )


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
        plan = self._sender.plan
        keeps_units = bool(self._sender.compiled.sticky and self._sender.compiled.units)
        history = presends.with_history(self._store, self._persons, self._sender.since)
        return {
            position: self._sender.evaluated(command.request)
            for position, (command, person) in enumerate(zip(self._commands, self._persons, strict=True))
            if command.proposed is None
            or command.full != self._sender.full
            or person in history
            or person != command.request.customer
            or plan.full_log
            or keeps_units
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
            return _sent(request.customer, "", proposed, None)
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
        return _sent(request.customer, decision_id, proposed, sent_form.offer)

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
            return _sent_of(command.request.customer, decision._replace(decision_id=""), None)
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
        return _sent_of(command.request.customer, decision, row)

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
        experiments = _experiments(
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


def _experiments(
    compiled_campaign: CompiledCampaign,
    on: CampaignChannel,
    subject: DrawSubject,
    now: Instant,
    conversions: Conversions = NO_CONVERSIONS,
) -> list[list[str | float | bool]]:
    """The experiments of a campaign that had a part, as traces have them."""
    return [
        [compiled_campaign.campaign.name, *sample_row(sample, subject, now, conversions)]
        for sample in (*compiled_campaign.gates, *on.withholding)
    ]


def _experiments_of_treated(
    compiled_campaign: CompiledCampaign, on: CampaignChannel, units: DrawSubject, now: Instant
) -> list[list[str | float | bool]]:
    """The same of whoever gets the offer: every gate has them, and nothing that withholds it does."""
    rows = _experiments(compiled_campaign, on, units, now)
    gates = len(compiled_campaign.gates)
    return [[*row[:_INSIDE], index < gates, *row[_INSIDE + 1 :]] for index, row in enumerate(rows)]


def _sent(customer: str, decision_id: str, proposed: RowDecision, offer: str | None) -> Sent:
    """What the columns proposed, as it is sent."""
    form = proposed.chosen[0] if proposed.chosen else None
    return Sent(
        customer,
        decision_id,
        proposed.outcome.value,
        form and form.campaign,
        offer,
        form and form.variant,
        form and form.channel,
        form and form.score,
        proposed.selection_probability,
        proposed.reasons,
        proposed.next_allowed_at,
        form and form.expires_at,
        None,
        is_evaluated=False,
    )


def _sent_of(customer: str, decision: Decision, row: DecisionRow | None) -> Sent:
    """What the engine decided, as it is sent; row: None where nothing is kept."""
    content = decision.offers[0].content if decision.offers else None
    return Sent(
        customer,
        decision.decision_id,
        decision.outcome.value,
        row and row.campaign,
        row and row.offer,
        row and row.variant,
        row and row.channel,
        row and row.score,
        decision.selection_probability,
        decision.reasons,
        decision.next_allowed_at,
        row and row.expires_at,
        content,
        is_evaluated=True,
    )


def refused(customer: str) -> Sent:
    """A customer whose names could not be linked: nothing was decided."""
    return Sent(
        customer, "", REFUSED, None, None, None, None, None, 1.0, (), None, None, None, is_evaluated=False
    )
