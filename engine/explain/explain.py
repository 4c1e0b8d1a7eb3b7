"""Explains why a request is decided as it is. Reads the same state as a decision, and stores nothing."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from engine.conditions.evaluate import holds
from engine.conditions.trace import trace
from engine.decide.arbitrate.campaign import CompiledCampaign
from engine.decide.arbitrate.candidates import channels_to_try
from engine.decide.arbitrate.content import requested_languages
from engine.decide.arbitrate.prices import Bidder, Charge, charges
from engine.decide.arbitrate.variants import fitting_creatives, lacks
from engine.decide.compiled import CompiledBook
from engine.decide.evaluate import Evaluation, evaluate, in_force
from engine.decide.experiments.posteriors import Propensity
from engine.decide.match import clocks_of, usable_channels
from engine.decide.select import known_weights
from engine.decide.signals.compile import CompiledSignals
from engine.decide.signals.infer import explain_chain
from engine.engine import Engine
from engine.explain.contacts import ContactsSeen
from engine.explain.counterfactuals.search import CounterfactualSearch, PreviewAll
from engine.explain.model import (
    GAVE_WAY,
    CampaignExplained,
    ChangeKind,
    CreativeExplained,
    DrawExplained,
    Explained,
    LanguageChoice,
    Rival,
    SignalExplained,
)
from engine.explain.trends import trends_seen
from engine.ledger.errors import LedgerError
from engine.model.customer import HeldSignal
from engine.model.decision import WITHHELD, CandidateOutcome, Decision, Reason, ReasonCode
from engine.model.request import Mode, Request
from engine.rulebook.model.book import ScoreKind

_OUT_OF_REACH = (ReasonCode.UNREACHABLE, ReasonCode.NO_CONSENT)


async def explain(
    engine: Engine,
    request: Request,
    *,
    deadline: float | None = None,
    only: Collection[str] = (),
    counterfactuals: bool = False,
) -> Explained:
    """Explains what `decide` would answer now. Raises LedgerError when the contacts could not be read.

    only: the campaigns to explain; empty: all. counterfactuals: whether to search for changes that would bring each further.
    """
    # without its id, which may have been used: what is explained is what would be answered now
    unnamed = request._replace(mode=Mode.PREVIEW, request_id="")
    (recalled,) = await engine.recall([unnamed], deadline=deadline)
    evaluation = evaluate(engine.compiled, recalled, engine.learned)
    previewed = await engine.commit(evaluation, deadline=deadline)
    decision = previewed._replace(request_id=request.request_id)

    async def preview_all(evaluations: Sequence[Evaluation]) -> Sequence[Decision]:
        return list(
            map(_sound, await engine.commit_all(evaluations, deadline=deadline) if evaluations else ())
        )

    return await explain_decision(
        recalled, evaluation, decision, preview_all if counterfactuals else None, only
    )


async def explain_decision(
    request: Request,
    evaluation: Evaluation,
    decision: Decision,
    preview_all: PreviewAll | None,
    only: Collection[str],
    *,
    untried: frozenset[ChangeKind] = frozenset(),
) -> Explained:
    """The explanation of a decision that lists all its candidate outcomes.

    request: as it was before anything was derived from it. preview_all: decides changed evaluations; None: no changes are
    searched for. untried: the kinds of changes to leave out.
    """
    compiled = evaluation.compiled
    outcomes = {outcome.campaign: outcome for outcome in decision.candidate_outcomes}
    rivals = _rivals(compiled, decision)
    propensities = {
        candidate.compiled_campaign.campaign.name: candidate.propensity for candidate in evaluation.candidates
    }
    campaigns, contacts = [], contacts_seen(evaluation)
    trends = trends_seen(compiled.derivation.trends, evaluation.request.attributes)
    for compiled_campaign in compiled.compiled_campaigns:
        name = compiled_campaign.campaign.name
        if not only or name in only:
            outcome, propensity = outcomes.get(name), propensities.get(name) or None
            explained = _campaign(evaluation, compiled_campaign, outcome, rivals, propensity)
            paid = paid_prices(evaluation, compiled_campaign)
            campaigns.append(replace(explained, contacts=contacts, trends=trends, paid=paid))
    if preview_all is not None:
        search = CounterfactualSearch(preview_all, request, evaluation, campaigns, rivals)
        by_campaign = await search.counterfactuals(untried)
        campaigns = [
            replace(campaign, counterfactuals=by_campaign[campaign.campaign], searched=True)
            if campaign.campaign in by_campaign
            else campaign
            for campaign in campaigns
        ]
    return Explained(decision, tuple(campaigns), _signals(evaluation), ignored=request.ignored)


def paid_prices(evaluation: Evaluation, compiled_campaign: CompiledCampaign) -> tuple[Charge, ...]:
    """What the candidate's score lost to the prices of counters on its first channel; nothing if it is no candidate."""
    request = evaluation.request
    prices = in_force(evaluation.compiled, evaluation.learned, request.now)
    for candidate in evaluation.candidates if prices else ():
        if candidate.compiled_campaign is compiled_campaign:
            gone = {reason.name for reason in candidate.lost if reason.code in _OUT_OF_REACH}
            allowed = (
                usable_channels(evaluation.compiled, request)
                if request.placement
                else channels_to_try(compiled_campaign, request)
            )
            channels, book = [name for name in allowed if name not in gone], evaluation.compiled.book
            bidder = Bidder(book.salt, request.customer, request.attributes)
            for channel in channels[:1]:
                cost = book.channels[channel].cost if book.score is ScoreKind.NET else 0.0
                score = candidate.score + candidate.cost - cost
                return tuple(charges(compiled_campaign, channel, score, prices, bidder))
    return ()


