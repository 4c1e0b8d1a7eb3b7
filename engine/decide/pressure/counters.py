"""Counters that all customers share: what a proposal may still take from them."""

from collections.abc import Iterable
from typing import NamedTuple, Protocol

from engine.model.instant import Instant


class QuotaKey(NamedTuple):
    """A counter: what one rule counts in one period."""

    rule: str
    period: Instant
    """When the period began; 0 for what is counted for good."""


class QuotaCounts(Protocol):
    """The counters as they are for whoever is about to make a contact."""

    def counted(self, key: QuotaKey, limit: int, now: Instant, drawn: int) -> int:
        """How many contacts count, with those that the asker has drawn and not kept yet.

        Below the limit if, and only if, one more may be made.
        """


class NoQuotaCounts:
    """Counters from which nobody has taken anything."""

    def counted(self, key: QuotaKey, limit: int, now: Instant, drawn: int) -> int:  # noqa: ARG002 as Counts says
        """What the asker has drawn."""
        return drawn


NO_QUOTA_COUNTS = NoQuotaCounts()


class LoggedQuotaCounts:
    """The counters as a decision of the past saw them; what it did not look at, nobody had taken from."""

    def __init__(self, at: Instant, seen: Iterable[tuple[str, int | None]]) -> None:
        """seen: the rules that it looked at, in order, each with what it counted then."""
        self._at = at
        self._seen: dict[str, list[int]] = {}
        for rule, counted in seen:
            of_rule = self._seen.setdefault(rule, [])
            if counted is not None and counted not in of_rule:
                of_rule.append(counted)

    def counted(self, key: QuotaKey, limit: int, now: Instant, drawn: int) -> int:  # noqa: ARG002 as Counts says
        """What it saw after it had drawn as many; in a period that had not begun, what is drawn."""
        seen = self._seen.get(key.rule)
        return drawn if not seen or key.period > self._at else seen[min(drawn, len(seen) - 1)]
