"""Whose turn it is at a log that several processes write.

SQLite's own lock goes to whoever asks at the right moment: a process that has just committed asks again before the others,
who sleep between their attempts, have noticed. So processes queue at two locks before they ask SQLite: who waits to be next,
and whose turn it is. One that leaves cannot come back before the one that waits to be next has had its turn. The system
frees the locks of a process that dies. They make waiting fair; that nobody writes at the same time is SQLite's doing.
"""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.telemetry.counters import LOG_WAIT_SECONDS, LOG_WAITS

_NEXT, _NOW = 0, 1
"""The bytes of the file that stand for the two locks."""


_NEXT_POLL, _NOW_POLL = 0.002, 0.0005
"""Seconds between attempts: POSIX locks cannot be waited for with a limit. Only one process at a time polls the second."""


class WriterLockNotTaken(Exception):
    """The turn did not come in time."""


class WriterLock:
    """A place in the queue before a log, by a file of its own beside it. For one thread at a time."""

    def __init__(self, path: Path) -> None:
        """Opens the file; raises OSError when it cannot be made."""
        self._file = path.open("ab", buffering=0)

    def close(self) -> None:
        """Leaves the queue for good."""
        self._file.close()

    @contextmanager
    def taken(self, patience: float) -> Iterator[float]:
        """The turn, for the length of a block, which gets what is left of the patience, in seconds.

        Raises TurnNotTaken when the turn does not come within the patience.
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
