"""The answer to an ask, and its form in the log, from which a retry reads it again."""

import orjson

from engine.decide.arbitrate.campaign import Creative
from engine.decide.arbitrate.content import render
from engine.decide.evaluate import Evaluation
from engine.decide.pressure.rule import RuleResult
from engine.decide.select import SelectedProposal, Selection, TriedCandidate
from engine.model.decision import (
    PRESSURE,
    CandidateOutcome,
    ChosenOffer,
    Decision,
    Outcome,
    Reason,
    ReasonCode,
    RuleReading,
    SignalSince,
)
from engine.model.request import Mode
from engine.model.values import Attributes


def answer(
    ask: Evaluation, selection: Selection, decision_id: str, *, candidate_outcomes: bool = False
) -> Decision:
    """The decision that the verdict means. fates: with what became of every candidate, as a preview has it anyway."""
    with_fates = candidate_outcomes or ask.request.mode is Mode.PREVIEW
    blocked_by = () if selection.chosen else _blocked_by(selection)
    offers = (
        (fallback_offer(ask),)
        if selection.shows_fallback
        else tuple(offer_of(ask, one) for one in selection.offered)
    )
    return Decision(
        decision_id=decision_id,
        request_id=ask.request.request_id,
        at=ask.request.now,
        outcome=selection.outcome,
        book_version=ask.compiled.book.version,
        offers=offers,
        reasons=tuple(selection.reasons),
        blocked_by=blocked_by,
        next_allowed_at=selection.next_allowed_at,
        candidate_outcomes=tuple(map(_candidate_outcome, selection.tried)) if with_fates else (),
        signals=tuple(SignalSince(one.name, one.since) for one in ask.concluded.signals),
        selection_probability=_probability(selection),
    )


def to_json(decision: Decision) -> str:
    """The decision as a JSON text."""
    return orjson.dumps(
        [
            decision.decision_id,
            decision.request_id,
            decision.at,
            decision.outcome,
            decision.book_version,
            [
                [
                    one.campaign,
                    one.offer,
                    one.variant,
                    one.channel,
                    one.placement,
                    one.score,
                    one.selection_probability,
                    one.content,
                    one.expires_at,
                ]
                for one in decision.offers
            ],
            [[one.code, one.name] for one in decision.reasons],
            decision.blocked_by,
            decision.next_allowed_at,
            [[one.name, one.since] for one in decision.signals],
            decision.selection_probability,
        ]
    ).decode()


def from_json(text: str) -> Decision:
    """The decision that `to_json` wrote."""
    decision_id, request_id, at, outcome, version, offers, reasons, blocked_by, next_allowed_at, *rest = (
        orjson.loads(text)
    )
    signals = rest[0] if rest else ()  # answers of earlier forms of the log end before
    return Decision(
        decision_id=decision_id,
        request_id=request_id,
        at=at,
        outcome=Outcome(outcome),
        book_version=version,
        offers=tuple(ChosenOffer(*one) for one in offers),
        reasons=tuple(Reason(ReasonCode(code), name) for code, name in reasons),
        blocked_by=tuple(blocked_by),
        next_allowed_at=next_allowed_at,
        signals=tuple(SignalSince(*one) for one in signals),
        selection_probability=rest[1] if len(rest) > 1 else 1.0,
    )


def _candidate_outcome(tried: TriedCandidate) -> CandidateOutcome:
    campaign = tried.candidate.compiled_campaign.campaign.name
    readings = tuple(
        _reading(campaign, one.channel, rule_result)
        for one in (*tried.withdrawn, *tried.read)
        for rule_result in one.rule_results
    )
    return CandidateOutcome(campaign, tried.reason, tried.candidate.score, tuple(tried.obstacles), readings)


def _reading(campaign: str, channel: str, rule_result: RuleResult) -> RuleReading:
    rule = rule_result.rule
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
    )


def offer_of(ask: Evaluation, reserved: SelectedProposal) -> ChosenOffer:
    """The offer that was chosen, be it withheld or not; its probability is that of getting it."""
    proposal, contact, _ = reserved
    return ChosenOffer(
        campaign=proposal.compiled_campaign.campaign.name,
        offer=proposal.compiled_campaign.offer.name,
        variant=proposal.chosen.creative.variant,
        channel=proposal.campaign_channel.channel,
        placement=ask.request.placement,
        score=proposal.score,
        selection_probability=proposal.chosen.probability * proposal.campaign_channel.treated,
        content=_content(proposal.chosen.creative, ask.request.attributes),
        expires_at=contact.expires_at,
    )


def _probability(selection: Selection) -> float:
    """Of the first offer that goes; where all are withheld, that the first one is."""
    if selection.offered:
        proposal = selection.offered[0].proposal
        return proposal.chosen.probability * proposal.campaign_channel.treated
    return 1.0 - selection.chosen[0].proposal.campaign_channel.treated if selection.chosen else 1.0


def _content(creative: Creative, attributes: Attributes) -> dict[str, str]:
    return render(creative.texts_in(attributes.get("profile.language")), attributes)


def fallback_offer(ask: Evaluation) -> ChosenOffer:
    """What the request's placement shows when there is nothing better; it has to have a fallback."""
    placement = ask.compiled.book.placements[ask.request.placement]
    fallback = ask.compiled.fallbacks[placement.name]
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
        content=_content(fallback.creative, ask.request.attributes),
    )


def _blocked_by(selection: Selection) -> tuple[str, ...]:
    return tuple(reason.name for reason in selection.reasons if reason.code in PRESSURE)


def degraded(ask: Evaluation) -> Decision | None:
    """The fallback of the request's placement, kept nowhere; None where it has none, and for a preview."""
    request, placement = ask.request, ask.request.placement
    if request.mode is Mode.PREVIEW or not placement or ask.compiled.fallbacks[placement] is None:
        return None
    return Decision(
        decision_id="",
        request_id=request.request_id,
        at=request.now,
        outcome=Outcome.FALLBACK,
        book_version=ask.compiled.book.version,
        offers=(fallback_offer(ask),),
        reasons=(Reason(ReasonCode.DEGRADED, placement), Reason(ReasonCode.FALLBACK, placement)),
        degraded=True,
    )
