"""What waits to be committed: submissions of commands, whose callers hear what became of them."""

import asyncio
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from engine.ledger.errors import (
    CommitUnknown,
    DataRefused,
    DeadlinePassed,
    LedgerError,
    LedgerUnavailable,
)

CommandT = TypeVar("CommandT")


ResultT = TypeVar("ResultT")


@dataclass(slots=True)
class Submission(Generic[CommandT, ResultT]):
    """Commands that were submitted together, and the future of their results."""

    commands: Sequence[CommandT]
    future: "asyncio.Future[Sequence[ResultT | LedgerError]]"
    loop: asyncio.AbstractEventLoop
    deadline: float | None
    proves: bool = False
    brief: bool = False
    """Whether its one command takes no longer than others of its kind."""

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


SubmissionGroup = list[Submission[CommandT, ResultT]]


def commands_of(group: SubmissionGroup[CommandT, ResultT]) -> list[CommandT]:
    """The commands of a group, in order."""
    return [command for submission in group for command in submission.commands]


LATE = "the deadline had passed before the decision could be committed"


def in_time(group: SubmissionGroup[CommandT, ResultT], now: float) -> SubmissionGroup[CommandT, ResultT]:
    """The submissions whose callers still wait; those whose deadline has passed get DeadlinePassed."""
    late = [submission for submission in group if not is_in_time(submission, now)]
    if late:
        deliver(late, DeadlinePassed(LATE))
    return [
        submission for submission in group if is_in_time(submission, now) and not submission.future.done()
    ]


def is_in_time(submission: Submission[CommandT, ResultT], now: float) -> bool:
    """Whether the deadline has not passed at a moment on time.monotonic's clock."""
    return submission.deadline is None or now < submission.deadline


def deliver(
    group: SubmissionGroup[CommandT, ResultT], results: Sequence[ResultT | LedgerError] | BaseException
) -> None:
    """Hands each submission its results, with one wake-up an event loop."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[Submission[CommandT, ResultT], int]]] = {}
    start = 0
    for submission in group:
        by_loop.setdefault(submission.loop, []).append((submission, start))
        start += len(submission.commands)
    for loop, submissions in by_loop.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(resolve, submissions, results)


def resolve(
    submissions: Sequence[tuple[Submission[CommandT, ResultT], int]],
    results: Sequence[ResultT | LedgerError] | BaseException,
) -> None:
    """Gives submissions, each with the index of its first command in the group, their results; in their event loop."""
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
