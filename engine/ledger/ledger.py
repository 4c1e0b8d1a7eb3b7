"""The one door to a log: a thread that commits commands, and one that reads."""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple, TypeVar

from engine.ledger.commit.commands import AnyCommand, Command
from engine.ledger.commit.decisions import DecideCommand
from engine.ledger.commit.group import apply_group, divided, transaction
from engine.ledger.commit.proof import ProveCommand
from engine.ledger.errors import LedgerError
from engine.ledger.group_commit import HOLD_SECONDS, GroupCommit, OnGroup
from engine.ledger.reader import LedgerReader
from engine.ledger.store.store import Store

ResultT = TypeVar("ResultT")


class Losses(NamedTuple):
    """What the log did not take."""

    groups: int = 0
    decisions: int = 0
    others: int = 0
    """Events, outcomes and links."""

    def since(self, earlier: "Losses") -> "Losses":
        """What was lost after an earlier count."""
        return Losses(*(now - before for now, before in zip(self, earlier, strict=True)))


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
        self._queue.hold = HOLD_SECONDS
        if store.begins_at_once:
            self._queue.at_once = store.at_once
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
        brief = len(commands) == 1 and isinstance(commands[0], DecideCommand)
        return await self._queue.submit(commands, deadline=deadline, brief=brief)

    def check_room(self, commands: int) -> None:
        """Raises LedgerFull where so many more commands would be refused now."""
        self._queue.check_room(commands)

    def open_reader(self, limit: int) -> LedgerReader:
        """Another reader of the same log, on a connection of its own, which whoever opens it closes.

        limit: readings that may wait.
        """
        return LedgerReader(self._store, limit=limit)

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

    async def prove(self, decisions: int) -> None:
        """Has the log write as much as so many decisions, and take it back. Raises LedgerError where that fails."""
        (result,) = await self._queue.submit((ProveCommand(decisions),), proves=True)
        if isinstance(result, LedgerError):
            raise result

    @property
    def kept(self) -> int:
        """Commands that the log has taken."""
        return self._queue.counts.kept

    @property
    def losses(self) -> Losses:
        """What the log has not taken so far, those commands included that were refused while others tried it."""
        counts = self._queue.counts
        decisions = counts.lost(DecideCommand)
        return Losses(counts.groups_lost, decisions, counts.lost() - decisions)

    @property
    def largest_lost(self) -> int:
        """Commands of the largest group that the log has not taken."""
        return self._queue.counts.largest_lost

    def watch(self, on_group: OnGroup) -> None:
        """Calls `on_group` after every group, in the ledger's thread."""
        self._queue.on_group = on_group

    def close(self) -> None:
        """Takes nothing new, commits what waits, and closes the log."""
        self.reader.close()
        self._queue.close()
        self._store.close()
