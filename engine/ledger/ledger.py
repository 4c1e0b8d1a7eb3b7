"""The one door to a log: a thread that commits commands, and one that reads."""

from collections.abc import Sequence
from functools import partial
from typing import Any, TypeVar

from engine.ledger.commit.commands import AnyCommand, Command
from engine.ledger.commit.group import apply_group, divided, transaction
from engine.ledger.errors import LedgerError
from engine.ledger.group_commit import GroupCommit, OnGroup
from engine.ledger.reader import LedgerReader
from engine.ledger.store.store import Store

ResultT = TypeVar("ResultT")


class Ledger:
    """Commits to a store, and owns it from now on. To be used from one event loop at a time.

    limit: commands that may wait to be committed; more are refused with LedgerFull.
    """

    def __init__(self, store: Store, *, limit: int = 4096) -> None:
        self._store = store
        self._queue: GroupCommit[AnyCommand, Any] = GroupCommit(
            partial(apply_group, store),
            limit=limit,
            transaction=partial(transaction, store),
            divide=partial(divided, store),
        )
        self.reader = LedgerReader(store, limit=limit)

    async def commit(self, command: Command[ResultT], *, deadline: float | None = None) -> ResultT:
        """Commits one command; its result. Raises its LedgerError, and what `commit_all` raises."""
        (result,) = await self.commit_all((command,), deadline=deadline)
        if isinstance(result, LedgerError):
            raise result
        return result

    async def commit_all(
        self, commands: Sequence[Command[ResultT]], *, deadline: float | None = None
    ) -> Sequence[ResultT | LedgerError]:
        """Commits commands in order, with whatever else waits; the result of each, or its error.

        They share a transaction, or several where one would take more locks than the store bears. deadline: on
        time.monotonic's clock. Raises LedgerFull, LedgerClosed, LedgerUnavailable, DeadlinePassed for all of them; then
        nothing is kept.
        """
        return await self._queue.submit(commands, deadline=deadline)

    def check_room(self, commands: int) -> None:
        """Raises LedgerFull where so many more commands would be refused now."""
        self._queue.check_room(commands)

    @property
    def depth(self) -> int:
        """Commands that wait to be committed."""
        return self._queue.depth

    @property
    def committed(self) -> int:
        """Commands that are done, whether they were committed or refused."""
        return self._queue.done

    @property
    def trouble(self) -> str | None:
        """Why the log did not take the last group; None where it did."""
        return self._queue.trouble

    def doubt(self, trouble: str) -> None:
        """Sets `trouble`, until the log takes a group."""
        self._queue.doubt(trouble)

    def watch(self, on_group: OnGroup) -> None:
        """Calls `on_group` after every group, in the ledger's thread."""
        self._queue.on_group = on_group

    def close(self) -> None:
        """Takes nothing new, commits what waits, and closes the log."""
        self.reader.close()
        self._queue.close()
        self._store.close()
