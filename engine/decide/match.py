"""Match: the campaigns that are requested, active and eligible, found by one look-up in the condition index."""

from engine.conditions.index.columns import union
from engine.decide.arbitrate.campaign import CompiledCampaign
from engine.decide.arbitrate.schedule import Clocks
from engine.decide.compiled import CompiledBook
from engine.model.request import Request
from engine.model.values import Moment


def match(compiled: CompiledBook, request: Request, moment: Moment) -> list[CompiledCampaign]:
    """The eligible campaigns, in the book's order."""
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
    """The placement's channel; without a placement the request's channels; without these every outbound channel."""
    if request.placement:
        return (compiled.book.placements[request.placement].channel,)
    if request.channels:
        return request.channels
    return compiled.outbound


def requested_clauses(compiled: CompiledBook, request: Request) -> int:
    """The index's clauses of the campaigns that have the request's placement or one of its channels."""
    if request.placement:
        return compiled.clauses_by_placement[request.placement]
    if request.channels:
        return union(compiled.clauses_by_channel[name] for name in request.channels)
    return compiled.outbound_clauses
