"""The one door to a log: a thread that settles what is decided, recorded and linked, and one that reads what is remembered."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import cast

from engine.decide.evaluate import Evaluation
from engine.decide.experiments.learning import LearnedState
from engine.ledger.commit.events import RecordCommand, RecordResult
from engine.ledger.commit.group import Settled, settle_group
from engine.ledger.commit.identity import Command, LinkCommand, LinkResult
from engine.ledger.commit.learning import LearnCommand
from engine.ledger.commit.locks import transaction
from engine.ledger.commit.outcomes import ReportCommand
from engine.ledger.errors import LedgerError
from engine.ledger.group_commit import GroupCommit, OnGroup
from engine.ledger.reader import LedgerReader
from engine.ledger.store.store import Store
from engine.model.decision import Decision


class Ledger:
    """Settles in a store, and owns it from now on. To be used from one event loop at a time.

    limit: how many asks and events may wait to be settled; more are refused with LedgerFull.
    """

    def __init__(self, store: Store, *, limit: int = 4096) -> None:
        self._store = store
        self._queue: GroupCommit[Command, Settled] = GroupCommit(
            partial(settle_group, store), limit=limit, transaction=partial(transaction, store)
        )
        self.reader = LedgerReader(store, limit=limit)

    async def submit(
        self, asks: Sequence[Evaluation], *, deadline: float | None = None
    ) -> Sequence[Decision | LedgerError]:
        """Settles requests together; a decision or an error each.

        deadline: on time.monotonic's clock. Raises LedgerFull, LedgerClosed, LedgerUnavailable, DeadlinePassed for all
        of them; then nothing is kept.
        """
        answers = await self._queue.submit(asks, deadline=deadline)
        return cast("Sequence[Decision | LedgerError]", answers)

    async def record(
        self, events: Sequence[RecordCommand | ReportCommand], *, deadline: float | None = None
    ) -> Sequence[RecordResult | LedgerError]:
        """Keeps events and outcomes together, as `submit` settles requests; what became of each, or an error."""
        answers = await self._queue.submit(events, deadline=deadline)
        return cast("Sequence[RecordResult | LedgerError]", answers)

    async def link(self, linking: LinkCommand, *, deadline: float | None = None) -> LinkResult | LedgerError:
        """Makes the names one person's, as `submit` settles requests."""
        (answer,) = await self._queue.submit((linking,), deadline=deadline)
        return cast("LinkResult | LedgerError", answer)

    def check_room(self, asks: int) -> None:
        """Raises LedgerFull where so many more asks or events would be refused now."""
        self._queue.check_room(asks)

    async def learn(self, learning: LearnCommand) -> Mapping[str, Sequence[LearnedState]]:
        """What campaigns know of their variants, the newest of it found now where that is due. Raises LedgerError."""
        (answer,) = await self._queue.submit((learning,))
        return cast("Mapping[str, Sequence[LearnedState]]", answer)

    @property
    def depth(self) -> int:
        """How many asks and events wait to be settled."""
        return self._queue.depth

    @property
    def trouble(self) -> str | None:
        """Why the log did not take the last group; None where it did."""
        return self._queue.trouble

    def doubt(self, trouble: str) -> None:
        """Says that the log is in trouble, until it takes a group."""
        self._queue.doubt(trouble)

    def watch(self, told: OnGroup) -> None:
        """Is told of every group that is settled, in the ledger's thread."""
        self._queue.on_group = told

    def close(self) -> None:
        """Takes nothing new, settles what waits, and closes the log."""
        self.reader.close()
        self._queue.close()
        self._store.close()
