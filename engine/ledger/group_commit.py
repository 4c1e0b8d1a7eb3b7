"""Group commit: commits everything that waits in one transaction, by one thread.

Reading is grouped in the same way: what waits is read by one statement.

A group is what arrived while the last one was being written, so that a busy server pays for one sync to disk a group and
an idle one waits for nobody. Method: DeWitt et al., "Implementation Techniques for Main Memory Database Systems", 1984.
Where many come together, a group may be held until as many wait as the last one had: Helland et al., "Group Commit Timers and
High Volume Transaction Systems", 1987.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Generic

import structlog

from engine.ledger.errors import (
    CommitUnknown,
    DataRefused,
    DeadlinePassed,
    DecisionFault,
    LedgerClosed,
    LedgerError,
    LedgerFull,
    LedgerUnavailable,
    WouldWait,
)
from engine.ledger.submissions import (
    LATE,
    CommandT,
    CommitCounts,
    ResultT,
    Submission,
    SubmissionGroup,
    commands_of,
    deliver,
    in_time,
    is_in_time,
    resolve,
)

log = structlog.get_logger()


ApplyGroup = Callable[[Sequence[CommandT]], Sequence[ResultT | LedgerError]]
"""Applies a group: as many results as commands. Raises LedgerError when nothing of it was kept."""


OpenTransaction = Callable[[Sequence[CommandT]], AbstractContextManager[None]]
"""Opens the transaction in which a group is applied."""


Divide = Callable[[Sequence[CommandT]], Sequence[Sequence[CommandT]]]
"""Divides a group into parts, in order, each of which one transaction can hold."""


OnGroup = Callable[[int, float, bool], None]
"""Called with the number of a group's commands, the seconds it took, and whether the store is well."""


AtOnce = Callable[[], AbstractContextManager[None]]
"""A block in which transactions raise WouldWait in place of waiting for other processes."""


_RETRY_AFTER = 0.25


_ALONE = 8
"""Groups of one command each, after which the next one is taken to be alone as well."""


_QUICK_SECONDS = 0.005
"""How long each of them may have taken, the sync to disk included: as long may the event loop stand still for the next one."""


HOLD_SECONDS = 0.005
"""How long a group of commands may be held: what a transaction costs by itself is then shared by more."""


_TOGETHER = 4
"""Submissions of a group from which on the next one is held: of fewer, waiting costs more than a group of its own."""


