"""Match: the campaigns that are active, requested and eligible, from one look at the condition index."""

from collections.abc import Iterable
from datetime import datetime, time

from engine.arbitrate.plan import Plan
from engine.conditions.model import Moment
from engine.context import Request
from engine.live import LiveBook
from engine.rulebook.model import Active


def match(live: LiveBook, request: Request, moment: Moment) -> list[Plan]:
    """The plans that fit, in the book's order."""
    among = requested_clauses(live, request)
    if not among:
        return []
    plans = [live.plans[i] for i in live.index.match(request.attributes, moment, among)]
    if not live.scheduled:
        return plans
    local = live.local(moment.now)
    return [plan for plan in plans if is_active(plan.campaign.active, moment, local)]


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


def is_active(active: Active, moment: Moment, local: datetime) -> bool:
    """Whether the schedule includes the moment; `local` is the moment in the book's zone."""
    if active.start is not None and moment.now < active.start:
        return False
    if active.end is not None and moment.now >= active.end:
        return False
    if active.days is not None and local.weekday() not in active.days:
        return False
    return active.hours is None or _in_hours(active.hours, local.time())


def _in_hours(hours: tuple[time, time], at: time) -> bool:
    start, end = hours
    return start <= at < end if start < end else at >= start or at < end


def _union(masks: Iterable[int]) -> int:
    union = 0
    for mask in masks:
        union |= mask
    return union
