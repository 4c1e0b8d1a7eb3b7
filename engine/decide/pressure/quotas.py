"""Rules over all customers together: an offer's stock, a campaign's total, a channel's capacity, budgets.

A budget is a counter that adds up what contacts cost, in millionths of the book's currency, where others count contacts.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple
from zoneinfo import ZoneInfo

from engine.decide.pressure.counters import KINDS, RATES, QuotaKey
from engine.decide.pressure.rule import OpensForGood, RuleInput, RuleResult
from engine.decide.pressure.windows import NO_CLOCK, CalendarWindow, ZoneSet
from engine.model.contact import Facts
from engine.model.decision import RuleKind
from engine.model.instant import Instant
from engine.model.values import Attributes
from engine.rulebook.model.book import BOOK_BUDGET, MICROS, Book, Campaign, Kind
from engine.rulebook.model.policies import UNKNOWN_PLACE, PlaceQuota, Quota

AT_PLACE = " at "
"""Between the period and the name of the place, in the window of a capacity of places."""


def compile_stocks(book: Book) -> "QuotaRules":
    """The stock of each offer."""
    quotas = [(offer.stock, CountedContacts(offer=offer.name)) for offer in book.offers.values()]
    return _quota_rules(book, RuleKind.STOCK, quotas, lambda _, facts: {f"{facts.offer}/{RuleKind.STOCK}": 1})


def compile_totals(book: Book) -> "QuotaRules":
    """The total of each campaign, over such contacts as its limits count: outbound ones, if it goes out at all."""

    def kind_of(campaign: Campaign) -> str:
        goes_out = any(book.channels[name].kind is Kind.OUTBOUND for name in campaign.channels)
        return Kind.OUTBOUND if goes_out else ""

    def counters(campaign: Campaign, facts: Facts) -> Mapping[str, int]:
        return {f"{campaign.name}/{RuleKind.TOTAL}": 1} if kind_of(campaign) in ("", facts.kind) else {}

    quotas = [
        (campaign.total, CountedContacts(campaign=campaign.name, kind=kind_of(campaign)))
        for campaign in book.campaigns.values()
    ]
    return _quota_rules(book, RuleKind.TOTAL, quotas, counters)


def compile_capacities(book: Book) -> "QuotaRules":
    """The capacity of each channel."""
    quotas = [(channel.capacity, CountedContacts(channel=channel.name)) for channel in book.channels.values()]
    rules = _quota_rules(
        book, RuleKind.CAPACITY, quotas, lambda _, facts: {f"{facts.channel}/{RuleKind.CAPACITY}": 1}
    )
    return replace(rules, rates=RATES)


def compile_budgets(book: Book) -> "QuotaRules":
    """The budgets of channels, of campaigns and of the book; contacts that cost nothing take nothing."""
    costs = {channel.name: channel.cost_micros for channel in book.channels.values()}

    def counters(campaign: Campaign, facts: Facts) -> Mapping[str, int]:
        return budget_counters(campaign.name, facts.channel, costs[facts.channel])

    quotas = [
        *(
            (channel.budget, CountedContacts(channel=channel.name, costs=costs))
            for channel in book.channels.values()
        ),
        *(
            (campaign.budget, CountedContacts(campaign=campaign.name, costs=costs))
            for campaign in book.campaigns.values()
        ),
        (book.budget, CountedContacts(costs=costs)),
    ]
    return _quota_rules(book, RuleKind.BUDGET, quotas, counters)


def budget_counters(campaign: str, channel: str, cost: int) -> dict[str, int]:
    """The counters of budgets that a contact takes from, and how much of each. campaign: empty if it is of none."""
    if not cost:
        return {}
    counters = {f"{channel}/channel_budget": cost, BOOK_BUDGET: cost}
    return counters | {f"{campaign}/campaign_budget": cost} if campaign else counters


class CountedContacts(NamedTuple):
    """Which contacts a rule counts: those with what is given here."""

    offer: str = ""
    campaign: str = ""
    channel: str = ""
    kind: str = ""
    costs: Mapping[str, int] | None = None
    """What each counts for, by its channel; none on other channels. None: each is one."""

    def amount(self, channel: str) -> int:
        """What a contact on the channel counts for."""
        return 1 if self.costs is None else self.costs.get(channel, 0)


@dataclass(frozen=True, slots=True, eq=False)
class QuotaRule(OpensForGood):
    """At most `limit` contacts of all customers in the period, or what they cost, which begins anew when it is over."""

    name: str
    kind: RuleKind
    limit: int
    span: CalendarWindow | None
    counted: CountedContacts
    zones: ZoneSet
    """On whose clock the period is read: the book's; empty where there is none."""
    amount: int = 1
    """What a contact takes: 1, or what it costs."""
    site: str = ""
    """Of a capacity of places the one that it is of; UNKNOWN_PLACE: the customer's is not known, and it takes nothing."""

    @property
    def window(self) -> str:
        """As a book would write it, with the place; empty for what counts for good."""
        text = self.span.text if self.span else ""
        if not self.site:
            return text
        return (
            f"{text}, and no place is known" if self.site == UNKNOWN_PLACE else f"{text}{AT_PLACE}{self.site}"
        )

    def key(self, now: Instant) -> QuotaKey:
        """The counter of the current period."""
        apart = 0 if self.span is None else KINDS.get(self.span.period, 0)
        return QuotaKey(self.counter, self.begins(now) + apart)

    @property
    def unit(self) -> int:
        """How much of the count is one contact, or one of the currency: budgets are counted in millionths."""
        return MICROS if self.kind is RuleKind.BUDGET else 1

    @property
    def counter(self) -> str:
        """The name of its counter."""
        rate = "" if self.span is None else f"/{self.span.period}"
        name = f"{self.name}{rate}" if rate in RATES else self.name
        return f"{name}:{PlaceQuota.in_counter(self.site)}" if self.site else name

    def begins(self, now: Instant) -> Instant:
        """When the current period began; 0 where there is none."""
        return 0 if self.span is None else self.span.before(now, self.zones) + 1

    def ends(self, now: Instant) -> Instant | None:
        """When the current period ends; None where it does not."""
        return None if self.span is None else self.span.leaves(now, self.zones)

    def evaluate(self, rule_input: RuleInput) -> RuleResult:
        """Whether one contact more may be made; if not, when enough holds have ended or the next period begins."""
        now, limit, amount = rule_input.now, self.limit, self.amount
        if self.site and amount > limit:
            return RuleResult(self, True, None, 0, limit, self.zones)
        key = self.key(now)
        drawn = rule_input.drawn.get(key, ())
        counted = rule_input.counts.counted(key, limit, now, drawn, amount)
        if counted + amount <= limit:
            return RuleResult(self, False, now, counted, limit, self.zones)
        if amount > limit:
            return RuleResult(self, True, None, counted, limit, self.zones)
        given_back = rule_input.counts.given_back(key, counted + amount - limit, now, drawn, amount)
        openings = [moment for moment in (given_back, self.ends(now)) if moment is not None]
        return RuleResult(self, True, min(openings, default=None), counted, limit, self.zones)


