"""Quiet hours and days: the stretches of time in which nothing goes out, exact on every clock."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, time
from functools import lru_cache
from zoneinfo import ZoneInfo

from engine.decide.pressure.clock import pieces
from engine.decide.pressure.rule import HORIZON, RuleInput, RuleResult
from engine.decide.pressure.windows import ZoneSet
from engine.model.decision import ReasonCode, RuleKind
from engine.model.instant import DAY, Instant, Microseconds
from engine.rulebook.model.policies import WEEKDAYS, Quiet
from engine.rulebook.sections.quiet import holidays_in

QuietPeriod = tuple[Instant, Instant]
"""From (inclusive), until (exclusive)."""


_EPOCH = date(1970, 1, 1).toordinal()


_LAST = date.max.toordinal()


@dataclass(frozen=True, slots=True, eq=False)
class QuietRule:
    """Nothing goes out while the clock shows one of its hours on one of its days, in any zone in which the customer may be.

    An hour that clocks show twice is quiet twice; one that they skip does not come.
    """

    quiet: Quiet
    zones: ZoneSet | None
    """On whose clock it is read; None: the customer's."""

    @property
    def name(self) -> str:
        """The policy's."""
        return self.quiet.name

    @property
    def kind(self) -> RuleKind:
        """Quiet."""
        return RuleKind.QUIET

    @property
    def code(self) -> ReasonCode:
        """Quiet."""
        return ReasonCode.QUIET

    @property
    def window(self) -> str:
        """Its hours and days."""
        quiet = self.quiet
        on = [*(WEEKDAYS[each] for each in sorted(quiet.days)), *map(str, sorted(quiet.dates))]
        if quiet.holidays is not None:
            where = filter(None, (quiet.holidays.country, quiet.holidays.subdivision))
            on.append(f"holidays of {'-'.join(where)}")
        hours = "all day" if quiet.hours is None else f"{quiet.hours[0]:%H:%M}-{quiet.hours[1]:%H:%M}"
        return f"{hours} on {', '.join(on)}" if on else hours

    def evaluate(self, case: RuleInput) -> RuleResult:
        """Whether it is quiet now, and until when."""
        now, zones = case.now, case.zones if self.zones is None else self.zones
        opens = self._opens(now, now + HORIZON, zones)
        return RuleResult(self, opens != now, opens, zones=zones)

    def opens(self, rule_result: RuleResult, at: Instant, bound: Instant) -> Instant | None:
        """The end of the stretches that follow each other without a break."""
        return self._opens(at, bound, rule_result.zones)

    def _opens(self, at: Instant, bound: Instant, zones: ZoneSet) -> Instant | None:
        while at <= bound:
            reached = at
            for since, until in _stretches(self, at // DAY, zones):
                if since <= at < until:
                    at = until
            if at == reached:
                return at
        return None

    def in_zone(self, zone: ZoneInfo, start: Instant, end: Instant) -> Iterator[QuietPeriod]:
        """The quiet stretches between start and end on the zone's clock."""
        since, until = self._hours()
        for first, last, ahead in pieces(zone, start, end):
            # the day before the first one may have begun a night that is not over
            for day in range((first + ahead) // DAY - 1, (last - 1 + ahead) // DAY + 1):
                midnight = day * DAY - ahead
                stretch = max(first, midnight + since), min(last, midnight + until)
                if stretch[0] < stretch[1] and self._is_on(day):
                    yield stretch

    def _hours(self) -> tuple[Microseconds, Microseconds]:
        """From and until, from the midnight of the day on which they begin."""
        if self.quiet.hours is None:
            return 0, DAY
        since, until = map(_since_midnight, self.quiet.hours)
        return since, until if since < until else until + DAY

    def _is_on(self, day: int) -> bool:
        quiet = self.quiet
        if not (quiet.days or quiet.dates or quiet.holidays):
            return True
        on = date.fromordinal(min(max(day + _EPOCH, 1), _LAST))
        if on.weekday() in quiet.days or on in quiet.dates:
            return True
        return quiet.holidays is not None and on in holidays_in(quiet.holidays, on.year)


@lru_cache(maxsize=8192)
def _stretches(rule: QuietRule, day: int, zones: ZoneSet) -> tuple[QuietPeriod, ...]:
    """The quiet stretches of one day in UTC over all the zones, in order of time, none touching the next."""
    start, end = day * DAY, (day + 1) * DAY
    merged: list[QuietPeriod] = []
    for since, until in sorted(each for zone in zones for each in rule.in_zone(zone, start, end)):
        if merged and since <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(until, merged[-1][1])
        else:
            merged.append((since, until))
    return tuple(merged)


def _since_midnight(clock: time) -> Microseconds:
    return (clock.hour * 60 + clock.minute) * 60 * 1_000_000
