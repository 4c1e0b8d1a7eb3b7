"""Rules that count contacts in a window: caps, limits of campaigns, and gaps, which are caps of one."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

import orjson

from engine.decide.attributes.zones import zones_named
from engine.decide.pressure.rule import (
    LEAST_COUNTED,
    OpensForGood,
    PressureRule,
    RuleInput,
    RuleNeeds,
    RuleResult,
)
from engine.decide.pressure.selectors import SelectedRules
from engine.decide.pressure.windows import (
    NO_CLOCK,
    CalendarWindow,
    CountingWindow,
    RollingWindow,
    ZoneSet,
    zones_of,
)
from engine.model.contact import Contact, Facts
from engine.model.decision import Lapsed, RuleKind
from engine.model.instant import Instant, Microseconds
from engine.model.values import Value
from engine.rulebook.model.book import Book, Campaign
from engine.rulebook.model.policies import Cap, Gap, Rolling, Selector


def compile_caps(book: Book) -> SelectedRules:
    """The caps of the section `pressure`."""
    rules = [(cap, _cap_rule(cap, RuleKind.CAP, book.timezone)) for cap in book.pressure.caps.values()]
    return SelectedRules(
        [(cap.count, cap.except_, rule) for cap, rule in rules], _needs(rule for _, rule in rules)
    )


def compile_gaps(book: Book) -> SelectedRules:
    """The gaps of the section `pressure`."""
    rules = [(gap, _gap_rule(gap)) for gap in book.pressure.gaps.values()]
    return SelectedRules(
        [(gap.count, gap.except_, rule) for gap, rule in rules], _needs(rule for _, rule in rules)
    )


def compile_limits(book: Book) -> "CampaignLimits":
    """The campaigns' own limits for one customer."""
    caps = [campaign.per_customer for campaign in book.campaigns.values() if campaign.per_customer]
    rules = {cap.name: _cap_rule(cap, RuleKind.LIMIT, book.timezone) for cap in caps}
    return CampaignLimits(rules, _needs(rules.values()))


@dataclass(frozen=True, slots=True, eq=False)
class CountRule(OpensForGood):
    """At most `limit` contacts in the window, of those that `count` selects.

    Contacts only ever leave the window, so once open it stays open. With `by`, of those that have the customer's value.
    """

    name: str
    kind: RuleKind
    limit: int
    span: CountingWindow
    count: Selector
    customer_limit: str | None = None
    """The attribute by which the customer may lower the limit."""
    zones: ZoneSet | None = None
    """On whose clock the window is read; None: the customer's."""
    by: str | None = None
    """The attribute by whose values contacts are counted apart; None: all together."""
    _selected: dict[Facts, bool] = field(default_factory=dict)
    """Whether contacts with these facts are counted, looked up once."""

    @property
    def window(self) -> str:
        """As a book would write it: the window; of a gap its length."""
        text = self.span.text if self.kind is not RuleKind.GAP else self.span.text.removeprefix("rolling ")
        return text if self.by is None else f"{text} by {self.by}"

    def evaluate(self, rule_input: RuleInput) -> RuleResult:
        """Counts the contacts in the window; also those after now, should a clock have stepped back."""
        now, limit = rule_input.now, self.limit
        if self.customer_limit is not None:
            limit = lowered(limit, rule_input.attributes.get(self.customer_limit))
        zones = rule_input.zones if self.zones is None else self.zones
        if self.by is not None:
            value = counted_value(rule_input.attributes.get(self.by))
            of_value = [contact for contact in rule_input.history if self.value_of(contact) in (None, value)]
            rule_input = rule_input._replace(history=of_value)
        if not rule_input.history:
            return RuleResult(self, not limit, now if limit else None, 0, limit, zones)
        before, selected = self.span.before(now, zones), self._selected
        counted, lapsed = 0, None
        for contact in rule_input.history:
            if contact.at > before or (contact.zones and contact.at > self._before_elsewhere(contact, now)):
                counts = selected.get(contact.facts)
                if counts is None:
                    counts = self.counts(contact.facts)
                if contact.expires_at is None or contact.expires_at > now:
                    counted += counts
                elif counts:
                    lapsed = _with_lapsed(lapsed, contact.at, contact.expires_at)
        if counted < limit:
            return RuleResult(self, False, now, counted, limit, zones, lapsed)
        opening = self._next(rule_input, limit)
        return RuleResult(self, True, opening, min(counted, self.most), limit, zones, lapsed)

    @property
    def lookback(self) -> Microseconds:
        """That of its window."""
        return self.span.lookback

    @property
    def most(self) -> int:
        """One more than its limit, so that it is known to be exceeded; at least as many as every rule counts exactly."""
        return max(self.limit + 1, LEAST_COUNTED)

    @property
    def by_customer_clock(self) -> bool:
        """Whether its window is read on the customer's clock: on that of now, and on that of when a contact was decided."""
        return self.zones is None

    def counts(self, facts: Facts) -> bool:
        """Whether its selector fits."""
        counts = self._selected.get(facts)
        if counts is None:
            counts = self._selected[facts] = self.count.selects(facts)
        return counts

    def value_of(self, contact: Contact) -> str | None:
        """That which the contact keeps, if it counts by values; a contact from before it did counts under each."""
        return None if self.by is None else contact.counted_by

    def stops(self, contact: Contact, rule_input: RuleInput) -> Instant:
        """When the contact leaves the window, or its reservation expires."""
        zones = rule_input.zones if self.zones is None else self.zones
        leaves = self.span.leaves(contact.at, zones)
        if self.by_customer_clock and (elsewhere := zones_named(contact.zones)):
            leaves = max(leaves, self.span.leaves(contact.at, elsewhere))
        return leaves if contact.expires_at is None else min(leaves, contact.expires_at)

    def _before_elsewhere(self, contact: Contact, now: Instant) -> Instant:
        """The last instant before the window, where the customer was when the contact was decided."""
        elsewhere = zones_named(contact.zones) if self.by_customer_clock else ()
        return self.span.before(now, elsewhere) if elsewhere else now

    def _next(self, rule_input: RuleInput, limit: int) -> Instant | None:
        """When all but `limit` - 1 of the contacts that count now have left the window, or their reservation expired."""
        if not limit:
            return None
        stopping = (
            self.stops(contact, rule_input) for contact in rule_input.history if self.counts(contact.facts)
        )
        return sorted(stops for stops in stopping if stops > rule_input.now)[-limit]


