"""Group commit: whatever waits is settled together, in one transaction, by one thread.

Reading is grouped in the same way: what waits is read by one statement.

A group is what arrived while the last one was being written, so that a busy server pays for one sync to disk a group and
an idle one waits for nobody. Method: DeWitt et al., "Implementation Techniques for Main Memory Database Systems", 1984.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Generic, TypeVar

from engine.ledger.errors import DeadlinePassed, LedgerClosed, LedgerError, LedgerFull, LedgerUnavailable

CommandT = TypeVar("CommandT")


ResultT = TypeVar("ResultT")


CommitGroup = Callable[[Sequence[CommandT]], Sequence[ResultT | LedgerError]]
"""Settles a group in one transaction: as many answers as asks. Raises LedgerError when nothing of it was kept."""


Transaction = Callable[[Sequence[CommandT]], AbstractContextManager[None]]
"""What a group is settled in."""


_RETRY_AFTER = 0.25


@dataclass(slots=True)
class _Waiting(Generic[CommandT, ResultT]):
    asks: Sequence[CommandT]
    future: "asyncio.Future[Sequence[ResultT | LedgerError]]"
    loop: asyncio.AbstractEventLoop
    deadline: float | None


OnGroup = Callable[[int, float, bool], None]
"""Is told how many asks a group had, how many seconds it took, and whether it was kept."""


_Settled = tuple[list[_Waiting[CommandT, ResultT]], Sequence[ResultT | LedgerError] | BaseException]


class GroupCommit(Generic[CommandT, ResultT]):
    """A bounded queue before a thread that settles it. It is used from one event loop at a time.

    While the store does not take groups, one submission at a time is tried, and the others are refused at once: nobody
    should wait for what will not come.

    limit: how many asks may wait; more are refused with LedgerFull. transaction: what a group is settled in; deadlines that
    pass while it is waited for have passed. largest: how many make a group; a submission is never divided.
    """

    def __init__(
        self,
        settle: CommitGroup[CommandT, ResultT],
        *,
        limit: int = 4096,
        transaction: Transaction[CommandT] | None = None,
        largest: int = 512,
        name: str = "ledger-writer",
    ) -> None:
        self._settle = settle
        self._limit = limit
        self._transaction = transaction or _alone
        self._largest = largest
        self._queue: deque[_Waiting[CommandT, ResultT]] = deque()
        self._door = threading.Lock()
        self._changed = threading.Condition()
        self._submitted = 0
        self._taken = 0
        self._done = 0
        self._trouble: str | None = None
        self.on_group: OnGroup | None = None
        """Told of every group, in the queue's thread."""
        self._waking = False
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def depth(self) -> int:
        """How many asks wait."""
        return self._submitted - self._taken

    @property
    def trouble(self) -> str | None:
        """Why the store did not take the last group; None where it did."""
        return self._trouble

    def doubt(self, trouble: str) -> None:
        """Says that the store is in trouble, until it takes a group."""
        self._trouble = trouble

    def check_room(self, asks: int) -> None:
        """Raises LedgerFull where so many more would be refused now, so that nothing is done for them in vain."""
        if self._trouble is None:  # else there may be something to say without
            self._check_room(asks)

    def _check_room(self, asks: int) -> None:
        if (depth := self.depth) and depth + asks > self._limit:
            raise LedgerFull(_RETRY_AFTER)

    async def submit(
        self, asks: Sequence[CommandT], *, deadline: float | None = None
    ) -> Sequence[ResultT | LedgerError]:
        """Settles the asks together; an answer or an error each.

        deadline: on time.monotonic's clock; asks whose turn comes later are not settled. Raises LedgerFull and
        LedgerClosed at once, and LedgerUnavailable or DeadlinePassed for all the asks together.
        """
        if self._trouble is not None and asks and self._submitted > self._done:
            raise LedgerUnavailable(self._trouble)
        self._check_room(len(asks))
        loop = asyncio.get_running_loop()
        waiting = _Waiting[CommandT, ResultT](asks, loop.create_future(), loop, deadline)
        with self._door:
            if self._closed:
                raise LedgerClosed("the server is going down")
            self._submitted += len(asks)
            self._queue.append(waiting)
        if not self._waking:
            self._waking = True
            loop.call_soon(self._wake)
        return await waiting.future

    def close(self) -> None:
        """Takes nothing new, settles what waits, and returns when that is done."""
        with self._door:
            self._closed = True
        self._wake()
        self._thread.join()

    def _wake(self) -> None:
        """Wakes the thread: once for all that the event loop had at hand, so that it makes one group of them."""
        self._waking = False
        with self._changed:
            self._changed.notify()

    def _run(self) -> None:
        while group := self._next_group():
            start, size = time.perf_counter(), sum(len(one.asks) for one in group)
            live, answers = self._settle_group(group)
            seconds = time.perf_counter() - start
            self._done += size
            _deliver(live, answers)
            if self.on_group is not None:
                self.on_group(size, seconds, self._trouble is None)

    def _next_group(self) -> list[_Waiting[CommandT, ResultT]]:
        """The submissions that wait, up to the largest group; empty when closed and done."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._closed)
        group: list[_Waiting[CommandT, ResultT]] = []
        size = 0
        while self._queue and (not group or size + len(self._queue[0].asks) <= self._largest):
            group.append(self._queue.popleft())
            size += len(group[-1].asks)
        self._taken += size
        return group

    def _settle_group(self, group: list[_Waiting[CommandT, ResultT]]) -> _Settled[CommandT, ResultT]:
        """Those who still waited, and what they are to be told."""
        live = _in_time(group)
        if not live:
            return live, ()
        try:
            with self._transaction([ask for one in live for ask in one.asks]):
                live = _in_time(live)
                answers = self._settle([ask for one in live for ask in one.asks]) if live else []
        except LedgerError as error:
            self._trouble = str(error) if isinstance(error, LedgerUnavailable) else None
            return live, error
        except Exception as error:  # noqa: BLE001 the callers must hear of a fault, and the thread must live on
            return live, error
        self._trouble = None
        return live, answers


def _alone(_: object) -> AbstractContextManager[None]:
    """No transaction: a group that needs none around it, or makes its own."""
    return nullcontext()


def _in_time(group: list[_Waiting[CommandT, ResultT]]) -> list[_Waiting[CommandT, ResultT]]:
    """Those whose caller still waits; the others are told that it is too late."""
    now = time.monotonic()
    waiting = [one for one in group if not one.future.done()]
    late = [one for one in waiting if one.deadline is not None and now >= one.deadline]
    _deliver(late, DeadlinePassed("the deadline had passed before the decision could be settled"))
    return waiting if not late else [one for one in waiting if one.deadline is None or now < one.deadline]


def _deliver(
    group: Sequence[_Waiting[CommandT, ResultT]], answers: Sequence[ResultT | LedgerError] | BaseException
) -> None:
    """Hands each submission its answers, with one wake-up an event loop."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[_Waiting[CommandT, ResultT], int]]] = {}
    start = 0
    for one in group:
        by_loop.setdefault(one.loop, []).append((one, start))
        start += len(one.asks)
    for loop, ones in by_loop.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(_resolve, ones, answers)


def _resolve(
    ones: Sequence[tuple[_Waiting[CommandT, ResultT], int]],
    answers: Sequence[ResultT | LedgerError] | BaseException,
) -> None:
    for one, start in ones:
        if one.future.done():
            continue
        if isinstance(answers, BaseException):
            one.future.set_exception(answers)
        else:
            one.future.set_result(answers[start : start + len(one.asks)])
