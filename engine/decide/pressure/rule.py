"""What a rule of contact pressure is: a small object that judges one proposal for one customer at one moment. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from engine.decide.pressure.counters import NO_QUOTA_COUNTS, QuotaCounts, QuotaKey, Taken
from engine.decide.pressure.windows import ZoneSet
from engine.model.contact import Contact, Facts
from engine.model.decision import Lapsed, RuleKind
from engine.model.instant import DAY, Instant, Microseconds
from engine.model.outcome import PastOutcome
from engine.model.values import Attributes
from engine.rulebook.model.book import Campaign

HORIZON = 400 * DAY
"""No next allowed moment is searched further ahead than this."""


class RuleInput(NamedTuple):
    """What rules read of one customer."""

    now: Instant
    history: Sequence[Contact]
    """The customer's contacts that may still count, in any order."""
    attributes: Attributes
    """For limits that the customer lowers, and contacts that are counted by a value."""
    zones: ZoneSet
    """Where the customer may be; empty if no rule of the book reads the customer's clock."""
    counts: QuotaCounts = NO_QUOTA_COUNTS
    """Counters that all customers share."""
    drawn: Mapping[QuotaKey, Sequence[Taken]] = {}
    """What the evaluation has taken from counters by contacts that are not committed yet."""
    outcomes: Sequence[PastOutcome] = ()
    """Past outcomes of the types that some rule of the book reads, in any order."""


class RuleResult(NamedTuple):
    """Result of one rule for one proposal."""

    rule: "PressureRule"
    blocks: bool
    next_allowed_at: Instant | None
    """The earliest moment from now on at which it lets the proposal pass if nothing else happens; None: not within
    the horizon."""
    counted: int | None = None
    limit: int | None = None
    zones: ZoneSet = ()
    """The zones on whose clocks it was evaluated."""
    lapsed: Lapsed | None = None
    """The contacts in the window that it would count had something been reported of them; None: there are none."""
    lifted: bool = False
    """Whether it would block, and is not applied because the person is in its trial."""

    def lift(self, now: Instant) -> "RuleResult":
        """The result for a person in the rule's trial; itself where the rule lets pass, or the customer's own limit blocks."""
        if not self.blocks or self.is_lowered:
            return self
        return self._replace(blocks=False, next_allowed_at=now, lifted=True)

    @property
    def is_lowered(self) -> bool:
        """Whether the limit is one that the customer set, below the book's."""
        limit = getattr(self.rule, "limit", None)
        return limit is not None and self.limit is not None and self.limit < limit


class PressureRule(Protocol):
    """One rule; it applies to the proposals of the campaign channels into which it was compiled."""

    @property
    def name(self) -> str:
        """Unique in the book."""

    @property
    def kind(self) -> RuleKind:
        """Its row in registry.py."""

    @property
    def window(self) -> str:
        """When it applies, as a book would write it."""

    def evaluate(self, rule_input: RuleInput) -> RuleResult:
        """Whether it blocks now, and when it lets pass next."""

    def opens(self, rule_result: RuleResult, at: Instant, bound: Instant) -> Instant | None:
        """The earliest moment, `at` or later, at which it lets pass; None: none up to `bound`."""


class OpensForGood:
    """Mixin for rules that, if nothing else happens, never block again from their next allowed moment on."""

    __slots__ = ()

    def opens(self, rule_result: RuleResult, at: Instant, bound: Instant) -> Instant | None:
        """The next allowed moment of the result, or `at` if that is later."""
        opening = rule_result.next_allowed_at
        return None if opening is None or opening > bound else max(at, opening)


LEAST_COUNTED = 5
"""Up to so many contacts, and up to its limit, every rule counts exactly; of more it knows that there are at least so many."""


class CountingRule(Protocol):
    """A rule that counts contacts of one customer, as far as it says which of many contacts matter to it."""

    @property
    def lookback(self) -> Microseconds:
        """No older contact is counted."""

    @property
    def most(self) -> int:
        """So many contacts, those that stop counting last, decide what it says now and later."""

    @property
    def by_customer_clock(self) -> bool:
        """Whether it matters where the customer is, and was."""

    def counts(self, facts: Facts) -> bool:
        """Whether it counts contacts with these facts."""

    def value_of(self, contact: Contact) -> str | None:
        """The value under which it counts the contact, apart from those of other values; None: under each."""

    def stops(self, contact: Contact, rule_input: RuleInput) -> Instant:
        """The moment from which on it does not count the contact."""


class RuleNeeds(NamedTuple):
    """What has to be known of a customer to evaluate some rules."""

    counting: Sequence[CountingRule] = ()
    """Those that count contacts."""
    attributes: frozenset[str] = frozenset()
    """Those that rules read: by which customers lower limits, and by whose values contacts are counted apart."""
    outcomes: frozenset[str] = frozenset()
    """The types of past outcomes that are read."""
    hindsight: Microseconds = 0
    """No older outcome matters."""
    customer_clock: bool = False
    """Whether it matters where the customer is."""


class CompiledRules(Protocol):
    """A book's rules of one kind, compiled."""

    @property
    def needs(self) -> RuleNeeds:
        """What evaluating them takes."""

    def rules_for(self, campaign: Campaign, facts: Facts) -> Iterable[PressureRule]:
        """Those that a proposal of the campaign has to pass."""


def next_allowed(rule_results: Sequence[RuleResult], at: Instant, bound: Instant) -> Instant | None:
    """The earliest moment from `at` on at which all the rules let pass if nothing else happens; None: none up to `bound`.

    Rules that count only ever open; quiet hours return. So each rule in turn moves the moment to where it opens next, and
    a round that does not move it ends the search: no rule ever skipped a moment at which it was open.
    """
    while True:
        reached = at
        for rule_result in rule_results:
            opening = rule_result.rule.opens(rule_result, at, bound)
            if opening is None:
                return None
            at = opening
        if at == reached:
            return at
