"""The counters of a group: what its decisions may take of what all customers share, and what they took.

A store with one writer has every counter whole. On one with several a group takes one free row of a counter, waits for
nobody, and decides within that row's quota; a counter that is used up is known from reading it. Where that does not tell,
the group goes back to where it had no counter, waits for all rows of the counters that it needs, and decides anew.
"""

from collections.abc import Mapping, Sequence

from engine.instant import Instant
from engine.ledger import counters as ledger
from engine.ledger.rows import CounterRow, HoldingRow
from engine.ledger.store import Store
from engine.pressure.contact import Contact
from engine.pressure.counters import Key
from engine.pressure.quota import QuotaRule
from engine.settle.ask import Ask
from engine.settle.in_hand import InHand


class Short(Exception):
    """What the group has in hand of a counter does not tell whether one more may be made."""


class Counters:
    """The counters of one group, within its transaction."""

    def __init__(self, store: Store, asks: Sequence[Ask]) -> None:
        self._store, self._asks = store, asks
        self._in_hand: dict[Key, InHand] = {}
        self._needed: dict[Key, int] = {}
        """Those that the group must have whole, with their limits."""
        self._holdings: list[HoldingRow] = []
        self._latest: Instant = 0
        """The latest moment of the group; 0 until a counter is read."""
        self._looked: dict[tuple[Key, Instant], int] = {}

    def counted(self, key: Key, limit: int, now: Instant, drawn: int) -> int:
        """As `Counts` has it. Raises Short."""
        one = self._in_hand.get(key) or self._opened(key, limit)
        one.pass_to(now)
        if one.is_whole:
            one.limit = limit
        while one.left(limit) <= drawn and one.is_whole and one.more_due:
            self._read_due(key, one)
            one.pass_to(now)
        if one.left(limit) > drawn:
            return min(one.used + drawn, limit - 1)
        if not one.is_whole and not (one.is_used_up and one.used >= limit):
            self._needed[key] = limit
            raise Short
        return max(one.used + drawn, limit)

    def open(self, wanted: Mapping[Key, int]) -> None:
        """Reads counters that will be asked for, with their limits."""
        new = {key: limit for key, limit in wanted.items() if key not in self._in_hand}
        if not new:
            return
        if not self._latest:
            self._latest = max(ask.request.now for ask in self._asks)
            if self._store.shards > 1:
                self._store.mark()
        found: dict[Key, list[CounterRow]] = {key: [] for key in new}
        due = set()
        for row, is_due in ledger.read(self._store, list(new), self._latest):
            found[Key(row.counter, row.period)].append(row)
            if is_due:
                due.add(Key(row.counter, row.period))
        if self._store.shards == 1:
            for key, rows in found.items():
                self._have_whole(key, new[key], rows or [CounterRow(*key, 0, 0, 0, 0)], is_due=key in due)
        else:
            self._take_parts(new, found, due)

    def take(self, decision_id: str, position: int, contact: Contact, quotas: Sequence[QuotaRule]) -> None:
        """Counts a contact that is kept."""
        for rule in quotas:
            key = rule.key(contact.at)
            self._in_hand[key].take()
            self._holdings.append(HoldingRow(decision_id, position, *key, True, contact.expires_at))

    def start_again(self) -> None:
        """Gives up what is in hand, and waits for all of what turned out to be needed."""
        self._store.retreat()
        self._in_hand, self._holdings = {}, []
        found: dict[Key, list[CounterRow]] = {key: [] for key in self._needed}
        for row in ledger.lock_all(self._store, list(self._needed)):
            found[Key(row.counter, row.period)].append(row)
        for key, rows in found.items():
            self._have_whole(key, self._needed[key], rows, is_due=True)

    def seen(self, key: Key, now: Instant) -> int:
        """How many contacts count, for who only looks."""
        one = self._in_hand.get(key)
        if one is None:
            if (key, now) not in self._looked:
                self._looked[key, now] = ledger.seen(self._store, key, now)
            return self._looked[key, now]
        one.pass_to(now)
        return one.used

    def write(self) -> None:
        """Writes what was taken and given back."""
        every = self._in_hand.items()
        ledger.give_back(
            self._store,
            [(due.decision_id, due.position, key.rule) for key, one in every for due in one.given_back],
        )
        ledger.write(self._store, [row for _, one in every for row in one.written()])
        ledger.hold(self._store, self._holdings)

    def _opened(self, key: Key, limit: int) -> InHand:
        self.open({key: limit})
        return self._in_hand[key]

    def _take_parts(
        self, new: Mapping[Key, int], found: Mapping[Key, Sequence[CounterRow]], due: set[Key]
    ) -> None:
        """Of each counter one row, unless it is seen to be used up."""
        used = {key: sum(row.used for row in rows) for key, rows in found.items()}
        is_used_up = {key: used[key] >= limit and key not in due for key, limit in new.items()}
        wanted = [(*key, limit) for key, limit in new.items() if not is_used_up[key]]
        rows = ledger.lock_one(self._store, wanted) if wanted else []
        in_hand = {Key(row.counter, row.period): [row] for row in rows}
        for key, limit in new.items():
            one = InHand(limit, used[key], in_hand.get(key, ()), is_whole=False, is_used_up=is_used_up[key])
            self._in_hand[key] = one
            if key in due and one.rows:
                self._read_due(key, one)

    def _have_whole(self, key: Key, limit: int, rows: Sequence[CounterRow], *, is_due: bool) -> None:
        one = InHand(limit, sum(row.used for row in rows), rows, is_whole=True)
        self._in_hand[key] = one
        if is_due:
            self._read_due(key, one)

    def _read_due(self, key: Key, one: InHand) -> None:
        """The next holdings that are due at any moment of the group."""
        skip = len(one.given_back) + len(one.due)
        found = ledger.due(self._store, key, self._latest, skip=skip, shared=not one.is_whole)
        one.due.extend(found)
        one.more_due = len(found) == ledger.MOST_DUE


class Looked:
    """The counters for a preview: what they show, and nothing of them is taken."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters

    def counted(self, key: Key, limit: int, now: Instant, drawn: int) -> int:  # noqa: ARG002
        """As `Counts` has it."""
        return self._counters.seen(key, now) + drawn
