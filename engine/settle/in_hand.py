"""One counter inside a transaction: what is used, what may still be taken, and what is to be written of it."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from engine.instant import Instant
from engine.ledger.counters import Due
from engine.ledger.rows import CounterRow


@dataclass(slots=True)
class InHand:
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
