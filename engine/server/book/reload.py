"""Signals are tried before they are live: a set of rules that hangs or kills its process must never reach this one."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

import structlog

from engine.decide.compiled import CompiledBook, compile_book
from engine.decide.signals.compile import CompiledSignals
from engine.decide.signals.evaluator import Evaluator, open_evaluator
from engine.decide.signals.python_evaluator import PythonEvaluator
from engine.rulebook.load import load
from engine.rulebook.report.diagnostics import Diagnostic, Severity, in_short
from engine.server.book.probe import probe
from engine.server.book.serving import ServingBook, ServingBooks

log = structlog.get_logger()


def open_tried(compiled: CompiledSignals) -> Evaluator:
    """The best evaluator whose rules passed in a process of their own; plain Python where they failed. Takes seconds."""
    return open_evaluator(compiled) if objection(compiled) is None else PythonEvaluator(compiled)


def objection(compiled: CompiledSignals) -> str | None:
    """Why the rules should be evaluated in plain Python; None where they passed."""
    reason = probe(compiled)
    if reason is not None:
        log.error("signals are evaluated in plain Python", reason=reason)
    return reason


_MOST_TOLD = 20
"""Diagnostics in one message; `tact check` has all of them."""


class Reloaded(StrEnum):
    """What came of a reload."""

    SWAPPED = "swapped"
    """Another version is live."""
    UNCHANGED = "unchanged"
    """The folder says what is live."""
    REFUSED = "refused"
    """The folder's book does not load; the live one stays."""
    FAILED = "failed"
    """A fault of the program; the live one stays."""


class Reloader:
    """Brings the book of a folder to life, off the event loop, one reload at a time.

    open_desk: makes the desk that serves a book.
    """

    def __init__(
        self, folder: Path, serving_books: ServingBooks, open_desk: Callable[[CompiledBook], ServingBook]
    ) -> None:
        self._folder = folder
        self._desks = serving_books
        self._open_desk = open_desk
        self._asked = asyncio.Event()
        self.counts: Counter[Reloaded] = Counter()
        """What came of the reloads so far."""
        self.refused: tuple[Diagnostic, ...] = ()
        """Why the folder's book is not the live one; empty while it is."""

    def ask(self) -> None:
        """Wants a reload; of several wishes during a reload comes one more."""
        self._asked.set()

    async def run(self) -> None:
        """Reloads when asked, for ever."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            self.counts[await self._reload()] += 1

    async def _reload(self) -> Reloaded:
        start, before = time.monotonic(), self._desks.compiled.version
        try:
            compiled, diagnostics = await asyncio.to_thread(_opened, self._folder, before)
        except Exception:
            log.exception("reload failed", live=before)
            return Reloaded.FAILED
        self.refused = tuple(one for one in diagnostics if one.severity is Severity.ERROR)
        if self.refused:
            told = [in_short(one) for one in self.refused[:_MOST_TOLD]]
            log.error("book refused", live=before, errors=len(self.refused), diagnostics=told)
            return Reloaded.REFUSED
        if compiled is None:
            log.info("book unchanged", version=before)
            return Reloaded.UNCHANGED
        self._desks.swap(self._open_desk(compiled))
        seconds = round(time.monotonic() - start, 3)
        log.info(
            "book live",
            book=compiled.book.name,
            version=compiled.book.version,
            before=before,
            seconds=seconds,
        )
        return Reloaded.SWAPPED


def _opened(folder: Path, version: str) -> tuple[CompiledBook | None, tuple[Diagnostic, ...]]:
    """The book in the folder, compiled and tried; None where it does not load, or is the given version."""
    loaded = load(folder)
    if loaded.book is None or loaded.book.version == version:
        return None, loaded.diagnostics
    return compile_book(loaded.book, open_tried), loaded.diagnostics
