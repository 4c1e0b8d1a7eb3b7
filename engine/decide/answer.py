"""Makes the decision of a selection, and its JSON in the log, from which a retry reads it again."""

import orjson

from engine.conditions.trace import phrase_of
from engine.decide.arbitrate.campaign import Creative
from engine.decide.arbitrate.content import render
from engine.decide.compiled import CompiledBook
from engine.decide.evaluate import Evaluation
from engine.decide.pressure.quotas import QuotaRule
from engine.decide.pressure.registry import PRESSURE
from engine.decide.pressure.rule import RuleResult
from engine.decide.select import SelectedProposal, Selection, TriedCandidate
from engine.model.decision import (
    CandidateOutcome,
    ChosenOffer,
    Decision,
    Outcome,
    Reason,
    ReasonCode,
    RuleKind,
    RuleReading,
    SignalSince,
)
from engine.model.request import Mode
from engine.model.values import Attributes


def answer(
    evaluation: Evaluation, selection: Selection, decision_id: str, *, candidate_outcomes: bool = False
) -> Decision:
    """The decision of a selection.

    candidate_outcomes: whether to list the outcome of every candidate, as a preview does anyway.
    """
    with_outcomes = candidate_outcomes or evaluation.request.mode is Mode.PREVIEW
    signals = evaluation.concluded.signals
    offers = (
        (fallback_offer(evaluation),)
        if selection.shows_fallback
        else tuple([offer_of(evaluation, selected) for selected in selection.offered])
    )
    return Decision(
        decision_id=decision_id,
        request_id=evaluation.request.request_id,
        at=evaluation.request.now,
        outcome=selection.outcome,
        book_version=evaluation.compiled.book.version,
        offers=offers,
        reasons=tuple(selection.reasons),
        blocked_by=blocked_by(selection),
        next_allowed_at=selection.next_allowed_at,
        candidate_outcomes=tuple(_candidate_outcome(tried, evaluation.compiled) for tried in selection.tried)
        if with_outcomes
        else (),
        signals=tuple(SignalSince(signal.name, signal.since) for signal in signals) if signals else (),
        selection_probability=selection_probability(selection),
        next_any_at=selection.next_any_at,
    )


def to_json(decision: Decision) -> str:
    """The decision as a JSON array, by position; `from_json` names the columns."""
    return orjson.dumps(
        [
            decision.decision_id,
            decision.request_id,
            decision.at,
            decision.outcome,
            decision.book_version,
            [[*offer] for offer in decision.offers],
            [*map(list, decision.reasons)],
            decision.blocked_by,
            decision.next_allowed_at,
            [*map(list, decision.signals)],
            decision.selection_probability,
            decision.next_any_at,
        ]
    ).decode()


def from_json(text: str) -> Decision:
    """The decision that `to_json` wrote; answers in earlier forms of the log end before the signals."""
    decision_id, request_id, at, outcome, version, offers, reasons, blocked_by, next_allowed_at, *rest = (
        orjson.loads(text)
    )
    signals = rest[0] if rest else ()
    return Decision(
        decision_id=decision_id,
        request_id=request_id,
        at=at,
        outcome=Outcome(outcome),
        book_version=version,
        offers=tuple(ChosenOffer(*offer) for offer in offers),
        reasons=tuple(Reason(ReasonCode(code), name) for code, name in reasons),
        blocked_by=tuple(blocked_by),
        next_allowed_at=next_allowed_at,
        signals=tuple(SignalSince(*signal) for signal in signals),
        selection_probability=rest[1] if len(rest) > 1 else 1.0,
        next_any_at=rest[2] if len(rest) > 2 else None,
    )


def _candidate_outcome(tried: TriedCandidate, compiled: CompiledBook) -> CandidateOutcome:
    campaign = tried.candidate.compiled_campaign.campaign.name
    readings = tuple(
        _reading(campaign, result.channel, rule_result, compiled)
        for result in (*tried.withdrawn, *tried.read)
        for rule_result in result.rule_results
    )
    details = tuple(tried.obstacles)
    return CandidateOutcome(
        campaign, tried.reason, tried.candidate.score, details, readings, kept_at=tried.kept_at
    )


