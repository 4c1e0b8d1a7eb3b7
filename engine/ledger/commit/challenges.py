"""Decides a logged decision once more, by a second book, at the state that the decision was made at, and keeps the result.

The state is what the log holds of the decision: the contacts, consents, outcomes, counters, signals and weather that it read.
What the deciding book did not read is read now: the person's contacts and outcomes from before the decision, and consents,
counters, conversions and events as they stand.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import orjson

from engine.decide.answer import answer
from engine.decide.attributes.derive import IS_NEW
from engine.decide.compiled import CompiledBook
from engine.decide.evaluate import Evaluation
from engine.decide.pressure.counters import QuotaCounts, QuotaKey, Taken, nth_expiry, total
from engine.decide.select import select
from engine.ledger.commit.assignments import KeptDraws
from engine.ledger.commit.books import keep_books
from engine.ledger.commit.commands import Command, Identities, Stage, UnitOfWork
from engine.ledger.commit.customer_state import CustomerStates, persons_of
from engine.ledger.commit.decision_rows import decision_row
from engine.ledger.commit.decisions import DecideCommand
from engine.ledger.commit.replay import LoggedState, logged_state_of, one_step_history
from engine.ledger.memory import memory_of
from engine.ledger.queries import challenges, contacts, decisions, outcomes, persons, quotas
from engine.ledger.queries.challenges import Chosen
from engine.ledger.store.rows import ChallengeRow, DecisionRow
from engine.ledger.store.store import Store
from engine.model.contact import Contact
from engine.model.customer import CustomerState, KeptDraw
from engine.model.decision import ReasonCode
from engine.model.instant import Instant
from engine.model.request import Mode, Request
from engine.rulebook.model.book import Book
from engine.rulebook.model.experiments import MOST_CONVERSIONS


@dataclass(frozen=True, slots=True)
class KeepChallengesCommand(Command[None]):
    """Decisions of a challenger, to be kept beside those of the live book."""

    rows: Sequence[ChallengeRow]
    book: Book
    now: Instant

    stage = Stage.LEARN

    def decision_ids(self) -> tuple[str, ...]:
        """The decisions that were challenged."""
        return tuple(row.decision_id for row in self.rows)

    @classmethod
    def apply(cls, unit: UnitOfWork, commands: Sequence[Self]) -> list[None]:
        """Keeps the rows, and the texts of the books that made them; not those of persons who were erased since."""
        keep_books(unit.store, [(command.book, command.now) for command in commands])
        rows = [row for command in commands for row in command.rows]
        decided = decisions.decided(unit.store, [row.decision_id for row in rows])
        challenges.keep(
            unit.store,
            [
                row
                for row in rows
                if (live := decided.get(row.decision_id)) is not None and live.person == row.person
            ],
        )
        return [None for _ in commands]


class LiveDecision(NamedTuple):
    """A decision of the live book, as the log holds it."""

    row: DecisionRow
    logged: LoggedState
    deciding: CompiledBook

    @property
    def has_candidates(self) -> bool:
        """Whether any campaign was a candidate: only then were contacts, consents and outcomes read."""
        return bool(orjson.loads(self.row.trace)["candidates"])


def read_live(
    store: Store, decision_id: str, deciding: CompiledBook, compiled: CompiledBook, request: Request
) -> tuple[LiveDecision, Request]:
    """The decision, and the request with the memory and the logged weather that the challenger's book reads.

    Numbers of contacts are those of the log, where the live book counted the same.

    deciding: the live book that decided; compiled: the challenger's. Inside a transaction. Raises LookupError where the log
    does not have the decision.
    """
    row = decisions.decision_of(store, decision_id)
    if row is None:
        raise LookupError(f"the log has no decision {decision_id}")
    live = LiveDecision(row, logged_state_of(row, deciding), deciding)
    if live.logged.lacking:
        raise LookupError(f"the log does not hold what {decision_id} was made of: {live.logged.lacking}")
    logged = live.logged.request.attributes
    given = request.attributes
    weather = {
        name: logged[name] for name in sorted(compiled.weather) if name in logged and name not in given
    }
    if weather:
        request = request._replace(attributes={**weather, **given})
    if compiled.recall is None:
        return live, request
    counted = {name: logged[name] for name in compiled.derivation.names_from_contacts if name in logged}
    request = request._replace(attributes={**counted, **request.attributes})
    (recalled,) = persons.recall(store, (compiled.recall.of(request.customer, request.now, request.aliases),))
    memory = memory_of(recalled, request.now)
    if any(event.at > request.now for event in memory.events):  # recorded since
        memory = memory._replace(events=tuple(event for event in memory.events if event.at <= request.now))
    if memory.contacts:  # those of the decision itself are in the log by now
        made = tuple(contact for contact in memory.contacts if contact.at < request.now)
        memory = memory._replace(contacts=made)
    if deciding.recall is not None and deciding.recall.signals:
        memory = memory._replace(signals=live.logged.request.memory.signals, expired=())
    if memory.is_new is not None:  # by now the decision itself is in the log
        memory = memory._replace(is_new=_was_new(store, live))
    return live, request._replace(memory=memory)


def _was_new(store: Store, live: LiveDecision) -> bool:
    """Whether nothing was stored of the person before the decision."""
    logged = live.logged.request.attributes.get(IS_NEW)
    if isinstance(logged, bool):
        return logged
    first_seen = persons.first_seen(store, live.row.person)
    return first_seen is None or first_seen >= live.row.at


class ChallengedState(NamedTuple):
    """What pressure rules of the challenger's book read of the log."""

    history: Sequence[Contact]
    customer_state: CustomerState
    counts: QuotaCounts
    conversions: Mapping[str, int]


