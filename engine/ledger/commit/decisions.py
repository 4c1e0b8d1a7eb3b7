"""Decides the evaluated requests of a group, each against what the ones before it reserved, and keeps the decisions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import orjson
import structlog
from uuid_utils import uuid7

from engine.decide.answer import answer, from_json
from engine.decide.arbitrate.campaign import CampaignChannel
from engine.decide.evaluate import Evaluation
from engine.decide.experiments.rollout import RolloutArm
from engine.decide.pressure.counters import QuotaKey
from engine.decide.select import Selection, select
from engine.decide.signals.infer import NO_CONCLUSIONS
from engine.ledger.commit.assignments import KeptDraws
from engine.ledger.commit.books import keep_books
from engine.ledger.commit.commands import Command, NamesToLink, Stage, UnitOfWork
from engine.ledger.commit.customer_state import CustomerStates, contacts_by_person, persons_of
from engine.ledger.commit.decision_rows import contact_rows, decision_row
from engine.ledger.commit.events import ConcludedSignals
from engine.ledger.commit.learning import trials
from engine.ledger.commit.new_counters import add_new_counters
from engine.ledger.commit.quotas import QuotaCommit, QuotaLimit, QuotaPreview, QuotaUndecided, UnruledContact
from engine.ledger.errors import DecisionFault, LedgerError, OtherVersion, RequestIdTaken
from engine.ledger.queries import decisions, learning, outcomes, persons
from engine.ledger.queries.decisions import AnsweredRequest
from engine.ledger.store.rows import ContactRow, DecisionRow, PersonRow, RequestRow, TrialRow
from engine.ledger.store.store import Store
from engine.model.contact import Contact
from engine.model.decision import Decision
from engine.model.instant import Instant
from engine.model.request import Mode
from engine.rulebook.model.experiments import MOST_CONVERSIONS

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class DecideCommand(Command[Decision]):
    """An evaluated request, to be decided.

    Its result is OtherVersion where during a staged roll-out the evaluation is not by the version that decides for the person,
    who is known only now. A retry gets the answer of the first call, whichever version gave it.
    """

    evaluation: Evaluation
    arm: RolloutArm | None = None
    """The side of the roll-out on which the evaluation's version is; None: there is none."""

    stage = Stage.DECIDE

    def customers(self) -> tuple[str, ...]:
        """The customer, by all names."""
        request = self.evaluation.request
        return request.customer, *request.aliases

    def locks(self) -> tuple[str, ...]:
        """The request_id, which a retry brings again, and the units whose draws are kept."""
        evaluation = self.evaluation
        units = sorted({unit for unit in evaluation.sticky.values() if unit})
        drawn = (f"unit {evaluation.units[unit]}" for unit in units)
        return (*((f"request {evaluation.request.request_id}",) if evaluation.is_named else ()), *drawn)

    def keeps_since(self) -> Instant | None:
        """When the call arrived; a preview keeps nothing."""
        request = self.evaluation.request
        if request.mode is not Mode.COMMIT:
            return None
        return request.now if request.clock is None else request.clock

    def links(self) -> NamesToLink | None:
        """The names of the request; a preview links nothing."""
        request = self.evaluation.request
        if not request.aliases or request.mode is not Mode.COMMIT:
            return None
        return NamesToLink(self.customers(), request.elapsed, "decide")

    @classmethod
    def prepare(cls, store: Store, commands: Sequence[Self]) -> None:
        """Adds the counters of the requests' books that the log does not have yet."""
        evaluations = [command.evaluation for command in commands]
        add_new_counters(store, [evaluation for evaluation in evaluations if evaluation.candidates])

    @classmethod
    def apply(cls, unit: UnitOfWork, commands: Sequence[Self]) -> list[Decision | LedgerError]:
        """Decides in order; decided anew from the first where what was in hand of a quota was not enough to decide."""
        evaluations = [command.evaluation for command in commands]
        requests = (evaluation.request for evaluation in evaluations)
        latest = max((request.elapsed for request in requests if request.mode is Mode.COMMIT), default=0)
        arms = [command.arm for command in commands]
        decided = unit.quotas.attempt(lambda: _GroupDecider(unit, evaluations, arms).decide(), latest)
        decided.write()
        unit.decision_ids += decided.decision_ids
        return decided.results


