"""Counts what all customers share, such as stock, within one group's transaction.

Holdings are given back up to `Request.elapsed`, never beyond the server's clock: a simulated `now` must not change what
others see. A preview counts what would be given back by its moment, and gives back nothing.

Where a counter has several shards, a group first locks one that no other transaction has. Where that does not decide, the
transaction goes back to before its first counter, locks all shards of those it turned out to need, and decides anew.
"""

import heapq
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, NoReturn, TypeVar

from engine.decide.pressure.counters import QuotaKey, Taken, nth_expiry, total
from engine.decide.pressure.quotas import QuotaRule
from engine.ledger.commit.balances import QuotaBalance
from engine.ledger.queries import new_counters
from engine.ledger.queries import quotas as queries
from engine.ledger.queries.quotas import DueHolding
from engine.ledger.store.rows import CounterRow, HoldingRow
from engine.ledger.store.store import Store
from engine.model.contact import Contact
from engine.model.instant import Instant

_T = TypeVar("_T")


_MOST_PENDING = 64
"""Holdings that are read to say when the next of them ends; more where more have to end."""


class QuotaUndecided(Exception):
    """The shards in hand do not tell whether one more contact may be made."""


class QuotaLimit(NamedTuple):
    """The limit of a counter, and the least that a contact takes for which it is read."""

    limit: int
    amount: int = 1


class UnruledContact(NamedTuple):
    """A contact that is kept, for whose counters its book has no rule: they are of another version of the book."""

    decision_id: str
    position: int
    contact: Contact
    counters: Mapping[str, int]
    """The names of the counters, and what the contact takes of each."""
    until: Instant
    """The moment of the decision, or the server's clock where that is earlier."""


