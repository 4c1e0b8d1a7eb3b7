"""Quiet hours and days: the periods in which nothing goes out, exact on every clock."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import time
from functools import lru_cache
from zoneinfo import ZoneInfo

from engine.decide.attributes.zones import countries_of
from engine.decide.pressure.clock import date_of, pieces
from engine.decide.pressure.rule import HORIZON, RuleInput, RuleNeeds, RuleResult
from engine.decide.pressure.selectors import SelectedRules
from engine.decide.pressure.windows import ZoneSet, zones_of
from engine.model.decision import RuleKind
from engine.model.instant import DAY, Instant, Microseconds
from engine.rulebook.holidays import countries, holidays_in
from engine.rulebook.model.book import Book
from engine.rulebook.model.policies import CUSTOMER_COUNTRY, WEEKDAYS, Holidays, Quiet

QuietPeriod = tuple[Instant, Instant]
"""From (inclusive), until (exclusive)."""


def compile_quiet(book: Book) -> SelectedRules:
    """The quiet rules of the section `pressure`."""
    rules = [
        (quiet, QuietRule(quiet, zones_of(quiet.clock, book.timezone), _calendars(quiet)))
        for quiet in book.pressure.quiet.values()
    ]
    needs = RuleNeeds(customer_clock=any(rule.zones is None or rule.calendars is None for _, rule in rules))
    return SelectedRules([(quiet.select, quiet.except_, rule) for quiet, rule in rules], needs)


@dataclass(frozen=True, slots=True, eq=False)
class QuietRule:
    """Blocks while the clock shows one of its hours on one of its days, in any zone in which the customer may be.

    An hour that clocks show twice is quiet twice; one that they skip does not come.
    """

    quiet: Quiet
    zones: ZoneSet | None
    """On whose clock it is read; None: the customer's."""
    calendars: tuple[Holidays, ...] | None
    """Whose holidays are quiet; None: those of the country in which the customer is."""
    _by_countries: dict[tuple[str, ...], "QuietRule"] = field(default_factory=dict)
    """The same rule for customers in these countries."""

    @property
    def name(self) -> str:
        """The policy's."""
        return self.quiet.name

    @property
    def kind(self) -> RuleKind:
        """Quiet."""
        return RuleKind.QUIET

    @property
    def window(self) -> str:
        """Its hours and days."""
        quiet = self.quiet
        on = [*(WEEKDAYS[day] for day in sorted(quiet.days)), *map(str, sorted(quiet.dates))]
        if quiet.holidays is not None:
            regions = [
                filter(None, (calendar.country, calendar.subdivision)) for calendar in self.calendars or ()
            ]
            on.append(f"holidays of {' and '.join(map('-'.join, regions)) or 'no known country'}")
        hours = "all day" if quiet.hours is None else f"{quiet.hours[0]:%H:%M}-{quiet.hours[1]:%H:%M}"
        return f"{hours} on {', '.join(on)}" if on else hours

    def evaluate(self, rule_input: RuleInput) -> RuleResult:
        """Whether it is quiet now, and until when."""
        if self.calendars is None:
            return self._in(countries_of(rule_input.attributes, rule_input.zones)).evaluate(rule_input)
        now, zones = rule_input.now, rule_input.zones if self.zones is None else self.zones
        opening = self._opens(now, now + HORIZON, zones)
        return RuleResult(self, opening != now, opening, zones=zones)

    def _in(self, of_customer: tuple[str, ...]) -> "QuietRule":
        """The rule for a customer who is in one of these countries: quiet on the holidays of each that are known."""
        rule = self._by_countries.get(of_customer)
        if rule is None:
            known = tuple(Holidays(country) for country in of_customer if country in countries())
            rule = self._by_countries[of_customer] = QuietRule(self.quiet, self.zones, known)
        return rule

    def opens(self, rule_result: RuleResult, at: Instant, bound: Instant) -> Instant | None:
        """The end of the quiet periods that follow each other without a break."""
        return self._opens(at, bound, rule_result.zones)

    def _opens(self, at: Instant, bound: Instant, zones: ZoneSet) -> Instant | None:
        while at <= bound:
            reached = at
            for since, until in _periods(self, at // DAY, zones):
                if since <= at < until:
                    at = until
            if at == reached:
                return at
        return None

    def in_zone(self, zone: ZoneInfo, start: Instant, end: Instant) -> Iterator[QuietPeriod]:
        """The quiet periods between start and end on the zone's clock."""
        since, until = self._hours()
        for first, last, ahead in pieces(zone, start, end):
            # the day before the first one may have begun a night that is not over
            for day in range((first + ahead) // DAY - 1, (last - 1 + ahead) // DAY + 1):
                midnight = day * DAY - ahead
                begin, finish = max(first, midnight + since), min(last, midnight + until)
                if begin < finish and self._is_on(day):
                    yield begin, finish

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
        local = date_of(day)
        if local.weekday() in quiet.days or local in quiet.dates:
            return True
        return any(local in holidays_in(calendar, local.year) for calendar in self.calendars or ())


def _calendars(quiet: Quiet) -> tuple[Holidays, ...] | None:
    """Those of the country that the rule names; None: of the customer's."""
    if quiet.holidays is None:
        return ()
    return None if quiet.holidays.country == CUSTOMER_COUNTRY else (quiet.holidays,)


@lru_cache(maxsize=8192)
def _periods(rule: QuietRule, day: int, zones: ZoneSet) -> tuple[QuietPeriod, ...]:
    """The quiet periods of one day in UTC over all the zones, in order of time, none touching the next."""
    start, end = day * DAY, (day + 1) * DAY
    merged: list[QuietPeriod] = []
    for since, until in sorted(period for zone in zones for period in rule.in_zone(zone, start, end)):
        if merged and since <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(until, merged[-1][1])
        else:
            merged.append((since, until))
    return tuple(merged)


def _since_midnight(clock: time) -> Microseconds:
    return (clock.hour * 60 + clock.minute) * 60 * 1_000_000
