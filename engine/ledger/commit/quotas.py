"""One counter inside a transaction: what is used, what may still be taken, and what is to be written of it."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NoReturn

from engine.decide.evaluate import Evaluation
from engine.decide.pressure.counters import QuotaKey
from engine.decide.pressure.quotas import QuotaRule
from engine.ledger.queries import quotas as ledger
from engine.ledger.queries.quotas import Due
from engine.ledger.store.rows import CounterRow, HoldingRow
from engine.ledger.store.store import Store
from engine.model.contact import Contact
from engine.model.instant import Instant


@dataclass(slots=True)
class QuotaBalance:
    """A counter as far as the transaction has it in hand: all its rows, one of several, or none."""

    limit: int
    used: int
    """Contacts that count, over all rows, as they were read and with what was done since."""
    rows: Sequence[CounterRow]
    """Those in hand."""
    is_whole: bool
    """Whether these are all."""
    is_used_up: bool = False
    """Whether nothing was left, and nothing due, at the moment at which all rows were read; then none is in hand."""
    is_due: bool = False
    """Whether holdings may be due that were not read yet."""
    due: deque[Due] = field(default_factory=deque)
    """Holdings that are to be given back when their moment comes, in order."""
    more_due: bool = False
    """Whether there are more of them than were read."""
    given_back: list[Due] = field(default_factory=list)
    taken: int = 0
    """The change since it was read."""

    def left(self, limit: int) -> int:
        """How many may still be taken."""
        if self.is_whole:
            return limit - self.used
        return sum(row.quota - row.used for row in self.rows) - self.taken if limit == self.limit else 0

    def take(self, number: int = 1) -> None:
        """Counts so many more contacts, or less."""
        self.taken += number
        self.used += number

    def pass_to(self, now: Instant) -> None:
        """Gives back what is due at the moment."""
        due = self.due
        while due and due[0].expires_at <= now:
            self.given_back.append(due.popleft())
            self.take(-1)

    def written(self) -> list[CounterRow]:
        """The rows that are to be written."""
        if not self.is_whole:
            return [row._replace(used=row.used + self.taken) for row in self.rows if self.taken]
        rows = divide(self.rows, self.taken, self.limit)
        return rows if rows != list(self.rows) else []


def divide(rows: Sequence[CounterRow], taken: int, limit: int) -> list[CounterRow]:
    """The rows of a counter after so many more contacts, what is left under the limit divided among them evenly.

    The quotas together are the limit, or what is used where that is more; no row uses more than its quota.
    """
    first, *others = rows
    counted = [first._replace(used=first.used + taken), *others]
    left = max(0, limit - sum(row.used for row in counted))
    each, rest = divmod(left, len(counted))
    return [
        row._replace(quota=row.used + each + (place < rest), divided=limit)
        for place, row in enumerate(counted)
    ]


class QuotaUndecided(Exception):
    """What the group has in hand of a counter does not tell whether one more may be made."""


class Quotas:
    """The counters of one group, within its transaction."""

    def __init__(self, store: Store, asks: Sequence[Evaluation]) -> None:
        self._store, self._asks = store, asks
        self._in_hand: dict[QuotaKey, QuotaBalance] = {}
        self._needed: dict[QuotaKey, int | None] = {}
        """Those that the group must have whole, with their limits; None: as they are divided."""
        self._holdings: list[HoldingRow] = []
        self._begun = False
        self._latest: Instant = 0
        """The latest moment of the group."""
        self._looked: dict[tuple[QuotaKey, Instant], int] = {}

    def counted(self, key: QuotaKey, limit: int, now: Instant, drawn: int) -> int:
        """As `Counts` has it. Raises Short."""
        one = self._in_hand.get(key) or self._opened(key, limit)
        if one.is_whole:
            one.limit = limit
        self._pass(key, one, now)
        while one.left(limit) <= drawn and one.is_whole and one.more_due:
            one.is_due = True
            self._pass(key, one, now)
        if one.left(limit) > drawn:
            return min(one.used + drawn, limit - 1)
        if not one.is_whole and not (one.is_used_up and one.used >= limit):
            self._short(key, limit)
        return max(one.used + drawn, limit)

    def account(self, stand: Mapping[tuple[str, int], bool]) -> None:
        """Gives back what contacts hold that do not count any more, and takes again what those held that do.

        stand: by decision and position, whether the contact counts, which is settled. Raises Short.
        """
        if not stand:
            return
        self._begin()
        moves: dict[QuotaKey, int] = {}
        settled: dict[bool, list[ledger.HoldingKey]] = {True: [], False: []}
        for row in self._held(list(stand)):
            counts = stand[row.decision_id, row.position]
            settled[counts].append((row.decision_id, row.position, row.counter))
            if counts is not bool(row.counted):
                key = QuotaKey(row.counter, row.period)
                moves[key] = moves.get(key, 0) + (1 if counts else -1)
        ledger.keep(self._store, settled[True])
        ledger.give_back(self._store, settled[False])
        moves = {key: number for key, number in moves.items() if number}
        self._open(dict.fromkeys(moves))
        for key, number in moves.items():
            one = self._in_hand[key]
            if not one.is_whole and (not one.rows or one.left(one.limit) < number):
                self._short(key, None)
            one.take(number)

    def open(self, wanted: Mapping[QuotaKey, int]) -> None:
        """Reads counters that will be asked for, with their limits."""
        self._open(wanted)

    def _open(self, wanted: Mapping[QuotaKey, int | None]) -> None:
        new = {key: limit for key, limit in wanted.items() if key not in self._in_hand}
        if not new:
            return
        self._begin()
        found: dict[QuotaKey, list[CounterRow]] = {key: [] for key in new}
        due = set()
        for row, is_due in ledger.read(self._store, list(new), self._latest):
            found[QuotaKey(row.counter, row.period)].append(row)
            if is_due:
                due.add(QuotaKey(row.counter, row.period))
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
        found: dict[QuotaKey, list[CounterRow]] = {key: [] for key in self._needed}
        for row in ledger.lock_all(self._store, list(self._needed)):
            found[QuotaKey(row.counter, row.period)].append(row)
        for key, rows in found.items():
            self._have_whole(key, self._needed[key], rows, is_due=True)

    def seen(self, key: QuotaKey, now: Instant) -> int:
        """How many contacts count, for who only looks."""
        one = self._in_hand.get(key)
        if one is None:
            if (key, now) not in self._looked:
                self._looked[key, now] = ledger.seen(self._store, key, now)
            return self._looked[key, now]
        self._pass(key, one, now)
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

    def _begin(self) -> None:
        """Marks where to go back to, before the first counter is read."""
        if not self._begun:
            self._begun = True
            self._latest = max((ask.request.now for ask in self._asks), default=0)
            if self._store.shards > 1:
                self._store.mark()

    def _short(self, key: QuotaKey, limit: int | None) -> NoReturn:
        self._needed[key] = limit
        raise QuotaUndecided

    def _held(self, contacts: Sequence[tuple[str, int]]) -> Sequence[HoldingRow]:
        """What the contacts hold and held. Raises Short where somebody else is about to give it back."""
        held = ledger.holdings(self._store, contacts)
        if not held or self._store.shards == 1:
            return held
        free = ledger.holdings(self._store, contacts, free=True)
        others = {row[:3] for row in held}.difference(row[:3] for row in free)
        for row in held:
            if row[:3] in others:
                self._short(QuotaKey(row.counter, row.period), None)
        return free

    def _opened(self, key: QuotaKey, limit: int) -> QuotaBalance:
        self.open({key: limit})
        return self._in_hand[key]

    def _take_parts(
        self,
        new: Mapping[QuotaKey, int | None],
        found: Mapping[QuotaKey, Sequence[CounterRow]],
        due: set[QuotaKey],
    ) -> None:
        """Of each counter one row, unless it is seen to be used up."""
        used = {key: sum(row.used for row in rows) for key, rows in found.items()}
        used_up = {key for key, limit in new.items() if limit is not None and used[key] >= limit} - due
        wanted = [(*key, -1 if limit is None else limit) for key, limit in new.items() if key not in used_up]
        rows = ledger.lock_one(self._store, wanted) if wanted else []
        in_hand = {QuotaKey(row.counter, row.period): [row] for row in rows}
        for key, limit in new.items():
            mine = in_hand.get(key, [])
            divided = _divided(mine) if limit is None else limit
            is_due = key in due and bool(mine)
            self._in_hand[key] = QuotaBalance(divided, used[key], mine, False, key in used_up, is_due)

    def _have_whole(
        self, key: QuotaKey, limit: int | None, rows: Sequence[CounterRow], *, is_due: bool
    ) -> None:
        limit = _divided(rows) if limit is None else limit
        self._in_hand[key] = QuotaBalance(limit, sum(row.used for row in rows), rows, True, is_due=is_due)

    def _pass(self, key: QuotaKey, one: QuotaBalance, now: Instant) -> None:
        """Gives back what is due at the moment; the next holdings that are due at any moment of the group are read once."""
        if one.is_due:
            one.is_due = False
            found = ledger.due(self._store, key, self._latest, skip=len(one.given_back) + len(one.due))
            one.due.extend(found)
            one.more_due = len(found) == ledger.MOST_DUE
        one.pass_to(now)


def _divided(rows: Sequence[CounterRow]) -> int:
    """The limit by which a counter is divided."""
    return rows[0].divided if rows else 0


class QuotaPreview:
    """The counters for a preview: what they show, and nothing of them is taken."""

    def __init__(self, counters: Quotas) -> None:
        self._counters = counters

    def counted(self, key: QuotaKey, limit: int, now: Instant, drawn: int) -> int:  # noqa: ARG002
        """As `Counts` has it."""
        return self._counters.seen(key, now) + drawn
