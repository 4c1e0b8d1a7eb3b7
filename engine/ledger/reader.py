"""Reads what is remembered and what was decided, beside the writing, by one thread on its own connection.

What waits is read together.
"""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any, TypeVar

from engine.ledger.errors import LedgerError
from engine.ledger.group_commit import GroupCommit
from engine.ledger.queries.persons import recall
from engine.ledger.store.store import Store
from engine.model.customer import Recalled, RecallQuery

_T = TypeVar("_T")


_Query = RecallQuery | Callable[[Store], Any]


_LARGEST = 64
"""Persons in one reading: what they remember is taken over into Python at once, while the interpreter is locked."""


class LedgerReader:
    """Recalls persons from a log; its thread and its connection are there from the first recall on.

    limit: queries that may wait; more are refused with LedgerFull.
    """

    def __init__(self, store: Store, *, limit: int = 4096) -> None:
        self._writing_store = store
        self._limit = limit
        self._queue: GroupCommit[_Query, Any] | None = None
        self._store: Store | None = None

    @property
    def idle(self) -> bool:
        """Whether nothing was ever read."""
        return self._queue is None

    async def recall(
        self, queries: Sequence[RecallQuery], *, deadline: float | None = None
    ) -> Sequence[Recalled]:
        """What is remembered of the persons; raises LedgerError when it cannot be read in time."""
        return await self._submit(queries, deadline, brief=len(queries) == 1)

    async def look(self, read: Callable[[Store], _T], *, deadline: float | None = None) -> _T:
        """What `read` returns, called inside a transaction; raises LedgerError when it cannot be read in time."""
        results: Sequence[_T] = await self._submit((read,), deadline, brief=False)
        return results[0]

    def close(self) -> None:
        """Takes nothing new, answers what waits, and closes the connection."""
        if self._queue is not None:
            self._queue.close()
        if self._store is not None:
            self._store.close()

    async def _submit(
        self, queries: Sequence[_Query], deadline: float | None, *, brief: bool
    ) -> Sequence[Any]:
        if self._queue is None:
            self._queue = GroupCommit(self._read, limit=self._limit, largest=_LARGEST, name="ledger-reader")
            if self._writing_store.begins_at_once:
                self._queue.at_once = nullcontext  # who only reads waits for no writer
        results = await self._queue.submit(queries, deadline=deadline, brief=brief)
        for result in results:
            if isinstance(result, LedgerError):
                raise result
        return results

    def _read(self, queries: Sequence[_Query]) -> list[Any]:
        if self._store is None:
            self._store = self._writing_store.another()
        store, persons = self._store, [query for query in queries if isinstance(query, RecallQuery)]
        recalled: list[Recalled] = []
        with store.transaction(writes=False):
            for start in range(0, len(persons), _LARGEST):
                recalled += recall(store, persons[start : start + _LARGEST])
            if len(persons) == len(queries):
                return recalled
            in_order = iter(recalled)
            return [next(in_order) if isinstance(query, RecallQuery) else query(store) for query in queries]