class GroupCommit(Generic[CommandT, ResultT]):
    """A bounded queue before a thread that commits what waits in it. It is used from one event loop at a time.

    While the store does not take groups, one submission at a time is tried and the others are refused at once, so that no
    caller waits for what will not come. A group that fails by what one of its commands would write, or by a fault of the
    program's own, is tried again in halves, so that such a command fails alone.

    Where commands come one at a time and the store is quick, the event loop commits them itself, which saves the way to the
    thread and back. It does so for a brief command that waits alone, after a number of groups that were quick and of one
    command each, and where nobody else holds the store; two that wait together, or a slow sync, give the thread its work back.

    limit: commands that may wait; more are refused with LedgerFull. transaction: opened once a group; deadlines that pass
    while it waits for its locks have passed. largest: commands in a group; a larger submission is a group by itself.
    divide: a group of several parts is committed part by part, each in a transaction of its own.
    """

    def __init__(
        self,
        apply: ApplyGroup[CommandT, ResultT],
        *,
        limit: int = 4096,
        transaction: OpenTransaction[CommandT] | None = None,
        divide: Divide[CommandT] | None = None,
        largest: int = 512,
        name: str = "ledger-writer",
    ) -> None:
        self._apply = apply
        self._divide = divide or _undivided
        self._limit = limit
        self._transaction = transaction or _no_transaction
        self._largest = largest
        self.hold = 0.0
        """Most seconds that a group waits for as many submissions as the last one had, if that had several; 0: none waits."""
        self._expected = 0
        """Submissions that the thread waits for; changed under `_changed`."""
        self._queue: deque[Submission[CommandT, ResultT]] = deque()
        self._submitting = threading.Lock()
        self._changed = threading.Condition()
        self._committing = threading.Lock()
        """Held by whoever takes a group from the queue, until it is committed."""
        self._alone = 0
        """The last groups in a row that were quick and of one command."""
        self._submitted = 0
        self._taken = 0
        self._done = 0
        self._trouble: str | None = None
        self.counts = CommitCounts()
        self.on_group: OnGroup | None = None
        """Called after every group, in the thread that committed it."""
        self.at_once: AtOnce | None = None
        """None for a store that may wait for others than those who hold it: then only the thread commits."""
        self._waking = False
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def closed(self) -> bool:
        """Whether it takes nothing new."""
        return self._closed

    @property
    def depth(self) -> int:
        """Commands that wait."""
        return self._submitted - self._taken

    @property
    def done(self) -> int:
        """Commands that have their results."""
        return self._done

    @property
    def trouble(self) -> str | None:
        """Why the store did not take the last group; None where it did."""
        return self._trouble

    def doubt(self, trouble: str) -> None:
        """Sets `trouble`, until the store takes a group."""
        self._trouble = trouble

    def check_room(self, commands: int) -> None:
        """Raises LedgerFull where so many more would be refused now, so that no work is done for them in vain."""
        if self._trouble is None:  # else the caller may have an answer that needs no store
            self._check_room(commands)

    def _check_room(self, commands: int) -> None:
        if (depth := self.depth) and depth + commands > self._limit:
            raise LedgerFull(_RETRY_AFTER)

    async def submit(
        self,
        commands: Sequence[CommandT],
        *,
        deadline: float | None = None,
        proves: bool = False,
        brief: bool = False,
    ) -> Sequence[ResultT | LedgerError]:
        """Commits the commands, in order; the result of each, or its error.

        deadline: on time.monotonic's clock; commands whose turn comes later are not committed. proves: they are a group by
        themselves, are tried whatever waits and whatever the trouble, and count nowhere. brief: it is one command that
        takes no longer than others of its kind. Raises LedgerFull and LedgerClosed at once, and LedgerUnavailable or
        DeadlinePassed where it is that of all commands and nothing was kept.
        """
        if not proves:
            self._check_trouble(commands)
            self._check_room(len(commands))
        loop = asyncio.get_running_loop()
        submission = Submission[CommandT, ResultT](
            commands, loop.create_future(), loop, deadline, proves, brief
        )
        with self._submitting:
            if self._closed:
                raise LedgerClosed("the server is going down")
            self._submitted += submission.size
            self._queue.append(submission)
        if not self._waking:
            self._waking = True
            loop.call_soon(self._settle_or_wake)
        return await submission.future

    def _check_trouble(self, commands: Sequence[CommandT]) -> None:
        """Raises LedgerUnavailable where the store is in trouble and others try it already."""
        if self._trouble is not None and commands and self._submitted > self._done:
            self.counts.lose(commands, group=False)
            raise LedgerUnavailable(self._trouble)

    def close(self) -> None:
        """Takes nothing new, commits what waits, and returns when that is done."""
        with self._submitting:
            self._closed = True
        self._wake()
        self._thread.join()

    def _settle_or_wake(self) -> None:
        """Commits what waits alone, or wakes the thread, once for all that the event loop had at hand: it makes one group."""
        self._waking = False
        if not self._settles_alone():
            self._wake()

    def _wake(self) -> None:
        with self._changed:
            if self._closed or len(self._queue) >= self._expected:
                self._changed.notify()

    def _settles_alone(self) -> bool:
        """Whether what waited was one brief command, which is committed here."""
        if self.at_once is None or self._alone < _ALONE or len(self._queue) != 1:
            return False
        if not self._committing.acquire(blocking=False):
            return False
        try:
            if len(self._queue) != 1 or not self._queue[0].brief or self._trouble is not None:
                return False
            group = self._next_group()
            try:
                with self.at_once():
                    current, results = self._finish(group)
            except WouldWait:
                self._alone = 0
                self._taken -= len(group)
                self._queue.appendleft(group[0])
                return False
        finally:
            self._committing.release()
        resolve([(submission, 0) for submission in current], results)
        return True

    def _run(self) -> None:
        together = 0
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queue or self._closed)
                if self.hold and together >= _TOGETHER:
                    self._wait_for(together)
            with self._committing:
                group = self._next_group()
                together = len(group)
                finished = self._finish(group) if group else None
            if finished is not None:
                deliver(*finished)
            elif self._closed:
                return

    def _wait_for(self, submissions: int) -> None:
        """Returns when so many wait, or the time for that is over."""
        self._expected = submissions
        self._changed.wait_for(lambda: self._closed or len(self._queue) >= submissions, self.hold)
        self._expected = 0

    def _finish(
        self, group: SubmissionGroup[CommandT, ResultT]
    ) -> tuple[SubmissionGroup[CommandT, ResultT], Sequence[ResultT | LedgerError] | BaseException]:
        """Commits and counts the group; the submissions whose callers still waited, and their results."""
        start, size = time.perf_counter(), sum(submission.size for submission in group)
        current, results = self._commit(group)
        seconds = time.perf_counter() - start
        self._done += size
        self._alone = self._alone + 1 if size == 1 and seconds <= _QUICK_SECONDS else 0
        if not group[0].proves:
            self._count(commands_of(current), results)
            if self.on_group is not None:
                self.on_group(size, seconds, self._trouble is None)
        return current, results

    def _next_group(self) -> SubmissionGroup[CommandT, ResultT]:
        """The submissions that wait, up to the largest group; none where the other thread has taken them."""
        group: SubmissionGroup[CommandT, ResultT] = []
        size = 0
        while self._queue and (not group or self._fits(self._queue[0], group, size)):
            group.append(self._queue.popleft())
            size += group[-1].size
        self._taken += size
        return group

    def _fits(
        self, submission: Submission[CommandT, ResultT], group: SubmissionGroup[CommandT, ResultT], size: int
    ) -> bool:
        """Whether a submission may be of the group, which has so many commands."""
        proves = submission.proves or group[0].proves
        return not proves and size + submission.size <= self._largest

    def _count(
        self, commands: Sequence[CommandT], results: Sequence[ResultT | LedgerError] | BaseException
    ) -> None:
        """Counts what the store took of a group's commands, and what it did not."""
        per_command = [results] * len(commands) if isinstance(results, BaseException) else results
        lost = [
            command
            for command, result in zip(commands, per_command, strict=False)
            if isinstance(result, LedgerUnavailable) and not isinstance(result, DataRefused)
        ]
        if lost:
            self.counts.lose(lost, group=True)
        elif not isinstance(results, BaseException):
            self.counts.kept += len(commands)

    def _commit(
        self, group: SubmissionGroup[CommandT, ResultT]
    ) -> tuple[SubmissionGroup[CommandT, ResultT], Sequence[ResultT | LedgerError] | BaseException]:
        """Commits the group; the submissions whose callers still waited, and their results or what failed all of them."""
        current = in_time(group, time.monotonic())
        if not current:
            return current, ()
        parts = self._divide(commands_of(current))
        if len(parts) > 1:
            return current, self._in_parts(current, parts)
        results: Sequence[ResultT | LedgerError] = []
        try:
            with self._transaction(commands_of(current)):
                current = in_time(current, time.monotonic())
                results = self._apply(commands_of(current)) if current else []
        except WouldWait:
            raise
        except Exception as error:  # noqa: BLE001 the callers must hear of a fault, and the thread must live on
            commands = commands_of(current)
            if isinstance(error, CommitUnknown) and results:
                self._trouble = str(error)
                return current, [_unknown(error, result) for result in results]
            if self._is_of_single(error) and len(commands) > 1:
                return current, self._in_halves(commands)
            return current, error
        self._trouble = None
        return current, results

    def _is_of_single(self, error: Exception) -> bool:
        """Whether a group may have failed by one of its commands alone; notes the trouble if it is the store's."""
        if isinstance(error, DataRefused):
            self._trouble = None
        elif isinstance(error, LedgerError):
            self._trouble = str(error) if isinstance(error, LedgerUnavailable) else None
            return False
        log.warning("a group failed", exc_info=error)
        return True

    def _in_parts(
        self, group: SubmissionGroup[CommandT, ResultT], parts: Sequence[Sequence[CommandT]]
    ) -> list[ResultT | LedgerError]:
        """The results of the parts, one after the other; none is tried once the store did not take one."""
        callers = [submission for submission in group for _ in submission.commands]
        results: list[ResultT | LedgerError] = []
        for part in parts:
            now, start = time.monotonic(), len(results)
            waits = [is_in_time(caller, now) for caller in callers[start : start + len(part)]]
            of_part = iter(
                self._of_part([command for command, is_due in zip(part, waits, strict=True) if is_due])
            )
            results += [next(of_part) if is_due else DeadlinePassed(LATE) for is_due in waits]
            if self._trouble is not None:
                unavailable = LedgerUnavailable(self._trouble)
                return results + [unavailable] * (len(callers) - len(results))
        return results

    def _in_halves(self, commands: Sequence[CommandT]) -> list[ResultT | LedgerError]:
        """The results of both halves, each in a transaction of its own."""
        middle = len(commands) // 2
        return [*self._of_part(commands[:middle]), *self._of_part(commands[middle:])]

    def _of_part(self, commands: Sequence[CommandT]) -> Sequence[ResultT | LedgerError]:
        if not commands:
            return []
        results: Sequence[ResultT | LedgerError] = []
        try:
            with self._transaction(commands):
                results = self._apply(commands)
        except Exception as error:  # noqa: BLE001 as in _commit
            if isinstance(error, CommitUnknown) and results:
                self._trouble = str(error)
                return [_unknown(error, result) for result in results]
            if not self._is_of_single(error) or len(commands) == 1:
                return [error if isinstance(error, LedgerError) else _fault(error)] * len(commands)
            return self._in_halves(commands)
        self._trouble = None
        return results


def _fault(error: Exception) -> DecisionFault:
    fault = DecisionFault("the command could not be committed")
    fault.__cause__ = error
    return fault


def _unknown(error: CommitUnknown, result: object) -> LedgerError:
    """The error of one command, with what it would have returned; an error of its own stays."""
    return result if isinstance(result, LedgerError) else CommitUnknown(str(error), result)


def _no_transaction(_: object) -> AbstractContextManager[None]:
    """For a group that needs no transaction, or opens its own."""
    return nullcontext()


def _undivided(commands: Sequence[CommandT]) -> Sequence[Sequence[CommandT]]:
    return (commands,)
