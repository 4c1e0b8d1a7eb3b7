"""Explains a decision of the log: evaluated again from its row, or as the row has it where that is not possible."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import replace
from math import inf

from engine.conditions.trace import trace
from engine.decide.answer import answer
from engine.decide.arbitrate.prices import Charge
from engine.decide.compiled import CompiledBook
from engine.decide.evaluate import Evaluation, evaluate
from engine.decide.select import Selection, select
from engine.engine import Engine
from engine.explain.explain import contacts_seen, explain_decision, paid_prices
from engine.explain.model import CampaignExplained, ChangeKind, Explained
from engine.explain.trends import trends_seen
from engine.explain.words import paid_in_words
from engine.ledger.commit.replay import LoggedDecision, LoggedState, find_logged
from engine.model.decision import CandidateOutcome, Decision

_DIFFERS = (
    "Re-evaluating this decision from the log gives a different result; the logged candidates are shown."
)


class NoSuchDecision(Exception):
    """The log holds no decision of this id."""


async def explain_logged(
    engine: Engine,
    decision_id: str,
    *,
    deadline: float | None = None,
    only: Collection[str] = (),
    counterfactuals: bool = False,
) -> Explained:
    """Explains a decision that was made. Raises NoSuchDecision; LedgerError when the log could not be read.

    only, counterfactuals: as in `explain`; changes are tried at the moment of the decision, against the contacts of then.
    If another version of the book decided, or the log lacks what the decision depended on, only the logged candidates are
    shown.
    """
    compiled = engine.compiled
    logged = await engine.look(lambda store: find_logged(store, decision_id, compiled), deadline=deadline)
    if logged is None:
        raise NoSuchDecision(f"the log holds no decision {decision_id!r:.80}")
    return await explain_found(compiled, logged, only=only, counterfactuals=counterfactuals)


async def explain_found(
    compiled: CompiledBook,
    logged: LoggedDecision,
    *,
    only: Collection[str] = (),
    counterfactuals: bool = False,
) -> Explained:
    """Explains a decision that was read from the log, as `explain_logged` does."""
    if logged.decision.book_version != compiled.book.version:
        return _as_logged(logged, None, only, _other_book(logged.decision.book_version, compiled))
    if logged.state.lacking:
        return _as_logged(logged, None, only, (logged.state.lacking, *_scarce(logged, compiled)))
    notes = _not_held(logged, compiled)
    evaluation = evaluate(compiled, logged.state.request, logged.state.learned)
    again = _decide_again(evaluation, logged)
    if not _agree(logged, again):
        return _as_logged(logged, evaluation, only, (_DIFFERS, *notes))

    async def preview_all(evaluations: Sequence[Evaluation]) -> Sequence[Decision]:
        return await asyncio.to_thread(lambda: [_decide_again(changed, logged) for changed in evaluations])

    explained = await explain_decision(
        logged.state.request,
        evaluation,
        logged.decision._replace(candidate_outcomes=again.candidate_outcomes),
        preview_all if counterfactuals else None,
        only,
        untried=_untried(compiled),
    )
    return replace(explained, notes=notes)


def _scarce(logged: LoggedDecision, compiled: CompiledBook) -> tuple[str, ...]:
    """What a run kept of prices: to whom the scarce counters went that the decision could have taken from."""
    prices = logged.state.learned.bid_prices.at(logged.decision.at)
    rules = {rule.counter: rule for rule in compiled.pressure.shared}
    charges = (
        Charge(rules[counter], price.price if price.cut_off is None else inf, price.cut_off)
        for counter, price in sorted(prices.items())
        if counter in rules and price.tier is not None
    )
    return tuple(f"in this run {paid_in_words(charge)}" for charge in charges)


def _untried(compiled: CompiledBook) -> frozenset[ChangeKind]:
    """Later moments, if the book uses events or contacts: the log holds what was derived from them and not they themselves."""
    derivation = compiled.derivation
    return frozenset({ChangeKind.TIME}) if derivation.uses_events or derivation.contacts else frozenset()


def _decide_again(evaluation: Evaluation, logged: LoggedDecision) -> Decision:
    """The decision on the state that the log holds, with the outcome of every candidate."""
    selected = select_again(evaluation, logged.state)
    return answer(*selected, logged.decision.decision_id, candidate_outcomes=True)


def select_again(evaluation: Evaluation, logged: LoggedState) -> tuple[Evaluation, Selection]:
    """The evaluation with the conversions of then, and its selection on the state that the log holds."""
    evaluation = evaluation._replace(conversions=logged.conversions)
    return evaluation, select(evaluation, logged.history, logged.person, logged.customer_state, logged.counts)


def _agree(logged: LoggedDecision, again: Decision) -> bool:
    """Whether it is the same decision: the same candidates with the same outcomes, and the same offers."""
    decision = logged.decision
    listed = [outcome._replace(readings=()) for outcome in decision.candidate_outcomes]
    outcomes = [outcome._replace(readings=(), kept_at=None) for outcome in again.candidate_outcomes]
    return (
        listed == outcomes[: len(listed)]
        and len(outcomes) == len(listed) + logged.more_candidates
        and decision.outcome is again.outcome
        and [offer[:6] for offer in decision.offers] == [offer[:6] for offer in again.offers]
    )


def _as_logged(
    logged: LoggedDecision, evaluation: Evaluation | None, only: Collection[str], notes: Sequence[str]
) -> Explained:
    propensities = logged.state.learned.propensities
    campaigns = tuple(
        replace(
            _candidate(outcome, evaluation),
            propensity=propensities.get(outcome.campaign),
            paid=() if evaluation is None else _paid(evaluation, outcome.campaign),
        )
        for outcome in logged.decision.candidate_outcomes
        if not only or outcome.campaign in only
    )
    listed = {outcome.campaign for outcome in logged.decision.candidate_outcomes}
    notes = (
        *notes,
        *(f"the log does not list {name} among the candidates" for name in only if name not in listed),
    )
    if logged.more_candidates:
        notes = (*notes, f"the log lists the first candidates only; there were {logged.more_candidates} more")
    return Explained(logged.decision, campaigns, notes=tuple(notes))


def _paid(evaluation: Evaluation, campaign: str) -> tuple[Charge, ...]:
    """What a logged candidate paid; nothing if the book has no such campaign."""
    own = (own for own in evaluation.compiled.compiled_campaigns if own.campaign.name == campaign)
    return next((paid_prices(evaluation, compiled_campaign) for compiled_campaign in own), ())


def _candidate(outcome: CandidateOutcome, evaluation: Evaluation | None) -> CampaignExplained:
    """A candidate as logged, with its condition traced if the book is the current one."""
    campaign = None if evaluation is None else evaluation.compiled.book.campaigns.get(outcome.campaign)
    return CampaignExplained(
        outcome.campaign,
        outcome.reason,
        None
        if campaign is None or evaluation is None
        else trace(
            campaign.when, evaluation.request.attributes, evaluation.moment, evaluation.compiled.times
        ),
        outcome.score,
        outcome.details,
        tier=0 if campaign is None else campaign.tier,
        contacts={} if evaluation is None else contacts_seen(evaluation),
        trends={}
        if evaluation is None
        else trends_seen(evaluation.compiled.derivation.trends, evaluation.request.attributes),
    )


def _other_book(version: str, compiled: CompiledBook) -> tuple[str, ...]:
    return (
        f"it was made by version {version[:12]} of the book, and {compiled.book.version[:12]} is at hand: only what"
        " the log holds of its candidates is told, without conditions and changes",
    )


def _not_held(logged: LoggedDecision, compiled: CompiledBook) -> tuple[str, ...]:
    """Names the values that the log does not hold, except addresses, of which only the presence matters."""
    addresses = {channel.address for channel in compiled.book.channels.values()}
    return tuple(
        f"the log does not hold the value of {name}: tests on it are unknown here"
        for name in logged.state.masked
        if name not in addresses
    )
