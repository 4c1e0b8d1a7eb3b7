"""The counters that all customers share, in a simulation that keeps them in memory: as the log counts them."""

from collections import Counter
from collections.abc import Sequence

from engine.decide.compiled import CompiledBook
from engine.decide.pressure.counters import QuotaKey, Taken, nth_expiry, total
from engine.decide.pressure.quotas import QuotaRule
from engine.ledger.queries.quotas import MOST_DUE
from engine.model.instant import Instant


class SimulatedCounts:
    """Counters that visits take from in order of time, as `QuotaCounts` reads them."""

    def __init__(self, compiled: CompiledBook) -> None:
        rules = (
            rule
            for own in compiled.compiled_campaigns
            for on in own.campaign_channels.values()
            for rule in on.quotas
            if rule.amount <= rule.limit  # others never have room
        )
        self._rules = list({(rule.counter, rule.amount): rule for rule in rules}.values())
        """One for each counter and amount that a contact takes of it."""
        self._used: Counter[QuotaKey] = Counter()
        self._held: dict[QuotaKey, Counter[Taken]] = {}
        """What ends by itself, and how many contacts hold it."""

    def take(
        self, rules: Sequence[QuotaRule], now: Instant, expires_at: Instant | None, contacts: int = 1
    ) -> None:
        """Counts contacts that are made."""
        for rule in rules:
            key = rule.key(now)
            self._used[key] += rule.amount * contacts
            if expires_at is not None:
                self._held.setdefault(key, Counter())[Taken(expires_at, rule.amount)] += contacts

    def room(self, now: Instant) -> dict[QuotaKey, dict[int, int]]:
        """By counter and amount that a contact takes: how much may be taken until it has no room; below 0: it has none."""
        room: dict[QuotaKey, dict[int, int]] = {}
        for rule in self._rules:
            key = rule.key(now)
            room.setdefault(key, {})[rule.amount] = rule.limit - rule.amount - self._used_at(key, now)
        return room

    def counted(self, key: QuotaKey, limit: int, now: Instant, drawn: Sequence[Taken], amount: int) -> int:
        """See `QuotaCounts.counted`."""
        used = self._used_at(key, now) + total(drawn)
        return min(used, limit - amount) if used + amount <= limit else max(used, limit - amount + 1)

    def given_back(
        self, key: QuotaKey, excess: int, now: Instant, drawn: Sequence[Taken], amount: int
    ) -> Instant | None:
        """See `QuotaCounts.given_back`; not known where the log would not know it."""
        held = sorted(
            (taken.expires_at or 0, taken.amount, contacts)
            for taken, contacts in self._held.get(key, Counter()).items()
            if taken.expires_at is not None and taken.expires_at > now
        )
        needed, ending = 0, 0
        for _, of_contact, contacts in held:
            if ending >= excess:
                break
            few = min(contacts, -(-(excess - ending) // of_contact))
            needed, ending = needed + few, ending + few * of_contact
        number = -(-excess // amount)
        while number < needed:
            number *= 2
        if number > MOST_DUE:
            return None
        return nth_expiry(
            [*(Taken(at, of_contact * contacts) for at, of_contact, contacts in held), *drawn], excess
        )

    def _used_at(self, key: QuotaKey, now: Instant) -> int:
        """What counts at the moment, after what has ended was given back."""
        held = self._held.get(key)
        if held:
            ended = [taken for taken in held if taken.expires_at is not None and taken.expires_at <= now]
            for taken in ended:
                self._used[key] -= taken.amount * held.pop(taken)
        return self._used[key]
