"""Proposals: what arbitration hands to contact pressure, in the order in which it is to be tried."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Candidate:
    """An eligible campaign: its proposals, dearest channel first, and why other channels are out."""

    plan: Plan
    score: float
    proposals: tuple[Proposal, ...]
    lost: tuple[Reason, ...]


def candidates(
    ranked: Sequence[Ranked],
    request: Request,
    moment: Moment,
    usable: Sequence[str],
    barred: Mapping[str, Reason],
    salt: str,
) -> list[Candidate]:
    """One candidate a campaign, in rank order.

    usable: the channels of this call. barred: those of them that the customer cannot or may not be reached on.
    """
    return [_candidate(one, request, moment, usable, barred, salt) for one in ranked]


def _candidate(
    one: Ranked,
    request: Request,
    moment: Moment,
    usable: Sequence[str],
    barred: Mapping[str, Reason],
    salt: str,
) -> Candidate:
    plan = one.plan
    identity = (salt, "variant", request.customer, plan.campaign.name)
    proposals, lost = [], []
    for channel in _in_order(plan, request, usable):
        if (reason := barred.get(channel)) is not None:
            lost.append(reason)
        elif (chosen := choose_form(plan.forms[channel], request.attributes, moment, identity)) is None:
            lost.append(Reason(ReasonCode.NO_VARIANT, channel))
        else:
            proposals.append(Proposal(plan, channel, chosen, one.score))
    return Candidate(plan, one.score, tuple(proposals), tuple(lost))


def _in_order(plan: Plan, request: Request, usable: Sequence[str]) -> Sequence[str]:
    """The channels to try: the customer's preferences first, then the campaign's order."""
    if request.placement:
        return usable
    own = [channel for channel in plan.channels if channel in usable]
    preferred = [channel for channel in request.preferred_channels if channel in own]
    return own if not preferred else list(dict.fromkeys((*preferred, *own)))
