"""Rules over all customers together: an offer's stock, a campaign's total, a channel's capacity."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple
from zoneinfo import ZoneInfo

from engine.decide.pressure.counters import KINDS, RATES, QuotaKey
from engine.decide.pressure.rule import OpensForGood, RuleInput, RuleResult
from engine.decide.pressure.windows import NO_CLOCK, CalendarWindow, ZoneSet
from engine.model.contact import Facts
from engine.model.decision import RuleKind
from engine.model.instant import Instant
from engine.rulebook.model.book import Book, Campaign, Kind
from engine.rulebook.model.policies import Quota


def compile_stocks(book: Book) -> "QuotaRules":
    """The stock of each offer."""
    quotas = [(offer.stock, CountedContacts(offer=offer.name)) for offer in book.offers.values()]
    return _quota_rules(book, RuleKind.STOCK, quotas, lambda _, facts: f"{facts.offer}/{RuleKind.STOCK}")


def compile_totals(book: Book) -> "QuotaRules":
    """The total of each campaign, over such contacts as its limits count: outbound ones, if it goes out at all."""

    def kind_of(campaign: Campaign) -> str:
        goes_out = any(book.channels[name].kind is Kind.OUTBOUND for name in campaign.channels)
        return Kind.OUTBOUND if goes_out else ""

    def counter(campaign: Campaign, facts: Facts) -> str:
        return f"{campaign.name}/{RuleKind.TOTAL}" if kind_of(campaign) in ("", facts.kind) else ""

    quotas = [
        (campaign.total, CountedContacts(campaign=campaign.name, kind=kind_of(campaign)))
        for campaign in book.campaigns.values()
    ]
    return _quota_rules(book, RuleKind.TOTAL, quotas, counter)


def compile_capacities(book: Book) -> "QuotaRules":
    """The capacity of each channel."""
    quotas = [(channel.capacity, CountedContacts(channel=channel.name)) for channel in book.channels.values()]
    rules = _quota_rules(
        book, RuleKind.CAPACITY, quotas, lambda _, facts: f"{facts.channel}/{RuleKind.CAPACITY}"
    )
    return replace(rules, rates=RATES)


class CountedContacts(NamedTuple):
    """Which contacts a rule counts: those with what is given here."""

    offer: str = ""
    campaign: str = ""
    channel: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class QuotaRule(OpensForGood):
    """At most `limit` contacts of all customers in the period, which begins anew when it is over."""

    name: str
    kind: RuleKind
    limit: int
    span: CalendarWindow | None
    counted: CountedContacts
    zones: ZoneSet
    """On whose clock the period is read: the book's; empty where there is none."""

    @property
    def window(self) -> str:
        """As a book would write it; empty for what counts for good."""
        return self.span.text if self.span else ""

    def key(self, now: Instant) -> QuotaKey:
        """The counter of the current period."""
        apart = 0 if self.span is None else KINDS.get(self.span.period, 0)
        return QuotaKey(self.counter, self.begins(now) + apart)

    @property
    def counter(self) -> str:
        """The name of its counter."""
        rate = "" if self.span is None else f"/{self.span.period}"
        return f"{self.name}{rate}" if rate in RATES else self.name

    def begins(self, now: Instant) -> Instant:
        """When the current period began; 0 where there is none."""
        return 0 if self.span is None else self.span.before(now, self.zones) + 1

    def ends(self, now: Instant) -> Instant | None:
        """When the current period ends; None where it does not."""
        return None if self.span is None else self.span.leaves(now, self.zones)

    def evaluate(self, rule_input: RuleInput) -> RuleResult:
        """Whether one contact more may be made; if not, when enough holds have ended or the next period begins."""
        now, limit = rule_input.now, self.limit
        key = self.key(now)
        drawn = rule_input.drawn.get(key, ())
        counted = rule_input.counts.counted(key, limit, now, len(drawn))
        if counted < limit:
            return RuleResult(self, False, now, counted, limit, self.zones)
        given_back = rule_input.counts.given_back(key, counted - limit + 1, now, drawn) if limit else None
        openings = [moment for moment in (given_back, self.ends(now)) if moment is not None]
        return RuleResult(self, True, min(openings, default=None), counted, limit, self.zones)


@dataclass(frozen=True, slots=True)
class QuotaRules:
    """The rules of one kind, each shared by all campaign channels that take from its counter."""

    rules: dict[str, QuotaRule]
    """By name."""
    counter: Callable[[Campaign, Facts], str]
    """The name of the rule that would count a contact of the campaign, whether the book has it or not; else empty."""
    rates: tuple[str, ...] = ()
    """At the end of the names of further counters, of the same contacts in other periods."""

    def rules_for(self, campaign: Campaign, facts: Facts) -> Iterable[QuotaRule]:
        """The one rule that counts such a contact, if there is one."""
        rule = self.rules.get(self.counter(campaign, facts))
        return () if rule is None else (rule,)

    def unruled_for(self, campaign: Campaign, facts: Facts) -> Iterable[str]:
        """The counters of such a contact for which the book has no rule."""
        name = self.counter(campaign, facts)
        rule = self.rules.get(name)
        counters = (name, *(f"{name}{rate}" for rate in self.rates)) if name else ()
        return [counter for counter in counters if rule is None or counter != rule.counter]


def _quota_rules(
    book: Book,
    kind: RuleKind,
    quotas: Iterable[tuple[Quota | None, CountedContacts]],
    counter: Callable[[Campaign, Facts], str],
) -> QuotaRules:
    rules = [_quota_rule(quota, kind, counted, book.timezone) for quota, counted in quotas if quota]
    return QuotaRules({rule.name: rule for rule in rules}, counter)


def _quota_rule(quota: Quota, kind: RuleKind, counted: CountedContacts, book_zone: ZoneInfo) -> QuotaRule:
    if quota.window is None:
        return QuotaRule(quota.name, kind, quota.limit, None, counted, NO_CLOCK)
    return QuotaRule(quota.name, kind, quota.limit, CalendarWindow(quota.window), counted, (book_zone,))
