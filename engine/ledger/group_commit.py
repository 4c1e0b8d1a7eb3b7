"""Group commit: commits everything that waits in one transaction, by one thread.

Reading is grouped in the same way: what waits is read by one statement.

A group is what arrived while the last one was being written, so that a busy server pays for one sync to disk a group and
an idle one waits for nobody. Method: DeWitt et al., "Implementation Techniques for Main Memory Database Systems", 1984.
"""

import asyncio
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Generic, TypeVar

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
)

log = structlog.get_logger()

CommandT = TypeVar("CommandT")


ResultT = TypeVar("ResultT")


ApplyGroup = Callable[[Sequence[CommandT]], Sequence[ResultT | LedgerError]]
"""Applies a group: as many results as commands. Raises LedgerError when nothing of it was kept."""


OpenTransaction = Callable[[Sequence[CommandT]], AbstractContextManager[None]]
"""Opens the transaction in which a group is applied."""


Divide = Callable[[Sequence[CommandT]], Sequence[Sequence[CommandT]]]
"""Divides a group into parts, in order, each of which one transaction can hold."""


OnGroup = Callable[[int, float, bool], None]
"""Called with the number of a group's commands, the seconds it took, and whether the store is well."""


_RETRY_AFTER = 0.25


@dataclass(slots=True)
class _Submission(Generic[CommandT, ResultT]):
    commands: Sequence[CommandT]
    future: "asyncio.Future[Sequence[ResultT | LedgerError]]"
    loop: asyncio.AbstractEventLoop
    deadline: float | None
    proves: bool = False

    @property
    def size(self) -> int:
        """The commands that count: those of a proof do not."""
        return 0 if self.proves else len(self.commands)


