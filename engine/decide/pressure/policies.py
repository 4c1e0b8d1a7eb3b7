"""The contact pressure of a book, compiled: which rules a proposal has to pass."""

from engine.decide.pressure.caps import CountRule
from engine.decide.pressure.pauses import PauseRule, applies, scope_of
from engine.decide.pressure.quiet import QuietRule
from engine.decide.pressure.quotas import QuotaRule, quota_rule
from engine.decide.pressure.rule import PressureRule
from engine.decide.pressure.selectors import selects
from engine.decide.pressure.windows import CalendarWindow, CountingWindow, RollingWindow, ZoneSet
from engine.model.contact import Facts
from engine.model.decision import ReasonCode, RuleKind
from engine.rulebook.model.book import Book, Campaign, Kind
from engine.rulebook.model.policies import Cap, Clock, Gap, Pause, Quiet, Quota, Rolling, Selector

_NO_CLOCK: ZoneSet = ()
"""Of rules for which it does not matter what any clock shows."""


class Pressure:
    """The rules of a book: compiled once, then looked up for each route.

    A rule applies to a proposal that it would count itself (or, when it counts none, that it names), unless its `except`
    selects the proposal. What `except` selects still counts: it was a contact.
    """

    def __init__(self, book: Book) -> None:
        self._book = book
        self._zones: ZoneSet = (book.timezone,)
        policies, own = book.pressure, [one.per_customer for one in book.campaigns.values()]
        self._quiet = [(one, self._quiet_rule(one)) for one in policies.quiet.values()]
        self._caps = [(one, self._cap_rule(one)) for one in policies.caps.values()]
        self._gaps = [(one, self._gap_rule(one)) for one in policies.gaps.values()]
        self._own = {one.name: (one, self._cap_rule(one, RuleKind.LIMIT)) for one in own if one}
        self._shared: dict[str, QuotaRule] = {}
        self.is_shared = _is_shared(book)
        """Whether any rule counts the contacts of all customers together."""
        counting = [rule for _, rule in (*self._caps, *self._own.values(), *self._gaps)]
        self.lookback = max((rule.span.lookback for rule in counting), default=0)
        """No older contact is counted by any rule."""
        self.customer_limits = frozenset(
            rule.customer_limit for rule in counting if rule.customer_limit is not None
        )
        """The attributes by which customers lower limits."""
        self._pauses = policies.pauses.values()
        self._paused: dict[tuple[str, str], PauseRule] = {}
        """Their rules, by name and what the scope is about."""
        self.outcomes = frozenset(each for one in self._pauses for each in one.outcomes)
        """The types of outcomes that some pause looks at."""
        self.hindsight = max((one.span + (one.within or 0) for one in self._pauses), default=0)
        """No older outcome matters."""
        clocks = [rule.zones for rule in counting] + [rule.zones for _, rule in self._quiet]
        self.by_customer_clock = None in clocks
        """Whether it matters where a customer is."""

    def rules_for(self, campaign: Campaign, facts: Facts) -> tuple[PressureRule, ...]:
        """The rules that a proposal of the campaign has to pass, by the order of the funnel: quiet, caps, gaps, pauses."""
        own = campaign.per_customer
        return (
            *(rule for one, rule in self._quiet if _holds(one.select, one.except_, facts)),
            *(rule for one, rule in self._caps if _holds(one.count, one.except_, facts)),
            *(() if own is None or not selects(own.count, facts) else (self._own[own.name][1],)),
            *(rule for one, rule in self._gaps if _holds(one.count, one.except_, facts)),
            *(self._pause_rule(one, facts) for one in self._pauses if _pauses(one, facts)),
        )

    def quotas_for(self, campaign: Campaign, facts: Facts) -> tuple[QuotaRule, ...]:
        """The rules over all customers together that such a contact is counted by: stock, total, capacity."""
        channel, offer = self._book.channels[facts.channel], self._book.offers[facts.offer]
        found = (
            (offer.stock, RuleKind.STOCK, ReasonCode.OUT_OF_STOCK),
            (self._total(campaign, facts), RuleKind.TOTAL, ReasonCode.CAPPED),
            (channel.capacity, RuleKind.CAPACITY, ReasonCode.OVER_CAPACITY),
        )
        return tuple(self._quota_rule(quota, kind, code) for quota, kind, code in found if quota)

    def _total(self, campaign: Campaign, facts: Facts) -> Quota | None:
        """The campaign's total, if such a contact is among those that its limits count."""
        goes_out = any(self._book.channels[name].kind is Kind.OUTBOUND for name in campaign.channels)
        return campaign.total if not goes_out or facts.kind == Kind.OUTBOUND else None

    def _quota_rule(self, quota: Quota, kind: RuleKind, code: ReasonCode) -> QuotaRule:
        """One rule for all the routes that take from it."""
        if quota.name not in self._shared:
            self._shared[quota.name] = quota_rule(quota, kind, code, self._zones)
        return self._shared[quota.name]

    def _cap_rule(self, cap: Cap, kind: RuleKind = RuleKind.CAP) -> CountRule:
        if isinstance(cap.window, Rolling):
            span: CountingWindow = RollingWindow(cap.window.span)
            zones: ZoneSet | None = _NO_CLOCK
        else:
            span, zones = CalendarWindow(cap.window), self._clock(cap.window.clock)
        return CountRule(
            cap.name, kind, ReasonCode.CAPPED, cap.limit, span, cap.count, cap.customer_limit, zones
        )

    def _gap_rule(self, gap: Gap) -> CountRule:
        """A gap is a cap of one contact: it passes when none is younger than the gap."""
        span = RollingWindow(gap.at_least)
        return CountRule(gap.name, RuleKind.GAP, ReasonCode.TOO_SOON, 1, span, gap.count, zones=_NO_CLOCK)

    def _quiet_rule(self, quiet: Quiet) -> QuietRule:
        return QuietRule(quiet, self._clock(quiet.clock))

    def _pause_rule(self, pause: Pause, facts: Facts) -> PauseRule:
        """The rule of the proposals that share the scope, so that it is looked at once for all of them."""
        return self._paused.setdefault((pause.name, scope_of(pause, facts)), PauseRule(pause, facts))

    def _clock(self, clock: Clock) -> ZoneSet | None:
        return None if clock is Clock.CUSTOMER else self._zones


def _is_shared(book: Book) -> bool:
    quotas = [one.stock for one in book.offers.values()]
    quotas += [one.total for one in book.campaigns.values()]
    return any(quotas) or any(one.capacity for one in book.channels.values())


def _holds(about: Selector, except_: Selector | None, facts: Facts) -> bool:
    return selects(about, facts) and not (except_ is not None and selects(except_, facts))


def _pauses(pause: Pause, facts: Facts) -> bool:
    return applies(pause, facts) and not (pause.except_ is not None and selects(pause.except_, facts))
