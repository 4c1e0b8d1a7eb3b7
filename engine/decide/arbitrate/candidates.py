"""Rivals: which campaigns give way to those that were taken before them in one response."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from engine.decide.arbitrate.campaign import Plan, Route
from engine.decide.arbitrate.rank import Ranked
from engine.decide.arbitrate.variants import Chosen
from engine.decide.experiments.posteriors import Propensity
from engine.model.decision import Reason, ReasonCode
from engine.model.request import Request
from engine.rulebook.model.book import Placement


def gives_way(plan: Plan, taken: Sequence[Plan], room: int, placement: Placement | None) -> Reason | None:
    """Why the campaign cannot join those taken; None where it can. What more room would not help against goes first."""
    group = plan.campaign.group
    if group:
        for one in taken:
            if one.campaign.group == group:
                return Reason(ReasonCode.GROUP_TAKEN, one.campaign.name)
    if placement is not None and _is_full(plan.offer.category, taken, placement.max_per_category):
        return Reason(ReasonCode.CATEGORY_FULL, plan.offer.category)
    if len(taken) >= room:
        return Reason(ReasonCode.OUTRANKED, taken[-1].campaign.name)
    twin = next((one for one in taken if one.offer is plan.offer), None)
    return None if twin is None else Reason(ReasonCode.OUTRANKED, twin.campaign.name)


def _is_full(category: str, taken: Sequence[Plan], most: int | None) -> bool:
    """Whether the category has as many offers as the placement takes; offers without one are not counted."""
    if most is None or not category:
        return False
    return sum(one.offer.category == category for one in taken) >= most


class Candidate(NamedTuple):
    """An eligible campaign, the channels to try in order, and why others are out."""

    plan: Plan
    score: float
    channels: Sequence[str]
    lost: Sequence[Reason]
    propensity: Propensity | None = None
    """By which it was ranked, where it is learned."""


class Proposal(NamedTuple):
    """A campaign in one form on one channel."""

    plan: Plan
    route: Route
    chosen: Chosen
    score: float


def candidate(ranked: Ranked, channels: Sequence[str], barred: Mapping[str, Reason]) -> Candidate:
    """The campaign with its channels, without those that the customer cannot or may not be reached on."""
    if not barred:
        return Candidate(ranked.plan, ranked.score, channels, (), ranked.propensity)
    return Candidate(
        ranked.plan,
        ranked.score,
        [channel for channel in channels if channel not in barred],
        [barred[channel] for channel in channels if channel in barred],
        ranked.propensity,
    )


def channels_to_try(plan: Plan, request: Request) -> Sequence[str]:
    """The campaign's channels that the call allows: the customer's preferences first, then the campaign's order."""
    own: Sequence[str] = plan.outbound
    if request.channels:
        own = [channel for channel in plan.channels if channel in request.channels]
    if not request.preferred_channels:
        return own
    return list(dict.fromkeys((*(one for one in request.preferred_channels if one in own), *own)))