_OF_THE_CUSTOMER = (RuleKind.CONSENT, RuleKind.OBJECTION)
"""Rules that no book states."""


def _reading(campaign: str, channel: str, rule_result: RuleResult, compiled: CompiledBook) -> RuleReading:
    rule = rule_result.rule
    when = None if rule.kind in _OF_THE_CUSTOMER else compiled.pressure.conditions.get(rule.name)
    cost = rule.amount if isinstance(rule, QuotaRule) and rule.kind is RuleKind.BUDGET else None
    return RuleReading(
        campaign=campaign,
        channel=channel,
        rule=rule.name,
        kind=rule.kind,
        blocks=rule_result.blocks,
        counted=rule_result.counted,
        limit=rule_result.limit,
        window=rule.window,
        zones=tuple(zone.key for zone in rule_result.zones),
        next_allowed_at=rule_result.next_allowed_at,
        lapsed=rule_result.lapsed,
        lifted=rule_result.lifted,
        applies_to="" if when is None else phrase_of(when, compiled.times),
        cost=cost,
        currency="" if cost is None else compiled.book.currency,
    )


def offer_of(evaluation: Evaluation, reserved: SelectedProposal) -> ChosenOffer:
    """The offer of a selected proposal, withheld or not, with the probability that it is drawn and not withheld."""
    proposal, contact, _ = reserved
    compiled_campaign, campaign_channel, (creative, probability, _), score, treated = proposal
    return ChosenOffer(
        compiled_campaign.campaign.name,
        compiled_campaign.offer.name,
        creative.variant,
        campaign_channel.channel,
        evaluation.request.placement,
        score,
        probability * treated,
        _content(creative, evaluation.request.attributes),
        contact.expires_at,
    )


def selection_probability(selection: Selection) -> float:
    """Probability of the first offer that is not withheld; where all are, that the first one is withheld; else 1."""
    for proposal, _, withheld in selection.chosen:
        if withheld is None:
            return proposal.chosen.probability * proposal.treated
    return 1.0 - selection.chosen[0].proposal.treated if selection.chosen else 1.0


def _content(creative: Creative, attributes: Attributes) -> dict[str, str]:
    return render(creative.texts_for(attributes), attributes)


def fallback_offer(evaluation: Evaluation) -> ChosenOffer:
    """The fallback of the request's placement. Raises ValueError if it has none."""
    placement = evaluation.compiled.book.placements[evaluation.request.placement]
    fallback = evaluation.compiled.fallbacks[placement.name]
    if fallback is None:
        raise ValueError(f"placement {placement.name} has no fallback")
    return ChosenOffer(
        campaign="",
        offer=fallback.offer.name,
        variant="",
        channel=placement.channel,
        placement=placement.name,
        score=0.0,
        selection_probability=1.0,
        content=_content(fallback.creative, evaluation.request.attributes),
    )


def blocked_by(selection: Selection) -> tuple[str, ...]:
    """The rules of contact pressure that hold everything back; none where something was chosen."""
    if selection.chosen:
        return ()
    return tuple(reason.name for reason in selection.reasons if reason.code in PRESSURE)


def degraded(evaluation: Evaluation) -> Decision | None:
    """The fallback of the request's placement, which is not logged; None where it has none, and for a preview."""
    request, placement = evaluation.request, evaluation.request.placement
    if request.mode is Mode.PREVIEW or not placement or evaluation.compiled.fallbacks[placement] is None:
        return None
    return Decision(
        decision_id="",
        request_id=request.request_id,
        at=request.now,
        outcome=Outcome.FALLBACK,
        book_version=evaluation.compiled.book.version,
        offers=(fallback_offer(evaluation),),
        reasons=(Reason(ReasonCode.DEGRADED, placement), Reason(ReasonCode.FALLBACK, placement)),
        degraded=True,
    )