def contacts_seen(evaluation: Evaluation) -> dict[str, ContactsSeen]:
    """The contacts that conditions count, by attribute."""
    attributes = evaluation.request.attributes
    numbers = {
        count: attributes[count.sent or count.name] for count in evaluation.compiled.derivation.contacts
    }
    return {
        count.name: ContactsSeen(count, number)
        for count, number in numbers.items()
        if isinstance(number, int)
    }


def _sound(answer: Decision | LedgerError) -> Decision:
    """The decision; raises the error that was returned instead."""
    if isinstance(answer, LedgerError):
        raise answer
    return answer


def _rivals(compiled: CompiledBook, decision: Decision) -> dict[str, Rival]:
    """The campaigns that were taken, withheld ones too, best first."""
    book = compiled.book.campaigns
    return {
        outcome.campaign: Rival(outcome.campaign, book[outcome.campaign].tier, outcome.score)
        for outcome in decision.candidate_outcomes
        if outcome.reason.code is ReasonCode.CHOSEN or outcome.reason.code in WITHHELD
    }


def _signals(evaluation: Evaluation) -> tuple[SignalExplained, ...]:
    signals = evaluation.compiled.signals
    if signals is None:
        return ()
    return tuple(_signal(signals.compiled, evaluation, held) for held in evaluation.concluded.signals)


def _signal(signals: CompiledSignals, evaluation: Evaluation, held: HeldSignal) -> SignalExplained:
    attributes, moment = evaluation.request.attributes, evaluation.moment
    declared = evaluation.compiled.book.derived.signals[held.name]
    return SignalExplained(
        held.name,
        held.since,
        held.expires_at,
        held not in evaluation.concluded.remember and held.expires_at is not None,
        explain_chain(signals, attributes, moment, held.name),
        trace(declared.when, attributes, moment, evaluation.compiled.times),
    )


def _campaign(
    evaluation: Evaluation,
    compiled_campaign: CompiledCampaign,
    outcome: CandidateOutcome | None,
    rivals: Mapping[str, Rival],
    propensity: Propensity | None,
) -> CampaignExplained:
    compiled, campaign = evaluation.compiled, compiled_campaign.campaign
    condition = trace(campaign.when, evaluation.request.attributes, evaluation.moment, compiled.times)
    if outcome is None:
        reason = _fell_at(evaluation, compiled_campaign)
        return CampaignExplained(campaign.name, reason, condition, None, tier=campaign.tier)
    return CampaignExplained(
        campaign.name,
        outcome.reason,
        condition,
        outcome.score,
        outcome.details,
        outcome.readings,
        campaign.tier,
        _rival(compiled, outcome.reason, rivals),
        tuple(_creatives(evaluation, compiled_campaign)),
        propensity=propensity,
        language=_language(evaluation, compiled_campaign)
        if outcome.reason.code is ReasonCode.CHOSEN
        else None,
        drawn=_drawn(evaluation, compiled_campaign, outcome),
    )