def _with_lapsed(lapsed: Lapsed | None, at: Instant, expired_at: Instant) -> Lapsed:
    """With one contact more."""
    if lapsed is None:
        return Lapsed(1, at, expired_at)
    return Lapsed(lapsed.contacts + 1, *max((lapsed.at, lapsed.expired_at), (at, expired_at)))


def lowered(limit: int, customer_limit: Value | None) -> int:
    """The limit, or the customer's own if that is lower and a number; rounded down, at least 0."""
    if customer_limit is None or not isinstance(customer_limit, int | float) or customer_limit >= limit:
        return limit
    return int(customer_limit) if customer_limit >= 1 else 0


def counted_value(value: Value | None) -> str:
    """The value as contacts keep it: JSON, equal for equal numbers; `null` for a missing one."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return orjson.dumps(value).decode()


@dataclass(frozen=True, slots=True)
class CampaignLimits:
    """The rule of each campaign that has a limit of its own, by name."""

    rules: dict[str, CountRule]
    needs: RuleNeeds

    def rules_for(self, campaign: Campaign, facts: Facts) -> Iterable[PressureRule]:
        """The campaign's own, if it counts such a contact."""
        own = campaign.per_customer
        return () if own is None or not own.count.selects(facts) else (self.rules[own.name],)


def _needs(rules: Iterable[CountRule]) -> RuleNeeds:
    counting = list(rules)
    return RuleNeeds(
        counting=counting,
        attributes=frozenset(
            name for rule in counting for name in (rule.customer_limit, rule.by) if name is not None
        ),
        customer_clock=any(rule.zones is None for rule in counting),
    )


def _cap_rule(cap: Cap, kind: RuleKind, book_zone: ZoneInfo) -> CountRule:
    if isinstance(cap.window, Rolling):
        span: CountingWindow = RollingWindow(cap.window.span, cap.window.written)
        zones: ZoneSet | None = NO_CLOCK
    else:
        span, zones = CalendarWindow(cap.window), zones_of(cap.window.clock, book_zone)
    return CountRule(cap.name, kind, cap.limit, span, cap.count, cap.customer_limit, zones, cap.by)


def _gap_rule(gap: Gap) -> CountRule:
    """A gap is a cap of one contact: it passes when none is younger than the gap."""
    window = RollingWindow(gap.at_least, gap.written)
    return CountRule(gap.name, RuleKind.GAP, 1, window, gap.count, zones=NO_CLOCK)
