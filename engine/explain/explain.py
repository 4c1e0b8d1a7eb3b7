"""Why a request is answered as it is. Reads the same state, keeps nothing."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from engine.conditions.evaluate import holds
from engine.conditions.trace import trace
from engine.decide.arbitrate.campaign import Plan
from engine.decide.arbitrate.variants import fitting_forms, lacks
from engine.decide.compiled import LiveBook
from engine.decide.evaluate import Ask, ask
from engine.decide.experiments.posteriors import Propensity
from engine.decide.match import clocks_of, usable_channels
from engine.decide.select import known_weights
from engine.decide.signals.compile import CompiledSignals
from engine.decide.signals.infer import explain_chain
from engine.engine import Engine
from engine.explain.counterfactuals.search import Search, Settle
from engine.explain.model import (
    CampaignExplained,
    ChangeKind,
    Explained,
    FormExplained,
    Rival,
    SignalExplained,
)
from engine.ledger.errors import LedgerError
from engine.model.customer import Held
from engine.model.decision import WITHHELD, Decision, Fate, Reason, ReasonCode
from engine.model.request import Mode, Request
from engine.model.values import Moment

_GAVE_WAY = (ReasonCode.OUTRANKED, ReasonCode.GROUP_TAKEN, ReasonCode.CATEGORY_FULL)


async def explain(
    engine: Engine,
    request: Request,
    *,
    deadline: float | None = None,
    only: Collection[str] = (),
    flips: bool = False,
) -> Explained:
    """Explains what `decide` would answer. Raises LedgerError when the contacts could not be read.

    only: the campaigns to explain; empty: all. flips: whether to look for the changes that would bring each further.
    """
    (known,) = await engine.gather([request._replace(mode=Mode.PREVIEW)], deadline=deadline)
    asked = ask(engine.live, known, engine.learned)
    decision = await engine.settle(asked, deadline=deadline)

    async def settle(asks: Sequence[Ask]) -> Sequence[Decision]:
        return list(map(_sound, await engine.settle_asks(asks, deadline=deadline) if asks else ()))

    return await told(known, asked, decision, settle if flips else None, only)


async def told(
    known: Request,
    asked: Ask,
    decision: Decision,
    settle: Settle | None,
    only: Collection[str],
    *,
    but: frozenset[ChangeKind] = frozenset(),
) -> Explained:
    """The explanation of a decision with all its fates.

    known: the request before anything was derived of it. settle: decides what would be asked otherwise; None: no changes
    are looked for. but: kinds of changes that are not.
    """
    live = asked.live
    fates = {fate.campaign: fate for fate in decision.fates}
    rivals = _rivals(live, decision)
    learned = {one.plan.campaign.name: one.propensity for one in asked.candidates if one.propensity}
    campaigns = [
        _explained(asked, plan, fates.get(plan.campaign.name), rivals, learned.get(plan.campaign.name))
        for plan in live.plans
        if not only or plan.campaign.name in only
    ]
    if settle is not None:
        found = await Search(settle, known, asked, campaigns, rivals).flips(but)
        campaigns = [
            replace(one, flips=found[one.campaign], searched=True) if one.campaign in found else one
            for one in campaigns
        ]
    return Explained(decision, tuple(campaigns), _signals(live, asked))


def _sound(answer: Decision | LedgerError) -> Decision:
    """The decision; raises the error that stands in its place."""
    if isinstance(answer, LedgerError):
        raise answer
    return answer


def _rivals(live: LiveBook, decision: Decision) -> dict[str, Rival]:
    """The campaigns that were taken, withheld ones too, best first."""
    book = live.book.campaigns
    return {
        one.campaign: Rival(one.campaign, book[one.campaign].tier, one.score)
        for one in decision.fates
        if one.reason.code is ReasonCode.CHOSEN or one.reason.code in WITHHELD
    }


def _signals(live: LiveBook, asked: Ask) -> tuple[SignalExplained, ...]:
    if live.signals is None:
        return ()
    return tuple(_signal(live.signals.compiled, live, asked, held) for held in asked.concluded.signals)


def _signal(compiled: CompiledSignals, live: LiveBook, asked: Ask, held: Held) -> SignalExplained:
    attributes, moment = asked.request.attributes, asked.moment
    return SignalExplained(
        held.name,
        held.since,
        held.expires_at,
        held not in asked.concluded.remember and held.expires_at is not None,
        explain_chain(compiled, attributes, moment, held.name),
        trace(live.book.derived.signals[held.name].when, attributes, moment),
    )


def _explained(
    asked: Ask, plan: Plan, fate: Fate | None, rivals: Mapping[str, Rival], learned: Propensity | None
) -> CampaignExplained:
    live, request, moment, campaign = asked.live, asked.request, asked.moment, plan.campaign
    condition = trace(campaign.when, request.attributes, moment)
    if fate is None:
        reason = _fell_at(live, plan, request, moment)
        return CampaignExplained(campaign.name, reason, condition, None, tier=campaign.tier)
    return CampaignExplained(
        campaign.name,
        fate.reason,
        condition,
        fate.score,
        fate.details,
        fate.readings,
        campaign.tier,
        _rival(live, fate.reason, rivals),
        tuple(_forms(asked, plan)),
        propensity=learned,
    )


def _rival(live: LiveBook, reason: Reason, rivals: Mapping[str, Rival]) -> Rival | None:
    if reason.code not in _GAVE_WAY:
        return None
    if reason.code is ReasonCode.CATEGORY_FULL:
        same = [one for name, one in rivals.items() if _category(live, name) == reason.name]
        return same[-1] if same else None
    return rivals.get(reason.name)


def _category(live: LiveBook, campaign: str) -> str:
    book = live.book
    return book.offers[book.campaigns[campaign].offer].category


def _forms(asked: Ask, plan: Plan) -> Iterator[FormExplained]:
    """Its forms on the channels of this call."""
    request, moment = asked.request, asked.moment
    for name in usable_channels(asked.live, request):
        route = plan.routes.get(name)
        if route is None:
            continue
        known = known_weights(asked, plan, fitting_forms(route.forms, request.attributes, moment))
        shares = {} if known is None else known.by_arm
        for form in route.forms:
            yield FormExplained(
                name,
                form.variant,
                trace(form.when, request.attributes, moment),
                tuple(sorted(lacks(form, request.attributes))),
                shares.get(form.variant, form.share),
            )


def _fell_at(live: LiveBook, plan: Plan, request: Request, moment: Moment) -> Reason:
    """The stage where a campaign fell that did not become a candidate."""
    name = plan.campaign.name
    if not _is_requested(live, plan, request):
        return Reason(ReasonCode.NOT_REQUESTED, name)
    clocks = clocks_of(live, request)
    if not clocks.run(plan.active):
        own = clocks.runs(plan.campaign.active)
        return Reason(ReasonCode.NOT_ACTIVE, plan.offer.name if own else name)
    if holds(plan.campaign.when, request.attributes, moment):
        raise AssertionError(f"the index lost the eligible campaign {name}")
    return Reason(ReasonCode.NOT_ELIGIBLE, name)


def _is_requested(live: LiveBook, plan: Plan, request: Request) -> bool:
    if request.placement:
        return request.placement in plan.placements
    return not set(plan.channels).isdisjoint(usable_channels(live, request))
