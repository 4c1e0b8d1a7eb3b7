"""Why a request is answered as it is, campaign by campaign. Reads the same state, keeps nothing."""

from dataclasses import dataclass

from engine.arbitrate.plan import Plan
from engine.conditions.model import Moment
from engine.conditions.reference import holds
from engine.conditions.trace import Trace, trace
from engine.context import Mode, Request
from engine.decide import Engine
from engine.decision import Decision, Fate, Reading, Reason, ReasonCode
from engine.instant import Instant
from engine.live import LiveBook
from engine.match import clocks_of, usable_channels
from engine.memory import Held
from engine.settle.ask import Ask
from engine.signals.compile import CompiledSignals
from engine.signals.infer import explain_chain


@dataclass(frozen=True, slots=True)
class CampaignExplained:
    """What became of one campaign of the book."""

    campaign: str
    reason: Reason
    condition: Trace
    score: float | None
    """None where it did not get as far as ranking."""
    details: tuple[Reason, ...] = ()
    readings: tuple[Reading, ...] = ()
    """How the rules of contact pressure stood."""


@dataclass(frozen=True, slots=True)
class SignalExplained:
    """Why a signal held."""

    name: str
    since: Instant
    expires_at: Instant | None
    """Until when it will be remembered; None: it holds for this request only."""
    remembered: bool
    """Whether it holds by memory alone: its condition does not hold now."""
    led_by: tuple[str, ...]
    """The signals that led to it, each after those that led to it in turn."""
    condition: Trace


@dataclass(frozen=True, slots=True)
class Explained:
    """The answer, every campaign in the book's order, and every signal that held."""

    decision: Decision
    campaigns: tuple[CampaignExplained, ...]
    signals: tuple[SignalExplained, ...] = ()


async def explain(engine: Engine, request: Request, *, deadline: float | None = None) -> Explained:
    """Explains what `decide` would answer. Raises LedgerError when the contacts could not be read."""
    live = engine.live
    (asked,) = await engine.ask_all([request._replace(mode=Mode.PREVIEW)], deadline=deadline)
    decision = await engine.settle(asked, deadline=deadline)
    fates = {fate.campaign: fate for fate in decision.fates}
    return Explained(
        decision,
        tuple(
            _explained(live, plan, asked.request, asked.moment, fates.get(plan.campaign.name))
            for plan in live.plans
        ),
        tuple(_signal(live.signals.compiled, live, asked, held) for held in asked.concluded.signals)
        if live.signals
        else (),
    )


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
    live: LiveBook, plan: Plan, request: Request, moment: Moment, fate: Fate | None
) -> CampaignExplained:
    name, condition = plan.campaign.name, trace(plan.campaign.when, request.attributes, moment)
    if fate is not None:
        return CampaignExplained(name, fate.reason, condition, fate.score, fate.details, fate.readings)
    return CampaignExplained(name, Reason(_fell_at(live, plan, request, moment), name), condition, None)


def _fell_at(live: LiveBook, plan: Plan, request: Request, moment: Moment) -> ReasonCode:
    """The stage where a campaign fell that did not become a candidate."""
    if not _is_requested(live, plan, request):
        return ReasonCode.NOT_REQUESTED
    if not clocks_of(live, request).run(plan.active):
        return ReasonCode.NOT_ACTIVE
    if holds(plan.campaign.when, request.attributes, moment):
        raise AssertionError(f"the index lost the eligible campaign {plan.campaign.name}")
    return ReasonCode.NOT_ELIGIBLE


def _is_requested(live: LiveBook, plan: Plan, request: Request) -> bool:
    if request.placement:
        return request.placement in plan.placements
    return not set(plan.channels).isdisjoint(usable_channels(live, request))
