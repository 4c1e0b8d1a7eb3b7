"""Why a request is answered as it is. Reads the same state, keeps nothing."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from engine.conditions.evaluate import holds
from engine.conditions.trace import trace
from engine.decide.arbitrate.campaign import CompiledCampaign
from engine.decide.arbitrate.variants import fitting_creatives, lacks
from engine.decide.compiled import CompiledBook
from engine.decide.evaluate import Evaluation, evaluate
from engine.decide.experiments.posteriors import Propensity
from engine.decide.match import clocks_of, usable_channels
from engine.decide.select import known_weights
from engine.decide.signals.compile import CompiledSignals
from engine.decide.signals.infer import explain_chain
from engine.engine import Engine
from engine.explain.counterfactuals.search import CounterfactualSearch, PreviewAll
from engine.explain.model import (
    CampaignExplained,
    ChangeKind,
    CreativeExplained,
    Explained,
    Rival,
    SignalExplained,
)
from engine.ledger.errors import LedgerError
from engine.model.customer import HeldSignal
from engine.model.decision import WITHHELD, CandidateOutcome, Decision, Reason, ReasonCode
from engine.model.request import Mode, Request
from engine.model.values import Moment

_GAVE_WAY = (ReasonCode.OUTRANKED, ReasonCode.GROUP_TAKEN, ReasonCode.CATEGORY_FULL)


async def explain(
    engine: Engine,
    request: Request,
    *,
    deadline: float | None = None,
    only: Collection[str] = (),
    counterfactuals: bool = False,
) -> Explained:
    """Explains what `decide` would answer. Raises LedgerError when the contacts could not be read.

    only: the campaigns to explain; empty: all. flips: whether to look for the changes that would bring each further.
    """
    (known,) = await engine.recall([request._replace(mode=Mode.PREVIEW)], deadline=deadline)
    asked = evaluate(engine.compiled, known, engine.learned)
    decision = await engine.commit(asked, deadline=deadline)

    async def settle(asks: Sequence[Evaluation]) -> Sequence[Decision]:
        return list(map(_sound, await engine.commit_all(asks, deadline=deadline) if asks else ()))

    return await told(known, asked, decision, settle if counterfactuals else None, only)


async def told(
    known: Request,
    asked: Evaluation,
    decision: Decision,
    settle: PreviewAll | None,
    only: Collection[str],
    *,
    but: frozenset[ChangeKind] = frozenset(),
) -> Explained:
    """The explanation of a decision with all its fates.

    known: the request before anything was derived of it. settle: decides what would be asked otherwise; None: no changes
    are looked for. but: kinds of changes that are not.
    """
    compiled = asked.compiled
    candidate_outcomes = {fate.campaign: fate for fate in decision.candidate_outcomes}
    rivals = _rivals(compiled, decision)
    learned = {
        one.compiled_campaign.campaign.name: one.propensity for one in asked.candidates if one.propensity
    }
    campaigns = [
        _explained(
            asked,
            compiled_campaign,
            candidate_outcomes.get(compiled_campaign.campaign.name),
            rivals,
            learned.get(compiled_campaign.campaign.name),
        )
        for compiled_campaign in compiled.compiled_campaigns
        if not only or compiled_campaign.campaign.name in only
    ]
    if settle is not None:
        found = await CounterfactualSearch(settle, known, asked, campaigns, rivals).counterfactuals(but)
        campaigns = [
            replace(one, counterfactuals=found[one.campaign], searched=True) if one.campaign in found else one
            for one in campaigns
        ]
    return Explained(decision, tuple(campaigns), _signals(compiled, asked))


def _sound(answer: Decision | LedgerError) -> Decision:
    """The decision; raises the error that stands in its place."""
    if isinstance(answer, LedgerError):
        raise answer
    return answer


def _rivals(compiled: CompiledBook, decision: Decision) -> dict[str, Rival]:
    """The campaigns that were taken, withheld ones too, best first."""
    book = compiled.book.campaigns
    return {
        one.campaign: Rival(one.campaign, book[one.campaign].tier, one.score)
        for one in decision.candidate_outcomes
        if one.reason.code is ReasonCode.CHOSEN or one.reason.code in WITHHELD
    }


def _signals(compiled: CompiledBook, asked: Evaluation) -> tuple[SignalExplained, ...]:
    if compiled.signals is None:
        return ()
    return tuple(
        _signal(compiled.signals.compiled, compiled, asked, held) for held in asked.concluded.signals
    )


def _signal(
    signals: CompiledSignals, compiled: CompiledBook, asked: Evaluation, held: HeldSignal
) -> SignalExplained:
    attributes, moment = asked.request.attributes, asked.moment
    return SignalExplained(
        held.name,
        held.since,
        held.expires_at,
        held not in asked.concluded.remember and held.expires_at is not None,
        explain_chain(signals, attributes, moment, held.name),
        trace(compiled.book.derived.signals[held.name].when, attributes, moment),
    )


def _explained(
    asked: Evaluation,
    compiled_campaign: CompiledCampaign,
    fate: CandidateOutcome | None,
    rivals: Mapping[str, Rival],
    learned: Propensity | None,
) -> CampaignExplained:
    compiled, request, moment, campaign = (
        asked.compiled,
        asked.request,
        asked.moment,
        compiled_campaign.campaign,
    )
    condition = trace(campaign.when, request.attributes, moment)
    if fate is None:
        reason = _fell_at(compiled, compiled_campaign, request, moment)
        return CampaignExplained(campaign.name, reason, condition, None, tier=campaign.tier)
    return CampaignExplained(
        campaign.name,
        fate.reason,
        condition,
        fate.score,
        fate.details,
        fate.readings,
        campaign.tier,
        _rival(compiled, fate.reason, rivals),
        tuple(_forms(asked, compiled_campaign)),
        propensity=learned,
    )


def _rival(compiled: CompiledBook, reason: Reason, rivals: Mapping[str, Rival]) -> Rival | None:
    if reason.code not in _GAVE_WAY:
        return None
    if reason.code is ReasonCode.CATEGORY_FULL:
        same = [one for name, one in rivals.items() if _category(compiled, name) == reason.name]
        return same[-1] if same else None
    return rivals.get(reason.name)


def _category(compiled: CompiledBook, campaign: str) -> str:
    book = compiled.book
    return book.offers[book.campaigns[campaign].offer].category


def _forms(asked: Evaluation, compiled_campaign: CompiledCampaign) -> Iterator[CreativeExplained]:
    """Its forms on the channels of this call."""
    request, moment = asked.request, asked.moment
    for name in usable_channels(asked.compiled, request):
        campaign_channel = compiled_campaign.campaign_channels.get(name)
        if campaign_channel is None:
            continue
        known = known_weights(
            asked,
            compiled_campaign,
            fitting_creatives(campaign_channel.creatives, request.attributes, moment),
        )
        shares = {} if known is None else known.by_arm
        for creative in campaign_channel.creatives:
            yield CreativeExplained(
                name,
                creative.variant,
                trace(creative.when, request.attributes, moment),
                tuple(sorted(lacks(creative, request.attributes))),
                shares.get(creative.variant, creative.share),
            )


def _fell_at(
    compiled: CompiledBook, compiled_campaign: CompiledCampaign, request: Request, moment: Moment
) -> Reason:
    """The stage where a campaign fell that did not become a candidate."""
    name = compiled_campaign.campaign.name
    if not _is_requested(compiled, compiled_campaign, request):
        return Reason(ReasonCode.NOT_REQUESTED, name)
    clocks = clocks_of(compiled, request)
    if not clocks.run(compiled_campaign.active):
        own = clocks.runs(compiled_campaign.campaign.active)
        return Reason(ReasonCode.NOT_ACTIVE, compiled_campaign.offer.name if own else name)
    if holds(compiled_campaign.campaign.when, request.attributes, moment):
        raise AssertionError(f"the index lost the eligible campaign {name}")
    return Reason(ReasonCode.NOT_ELIGIBLE, name)


def _is_requested(compiled: CompiledBook, compiled_campaign: CompiledCampaign, request: Request) -> bool:
    if request.placement:
        return request.placement in compiled_campaign.placements
    return not set(compiled_campaign.channels).isdisjoint(usable_channels(compiled, request))