@dataclass(frozen=True, slots=True)
class QuotaRules:
    """The rules of one kind, each shared by all campaign channels that take from its counter."""

    rules: dict[str, QuotaRule]
    """By name."""
    counters: Callable[[Campaign, Facts], Mapping[str, int]]
    """The names of the rules that would count a contact of the campaign, whether the book has them or not: what each takes."""
    rates: tuple[str, ...] = ()
    """At the end of the names of further counters, of the same contacts in other periods."""
    _by_amount: dict[tuple[str, int], QuotaRule] = field(default_factory=dict)

    def rules_for(self, campaign: Campaign, facts: Facts) -> Iterable[QuotaRule]:
        """The rules that count such a contact, each with what it takes; the same object wherever a contact takes as much."""
        for name, amount in self.counters(campaign, facts).items():
            rule = self.rules.get(name)
            if rule is not None:
                key = name, amount
                if key not in self._by_amount:
                    self._by_amount[key] = rule if rule.amount == amount else replace(rule, amount=amount)
                yield self._by_amount[key]

    def unruled_for(self, campaign: Campaign, facts: Facts) -> Mapping[str, int]:
        """The counters of such a contact for which the book has no rule, and what it takes of each."""
        unruled = {}
        for name, amount in self.counters(campaign, facts).items():
            rule = self.rules.get(name)
            for counter in (name, *(f"{name}{rate}" for rate in self.rates)):
                if rule is None or counter != rule.counter:
                    unruled[counter] = amount
        return unruled


@dataclass(frozen=True, slots=True)
class PlaceQuotas:
    """The capacity of each place of a set on one channel; of each customer that of the nearest place counts."""

    attribute: str
    """Names the customer's nearest place."""
    rules: Mapping[str, QuotaRule]
    """By the name of the place."""
    unknown: QuotaRule
    """Of customers whose nearest place is not known: lets nothing pass, as nobody there could make the contact."""

    def of(self, attributes: Attributes) -> QuotaRule:
        """The rule for a customer with these attributes."""
        site = attributes.get(self.attribute)
        return self.rules.get(site, self.unknown) if isinstance(site, str) else self.unknown


def compile_places(book: Book) -> dict[str, PlaceQuotas]:
    """The capacities of places, by channel."""
    return {
        name: _place_quotas(name, channel.capacity_each, book.timezone)
        for name, channel in book.channels.items()
        if channel.capacity_each is not None
    }


def _place_quotas(channel: str, quota: PlaceQuota, book_zone: ZoneInfo) -> PlaceQuotas:
    def rule(site: str, limit: int) -> QuotaRule:
        span, counted = CalendarWindow(quota.window), CountedContacts(channel=channel)
        return QuotaRule(quota.name, RuleKind.CAPACITY, limit, span, counted, (book_zone,), site=site)

    rules = {site: rule(site, limit) for site, limit in quota.limits.items()}
    return PlaceQuotas(quota.by, rules, rule(UNKNOWN_PLACE, 0))


def _quota_rules(
    book: Book,
    kind: RuleKind,
    quotas: Iterable[tuple[Quota | None, CountedContacts]],
    counters: Callable[[Campaign, Facts], Mapping[str, int]],
) -> QuotaRules:
    rules = [_quota_rule(quota, kind, counted, book.timezone) for quota, counted in quotas if quota]
    return QuotaRules({rule.name: rule for rule in rules}, counters)


def _quota_rule(quota: Quota, kind: RuleKind, counted: CountedContacts, book_zone: ZoneInfo) -> QuotaRule:
    if quota.window is None:
        return QuotaRule(quota.name, kind, quota.limit, None, counted, NO_CLOCK)
    return QuotaRule(quota.name, kind, quota.limit, CalendarWindow(quota.window), counted, (book_zone,))
