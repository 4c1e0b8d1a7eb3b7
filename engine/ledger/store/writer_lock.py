"""A fair queue of the processes that write one SQLite log.

SQLite's own lock goes to whoever tries at the right moment: a process that has just committed tries again before the others,
who sleep between their attempts, have noticed. So processes queue at two locks before they try SQLite's: one for whoever is
next, one for whoever writes now. A process that leaves cannot come back before the one that is next has written. The system
frees the locks of a process that dies. They make waiting fair; that only one process writes at a time is SQLite's doing.
"""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.telemetry.counters import LOG_WAIT_SECONDS, LOG_WAITS

_NEXT, _NOW = 0, 1
"""The bytes of the file that are the two locks."""


_NEXT_POLL, _NOW_POLL = 0.002, 0.0005
"""Seconds between attempts: POSIX locks cannot be waited for with a time-out. Only one process at a time polls the second."""


class WriterLockNotTaken(Exception):
    """The lock was not free in time."""


class WriterLock:
    """The lock of a log's writers, in a file of its own beside the log. For one thread at a time."""

    def __init__(self, path: Path) -> None:
        """Opens the file; raises OSError when it cannot be made."""
        self._file = path.open("ab", buffering=0)

    def close(self) -> None:
        """Leaves the queue for good; gives up whatever this process has of the file."""
        self._file.close()

    @contextmanager
    def taken(self, patience: float) -> Iterator[float]:
        """Holds the lock for the length of a block, which gets the seconds that are left of the patience.

        Raises WriterLockNotTaken when the lock is not free within the patience, in seconds.
        """
        began = time.monotonic()
        end = began + patience
        waited = self._take(_NEXT, end, _NEXT_POLL)
        try:
            waited |= self._take(_NOW, end, _NOW_POLL)
        finally:
            self._leave(_NEXT)
        try:
            if waited:
                LOG_WAITS.add()
                LOG_WAIT_SECONDS.add(time.monotonic() - began)
            yield max(0.0, end - time.monotonic()) if waited else patience
        finally:
            self._leave(_NOW)

    def _take(self, lock: int, end: float, poll: float) -> bool:
        """Takes the lock; whether it had to be waited for."""
        waited = False
        while not self._taken_at_once(lock):
            if time.monotonic() >= end:
                raise WriterLockNotTaken
            waited = True
            time.sleep(poll)
        return waited

    def _taken_at_once(self, lock: int) -> bool:
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, lock)
        except (BlockingIOError, PermissionError):  # POSIX names both
            return False
        return True

    def _leave(self, lock: int) -> None:
        fcntl.lockf(self._file, fcntl.LOCK_UN, 1, lock)