def read_state(store: Store, live: LiveDecision, evaluation: Evaluation) -> ChallengedState:
    """What the challenger's evaluation of the decision depends on, inside a transaction."""
    logged, ramped = live.logged, sorted(evaluation.compiled.ramped) if evaluation.candidates else []
    return ChallengedState(
        _history(store, live, evaluation.compiled),
        _customer_state(store, live, evaluation),
        _counts(store, live, evaluation),
        {
            name: logged.conversions[name]
            if name in logged.conversions
            else outcomes.conversions(store, name, MOST_CONVERSIONS)
            for name in ramped
        },
    )


def challenge_row(live: LiveDecision, evaluation: Evaluation, state: ChallengedState) -> ChallengeRow:
    """What the challenger's book decides, as a row; nothing is reserved."""
    evaluation = evaluation._replace(conversions=state.conversions)
    person = live.row.person
    selection = select(evaluation, state.history, person, state.customer_state, state.counts)
    decision = answer(evaluation, selection, live.row.decision_id)
    row = decision_row(evaluation, person, decision, selection, state.customer_state)
    return ChallengeRow(*(getattr(row, name) for name in ChallengeRow._fields))


def chosen_of(row: Chosen) -> tuple[tuple[str, str, str], ...]:
    """Campaign, variant and channel of each contact that was chosen, withheld ones too; of a row of this form of the log."""
    trace, offers = orjson.loads(row.trace), orjson.loads(row.answer)[5]
    channels = {counter[5]: counter[6] for counter in trace["counters"]}
    channels |= {
        campaign: name for campaign, _, code, name, *_ in trace["candidates"] if code == ReasonCode.CHOSEN
    }
    channels |= {offer[0]: offer[3] for offer in offers if offer[0]}
    return tuple(
        (campaign, variant, channels.get(campaign, row.channel or ""))
        for variant, _, _, campaign, *_ in trace["variants"]
    )


def agrees(live: DecisionRow, challenger: ChallengeRow) -> bool:
    """Whether both decided the same: outcome, and campaign, variant and channel of each contact."""
    if live.outcome != challenger.outcome:
        return False
    sides = (Chosen(*(getattr(row, name) for name in Chosen._fields)) for row in (live, challenger))
    return len({chosen_of(side) for side in sides}) == 1


