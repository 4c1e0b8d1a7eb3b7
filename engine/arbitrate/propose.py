"""Proposals: what arbitration hands to contact pressure, in the order in which it is to be tried."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from engine.arbitrate.plan import Plan
from engine.arbitrate.rank import Ranked
from engine.arbitrate.variants import Chosen, choose_form
from engine.conditions.model import Moment
from engine.context import Request
from engine.decision import Reason, ReasonCode


class Proposal(NamedTuple):
    """A campaign in one form on one channel."""

    plan: Plan
    channel: str
    chosen: Chosen
    score: float


class Candidate(NamedTuple):
    """An eligible campaign: its proposals, dearest channel first, and why other channels are out."""

    plan: Plan
    score: float
    proposals: Sequence[Proposal]
    lost: Sequence[Reason]


def candidate(
    ranked: Ranked,
    request: Request,
    moment: Moment,
    channels: Sequence[str],
    barred: Mapping[str, Reason],
    salt: str,
) -> Candidate:
    """The campaign with its proposals.

    channels: those to try, in order. barred: channels that the customer cannot or may not be reached on.
    """
    plan, score = ranked
    identity = (salt, "variant", request.customer, plan.campaign.name)
    proposals: list[Proposal] = []
    lost: list[Reason] = []
    for channel in channels:
        if channel in barred:
            lost.append(barred[channel])
        elif (chosen := choose_form(plan.forms[channel], request.attributes, moment, identity)) is None:
            lost.append(Reason(ReasonCode.NO_VARIANT, channel))
        else:
            proposals.append(Proposal(plan, channel, chosen, score))
    return Candidate(plan, score, proposals, lost)


def channels_to_try(plan: Plan, request: Request) -> Sequence[str]:
    """The campaign's channels that the call allows: the customer's preferences first, then the campaign's order."""
    own: Sequence[str] = plan.outbound
    if request.channels:
        own = [channel for channel in plan.channels if channel in request.channels]
    if not request.preferred_channels:
        return own
    return list(dict.fromkeys((*(one for one in request.preferred_channels if one in own), *own)))
