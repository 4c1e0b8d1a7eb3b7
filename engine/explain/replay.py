"""Why a decision of the log came out as it did: made again from its row, or, where that cannot be, as it stands there."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import replace

from engine.conditions.trace import trace
from engine.decide.answer import answer
from engine.decide.compiled import CompiledBook
from engine.decide.evaluate import Evaluation, evaluate
from engine.decide.select import select
from engine.engine import Engine
from engine.explain.explain import told
from engine.explain.model import CampaignExplained, ChangeKind, Explained
from engine.ledger.commit.replay import LoggedDecision, find_logged
from engine.model.decision import CandidateOutcome, Decision

_AGAIN = (
    "made again from the log it comes out otherwise: its candidates are told as the log has them, and no changes were"
    " tried"
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

    only, flips: as of `explain`; changes are tried at the moment of then, against the contacts of then. Of another version
    of the book than the live one, and where the log lacks what the decision depended on, only what it holds is told.
    """
    compiled = engine.compiled
    past = await engine.look(lambda store: find_logged(store, decision_id, compiled), deadline=deadline)
    if past is None:
        raise NoSuchDecision(f"the log holds no decision {decision_id!r:.80}")
    if past.decision.book_version != compiled.book.version:
        return _as_logged(past, None, only, _other_book(past.decision.book_version, compiled))
    notes = _not_held(past, compiled)
    asked = evaluate(compiled, past.request, past.learned)
    again = _judged(asked, past)
    if not _agree(past, again):
        return _as_logged(past, asked, only, (_AGAIN, *notes))

    async def settle(asks: Sequence[Evaluation]) -> Sequence[Decision]:
        return await asyncio.to_thread(lambda: [_judged(one, past) for one in asks])

    decision = past.decision._replace(candidate_outcomes=again.candidate_outcomes)
    found = await told(
        past.request, asked, decision, settle if counterfactuals else None, only, but=_untried(compiled)
    )
    return replace(found, notes=notes)


def _untried(compiled: CompiledBook) -> frozenset[ChangeKind]:
    """What cannot be tried: the log holds what events came to at the moment, and not the events, which grow older."""
    return frozenset({ChangeKind.TIME}) if compiled.derivation.uses_events else frozenset()


def _judged(asked: Evaluation, past: LoggedDecision) -> Decision:
    """What would have been answered, with what became of every candidate."""
    asked = asked._replace(conversions=past.conversions)
    return answer(
        asked,
        select(asked, past.history, past.person, past.customer_state, past.counts),
        past.decision.decision_id,
        candidate_outcomes=True,
    )


def _agree(past: LoggedDecision, again: Decision) -> bool:
    """Whether it is the same decision: the same candidates with the same fates, and the same offers."""
    logged = past.decision
    listed = [_gist(one) for one in logged.candidate_outcomes]
    found = [_gist(one) for one in again.candidate_outcomes]
    return (
        listed == found[: len(listed)]
        and len(found) == len(listed) + past.more_candidates
        and logged.outcome is again.outcome
        and [one[:6] for one in logged.offers] == [one[:6] for one in again.offers]
    )


def _gist(fate: CandidateOutcome) -> CandidateOutcome:
    return fate._replace(readings=())


def _as_logged(
    past: LoggedDecision, asked: Evaluation | None, only: Collection[str], notes: Sequence[str]
) -> Explained:
    learned = past.learned.propensities
    told_of = tuple(
        replace(_candidate(one, asked), propensity=learned.get(one.campaign))
        for one in past.decision.candidate_outcomes
        if not only or one.campaign in only
    )
    if past.more_candidates:
        notes = (*notes, f"the log lists the first candidates only; there were {past.more_candidates} more")
    return Explained(past.decision, told_of, notes=tuple(notes))


def _candidate(fate: CandidateOutcome, asked: Evaluation | None) -> CampaignExplained:
    """What the log says of a candidate, and how its condition stands where the book is at hand."""
    campaign = None if asked is None else asked.compiled.book.campaigns.get(fate.campaign)
    return CampaignExplained(
        fate.campaign,
        fate.reason,
        None
        if campaign is None or asked is None
        else trace(campaign.when, asked.request.attributes, asked.moment),
        fate.score,
        fate.details,
        tier=0 if campaign is None else campaign.tier,
    )


def _other_book(version: str, compiled: CompiledBook) -> tuple[str, ...]:
    return (
        f"it was made by version {version[:12]} of the book, and {compiled.book.version[:12]} is at hand: only what"
        " the log holds of its candidates is told, without conditions and changes",
    )


def _not_held(past: LoggedDecision, compiled: CompiledBook) -> tuple[str, ...]:
    """Says which values the log does not hold; of addresses it is enough to know that there were some."""
    addresses = {one.address for one in compiled.book.channels.values()}
    return tuple(
        f"the log does not hold the value of {name}: tests on it are unknown here"
        for name in past.masked
        if name not in addresses
    )