class Quotas:
    """The counters of one group, within its transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._balances: dict[QuotaKey, QuotaBalance] = {}
        self._whole: dict[QuotaKey, int | None] = {}
        """The counters of which the group must have all shards, with their limits; None: as they are divided."""
        self._holdings: list[HoldingRow] = []
        self._is_marked = False
        self._latest: Instant = 0
        """The latest moment up to which a decision of the group gives holdings back."""
        self._peeked: dict[tuple[QuotaKey, Instant], int] = {}
        self._pending: dict[QuotaKey, tuple[Instant, Sequence[DueHolding], bool]] = {}
        """Holdings that end later than a moment: the moment, the first of them, and whether these are all."""
        self._due_amounts: dict[tuple[QuotaKey, Instant], int] = {}
        self._reported: Mapping[tuple[str, int], bool] = {}
        self._made: Sequence[UnruledContact] = ()
        """Contacts that were made elsewhere, and reported."""
        self._is_adjusted = True

    def adjust(self, counts: Mapping[tuple[str, int], bool], made: Sequence[UnruledContact] = ()) -> None:
        """Follows reported contacts: gives back what those hold that no longer count, takes again what those held that do.

        counts: by decision_id and position, whether the contact counts from now on. made: those that were made elsewhere,
        which take what any contact takes. Applied before the first decision, or when the quotas are written.
        """
        self._reported, self._made, self._is_adjusted = counts, made, not (counts or made)

    def attempt(self, decide: Callable[[], _T], latest: Instant = 0) -> _T:
        """The result of `decide`, which is called again with more shards in hand for as long as it raises QuotaUndecided.

        latest: the latest moment up to which one of its decisions gives holdings back.
        """
        self._latest = latest
        while True:
            try:
                if not self._is_adjusted:
                    self._adjust()
                return decide()
            except QuotaUndecided:
                self._start_again()

    def counted(self, key: QuotaKey, limit: int, now: Instant, drawn: Sequence[Taken], amount: int) -> int:
        """See `QuotaCounts.counted`. Raises QuotaUndecided."""
        balance = self._balances.get(key) or self._opened(key, QuotaLimit(limit, amount))
        if balance.is_whole:
            balance.limit = limit
        in_hand = total(drawn)
        needed = in_hand + amount
        self._pass(key, balance, now)
        while balance.left(limit) < needed and balance.is_whole and balance.more_due:
            balance.is_due = True
            self._pass(key, balance, now)
        if balance.left(limit) >= needed:
            if amount > 1 and balance.used + needed > limit:
                # the sum was read without the locks; a replay knows one number for amounts that differ
                self._need_whole(key, limit)
            return min(balance.used + in_hand, limit - amount)
        if not balance.is_whole and not (balance.is_used_up and balance.used + amount > limit):
            self._need_whole(key, limit)
        return max(balance.used + in_hand, limit - amount + 1)

    def open(self, limits: Mapping[QuotaKey, QuotaLimit]) -> None:
        """Reads counters that are likely to be needed, all at once, with their limits."""
        self._open(limits)

    def take(self, decision_id: str, position: int, contact: Contact, quotas: Sequence[QuotaRule]) -> None:
        """Counts a contact that is kept."""
        for rule in quotas:
            self._take(decision_id, position, contact, rule.key(contact.at), rule.amount)

    def follow(self, contacts: Sequence[UnruledContact]) -> None:
        """Counts contacts for counters that their book has no rule for and the log has. Raises QuotaUndecided.

        Of a period that began and whose end is not known here, which that of hours and minutes is, a contact of a simulated
        future takes nothing: others see it.
        """
        plans = {id(contact.counters): contact.counters for contact in contacts}
        known = new_counters.known(self._store, sorted(set().union(*plans.values())))
        if not known:
            return
        by_plan = {(id(contact.counters), contact.contact.at): contact.counters for contact in contacts}
        names = {(name, at) for (_, at), counters in by_plan.items() for name in known.intersection(counters)}
        latest = new_counters.latest(self._store, sorted(names))
        keys = {(name, at): key.current(at) for (name, at), key in latest.items()}
        self._open(dict.fromkeys(keys.values()))
        takes = {
            (plan, at): [(keys[name, at], amount) for name, amount in counters.items() if (name, at) in keys]
            for (plan, at), counters in by_plan.items()
        }
        for decision_id, position, contact, counters, until in contacts:
            for key, amount in takes[id(counters), contact.at]:
                if key.length or not key.period or contact.at <= until:
                    self._make_room(key, amount)
                    self._take(decision_id, position, contact, key, amount)

    def _take(self, decision_id: str, position: int, contact: Contact, key: QuotaKey, amount: int) -> None:
        balance = self._balances[key]
        balance.take(amount)
        if contact.expires_at is not None:
            heapq.heappush(balance.own, (contact.expires_at, len(self._holdings)))
        self._holdings.append(HoldingRow(decision_id, position, *key, True, contact.expires_at, amount))

    def peek(self, key: QuotaKey, now: Instant) -> int:
        """What counts, without locking or giving back anything."""
        balance = self._balances.get(key)
        if balance is None:
            if (key, now) not in self._peeked:
                self._peeked[key, now] = queries.peek(self._store, key, now)
            return self._peeked[key, now]
        if (key, now) not in self._due_amounts:
            self._due_amounts[key, now] = queries.sum_due(self._store, key, now)
        given_back = sum(holding.amount for holding in balance.given_back if holding.expires_at <= now)
        own = sum(self._holdings[index].amount for expires_at, index in balance.own if expires_at <= now)
        return max(0, balance.used - (self._due_amounts[key, now] - given_back) - own)

    def given_back(
        self, key: QuotaKey, excess: int, now: Instant, drawn: Sequence[Taken], amount: int
    ) -> Instant | None:
        """See `QuotaCounts.given_back`; not known where more than a thousand have to be given back."""
        balance = self._balances.get(key)
        gone = set(balance.given_back) if balance else set()
        own = [Taken(at, self._holdings[index].amount) for at, index in balance.own] if balance else []
        number = -(-excess // amount)
        while number <= queries.MOST_DUE:
            stored = self._pending_after(key, number + len(gone), now)
            still = [Taken(holding.expires_at, holding.amount) for holding in stored if holding not in gone]
            if total(still) >= excess or len(stored) < number + len(gone):
                later = [taken for taken in own if taken.expires_at is not None and taken.expires_at > now]
                return nth_expiry([*still, *later, *drawn], excess)
            number *= 2  # these have taken less than the contact would take
        return None

    def _pending_after(self, key: QuotaKey, number: int, now: Instant) -> Sequence[DueHolding]:
        """The stored holdings that end after the moment, the first of them and at least so many; read once for the group."""
        since, known, is_all = self._pending.get(key, (now + 1, (), False))
        later = [holding for holding in known if holding.expires_at > now]
        if now < since or (len(later) < number and not is_all):
            most = max(number, _MOST_PENDING)
            later = queries.pending(self._store, key, now, most)
            self._pending[key] = (now, later, len(later) < most)
        return later

    def write(self) -> None:
        """Writes what was taken and given back."""
        if not self._is_adjusted:
            self.attempt(lambda: None)
        queries.give_back(
            self._store,
            [
                (holding.decision_id, holding.position, key.counter)
                for key, balance in self._balances.items()
                for holding in balance.given_back
            ],
        )
        queries.write(self._store, [row for balance in self._balances.values() for row in balance.written()])
        queries.hold(self._store, self._holdings)

    def _adjust(self) -> None:
        """See `adjust`. Raises QuotaUndecided."""
        self._mark()
        moves: dict[QuotaKey, int] = {}
        kept: list[queries.HoldingKey] = []
        given_back: list[queries.HoldingKey] = []
        for holding in self._locked_holdings(list(self._reported)):
            counts = self._reported[holding.decision_id, holding.position]
            (kept if counts else given_back).append((holding.decision_id, holding.position, holding.counter))
            if counts is not bool(holding.counted):
                key = QuotaKey(holding.counter, holding.period)
                moves[key] = moves.get(key, 0) + (holding.amount if counts else -holding.amount)
        queries.keep(self._store, kept)
        queries.give_back(self._store, given_back)
        moves = self._present({key: amount for key, amount in moves.items() if amount})
        self._open(dict.fromkeys(moves))
        for key, amount in moves.items():
            self._make_room(key, amount)
            self._balances[key].take(amount)
        if self._made:
            self.follow(self._made)
        self._is_adjusted = True

    def _present(self, moves: Mapping[QuotaKey, int]) -> dict[QuotaKey, int]:
        """Without those of hours and minutes that were purged."""
        rates = [key for key in moves if key.length]
        gone = set(rates) - new_counters.present(self._store, rates) if rates else set()
        return {key: amount for key, amount in moves.items() if key not in gone}

    def _make_room(self, key: QuotaKey, amount: int) -> None:
        """Makes sure that so much more, whatever the limit, leave no shard with more than its quota."""
        balance = self._balances[key]
        if not balance.is_whole and (not balance.rows or balance.left(balance.limit) < amount):
            self._need_whole(key, None)

    def _start_again(self) -> None:
        """Gives up everything in hand, and waits for all shards of the counters that turned out to be needed."""
        self._store.retreat()
        self._balances, self._holdings = {}, []
        self._is_adjusted = not (self._reported or self._made)
        self._peeked, self._due_amounts = {}, {}  # others may have committed meanwhile
        self._pending = {}
        rows_by_key: dict[QuotaKey, list[CounterRow]] = {key: [] for key in self._whole}
        for row in queries.lock_all(self._store, list(self._whole)):
            rows_by_key[QuotaKey(row.counter, row.period)].append(row)
        for key, rows in rows_by_key.items():
            self._have_whole(key, self._whole[key], rows, is_due=True)

    def _mark(self) -> None:
        """Marks the state to go back to, before the first counter is read."""
        if not self._is_marked:
            self._is_marked = True
            if self._store.shards > 1:
                self._store.mark()

    def _need_whole(self, key: QuotaKey, limit: int | None) -> NoReturn:
        self._whole[key] = limit
        raise QuotaUndecided

    def _locked_holdings(self, contacts: Sequence[tuple[str, int]]) -> Sequence[HoldingRow]:
        """What the contacts hold and held. Raises QuotaUndecided where another transaction is about to give it back."""
        held = queries.holdings(self._store, contacts)
        if not held or self._store.shards == 1:
            return held
        free = queries.holdings(self._store, contacts, free=True)
        others = {row[:3] for row in held}.difference(row[:3] for row in free)
        for row in held:
            if row[:3] in others:
                self._need_whole(QuotaKey(row.counter, row.period), None)
        return free

    def _opened(self, key: QuotaKey, limit: QuotaLimit) -> QuotaBalance:
        self._open({key: limit})
        return self._balances[key]

    def _open(self, limits: Mapping[QuotaKey, QuotaLimit | None]) -> None:
        new = {key: limit for key, limit in limits.items() if key not in self._balances}
        if not new:
            return
        self._mark()
        rows_by_key: dict[QuotaKey, list[CounterRow]] = {key: [] for key in new}
        due = set()
        for row, is_due in queries.read(self._store, list(new), self._latest):
            key = QuotaKey(row.counter, row.period)
            rows_by_key[key].append(row)
            if is_due:
                due.add(key)
        if self._store.shards == 1:
            for key, rows in rows_by_key.items():
                quota = new[key]
                limit = None if quota is None else quota.limit
                self._have_whole(key, limit, rows or [CounterRow(*key, 0, 0, 0, 0)], is_due=key in due)
        else:
            self._have_one_shard(new, rows_by_key, due)

    def _have_one_shard(
        self,
        new: Mapping[QuotaKey, QuotaLimit | None],
        rows_by_key: Mapping[QuotaKey, Sequence[CounterRow]],
        due: set[QuotaKey],
    ) -> None:
        """Locks one shard of each counter, unless the counter is seen to be used up."""
        used = {key: sum(row.used for row in rows) for key, rows in rows_by_key.items()}
        used_up = {
            key for key, limit in new.items() if limit is not None and used[key] + limit.amount > limit.limit
        } - due
        divided = [
            (*key, -1 if limit is None else limit.limit) for key, limit in new.items() if key not in used_up
        ]
        locked = queries.lock_one(self._store, divided) if divided else []
        shards = {QuotaKey(row.counter, row.period): [row] for row in locked}
        for key, quota in new.items():
            rows = shards.get(key, [])
            limit = _divided(rows) if quota is None else quota.limit
            room = sum(row.quota - row.used for row in rows)
            self._balances[key] = QuotaBalance(
                limit,
                min(used[key], limit - room)
                if rows
                else used[key],  # others may have given back since it was read
                rows,
                is_whole=False,
                is_used_up=key in used_up,
                is_due=key in due and bool(rows),
            )

    def _have_whole(
        self, key: QuotaKey, limit: int | None, rows: Sequence[CounterRow], *, is_due: bool
    ) -> None:
        limit = _divided(rows) if limit is None else limit
        self._balances[key] = QuotaBalance(limit, sum(row.used for row in rows), rows, True, is_due=is_due)

    def _pass(self, key: QuotaKey, balance: QuotaBalance, now: Instant) -> None:
        """Gives back what is due at the moment; the next holdings that are due at any moment of the group are read once."""
        if balance.is_due:
            balance.is_due = False
            skip = len(balance.given_back) + len(balance.due)
            due = queries.due(self._store, key, self._latest, skip=skip)
            balance.due.extend(due)
            balance.more_due = len(due) == queries.MOST_DUE
        balance.pass_to(now)
        while balance.own and balance.own[0][0] <= now:
            _, index = heapq.heappop(balance.own)
            self._holdings[index] = self._holdings[index]._replace(counted=False, expires_at=None)
            balance.take(-self._holdings[index].amount)


def _divided(rows: Sequence[CounterRow]) -> int:
    """The limit by which a counter is divided."""
    return rows[0].divided if rows else 0


class QuotaCommit:
    """The counters for one decision that is committed.

    elapsed: the moment up to which it gives back what others hold.
    """

    def __init__(self, quotas: Quotas, elapsed: Instant) -> None:
        self._quotas, self._elapsed = quotas, elapsed

    def counted(self, key: QuotaKey, limit: int, now: Instant, drawn: Sequence[Taken], amount: int) -> int:
        """See `QuotaCounts.counted`. Raises QuotaUndecided."""
        return self._quotas.counted(key, limit, min(now, self._elapsed), drawn, amount)

    def given_back(
        self, key: QuotaKey, excess: int, now: Instant, drawn: Sequence[Taken], amount: int
    ) -> Instant | None:
        """See `QuotaCounts.given_back`; not before the moment of the request, should that be simulated."""
        moment = self._quotas.given_back(key, excess, min(now, self._elapsed), drawn, amount)
        return None if moment is None else max(moment, now)


class QuotaPreview:
    """The counters for a preview: they are looked at, and nothing of them is taken."""

    def __init__(self, quotas: Quotas) -> None:
        self._quotas = quotas

    def counted(  # as QuotaCounts
        self,
        key: QuotaKey,
        limit: int,  # noqa: ARG002
        now: Instant,
        drawn: Sequence[Taken],
        amount: int,  # noqa: ARG002
    ) -> int:
        """See `QuotaCounts.counted`."""
        return self._quotas.peek(key, now) + total(drawn)

    def given_back(
        self, key: QuotaKey, excess: int, now: Instant, drawn: Sequence[Taken], amount: int
    ) -> Instant | None:
        """See `QuotaCounts.given_back`."""
        return self._quotas.given_back(key, excess, now, drawn, amount)