def _language(evaluation: Evaluation, compiled_campaign: CompiledCampaign) -> LanguageChoice | None:
    """Of the first creative that has several languages; None if it has the very one that the customer reads first."""
    attributes = evaluation.request.attributes
    requested = requested_languages(attributes)
    for name in usable_channels(evaluation.compiled, evaluation.request):
        campaign_channel = compiled_campaign.campaign_channels.get(name)
        for creative in campaign_channel.creatives if campaign_channel else ():
            if creative.by_language and requested:
                match, tag = creative.language_match(attributes), creative.texts_for(attributes).language
                asked = match.requested if match else requested[0]
                return LanguageChoice(asked, tag, match is not None) if asked.lower() != tag.lower() else None
    return None


def _drawn(
    evaluation: Evaluation, compiled_campaign: CompiledCampaign, outcome: CandidateOutcome
) -> DrawExplained | None:
    reason = outcome.reason
    campaign, experiments = compiled_campaign.campaign, evaluation.compiled.book.experiments
    match reason.code:
        case ReasonCode.HELD_OUT:
            unit = experiments.holdouts[reason.name].unit
        case ReasonCode.OTHER_SLOT:
            unit = experiments.layers[reason.name].unit
        case ReasonCode.CONTROL | ReasonCode.RAMPING:
            unit = campaign.unit
        case ReasonCode.CHOSEN if campaign.control or campaign.ramp or len(campaign.variants) > 1:
            unit = campaign.unit
        case _:
            unit = ""
    if not unit and outcome.kept_at is None:
        return None
    return DrawExplained(unit, unit in evaluation.units, outcome.kept_at)


def _rival(compiled: CompiledBook, reason: Reason, rivals: Mapping[str, Rival]) -> Rival | None:
    if reason.code not in GAVE_WAY:
        return None
    if reason.code is ReasonCode.CATEGORY_FULL:
        same = [rival for name, rival in rivals.items() if _category(compiled, name) == reason.name]
        return same[-1] if same else None
    return rivals.get(reason.name)


def _category(compiled: CompiledBook, campaign: str) -> str:
    book = compiled.book
    return book.offers[book.campaigns[campaign].offer].category


def _creatives(evaluation: Evaluation, compiled_campaign: CompiledCampaign) -> Iterator[CreativeExplained]:
    """Its creatives on the channels of this call."""
    request, moment = evaluation.request, evaluation.moment
    for name in usable_channels(evaluation.compiled, request):
        campaign_channel = compiled_campaign.campaign_channels.get(name)
        if campaign_channel is None:
            continue
        fitting = fitting_creatives(campaign_channel.creatives, request.attributes, moment)
        weights = known_weights(evaluation, compiled_campaign, fitting)
        shares = {} if weights is None else weights.by_arm
        for creative in campaign_channel.creatives:
            yield CreativeExplained(
                name,
                creative.variant,
                trace(creative.when, request.attributes, moment, evaluation.compiled.times),
                tuple(sorted(lacks(creative, request.attributes))),
                shares.get(creative.variant, creative.share),
            )


def _fell_at(evaluation: Evaluation, compiled_campaign: CompiledCampaign) -> Reason:
    """Why a campaign did not become a candidate."""
    compiled, request, name = evaluation.compiled, evaluation.request, compiled_campaign.campaign.name
    if not _is_requested(compiled, compiled_campaign, request):
        return Reason(ReasonCode.NOT_REQUESTED, name)
    clocks = clocks_of(compiled, request)
    if not clocks.run(compiled_campaign.active):
        own = clocks.runs(compiled_campaign.campaign.active)
        return Reason(ReasonCode.NOT_ACTIVE, compiled_campaign.offer.name if own else name)
    if holds(compiled_campaign.campaign.when, request.attributes, evaluation.moment):
        raise AssertionError(f"the index lost the eligible campaign {name}")
    return Reason(ReasonCode.NOT_ELIGIBLE, name)


def _is_requested(compiled: CompiledBook, compiled_campaign: CompiledCampaign, request: Request) -> bool:
    if request.placement:
        return request.placement in compiled_campaign.placements
    return not set(compiled_campaign.channels).isdisjoint(usable_channels(compiled, request))
