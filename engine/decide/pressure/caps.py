"""Rules that count contacts in a window: caps, limits of campaigns, and gaps, which are caps of one."""

from dataclasses import dataclass, field

from engine.decide.pressure.rule import RuleInput, RuleResult
from engine.decide.pressure.selectors import selects
from engine.decide.pressure.windows import CountingWindow, ZoneSet
from engine.model.contact import Facts
from engine.model.decision import ReasonCode, RuleKind
from engine.model.instant import Instant
from engine.model.values import Value
from engine.rulebook.model.policies import Selector


@dataclass(frozen=True, slots=True, eq=False)
class CountRule:
    """At most `limit` contacts in the window, of those that `count` selects."""

    name: str
    kind: RuleKind
    code: ReasonCode
    limit: int
    span: CountingWindow
    count: Selector
    customer_limit: str | None = None
    """The attribute by which the customer may lower the limit."""
    zones: ZoneSet | None = None
    """On whose clock the window is read; None: the customer's."""
    _counts: dict[Facts, bool] = field(default_factory=dict)
    """Whether contacts with these facts are counted, looked up once."""

    @property
    def window(self) -> str:
        """As a book would write it: the window, of a gap how long it is."""
        return self.span.text if self.kind is not RuleKind.GAP else self.span.text.removeprefix("rolling ")

    def evaluate(self, case: RuleInput) -> RuleResult:
        """Counts; later contacts too, should a clock have stepped back."""
        now, limit = case.now, self.limit
        if self.customer_limit is not None:
            limit = lowered(limit, case.attributes.get(self.customer_limit))
        zones = case.zones if self.zones is None else self.zones
        if not case.history:
            return RuleResult(self, not limit, now if limit else None, 0, limit, zones)
        before, counts = self.span.before(now, zones), self._counts
        counted = 0
        for contact in case.history:
            if contact.at > before and (contact.expires_at is None or contact.expires_at > now):
                found = counts.get(contact.facts)
                counted += self._select(contact.facts) if found is None else found
        if counted < limit:
            return RuleResult(self, False, now, counted, limit, zones)
        return RuleResult(self, True, self._next(case, limit, zones), counted, limit, zones)

    def opens(self, rule_result: RuleResult, at: Instant, bound: Instant) -> Instant | None:
        """From its next moment on it lets everything pass: contacts only ever leave."""
        found = rule_result.next_allowed_at
        return None if found is None or found > bound else max(at, found)

    def _next(self, case: RuleInput, limit: int, zones: ZoneSet) -> Instant | None:
        """When all but `limit` - 1 of the contacts that count now have left: by their age, or when their hold ends."""
        if not limit:
            return None
        leaving = []
        for contact in case.history:
            leaves = self.span.leaves(contact.at, zones)
            if contact.expires_at is not None and contact.expires_at < leaves:
                leaves = contact.expires_at
            if leaves > case.now and self._counts[contact.facts]:
                leaving.append(leaves)
        return sorted(leaving)[-limit]

    def _select(self, facts: Facts) -> bool:
        found = self._counts[facts] = selects(self.count, facts)
        return found


def lowered(limit: int, customer_limit: Value | None) -> int:
    """The limit with the customer's wish: it lowers it, to 0 at the least, and never raises it.

    A part of a contact is none, so 1.5 is 1; without a wish the limit stays.
    """
    if customer_limit is None or not isinstance(customer_limit, int | float) or customer_limit >= limit:
        return limit
    return int(customer_limit) if customer_limit >= 1 else 0
