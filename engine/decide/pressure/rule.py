"""What every rule of contact pressure is: a small object with a pure verdict on one customer at one moment."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from engine.decide.pressure.counters import NO_QUOTA_COUNTS, QuotaCounts, QuotaKey
from engine.decide.pressure.windows import ZoneSet
from engine.model.contact import Contact
from engine.model.decision import ReasonCode, RuleKind
from engine.model.instant import DAY, Instant
from engine.model.outcome import PastOutcome
from engine.model.values import Attributes

HORIZON = 400 * DAY
"""No next moment is named further ahead than this."""


class RuleInput(NamedTuple):
    """What rules look at."""

    now: Instant
    history: Sequence[Contact]
    """The customer's contacts that may still count, in any order."""
    attributes: Attributes
    """For wishes."""
    zones: ZoneSet
    """Where the customer may be; empty where no rule of the book goes by the customer's clock."""
    counts: QuotaCounts = NO_QUOTA_COUNTS
    """What all customers share."""
    drawn: Mapping[QuotaKey, int] = {}
    """What this one has taken of it by contacts that are not kept yet."""
    outcomes: Sequence[PastOutcome] = ()
    """What happened to the customer's messages, of those types that some rule of the book looks at; in any order."""


class RuleResult(NamedTuple):
    """How a rule stands for one proposal."""

    rule: "PressureRule"
    blocks: bool
    next_allowed_at: Instant | None
    """The earliest moment from now on at which it lets the proposal pass if nothing else happens; None: not within
    the horizon."""
    counted: int | None = None
    limit: int | None = None
    zones: ZoneSet = ()
    """On whose clocks it was read."""


class PressureRule(Protocol):
    """One rule; it applies to the proposals of the routes that it was compiled into."""

    @property
    def name(self) -> str:
        """Unique in the book."""

    @property
    def kind(self) -> RuleKind:
        """What it is."""

    @property
    def code(self) -> ReasonCode:
        """What it gives as the cause when it blocks."""

    @property
    def window(self) -> str:
        """When, as a book would write it."""

    def evaluate(self, case: RuleInput) -> RuleResult:
        """How it stands."""

    def opens(self, rule_result: RuleResult, at: Instant, bound: Instant) -> Instant | None:
        """The earliest moment, `at` or later, at which it lets pass; None: none up to `bound`."""


def next_allowed(rule_results: Sequence[RuleResult], now: Instant) -> Instant | None:
    """The earliest moment from now on at which all the rules let pass if nothing else happens; None beyond the horizon.

    Rules that count only ever open; quiet comes back. So each rule in turn moves the moment to where it opens next, and
    when a round moves it no more it is the earliest: no rule ever skipped one at which it was open.
    """
    at, bound = now, now + HORIZON
    while True:
        reached = at
        for rule_result in rule_results:
            found = rule_result.rule.opens(rule_result, at, bound)
            if found is None:
                return None
            at = found
        if at == reached:
            return at
