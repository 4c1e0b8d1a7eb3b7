"""Counters that all customers share, as an evaluation reads them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from engine.model.instant import SECOND, Instant, Microseconds
from engine.rulebook.model.policies import Period

RATES = ("/hour", "/minute")
"""At the end of the names of counters of a capacity that begins anew with each hour or minute."""


OF_PLACES = "/capacity_each"
"""Ends the name of the rule of a capacity of places; behind it the counters of the rule name the place."""

KINDS: Mapping[Period | None, Microseconds] = {
    Period.WEEK: 1,
    Period.MONTH: 2,
    Period.QUARTER: 3,
    Period.YEAR: 4,
}
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
        name, of_places, _ = self.counter.partition(OF_PLACES)
        if of_places:
            return f"{name}{OF_PLACES}"
        for rate in RATES:
            if self.counter.endswith(rate):
                return self.counter.removesuffix(rate)
        return self.counter

    @property
    def length(self) -> Microseconds:
        """How long its period is, where it is an hour or a minute; otherwise 0."""
        counter, of_places, rest = self.counter.partition(OF_PLACES)
        rated = rest.partition(":")[0] if of_places else counter
        return next((length for rate, length in _RATE_LENGTHS if rated.endswith(rate)), 0)

    def current(self, at: Instant) -> "QuotaKey":
        """The same counter in the hour or minute of the instant, not before this one; itself if it has no such period."""
        length = self.length
        return self._replace(period=at - (at - self.period) % length) if length else self


class Taken(NamedTuple):
    """What one contact has taken from a counter."""

    expires_at: Instant | None
    """When it is given back by itself; None: never."""
    amount: int = 1
    """1 of contacts that are counted, the cost in millionths of the book's currency where costs are added up."""


_RATE_LENGTHS = tuple(zip(RATES, (3600 * SECOND, 60 * SECOND), strict=True))


class QuotaCounts(Protocol):
    """Reads counters for an evaluation that may make contacts."""

    def counted(self, key: QuotaKey, limit: int, now: Instant, drawn: Sequence[Taken], amount: int) -> int:
        """What the contacts have taken, including those that the evaluation has drawn and not committed yet.

        With the amount it is at most the limit if, and only if, a contact that takes the amount may be made.
        """

    def given_back(
        self, key: QuotaKey, excess: int, now: Instant, drawn: Sequence[Taken], amount: int
    ) -> Instant | None:
        """When so much of what counts has been given back, if nothing else happens; None: not known.

        drawn: what the evaluation has drawn. amount: what the contact takes for which there has to be room.
        """


class NoQuotaCounts:
    """Counters that are all at 0."""

    def counted(  # as QuotaCounts
        self,
        key: QuotaKey,  # noqa: ARG002
        limit: int,  # noqa: ARG002
        now: Instant,  # noqa: ARG002
        drawn: Sequence[Taken],
        amount: int,  # noqa: ARG002
    ) -> int:
        """What the evaluation has drawn."""
        return total(drawn)

    def given_back(  # as QuotaCounts
        self,
        key: QuotaKey,  # noqa: ARG002
        excess: int,
        now: Instant,  # noqa: ARG002
        drawn: Sequence[Taken],
        amount: int,  # noqa: ARG002
    ) -> Instant | None:
        """When so much of what the evaluation has drawn expires."""
        return nth_expiry(drawn, excess)


def total(taken: Iterable[Taken]) -> int:
    """What the contacts have taken together."""
    return sum(contact.amount for contact in taken)


def nth_expiry(taken: Iterable[Taken], excess: int) -> Instant | None:
    """When so much of what was taken has expired; None where too little of it expires by itself."""
    known = sorted((expires_at, amount) for expires_at, amount in taken if expires_at is not None)
    given_back = 0
    for expires_at, amount in known:
        given_back += amount
        if given_back >= excess:
            return expires_at
    return None


NO_QUOTA_COUNTS = NoQuotaCounts()


class CountsAsRead(NoQuotaCounts):
    """Counters as they were read once, by key; those that are missing are at 0. When they are given back is not known."""

    def __init__(self, read: Mapping[QuotaKey, int]) -> None:
        self._read = read

    def counted(self, key: QuotaKey, limit: int, now: Instant, drawn: Sequence[Taken], amount: int) -> int:
        """What was read, and what the evaluation has drawn."""
        return self._read.get(key, 0) + super().counted(key, limit, now, drawn, amount)


class LoggedQuotaCounts:
    """The counters as a logged decision read them; those that it did not read are at 0."""

    def __init__(self, at: Instant, seen: Iterable["SeenCount"]) -> None:
        """seen: the rules that it evaluated, in order."""
        self._at = at
        self._seen: dict[str, list[int]] = {}
        self._openings: dict[tuple[str, int, int], Instant | None] = {}
        """By rule, what it counted and the amount."""
        for rule, counted, opening, amount in seen:
            of_rule = self._seen.setdefault(rule, [])
            if counted is not None:
                self._openings.setdefault((rule, counted, amount), opening)
                if counted not in of_rule:
                    of_rule.append(counted)

    def counted(self, key: QuotaKey, limit: int, now: Instant, drawn: Sequence[Taken], amount: int) -> int:
        """What the decision read after it had drawn as many, until its next moment; in a later period, what is drawn."""
        seen = self._seen.get(key.rule)
        if not seen or key.period > self._at:
            return total(drawn)
        counted = seen[min(len(drawn), len(seen) - 1)]
        opening = self._openings.get((key.rule, counted, amount))
        return counted if opening is None or now < opening else min(counted, limit - amount)

    def given_back(
        self,
        key: QuotaKey,
        excess: int,  # noqa: ARG002 as QuotaCounts
        now: Instant,  # noqa: ARG002
        drawn: Sequence[Taken],
        amount: int,
    ) -> Instant | None:
        """The next moment that the decision read."""
        seen = self._seen.get(key.rule)
        if not seen:
            return None
        return self._openings.get((key.rule, seen[min(len(drawn), len(seen) - 1)], amount))


class SeenCount(NamedTuple):
    """What a logged decision read of a rule."""

    rule: str
    counted: int | None
    next_allowed_at: Instant | None
    """If it blocked."""
    amount: int = 1
    """What the proposal would have taken."""