def _history(store: Store, live: LiveDecision, compiled: CompiledBook) -> Sequence[Contact]:
    row, counted = live.row, live.logged.history
    if compiled.book.version == live.deciding.book.version and live.has_candidates:
        return counted
    lookback = compiled.pressure.lookback
    before = contacts.contacts_before(store, row, row.at - lookback) if lookback else []
    return one_step_history(counted, before)


def _customer_state(store: Store, live: LiveDecision, evaluation: Evaluation) -> CustomerState:
    """Consents and outcomes as the live decision read them; those that it did not read, as they are in the log."""
    logged, mine, theirs = live.logged.customer_state, evaluation.compiled.pressure, live.deciding.pressure
    has_candidates = live.has_candidates
    has_consents = has_candidates
    kept = _kept(store, live, evaluation)
    has_outcomes = has_candidates and theirs.outcomes >= mine.outcomes and theirs.hindsight >= mine.hindsight
    if not evaluation.candidates or (has_consents and has_outcomes):
        return logged._replace(kept=kept)
    preview = evaluation._replace(request=evaluation.request._replace(mode=Mode.PREVIEW))  # links no names
    identities = Identities(store, (DecideCommand(preview),))
    current = CustomerStates(store, (preview,), identities).of_all(persons_of(preview.request, identities))
    own, now = live.row.decision_id, live.row.at
    return CustomerState(
        logged.consents if has_consents else current.consents,
        logged.outcomes
        if has_outcomes
        else [outcome for outcome in current.outcomes if outcome.at <= now and outcome.decision_id != own],
        kept,
    )


def _kept(store: Store, live: LiveDecision, evaluation: Evaluation) -> Sequence[KeptDraw]:
    """The draws that the challenger's sticky campaigns keep, from before the decision."""
    if not evaluation.compiled.sticky:
        return ()
    preview = evaluation._replace(request=evaluation.request._replace(mode=Mode.PREVIEW))  # links no names
    identities = Identities(store, (DecideCommand(preview),))
    draws = KeptDraws(store, (preview,), identities, before=live.row.decision_id)
    return draws.of(preview, persons_of(preview.request, identities))


def _counts(store: Store, live: LiveDecision, evaluation: Evaluation) -> QuotaCounts:
    """The counters as the live decision read them; those that it did not read, as they are in the log."""
    read = {counter[0] for counter in orjson.loads(live.row.trace)["counters"]}
    attributes = evaluation.request.attributes
    unread = {
        rule.key(evaluation.request.now)
        for candidate in evaluation.candidates
        for channel in candidate.channels
        for rule in candidate.compiled_campaign.campaign_channels[channel].at(attributes).quotas
        if rule.name not in read
    }
    peeked = quotas.peek_all(store, sorted(unread), evaluation.request.now)
    return _ChallengedCounts(live.logged.counts, frozenset(read), peeked)


class _ChallengedCounts:
    """Counters as a logged decision read them, and further ones as they are now. Implements QuotaCounts."""

    def __init__(
        self, logged: QuotaCounts, read: frozenset[str], peeked: Mapping[tuple[str, Instant], int]
    ) -> None:
        self._logged, self._read, self._peeked = logged, read, peeked

    def counted(self, key: QuotaKey, limit: int, now: Instant, drawn: Sequence[Taken], amount: int) -> int:
        """See `QuotaCounts.counted`."""
        if key.rule in self._read:
            return self._logged.counted(key, limit, now, drawn, amount)
        return self._peeked.get(key, 0) + total(drawn)

    def given_back(
        self, key: QuotaKey, excess: int, now: Instant, drawn: Sequence[Taken], amount: int
    ) -> Instant | None:
        """See `QuotaCounts.given_back`; of counters that are read now, only what is drawn is known."""
        if key.rule in self._read:
            return self._logged.given_back(key, excess, now, drawn, amount)
        return nth_expiry(drawn, excess)
