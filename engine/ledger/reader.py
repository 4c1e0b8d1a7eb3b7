"""Reading what is remembered, beside the writing: what waits is read together, by one thread on its own connection."""

from collections.abc import Sequence

from engine.ledger.errors import LedgerError
from engine.ledger.group_queue import GroupQueue
from engine.ledger.persons import Recalled, Wanted, recall
from engine.ledger.store import Store

_LARGEST = 64
"""Persons in one reading; what many of them remember is taken over into Python at once."""


class Reader:
    """Recalls persons from a log; its thread and its connection are there from the first recall on.

    limit: how many may wait; more are refused with LedgerFull.
    """

    def __init__(self, store: Store, *, limit: int = 4096) -> None:
        self._of = store
        self._limit = limit
        self._queue: GroupQueue[Wanted, Recalled] | None = None
        self._store: Store | None = None

    @property
    def idle(self) -> bool:
        """Whether nothing was ever read."""
        return self._queue is None

    async def recall(self, wanted: Sequence[Wanted], *, deadline: float | None = None) -> list[Recalled]:
        """What is remembered of the persons; raises LedgerError when it cannot be read in time."""
        if self._queue is None:
            self._queue = GroupQueue(self._read, limit=self._limit, largest=_LARGEST, name="ledger-reader")
        found = await self._queue.submit(wanted, deadline=deadline)
        return [_sound(one) for one in found]

    def close(self) -> None:
        """Takes nothing new, answers what waits, and closes the connection."""
        if self._queue is not None:
            self._queue.close()
        if self._store is not None:
            self._store.close()

    def _read(self, wanted: Sequence[Wanted]) -> list[Recalled | LedgerError]:
        if self._store is None:
            self._store = self._of.another()
        found: list[Recalled | LedgerError] = []
        with self._store.transaction(writes=False):
            for start in range(0, len(wanted), _LARGEST):
                found += recall(self._store, wanted[start : start + _LARGEST])
        return found


def _sound(one: Recalled | LedgerError) -> Recalled:
    if isinstance(one, LedgerError):
        raise one
    return one
