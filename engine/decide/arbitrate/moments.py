"""The next moments at which schedules run, a condition on the customer's clock holds, or one of several proposals may go.

What a clock shows begins to fit at a local time or where the clock is changed. So the moments that are tried are computed
for each span between two changes, by the span's own offset: skipped times and days are left out, repeated ones come twice.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from heapq import heapify, heappop, heappush
from typing import NamedTuple
from zoneinfo import ZoneInfo

from engine.conditions.evaluate import holds
from engine.conditions.model import Condition
from engine.decide.arbitrate.schedule import Clocks
from engine.decide.attributes.zones import CLOCK, local_time, zone_of, zones_of
from engine.decide.pressure.clock import HOUR, pieces
from engine.decide.pressure.rule import HORIZON, RuleResult, next_allowed
from engine.model.instant import DAY, SECOND, Instant, Microseconds, from_datetime
from engine.model.values import Attributes, Moment
from engine.rulebook.model.book import Active
from engine.rulebook.model.policies import Clock

_DAYS_ON = 15
"""Days after the last start that are tried: every day of the week twice, since a change of clocks may skip its hours."""


_FULL_DAYS, _DATES_ON = 7, 400
"""How far ahead a clock is tried, in days at every full hour and in days at their beginning."""


_MOST_STARTS = 64
"""Starts of schedules that are tried for all proposals of a decision together: a schedule and quiet hours may never meet."""


class BlockedProposal(NamedTuple):
    """A campaign on a channel, held back by contact pressure."""

    rule_results: Sequence[RuleResult]
    schedules: tuple[Active, ...]

    def not_before(self) -> Instant | None:
        """The latest of the moments at which its rules let pass by themselves; None: one of them does not."""
        moments = [rule_result.next_allowed_at for rule_result in self.rule_results]
        known = [moment for moment in moments if moment is not None]
        return max(known) if len(known) == len(moments) else None


def next_any(
    proposals: Iterable[BlockedProposal], now: Instant, book_zone: ZoneInfo, attributes: Attributes
) -> Instant | None:
    """The earliest moment at which one of the proposals passes all of its rules while its schedules run.

    Nothing else happens until then. None beyond the horizon.
    """
    pending = [
        (bound, index, proposal)
        for index, proposal in enumerate(proposals)
        if (bound := proposal.not_before()) is not None
    ]
    heapify(pending)
    starts = 0
    while (
        pending
    ):  # the earliest moment first, so that no proposal uses up the starts of one that goes before it
        at, index, proposal = heappop(pending)
        opening = next_allowed(proposal.rule_results, at, now + HORIZON)
        if opening is None or opening > now + HORIZON:
            continue
        if opening > at:
            heappush(pending, (opening, index, proposal))
            continue
        if Clocks(opening, book_zone, attributes).run(proposal.schedules):
            return opening
        if starts == _MOST_STARTS:
            return None
        starts += 1
        start = next_run(proposal.schedules, opening, book_zone, attributes)
        if start is not None:
            heappush(pending, (start, index, proposal))
    return None


def next_run(
    schedules: Iterable[Active], now: Instant, book_zone: ZoneInfo, attributes: Attributes
) -> Instant | None:
    """The next moment after now at which all schedules run; None where there is none within the days that are tried.

    now: a moment at which they do not all run.
    """
    all_ = list(schedules)
    base = max([now, *map(_earliest, all_)])
    starts = {start for schedule in all_ for start in _starts(schedule, base, book_zone, attributes)}
    later = sorted(start for start in {base, *starts} if start > now)
    return next((start for start in later if Clocks(start, book_zone, attributes).run(all_)), None)


def next_clock(when: Condition, now: Instant, book_zone: ZoneInfo, attributes: Attributes) -> Instant | None:
    """The next moment at which the condition holds if only the customer's clock changes.

    Tried are the full hours of a week, the days of a year and the moments at which the clock is changed.
    """
    zone = zone_of(attributes, book_zone)
    hours = _moments(zone, now, _FULL_DAYS, range(0, DAY, HOUR))
    dates = _moments(zone, now + _FULL_DAYS * DAY, _DATES_ON - _FULL_DAYS, (0,))
    for instant in (*hours, *dates):
        local = local_time(instant, zone)
        if instant <= now or local is None:
            continue
        shown = {**attributes, **{name: read(local) for name, read in CLOCK.items()}}
        if holds(when, shown, Moment(instant, local.date())):
            return instant
    return None


def _earliest(active: Active) -> Instant:
    """A moment before which the schedule runs in no zone."""
    start = active.start or 0
    return start if active.local_start is None else max(start, _microseconds(active.local_start) - DAY)


def _starts(active: Active, base: Instant, book_zone: ZoneInfo, attributes: Attributes) -> Iterator[Instant]:
    """When the schedule may begin to run from the base on."""
    zones = (book_zone,) if active.clock is Clock.BOOK else zones_of(attributes, book_zone).zones
    clocks = {0}
    if active.hours is not None:
        opens = active.hours[0]
        clocks.add((opens.hour * 60 + opens.minute) * 60 * SECOND)
    if active.local_start is not None:
        clocks.add(_microseconds(active.local_start) % DAY)
    for zone in zones:
        yield from _moments(zone, base, _DAYS_ON, sorted(clocks))


def _moments(zone: ZoneInfo, base: Instant, days: int, clocks: Iterable[Microseconds]) -> Iterator[Instant]:
    """From the base on, in order: every moment at which the zone's clock shows one of the times of the day, or is changed."""
    times = tuple(clocks)
    for window in range(base, base + days * DAY, DAY):
        for start, end, ahead in pieces(zone, window - 1, window + DAY):
            if start >= window:
                yield start
            for day in range((start + ahead) // DAY, (end + ahead) // DAY + 1):
                yield from (at for time in times if start < (at := day * DAY + time - ahead) < end)


def _microseconds(local: datetime) -> Microseconds:
    """The local time, as the instant at which UTC shows it."""
    return from_datetime(local.replace(tzinfo=UTC))
