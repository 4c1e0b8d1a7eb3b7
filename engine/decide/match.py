"""Match: the campaigns that are active, requested and eligible, from one look at the condition index."""

from collections.abc import Iterable

from engine.decide.arbitrate.campaign import Plan
from engine.decide.arbitrate.schedule import Clocks
from engine.decide.compiled import LiveBook
from engine.model.request import Request
from engine.model.values import Moment


def match(live: LiveBook, request: Request, moment: Moment) -> list[Plan]:
    """The plans that fit, in the book's order."""
    among = requested_clauses(live, request)
    if not among:
        return []
    plans = [live.plans[i] for i in live.index.match(request.attributes, moment, among)]
    if not live.scheduled:
        return plans
    clocks = clocks_of(live, request)
    return [plan for plan in plans if not plan.active or clocks.run(plan.active)]


def clocks_of(live: LiveBook, request: Request) -> Clocks:
    """The clocks by which schedules run for the request's customer."""
    return Clocks(request.now, live.book.timezone, request.attributes)


def usable_channels(live: LiveBook, request: Request) -> tuple[str, ...]:
    """The channels of this call: the placement's, else those named, else every outbound one."""
    if request.placement:
        return (live.book.placements[request.placement].channel,)
    if request.channels:
        return request.channels
    return live.outbound


def requested_clauses(live: LiveBook, request: Request) -> int:
    """The index's clauses of the campaigns that have a placement or channel of this call."""
    if request.placement:
        return live.clauses_by_placement[request.placement]
    if request.channels:
        return _union(live.clauses_by_channel[name] for name in request.channels)
    return live.outbound_clauses


def _union(masks: Iterable[int]) -> int:
    union = 0
    for mask in masks:
        union |= mask
    return union
