"""The verdict of contact pressure on one request. Pure: same ask, same history, same verdict."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from engine.arbitrate.content import needed_attributes
from engine.arbitrate.propose import Candidate, Proposal
from engine.decision import Outcome, Reason, ReasonCode
from engine.instant import DAY, Instant
from engine.pressure.caps import CapCount
from engine.pressure.contact import Contact
from engine.rulebook.model import Kind, OnSilence
from engine.settle.ask import Ask

HORIZON = 400 * DAY
"""No next moment is named further ahead than this."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of a candidate."""

    candidate: Candidate
    reason: Reason
    """CHOSEN, OUTRANKED, or the first thing that stood in its way."""
    counts: tuple[CapCount, ...] = ()
    """The caps read for its proposals, in the order tried."""

    def obstacles(self) -> list[Reason]:
        """Every channel out of reach and every cap that blocked a proposal."""
        capped = dict.fromkeys(
            Reason(ReasonCode.CAPPED, count.cap.name) for count in self.counts if count.blocks
        )
        return [*self.candidate.lost, *capped]


@dataclass(slots=True)
class Verdict:
    """What may go, and what stood in the way of the rest."""

    outcome: Outcome = Outcome.NOTHING
    chosen: list[Proposal] = field(default_factory=list)
    tried: list[Tried] = field(default_factory=list)
    reasons: list[Reason] = field(default_factory=list)
    next_allowed_at: Instant | None = None


def judge(ask: Ask, history: Sequence[Contact]) -> Verdict:
    """Tries the proposals in rank order, each campaign's channels before the next campaign.

    history: the customer's contacts that may still count; what is chosen here counts for what is tried after it.
    """
    verdict = Verdict()
    known = list(history)
    offers: set[str] = set()
    best_blocked: tuple[CapCount, ...] = ()
    for candidate in ask.candidates:
        if len(verdict.chosen) >= ask.request.max_offers or candidate.plan.offer.name in offers:
            verdict.tried.append(Tried(candidate, Reason(ReasonCode.OUTRANKED, _winner(verdict))))
            continue
        proposal, counts = _first_allowed(ask, candidate, known)
        if proposal is None:
            blocking = tuple(count for count in counts if count.blocks)
            best_blocked = best_blocked or _of_first_proposal(ask, candidate, blocking)
            verdict.tried.append(Tried(candidate, _obstacle(candidate, blocking), counts))
            continue
        verdict.chosen.append(proposal)
        offers.add(candidate.plan.offer.name)
        known.append(reserve(ask, proposal))
        verdict.tried.append(Tried(candidate, Reason(ReasonCode.CHOSEN, proposal.channel), counts))
    _conclude(ask, verdict, best_blocked)
    return verdict


def reserve(ask: Ask, proposal: Proposal) -> Contact:
    """The contact that the proposal uses up: confirmed at once when inbound, else held as the channel says."""
    channel = ask.live.book.channels[proposal.channel]
    held = channel.kind is Kind.OUTBOUND and channel.on_silence is OnSilence.RELEASE
    now = ask.request.now
    return Contact(now, now + channel.hold if held else None, proposal.plan.facts[proposal.channel])


def _first_allowed(
    ask: Ask, candidate: Candidate, history: Sequence[Contact]
) -> tuple[Proposal | None, tuple[CapCount, ...]]:
    """The first proposal that passes every cap, if any, and every cap that was read on the way."""
    read: list[CapCount] = []
    for proposal in candidate.proposals:
        counts = _standing(ask, proposal, history)
        read += counts
        if not any(count.blocks for count in counts):
            return proposal, tuple(read)
    return None, tuple(read)


def _standing(ask: Ask, proposal: Proposal, history: Sequence[Contact]) -> list[CapCount]:
    caps = ask.live.caps_by_route[proposal.plan.campaign.name, proposal.channel]
    return ask.live.caps.standing(caps, history, ask.request.now) if caps else []


def _of_first_proposal(
    ask: Ask, candidate: Candidate, blocking: tuple[CapCount, ...]
) -> tuple[CapCount, ...]:
    """Those of the blocking caps that the candidate's dearest proposal must pass."""
    if not candidate.proposals:
        return ()
    caps = ask.live.caps_by_route[candidate.plan.campaign.name, candidate.proposals[0].channel]
    return tuple(count for count in blocking if count.cap in caps)


def _obstacle(candidate: Candidate, blocking: tuple[CapCount, ...]) -> Reason:
    if blocking:
        return Reason(ReasonCode.CAPPED, blocking[0].cap.name)
    return (
        candidate.lost[0] if candidate.lost else Reason(ReasonCode.NO_VARIANT, candidate.plan.campaign.name)
    )


def _winner(verdict: Verdict) -> str:
    return verdict.chosen[0].plan.campaign.name


def _conclude(ask: Ask, verdict: Verdict, best_blocked: tuple[CapCount, ...]) -> None:
    """Outcome, reasons and the next moment from what was tried."""
    reasons = dict.fromkeys(
        reason
        for tried in verdict.tried
        for reason in _causes(tried)
        if reason.code is not ReasonCode.OUTRANKED
    )
    if verdict.chosen:
        verdict.outcome = Outcome.OFFER
    else:
        if best_blocked:
            next_allowed_at = max(count.next_allowed_at for count in best_blocked)
            if next_allowed_at <= ask.request.now + HORIZON:
                verdict.next_allowed_at = next_allowed_at
        stopped = any(reason.code is not ReasonCode.NO_VARIANT for reason in reasons)
        verdict.outcome = Outcome.BLOCKED if stopped else Outcome.NOTHING
        if not ask.candidates:
            reasons[Reason(ReasonCode.NOT_ELIGIBLE, "")] = None
        if _has_fallback(ask):
            verdict.outcome = Outcome.FALLBACK
            reasons[Reason(ReasonCode.FALLBACK, ask.request.placement)] = None
    verdict.reasons = list(reasons)


def _has_fallback(ask: Ask) -> bool:
    """Whether the placement asked for has a fallback whose content lacks no value."""
    fields = ask.live.fallbacks[ask.request.placement] if ask.request.placement else None
    return fields is not None and ask.request.attributes.keys() >= needed_attributes(fields)


def _causes(tried: Tried) -> list[Reason]:
    if tried.reason.code is ReasonCode.CHOSEN:
        return [*tried.obstacles(), Reason(ReasonCode.CHOSEN, tried.candidate.plan.campaign.name)]
    return [*tried.obstacles(), tried.reason]
