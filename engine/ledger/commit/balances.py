"""A counter that all customers share, as far as a transaction has its shards in hand."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from engine.ledger.queries.quotas import DueHolding
from engine.ledger.store.rows import CounterRow
from engine.model.instant import Instant


@dataclass(slots=True)
class QuotaBalance:
    """A counter as far as the transaction has it in hand: all its shards, one of several, or none."""

    limit: int
    used: int
    """What counts, over all shards, as read and changed since."""
    rows: Sequence[CounterRow]
    """The shards in hand."""
    is_whole: bool
    """Whether these are all shards."""
    is_used_up: bool = False
    """Whether nothing was left, and nothing due, when all shards were read; then none is in hand."""
    is_due: bool = False
    """Whether holdings may be due that were not read yet."""
    due: deque[DueHolding] = field(default_factory=deque)
    """Holdings that are to be given back when their time comes, in order."""
    more_due: bool = False
    """Whether there are more of them than were read."""
    given_back: list[DueHolding] = field(default_factory=list)
    own: list[tuple[Instant, int]] = field(default_factory=list)
    """The group's own holdings that expire: when, and the index of each; a heap."""
    taken: int = 0
    """The change since the shards were read."""

    def left(self, limit: int) -> int:
        """What may still be taken."""
        if self.is_whole:
            return limit - self.used
        return sum(row.quota - row.used for row in self.rows) - self.taken if limit == self.limit else 0

    def take(self, amount: int) -> None:
        """Counts so much more; less where negative."""
        self.taken += amount
        self.used += amount

    def pass_to(self, now: Instant) -> None:
        """Gives back the holdings that are due at the moment."""
        due = self.due
        while due and due[0].expires_at <= now:
            self.given_back.append(due.popleft())
            self.take(-self.given_back[-1].amount)

    def written(self) -> list[CounterRow]:
        """The rows to be written."""
        if not self.is_whole:
            return [row._replace(used=row.used + self.taken) for row in self.rows if self.taken]
        rows = divide(self.rows, self.taken, self.limit)
        return rows if rows != list(self.rows) else []


def divide(rows: Sequence[CounterRow], taken: int, limit: int) -> list[CounterRow]:
    """The shards of a counter after so much more was taken, with what is left under the limit divided evenly.

    The quotas together are the limit, or what is used where that is more; no shard uses more than its quota.
    """
    first, *others = rows
    counted = [first._replace(used=first.used + taken), *others]
    left = max(0, limit - sum(row.used for row in counted))
    share, rest = divmod(left, len(counted))
    return [
        row._replace(quota=row.used + share + (index < rest), divided=limit)
        for index, row in enumerate(counted)
    ]
