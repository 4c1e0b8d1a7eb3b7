"""What a worker is told at its start, and the words that it has for its supervisor.

Orders come on the worker's standard input, which stays open for as long as the supervisor lives. What the worker has to say
goes out on its standard output: a line when it serves, a line as a sign of life, and where it was when it crashed or hung.
"""

import os
import pickle
import signal
from dataclasses import dataclass

from engine.settings import Settings
from engine.workers.book_snapshot import BookSnapshot

ORDERS, NEWS = 0, 1
"""File descriptors of a worker."""


SERVING, ALIVE = b"serving", b"alive"
"""Lines of news; any other is a crash's."""


WHERE = signal.SIGUSR1
"""The signal that makes a worker say where it is, from C if need be."""


_LENGTH = 8


@dataclass(frozen=True, slots=True)
class SpawnConfig:
    """A worker's orders."""

    number: int
    settings: Settings
    """With the port that all workers share."""
    book_snapshot: BookSnapshot
    as_json: bool
    """Whether log lines are JSON."""

    def written(self) -> bytes:
        """As they go through the pipe."""
        body = pickle.dumps(self)
        return len(body).to_bytes(_LENGTH) + body


def read_spawn_config() -> SpawnConfig | None:
    """The orders of this process; None where the supervisor died before it had written them."""
    length = int.from_bytes(_read(_LENGTH))
    body = _read(length)
    return pickle.loads(body) if len(body) == length > 0 else None  # noqa: S301 - written by the supervisor


def _read(count: int) -> bytes:
    """So many bytes, or fewer where there are no more."""
    parts = bytearray()
    while len(parts) < count and (part := os.read(ORDERS, count - len(parts))):
        parts += part
    return bytes(parts)
