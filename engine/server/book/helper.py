"""Loads and tries books in a process of its own: loading keeps the interpreter busy for seconds, and calls wait meanwhile.

The helper is started by the first load and kept for the next ones, since its start takes longer than loading a small book.
What it hands back is pickled in pieces, which the serving process reads one by one (`TriedBook.book`).
"""

import gc
import io
import os
import pickle
import select
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from engine.children import child_command, child_environment
from engine.decide.compiled import compile_book
from engine.decide.signals.python_evaluator import PythonEvaluator
from engine.model.pace import MakeWay, paced
from engine.rulebook.load import load_files, load_sources
from engine.rulebook.model.book import Book
from engine.rulebook.report.diagnostics import Diagnostic
from engine.rulebook.text import files
from engine.server.book.probe import probe

_CHILD = "from engine.server.book.helper import child; child()"


_LOAD_SECONDS = 180.0
"""How long a load may take: 5,000 campaigns take about four."""


_IDLE_SECONDS = 120.0
"""How long a helper waits for the next load before it ends."""


_NICE = 10
"""Subtracted from the helper's priority: calls go first where processors are scarce."""


_LENGTH = 8


class LoadFailed(Exception):
    """A book could not be loaded, for a reason that is not in its files."""


@dataclass(frozen=True, slots=True)
class TriedBook:
    """A valid book that was loaded, compiled and tried by a helper."""

    version: str
    files: Mapping[str, bytes]
    objection: str | None
    """Why its signals are evaluated in plain Python; None if durable-rules passed the trial of its rules."""
    pieces: bytes
    """The book, pickled in pieces: without campaigns and offers, then these one after another."""

    def book(self, pause: MakeWay) -> Book:
        """Reads the book. pause: called between its pieces."""
        unpickler = pickle.Unpickler(io.BytesIO(self.pieces))  # noqa: S301 - written by the helper
        book, offers, campaigns = unpickler.load()
        for named, count in ((book.offers, offers), (book.campaigns, campaigns)):
            for _ in paced(range(count), pause):
                name, value = unpickler.load()
                named[name] = value
        return book  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class LoadResult:
    """What became of a load."""

    diagnostics: tuple[Diagnostic, ...]
    tried: TriedBook | None
    """None where the book has errors, or is the version that is served."""


@dataclass(frozen=True, slots=True)
class LoadRequest:
    """Which book to load."""

    source: Path | Mapping[str, bytes]
    """A folder, or the files of a version that was published."""
    served: str | None
    """The version that need not be tried; None: each is."""


class LoadHelper:
    """The process that loads. Its methods block, and are called by one thread at a time."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._errors: IO[bytes] | None = None

    def load(self, request: LoadRequest) -> LoadResult:
        """Loads a book. Raises LoadFailed."""
        fresh = self._process is None
        try:
            return self._loaded(request)
        except LoadFailed:
            if fresh:
                raise
            return self._loaded(request)  # it may have ended since the last load, for want of work

    def close(self) -> None:
        """Ends the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout, self._errors):
                if pipe is not None:
                    # the process may have ended before it read all that was written
                    with suppress(BrokenPipeError):
                        pipe.close()
            self._process = self._errors = None

    def _loaded(self, request: LoadRequest) -> LoadResult:
        process = self._running()
        timer = threading.Timer(_LOAD_SECONDS, process.kill)
        timer.daemon = True
        timer.start()
        try:
            if process.stdin is None or process.stdout is None:
                raise LoadFailed("the helper has no pipes")
            _write(process.stdin, request)
            result = _read(process.stdout)
        except (OSError, EOFError) as error:
            raise LoadFailed(self._why(process)) from error
        finally:
            timer.cancel()
        return result  # type: ignore[no-any-return]

    def _running(self) -> "subprocess.Popen[bytes]":
        if self._process is None:
            self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
            try:
                # a session of its own: Ctrl-C in a terminal is for the server
                self._process = subprocess.Popen(  # noqa: S603 - our own code, by our own interpreter
                    child_command(_CHILD),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=self._errors,
                    env=child_environment(),
                    start_new_session=True,
                )
            except OSError as error:
                raise LoadFailed(f"the process that loads could not be started: {error.strerror}") from error
        return self._process

    def _why(self, process: "subprocess.Popen[bytes]") -> str:
        """Why the process ended, whose pipes are closed; the next load starts another."""
        code, last = process.wait(), b""
        if self._errors is not None:
            self._errors.seek(0)
            last = (self._errors.read().strip().splitlines() or [b""])[-1]
        self.close()
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        said = last.decode(errors="replace")
        return f"the process that loads {how}{f': {said}' if said else ''}"


def child() -> None:
    """Entry point of the helper: loads what is asked for on standard input until that ends, or nothing is for long."""
    os.nice(_NICE)
    requests, results = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print is no result
    gc.freeze()
    gc.disable()  # looking through what a load makes took a third of its time, and finds nothing: a book has no cycles
    while select.select([requests], [], [], _IDLE_SECONDS)[0]:
        try:
            request: LoadRequest = _read(requests)
        except EOFError:
            return
        _write(results, load_tried(request))
        gc.collect()  # when nobody waits


def load_tried(request: LoadRequest) -> LoadResult:
    """Loads a book, compiles it, and tries its signals."""
    if isinstance(request.source, Path):
        sources = files.read_folder(request.source)
        loaded, contents = load_sources(sources, str(request.source)), sources.files
    else:
        contents = {name: content for name, content in request.source.items() if files.belongs(name)}
        loaded = load_files(contents, earlier=True)
    book = loaded.book
    if book is None or book.version == request.served:
        return LoadResult(loaded.diagnostics, None)
    signals = compile_book(book, PythonEvaluator).signals
    reason = None if signals is None else probe(signals.compiled)
    return LoadResult(loaded.diagnostics, TriedBook(book.version, contents, reason, _pieces(book)))


def _pieces(book: Book) -> bytes:
    buffer = io.BytesIO()
    pickler = pickle.Pickler(buffer, pickle.HIGHEST_PROTOCOL)
    pickler.dump((replace(book, offers={}, campaigns={}), len(book.offers), len(book.campaigns)))
    for named in (book.offers, book.campaigns):
        for item in named.items():
            pickler.dump(item)
    return buffer.getvalue()


def _write(pipe: IO[bytes], value: object) -> None:
    body = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    pipe.write(len(body).to_bytes(_LENGTH) + body)
    pipe.flush()


def _read(pipe: IO[bytes]) -> Any:
    """What the other side wrote. Raises EOFError when it ended before the end of that."""
    length = pipe.read(_LENGTH)
    body = pipe.read(int.from_bytes(length))
    if not body:
        raise EOFError
    return pickle.loads(body)  # noqa: S301 - written by this module, in the other process
