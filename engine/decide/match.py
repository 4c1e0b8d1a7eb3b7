"""Match: the campaigns that are active, requested and eligible, from one look at the condition index."""

from collections.abc import Iterable

from engine.decide.arbitrate.campaign import CompiledCampaign
from engine.decide.arbitrate.schedule import Clocks
from engine.decide.compiled import CompiledBook
from engine.model.request import Request
from engine.model.values import Moment


def match(compiled: CompiledBook, request: Request, moment: Moment) -> list[CompiledCampaign]:
    """The plans that fit, in the book's order."""
    among = requested_clauses(compiled, request)
    if not among:
        return []
    compiled_campaigns = [
        compiled.compiled_campaigns[i] for i in compiled.index.match(request.attributes, moment, among)
    ]
    if not compiled.scheduled:
        return compiled_campaigns
    clocks = clocks_of(compiled, request)
    return [
        compiled_campaign
        for compiled_campaign in compiled_campaigns
        if not compiled_campaign.active or clocks.run(compiled_campaign.active)
    ]


def clocks_of(compiled: CompiledBook, request: Request) -> Clocks:
    """The clocks by which schedules run for the request's customer."""
    return Clocks(request.now, compiled.book.timezone, request.attributes)


def usable_channels(compiled: CompiledBook, request: Request) -> tuple[str, ...]:
    """The channels of this call: the placement's, else those named, else every outbound one."""
    if request.placement:
        return (compiled.book.placements[request.placement].channel,)
    if request.channels:
        return request.channels
    return compiled.outbound


def requested_clauses(compiled: CompiledBook, request: Request) -> int:
    """The index's clauses of the campaigns that have a placement or channel of this call."""
    if request.placement:
        return compiled.clauses_by_placement[request.placement]
    if request.channels:
        return _union(compiled.clauses_by_channel[name] for name in request.channels)
    return compiled.outbound_clauses


def _union(masks: Iterable[int]) -> int:
    union = 0
    for mask in masks:
        union |= mask
    return union
