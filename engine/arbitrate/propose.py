"""Candidates: what arbitration hands to contact pressure, in the order in which it is to be tried."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from engine.arbitrate.plan import Plan, Route
from engine.arbitrate.rank import Ranked
from engine.arbitrate.variants import Chosen
from engine.context import Request
from engine.decision import Reason
from engine.learning.propensity import Propensity


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