class _GroupDecider:
    """The decisions of a group, until they are written."""

    def __init__(
        self, unit: UnitOfWork, evaluations: Sequence[Evaluation], arms: Sequence[RolloutArm | None]
    ) -> None:
        store = unit.store
        self._store, self._identities, self._quotas = store, unit.identities, unit.quotas
        self._evaluations, self._arms = evaluations, arms
        self._of_group: tuple[type[Exception], ...] = (QuotaUndecided, LedgerError, *store.errors)
        """Errors that are not of one request alone."""
        self._answered = decisions.answered_requests(
            store,
            list({request_id for evaluation in evaluations if (request_id := evaluation.request.request_id)}),
        )
        self._contacts_of = contacts_by_person(store, evaluations, unit.identities)
        self._customer_states = CustomerStates(store, evaluations, unit.identities)
        self._kept = KeptDraws(store, evaluations, unit.identities)
        self._conversions = conversions_of(store, evaluations)
        self._decisions: list[DecisionRow] = []
        self._requests: list[RequestRow] = []
        self._contacts: list[ContactRow] = []
        self._trials: list[TrialRow] = []
        self._unruled: list[UnruledContact] = []
        """Contacts for whose counters their book has no rule: see `Quotas.follow`."""
        self._concluded = ConcludedSignals()
        self.results: list[Decision | LedgerError] = []

    def decide(self) -> "_GroupDecider":
        """Fills the results and the rows. Raises QuotaUndecided."""
        if likely := _likely_quotas(self._evaluations):
            self._quotas.open(likely)
        self.results = list(map(self._result, self._evaluations, self._arms))
        if self._unruled:
            self._quotas.follow(self._unruled)
        return self

    def write(self) -> None:
        """Writes the rows, and the books that made the decisions."""
        keep_books(
            self._store,
            [
                (evaluation.compiled.book, evaluation.request.elapsed)
                for evaluation in self._evaluations
                if evaluation.request.mode is Mode.COMMIT
            ],
        )
        persons.know(self._store, [PersonRow(row.person, row.at) for row in self._decisions])
        decisions.keep(self._store, self._decisions, self._requests, self._contacts)
        if self._trials:
            learning.keep_trials(self._store, self._trials)
        self._concluded.write(self._store)
        self._kept.write(self._store)

    @property
    def decision_ids(self) -> list[str]:
        """The decisions that are kept."""
        return [row.decision_id for row in self._decisions]

    def _result(self, evaluation: Evaluation, arm: RolloutArm | None) -> Decision | LedgerError:
        """A fault in one request is that request's own, not its neighbours'."""
        answered = self._answered.get(evaluation.request.request_id)
        if answered is not None:
            return self._answer_again(evaluation, answered)
        if arm is not None and not arm.decides_for(self._identities.person_of(evaluation.request.customer)):
            return OtherVersion("another version of the book decides for this person; a retry is safe")
        try:
            if evaluation.compiled.ramped:
                evaluation = evaluation._replace(conversions=self._conversions)
            if evaluation.request.mode is Mode.PREVIEW:
                return self._preview(evaluation)
            return self._decide(evaluation, arm)
        except self._of_group:
            raise  # the transaction is over; the group is tried again in halves
        except Exception as fault:
            log.exception("could not decide", request_id=evaluation.request.request_id)
            error = DecisionFault("the request could not be decided")
            error.__cause__ = fault
            return error

    def _answer_again(self, evaluation: Evaluation, answered: AnsweredRequest) -> Decision | LedgerError:
        """The decision that an earlier call with this request_id got."""
        if not self._identities.is_same(answered.person, evaluation.request.customer):
            return RequestIdTaken("this request_id was used for another customer")
        decision = from_json(answered.answer)
        if _is_other_question(evaluation, answered, decision):
            return RequestIdTaken("this request_id was used for another question")
        return decision

    def _preview(self, evaluation: Evaluation) -> Decision:
        """Decides against the contacts of everybody the request names, and keeps nothing."""
        persons_named = persons_of(evaluation.request, self._identities)
        contacts = [contact for person in persons_named for contact in self._contacts_of[person]]
        person = self._identities.person_of(evaluation.request.customer)
        customer_state = self._customer_states.of_all(persons_named)
        if evaluation.compiled.sticky:
            customer_state = customer_state._replace(kept=self._kept.of(evaluation, persons_named))
        selection = select(evaluation, contacts, person, customer_state, QuotaPreview(self._quotas))
        return answer(evaluation, selection, "")

    def _decide(self, evaluation: Evaluation, arm: RolloutArm | None) -> Decision:
        person = self._identities.person_of(evaluation.request.customer)
        contacts, customer_state = self._contacts_of[person], self._customer_states.of(person)
        if evaluation.compiled.sticky:
            customer_state = customer_state._replace(kept=self._kept.of(evaluation, [person]))
        quotas = QuotaCommit(self._quotas, evaluation.request.elapsed)
        selection = select(evaluation, contacts, person, customer_state, quotas)
        decision = answer(evaluation, selection, str(uuid7()))
        row = decision_row(evaluation, person, decision, selection, customer_state, arm)
        new_contacts = contact_rows(evaluation.compiled.book.channels, person, decision, selection)
        self._decisions.append(row)
        self._contacts += new_contacts
        if evaluation.compiled.learns:
            self._trials += trials(row.decision_id, selection)
        if evaluation.compiled.sticky:
            self._kept.add(evaluation, person, selection, row.decision_id)
        request = evaluation.request
        if evaluation.concluded is not NO_CONCLUSIONS:
            self._concluded.add(person, evaluation.concluded, request.now, request.elapsed)
        self._reserve(row, selection, contacts, request.elapsed)
        if row.request_id:  # the same request_id, later in this group or any other, gets the same decision
            self._requests.append(RequestRow(row.request_id, row.decision_id))
            self._answered[row.request_id] = AnsweredRequest(
                row.request_id, row.person, row.answer, row.placement or "", row.inputs
            )
        return decision

    def _reserve(
        self, row: DecisionRow, selection: Selection, contacts: list[Contact], until: Instant
    ) -> None:
        """Counts the chosen contacts for the decisions that follow: of the person, and of the quotas.

        until: not beyond the server's clock.
        """
        contacts += [chosen.contact for chosen in selection.chosen]
        for position, (proposal, contact, withheld) in enumerate(selection.chosen):
            if withheld is None:
                self._quotas.take(row.decision_id, position, contact, proposal.campaign_channel.quotas)
                if proposal.campaign_channel.unruled:
                    unruled = proposal.campaign_channel.unruled
                    self._unruled.append(UnruledContact(row.decision_id, position, contact, unruled, until))


