"""Reading what is remembered and what was decided, beside the writing, by one thread on its own connection.

What waits is read together.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

from engine.ledger.errors import LedgerError
from engine.ledger.group_commit import GroupCommit
from engine.ledger.queries.persons import recall
from engine.ledger.store.store import Store
from engine.model.customer import Recalled, RecallQuery

_T = TypeVar("_T")


_Asked = RecallQuery | Callable[[Store], Any]


_LARGEST = 64
"""Persons in one reading; what many of them remember is taken over into Python at once."""


class LedgerReader:
    """Recalls persons from a log; its thread and its connection are there from the first recall on.

    limit: how many may wait; more are refused with LedgerFull.
    """

    def __init__(self, store: Store, *, limit: int = 4096) -> None:
        self._of = store
        self._limit = limit
        self._queue: GroupCommit[_Asked, Any] | None = None
        self._store: Store | None = None

    @property
    def idle(self) -> bool:
        """Whether nothing was ever read."""
        return self._queue is None

    async def recall(self, wanted: Sequence[RecallQuery], *, deadline: float | None = None) -> list[Recalled]:
        """What is remembered of the persons; raises LedgerError when it cannot be read in time."""
        found = await self._open().submit(wanted, deadline=deadline)
        return [cast("Recalled", _sound(one)) for one in found]

    async def look(self, read: Callable[[Store], _T], *, deadline: float | None = None) -> _T:
        """What `read` finds in the log, inside of a transaction; raises LedgerError when it cannot be read in time."""
        (found,) = await self._open().submit((read,), deadline=deadline)
        return cast("_T", _sound(found))

    def close(self) -> None:
        """Takes nothing new, answers what waits, and closes the connection."""
        if self._queue is not None:
            self._queue.close()
        if self._store is not None:
            self._store.close()

    def _open(self) -> GroupCommit[_Asked, Any]:
        if self._queue is None:
            self._queue = GroupCommit(self._read, limit=self._limit, largest=_LARGEST, name="ledger-reader")
        return self._queue

    def _read(self, asked: Sequence[_Asked]) -> list[Any]:
        if self._store is None:
            self._store = self._of.another()
        store, persons = self._store, [one for one in asked if isinstance(one, RecallQuery)]
        recalled: list[Recalled] = []
        with store.transaction(writes=False):
            for start in range(0, len(persons), _LARGEST):
                recalled += recall(store, persons[start : start + _LARGEST])
            if len(persons) == len(asked):
                return recalled
            found = iter(recalled)
            return [next(found) if isinstance(one, RecallQuery) else one(store) for one in asked]


def _sound(one: Any) -> Any:
    if isinstance(one, LedgerError):
        raise one
    return one
