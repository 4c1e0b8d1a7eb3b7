"""Counters that all customers share, as an evaluation reads them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from engine.model.instant import SECOND, Instant, Microseconds
from engine.rulebook.model.policies import Period

RATES = ("/hour", "/minute")
"""At the end of the names of counters of a capacity that begins anew with each hour or minute."""


KINDS: Mapping[Period | None, Microseconds] = {Period.WEEK: 1, Period.MONTH: 2}
"""What is added to the beginning of a period, so that a day, a week and a month that begin together are three counters."""


class QuotaKey(NamedTuple):
    """A counter in one period."""

    counter: str
    """The rule's name, with the period at its end where that is an hour or a minute."""
    period: Instant
    """When the period began, apart by its kind (KINDS); 0 for what counts for good."""

    @property
    def rule(self) -> str:
        """The name of the rule that it counts for."""
        for rate in RATES:
            if self.counter.endswith(rate):
                return self.counter.removesuffix(rate)
        return self.counter

    @property
    def length(self) -> Microseconds:
        """How long its period is, where it is an hour or a minute; otherwise 0."""
        return next((length for rate, length in _RATE_LENGTHS if self.counter.endswith(rate)), 0)

    def current(self, at: Instant) -> "QuotaKey":
        """The same counter in the hour or minute of the instant, not before this one; itself if it has no such period."""
        length = self.length
        return self._replace(period=at - (at - self.period) % length) if length else self


_RATE_LENGTHS = tuple(zip(RATES, (3600 * SECOND, 60 * SECOND), strict=True))


class QuotaCounts(Protocol):
    """Reads counters for an evaluation that may make contacts."""

    def counted(self, key: QuotaKey, limit: int, now: Instant, drawn: int) -> int:
        """How many contacts count, including those that the evaluation has drawn and not committed yet.

        Below the limit if, and only if, one more may be made.
        """

    def given_back(
        self, key: QuotaKey, number: int, now: Instant, drawn: Sequence[Instant | None]
    ) -> Instant | None:
        """When so many of the contacts that count have stopped counting, if nothing else happens; None: not known.

        drawn: when those expire that the evaluation has drawn; None: not by themselves.
        """


class NoQuotaCounts:
    """Counters that are all at 0."""

    def counted(self, key: QuotaKey, limit: int, now: Instant, drawn: int) -> int:  # noqa: ARG002 as QuotaCounts
        """What the evaluation has drawn."""
        return drawn

    def given_back(  # as QuotaCounts
        self,
        key: QuotaKey,  # noqa: ARG002
        number: int,
        now: Instant,  # noqa: ARG002
        drawn: Sequence[Instant | None],
    ) -> Instant | None:
        """When so many of those that the evaluation has drawn expire."""
        return nth_expiry(drawn, number)


def nth_expiry(expiries: Iterable[Instant | None], number: int) -> Instant | None:
    """When so many of the contacts have expired; None where too few of them expire by themselves."""
    known = sorted(expires_at for expires_at in expiries if expires_at is not None)
    return known[number - 1] if number <= len(known) else None


NO_QUOTA_COUNTS = NoQuotaCounts()


class LoggedQuotaCounts:
    """The counters as a logged decision read them; those that it did not read are at 0."""

    def __init__(self, at: Instant, seen: Iterable[tuple[str, int | None, Instant | None]]) -> None:
        """seen: the rules that it evaluated, in order, each with what it counted then, and its next moment if it blocked."""
        self._at = at
        self._seen: dict[str, list[int]] = {}
        self._openings: dict[str, list[Instant | None]] = {}
        for rule, counted, opening in seen:
            of_rule = self._seen.setdefault(rule, [])
            if counted is not None and counted not in of_rule:
                of_rule.append(counted)
                self._openings.setdefault(rule, []).append(opening)

    def counted(self, key: QuotaKey, limit: int, now: Instant, drawn: int) -> int:
        """What the decision read after it had drawn as many, until its next moment; in a later period, what is drawn."""
        seen = self._seen.get(key.rule)
        if not seen or key.period > self._at:
            return drawn
        index = min(drawn, len(seen) - 1)
        opening = self._openings[key.rule][index]
        return seen[index] if opening is None or now < opening else min(seen[index], limit - 1)

    def given_back(
        self,
        key: QuotaKey,
        number: int,  # noqa: ARG002 as QuotaCounts
        now: Instant,  # noqa: ARG002
        drawn: Sequence[Instant | None],
    ) -> Instant | None:
        """The next moment that the decision read."""
        openings = self._openings.get(key.rule)
        return openings[min(len(drawn), len(openings) - 1)] if openings else None