class CommitCounts:
    """Counts what became of commands and groups. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lost: Counter[type] = Counter()
        self.kept = 0
        """Commands that the store took."""
        self.groups_lost = 0
        """Groups of which the store did not take every command."""
        self.largest_lost = 0
        """Commands of the largest of them."""

    def lost(self, kind: type | None = None) -> int:
        """The commands that the store did not take, of a kind or of all."""
        with self._lock:
            return self._lost.total() if kind is None else self._lost[kind]

    def lose(self, commands: Sequence[object], *, group: bool) -> None:
        """Counts commands that the store did not take, of a group or refused before they were tried."""
        with self._lock:
            self._lost.update(map(type, commands))
            self.groups_lost += group
            self.largest_lost = max(self.largest_lost, group * len(commands))


_Group = list[_Submission[CommandT, ResultT]]


class GroupCommit(Generic[CommandT, ResultT]):
    """A bounded queue before a thread that commits what waits in it. It is used from one event loop at a time.

    While the store does not take groups, one submission at a time is tried and the others are refused at once, so that no
    caller waits for what will not come. A group that fails by what one of its commands would write, or by a fault of the
    program's own, is tried again in halves, so that such a command fails alone.

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
        self._queue: deque[_Submission[CommandT, ResultT]] = deque()
        self._submitting = threading.Lock()
        self._changed = threading.Condition()
        self._submitted = 0
        self._taken = 0
        self._done = 0
        self._trouble: str | None = None
        self.counts = CommitCounts()
        self.on_group: OnGroup | None = None
        """Called after every group, in the queue's thread."""
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
        self, commands: Sequence[CommandT], *, deadline: float | None = None, proves: bool = False
    ) -> Sequence[ResultT | LedgerError]:
        """Commits the commands, in order; the result of each, or its error.

        deadline: on time.monotonic's clock; commands whose turn comes later are not committed. proves: they are a group by
        themselves, are tried whatever waits and whatever the trouble, and count nowhere. Raises LedgerFull and LedgerClosed
        at once, and LedgerUnavailable or DeadlinePassed where it is that of all commands and nothing was kept.
        """
        if not proves:
            self._check_trouble(commands)
            self._check_room(len(commands))
        loop = asyncio.get_running_loop()
        submission = _Submission[CommandT, ResultT](commands, loop.create_future(), loop, deadline, proves)
        with self._submitting:
            if self._closed:
                raise LedgerClosed("the server is going down")
            self._submitted += submission.size
            self._queue.append(submission)
        if not self._waking:
            self._waking = True
            loop.call_soon(self._wake)
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

    def _wake(self) -> None:
        """Wakes the thread: once for all that the event loop had at hand, so that it makes one group of them."""
        self._waking = False
        with self._changed:
            self._changed.notify()

    def _run(self) -> None:
        while group := self._next_group():
            start, size = time.perf_counter(), sum(submission.size for submission in group)
            current, results = self._commit(group)
            seconds = time.perf_counter() - start
            self._done += size
            proves = group[0].proves
            if not proves:
                self._count(_commands_of(current), results)
            _deliver(current, results)
            if self.on_group is not None and not proves:
                self.on_group(size, seconds, self._trouble is None)

    def _next_group(self) -> _Group[CommandT, ResultT]:
        """The submissions that wait, up to the largest group; empty when closed and done."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._closed)
        group: _Group[CommandT, ResultT] = []
        size = 0
        while self._queue and (not group or self._fits(self._queue[0], group, size)):
            group.append(self._queue.popleft())
            size += group[-1].size
        self._taken += size
        return group

    def _fits(
        self, submission: _Submission[CommandT, ResultT], group: _Group[CommandT, ResultT], size: int
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
        self, group: _Group[CommandT, ResultT]
    ) -> tuple[_Group[CommandT, ResultT], Sequence[ResultT | LedgerError] | BaseException]:
        """Commits the group; the submissions whose callers still waited, and their results or what failed all of them."""
        current = _in_time(group)
        if not current:
            return current, ()
        parts = self._divide(_commands_of(current))
        if len(parts) > 1:
            return current, self._in_parts(current, parts)
        results: Sequence[ResultT | LedgerError] = []
        try:
            with self._transaction(_commands_of(current)):
                current = _in_time(current)
                results = self._apply(_commands_of(current)) if current else []
        except Exception as error:  # noqa: BLE001 the callers must hear of a fault, and the thread must live on
            commands = _commands_of(current)
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
        self, group: _Group[CommandT, ResultT], parts: Sequence[Sequence[CommandT]]
    ) -> list[ResultT | LedgerError]:
        """The results of the parts, one after the other; none is tried once the store did not take one."""
        callers = [submission for submission in group for _ in submission.commands]
        results: list[ResultT | LedgerError] = []
        for part in parts:
            now, start = time.monotonic(), len(results)
            waits = [_is_in_time(caller, now) for caller in callers[start : start + len(part)]]
            of_part = iter(
                self._of_part([command for command, is_due in zip(part, waits, strict=True) if is_due])
            )
            results += [next(of_part) if is_due else DeadlinePassed(_LATE) for is_due in waits]
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


def _commands_of(group: _Group[CommandT, ResultT]) -> list[CommandT]:
    return [command for submission in group for command in submission.commands]


_LATE = "the deadline had passed before the decision could be committed"


def _in_time(group: _Group[CommandT, ResultT]) -> _Group[CommandT, ResultT]:
    """The submissions whose callers still wait; those whose deadline has passed get DeadlinePassed."""
    now = time.monotonic()
    late = [submission for submission in group if not _is_in_time(submission, now)]
    if late:
        _deliver(late, DeadlinePassed(_LATE))
    return [
        submission for submission in group if _is_in_time(submission, now) and not submission.future.done()
    ]


def _is_in_time(submission: _Submission[CommandT, ResultT], now: float) -> bool:
    return submission.deadline is None or now < submission.deadline


def _deliver(
    group: _Group[CommandT, ResultT], results: Sequence[ResultT | LedgerError] | BaseException
) -> None:
    """Hands each submission its results, with one wake-up an event loop."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[_Submission[CommandT, ResultT], int]]] = {}
    start = 0
    for submission in group:
        by_loop.setdefault(submission.loop, []).append((submission, start))
        start += len(submission.commands)
    for loop, submissions in by_loop.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(_resolve, submissions, results)


def _resolve(
    submissions: Sequence[tuple[_Submission[CommandT, ResultT], int]],
    results: Sequence[ResultT | LedgerError] | BaseException,
) -> None:
    for submission, start in submissions:
        if submission.future.done():
            continue
        if isinstance(results, BaseException):
            submission.future.set_exception(results)
            continue
        of_submission = results[start : start + len(submission.commands)]
        if (common := _common_error(of_submission)) is not None:
            submission.future.set_exception(common)
        else:
            submission.future.set_result(of_submission)


def _common_error(results: Sequence[object]) -> LedgerError | None:
    """Why none of the commands was committed, where that is for one reason that is none of theirs.

    CommitUnknown is of each command alone: it says what that command would have returned.
    """
    for kind in (LedgerUnavailable, DeadlinePassed):
        errors = [
            error
            for error in results
            if isinstance(error, kind) and not isinstance(error, DataRefused | CommitUnknown)
        ]
        if errors and len(errors) == len(results):
            return errors[0]
    return None