def _is_other_question(evaluation: Evaluation, answered: AnsweredRequest, decision: Decision) -> bool:
    """Whether mode, placement, channels or max_offers differ (the last within one book, which bounds it); the context may."""
    request, inputs = evaluation.request, orjson.loads(answered.inputs)
    if request.mode is not Mode.COMMIT:  # what was answered is: a preview uses no id up
        return True
    if request.placement != answered.placement or set(request.channels) != set(inputs["channels"]):
        return True
    is_same_book = decision.book_version == evaluation.compiled.book.version
    return is_same_book and request.max_offers != inputs["max_offers"]


def _likely_quotas(evaluations: Sequence[Evaluation]) -> dict[QuotaKey, QuotaLimit]:
    """The quotas of each request's best candidate, with their limits; others are read when they are needed."""
    likely = [
        (rule.key(evaluation.request.now), QuotaLimit(rule.limit, rule.amount))
        for evaluation in evaluations
        if evaluation.candidates
        and evaluation.compiled.pressure.is_shared
        and evaluation.request.mode is Mode.COMMIT
        for channel in evaluation.candidates[0].channels
        for rule in _on(evaluation, channel).quotas
    ]
    return dict(sorted(likely, reverse=True))  # of one counter the least amount is left


def _on(evaluation: Evaluation, channel: str) -> CampaignChannel:
    """The best candidate on the channel, for the customer."""
    best = evaluation.candidates[0].compiled_campaign
    return best.campaign_channels[channel].at(evaluation.request.attributes)


def conversions_of(store: Store, evaluations: Sequence[Evaluation]) -> dict[str, int]:
    """Conversions of the campaigns whose ramps go by them, counted up to as many as matter."""
    ramped = {
        name for evaluation in evaluations if evaluation.candidates for name in evaluation.compiled.ramped
    }
    return {name: outcomes.conversions(store, name, MOST_CONVERSIONS) for name in sorted(ramped)}
