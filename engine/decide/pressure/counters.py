"""Counters that all customers share, as an evaluation reads them."""

from collections.abc import Iterable
from typing import NamedTuple, Protocol

from engine.model.instant import Instant


class QuotaKey(NamedTuple):
    """A counter: one rule in one period."""

    rule: str
    period: Instant
    """When the period began; 0 for what counts for good."""


class QuotaCounts(Protocol):
    """Reads counters for an evaluation that may make contacts."""

    def counted(self, key: QuotaKey, limit: int, now: Instant, drawn: int) -> int:
        """How many contacts count, including those that the evaluation has drawn and not committed yet.

        Below the limit if, and only if, one more may be made.
        """


class NoQuotaCounts:
    """Counters that are all at 0."""

    def counted(self, key: QuotaKey, limit: int, now: Instant, drawn: int) -> int:  # noqa: ARG002 as QuotaCounts
        """What the evaluation has drawn."""
        return drawn


NO_QUOTA_COUNTS = NoQuotaCounts()


class LoggedQuotaCounts:
    """The counters as a logged decision read them; those that it did not read are at 0."""

    def __init__(self, at: Instant, seen: Iterable[tuple[str, int | None]]) -> None:
        """seen: the rules that it evaluated, in order, each with what it counted then."""
        self._at = at
        self._seen: dict[str, list[int]] = {}
        for rule, counted in seen:
            of_rule = self._seen.setdefault(rule, [])
            if counted is not None and counted not in of_rule:
                of_rule.append(counted)

    def counted(self, key: QuotaKey, limit: int, now: Instant, drawn: int) -> int:  # noqa: ARG002 as QuotaCounts
        """What the decision read after it had drawn as many; in a later period, what is drawn."""
        seen = self._seen.get(key.rule)
        return drawn if not seen or key.period > self._at else seen[min(drawn, len(seen) - 1)]
