"""What a worker is given at its start, and how it and its supervisor talk from then on.

The worker reads its configuration on its standard input, which stays open for as long as the supervisor lives. It reports on
its standard output: a line when it serves, a line as a sign of life, and its stacks when it crashed or hung.
"""

import os
import pickle
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from engine.decide.compiled import CompiledBook, compile_book
from engine.decide.signals.python_evaluator import PythonEvaluator
from engine.rulebook.load import LoadedBook, load_files, load_sources
from engine.rulebook.text import files
from engine.server.book.follow import NothingLive, StartRefused, live_book
from engine.server.book.source import objection, opener
from engine.server.listen import CannotServe
from engine.settings import Settings

CONFIG_FD, REPORT_FD = 0, 1
"""File descriptors of a worker."""


SERVING, ALIVE = b"serving", b"alive"
"""Lines of a worker's report; any other line belongs to a crash."""


DUMP_SIGNAL = signal.SIGUSR1
"""Makes a worker report its stacks, from C if need be."""


_LENGTH = 8


@dataclass(frozen=True, slots=True)
class BookSnapshot:
    """A valid book, read from its folder once, so that no worker of a server can read something else."""

    files: Mapping[str, bytes]
    version: str
    objection: str | None
    """Why its signals are evaluated in plain Python; None if durable-rules passed the trial of its rules."""

    def compiled(self) -> CompiledBook:
        """Loads and compiles the book. Raises CannotServe if it has another version here than in the supervisor."""
        book = load_files(self.files).book
        if book is None or book.version != self.version:
            difference = "is wrong" if book is None else f"has version {book.version}"
            raise CannotServe(
                f"the book {difference} here, while the supervisor read version {self.version}: was the program changed?"
            )
        return compile_book(book, opener(self.objection))


@dataclass(frozen=True, slots=True)
class FollowedBook:
    """A published book, of which each worker reads the live version when it starts, and follows it by itself."""

    url: str
    """Of the log."""
    version: str
    """Its name, in place of a version: the supervisor knows none."""
    busy_timeout: float

    def compiled(self) -> CompiledBook:
        """Reads, loads and compiles the live version. Raises CannotServe, LedgerUnavailable."""
        try:
            return live_book(self.url, self.version, self.busy_timeout)
        except (NothingLive, StartRefused) as error:
            raise CannotServe(str(error)) from error


WorkerBook: TypeAlias = BookSnapshot | FollowedBook
"""What a worker serves."""


def read_snapshot(folder: Path) -> BookSnapshot | LoadedBook:
    """The folder's book, its signals tried; or the diagnostics of a book that does not load."""
    sources = files.read_folder(folder)
    loaded = load_sources(sources, str(folder))
    book = loaded.book
    if book is None:
        return loaded
    signals = compile_book(book, PythonEvaluator).signals
    return BookSnapshot(sources.files, book.version, None if signals is None else objection(signals.compiled))


@dataclass(frozen=True, slots=True)
class SpawnConfig:
    """The configuration of a worker."""

    number: int
    settings: Settings
    """With the port that all workers share."""
    book_snapshot: WorkerBook
    as_json: bool
    """Whether log lines are JSON."""
    challenger: BookSnapshot | None = None
    """The second book, which decides beside; None where there is none."""

    def encoded(self) -> bytes:
        """As it goes through the pipe: its length, and a pickle."""
        body = pickle.dumps(self)
        return len(body).to_bytes(_LENGTH) + body


def read_spawn_config() -> SpawnConfig | None:
    """The configuration of this process; None where the supervisor died before it had written all of it."""
    length = int.from_bytes(_read(_LENGTH))
    body = _read(length)
    return pickle.loads(body) if len(body) == length > 0 else None  # noqa: S301 - written by the supervisor


def _read(count: int) -> bytes:
    """Reads so many bytes, or fewer at the end of the pipe."""
    parts = bytearray()
    while len(parts) < count and (part := os.read(CONFIG_FD, count - len(parts))):
        parts += part
    return bytes(parts)
