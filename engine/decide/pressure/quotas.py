"""Rules over all customers together: an offer's stock, a campaign's total, a channel's capacity."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from engine.decide.pressure.counters import QuotaKey
from engine.decide.pressure.rule import OpensForGood, RuleInput, RuleResult
from engine.decide.pressure.windows import NO_CLOCK, CalendarWindow, ZoneSet
from engine.model.contact import Facts
from engine.model.decision import RuleKind
from engine.model.instant import Instant
from engine.rulebook.model.book import Book, Campaign, Kind
from engine.rulebook.model.policies import Quota


def compile_stocks(book: Book) -> "QuotaRules":
    """The stock of each offer."""
    quotas = (offer.stock for offer in book.offers.values())
    return _quota_rules(book, RuleKind.STOCK, quotas, lambda _, facts: book.offers[facts.offer].stock)


def compile_totals(book: Book) -> "QuotaRules":
    """The total of each campaign, over such contacts as its limits count: outbound ones, if it goes out at all."""

    def total(campaign: Campaign, facts: Facts) -> Quota | None:
        goes_out = any(book.channels[name].kind is Kind.OUTBOUND for name in campaign.channels)
        return campaign.total if not goes_out or facts.kind == Kind.OUTBOUND else None

    quotas = (campaign.total for campaign in book.campaigns.values())
    return _quota_rules(book, RuleKind.TOTAL, quotas, total)


def compile_capacities(book: Book) -> "QuotaRules":
    """The capacity of each channel."""
    quotas = (channel.capacity for channel in book.channels.values())
    return _quota_rules(
        book, RuleKind.CAPACITY, quotas, lambda _, facts: book.channels[facts.channel].capacity
    )


@dataclass(frozen=True, slots=True, eq=False)
class QuotaRule(OpensForGood):
    """At most `limit` contacts of all customers in the period, which begins anew when it is over."""

    name: str
    kind: RuleKind
    limit: int
    span: CalendarWindow | None
    zones: ZoneSet
    """On whose clock the period is read: the book's; empty where there is none."""

    @property
    def window(self) -> str:
        """As a book would write it; empty for what counts for good."""
        return self.span.text if self.span else ""

    def key(self, now: Instant) -> QuotaKey:
        """The counter of the current period."""
        return QuotaKey(self.name, 0 if self.span is None else self.span.before(now, self.zones) + 1)

    def evaluate(self, rule_input: RuleInput) -> RuleResult:
        """Whether one contact more may be made, and if not when the next period begins."""
        now, limit = rule_input.now, self.limit
        key = self.key(now)
        counted = rule_input.counts.counted(key, limit, now, rule_input.drawn.get(key, 0))
        if counted < limit:
            return RuleResult(self, False, now, counted, limit, self.zones)
        opening = None if self.span is None else self.span.leaves(now, self.zones)
        return RuleResult(self, True, opening, counted, limit, self.zones)


@dataclass(frozen=True, slots=True)
class QuotaRules:
    """The rules of one kind, each shared by all campaign channels that take from its counter."""

    rules: dict[str, QuotaRule]
    """By name."""
    quota: Callable[[Campaign, Facts], Quota | None]
    """The quota from which a contact of the campaign takes."""

    def rules_for(self, campaign: Campaign, facts: Facts) -> Iterable[QuotaRule]:
        """The one rule that counts such a contact, if there is one."""
        quota = self.quota(campaign, facts)
        return () if quota is None else (self.rules[quota.name],)


def _quota_rules(
    book: Book,
    kind: RuleKind,
    quotas: Iterable[Quota | None],
    quota: Callable[[Campaign, Facts], Quota | None],
) -> QuotaRules:
    return QuotaRules(
        {given.name: _quota_rule(given, kind, book.timezone) for given in quotas if given}, quota
    )


def _quota_rule(quota: Quota, kind: RuleKind, book_zone: ZoneInfo) -> QuotaRule:
    if quota.window is None:
        return QuotaRule(quota.name, kind, quota.limit, None, NO_CLOCK)
    return QuotaRule(quota.name, kind, quota.limit, CalendarWindow(quota.window), (book_zone,))
