"""Rules over all customers together: an offer's stock, a campaign's total, a channel's capacity."""

from dataclasses import dataclass

from engine.decide.pressure.counters import QuotaKey
from engine.decide.pressure.rule import RuleInput, RuleResult
from engine.decide.pressure.windows import CalendarWindow, ZoneSet
from engine.model.decision import ReasonCode, RuleKind
from engine.model.instant import Instant
from engine.rulebook.model.policies import Quota


@dataclass(frozen=True, slots=True, eq=False)
class QuotaRule:
    """At most `limit` contacts of all customers in the period."""

    name: str
    kind: RuleKind
    code: ReasonCode
    limit: int
    span: CalendarWindow | None
    zones: ZoneSet
    """On whose clock the period is read: the book's; empty where there is none."""

    @property
    def window(self) -> str:
        """As a book would write it; empty for what counts for good."""
        return self.span.text if self.span else ""

    def key(self, now: Instant) -> QuotaKey:
        """The counter of the period that it is."""
        return QuotaKey(self.name, 0 if self.span is None else self.span.before(now, self.zones) + 1)

    def evaluate(self, case: RuleInput) -> RuleResult:
        """Whether there is one left, and when there is again: in the next period."""
        now, limit = case.now, self.limit
        key = self.key(now)
        counted = case.counts.counted(key, limit, now, case.drawn.get(key, 0))
        if counted < limit:
            return RuleResult(self, False, now, counted, limit, self.zones)
        opens = None if self.span is None else self.span.leaves(now, self.zones)
        return RuleResult(self, True, opens, counted, limit, self.zones)

    def opens(self, rule_result: RuleResult, at: Instant, bound: Instant) -> Instant | None:
        """From its next moment on it lets pass, since it begins anew with every period."""
        found = rule_result.next_allowed_at
        return None if found is None or found > bound else max(at, found)


def quota_rule(quota: Quota, kind: RuleKind, code: ReasonCode, book_zone: ZoneSet) -> QuotaRule:
    """The rule of a book's quota."""
    if quota.window is None:
        return QuotaRule(quota.name, kind, code, quota.limit, None, ())
    return QuotaRule(quota.name, kind, code, quota.limit, CalendarWindow(quota.window), book_zone)
