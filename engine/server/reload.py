"""Hot reload: the folder's book becomes live when it loads; when it does not, the live one stays."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

import structlog

from engine.live import LiveBook, compile_book
from engine.rulebook.load import load
from engine.rulebook.report.diagnostics import Diagnostic, Severity, in_short
from engine.server.desk import Desk, Desks
from engine.server.tried import open_tried

log = structlog.get_logger()

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

    def __init__(self, folder: Path, desks: Desks, open_desk: Callable[[LiveBook], Desk]) -> None:
        self._folder = folder
        self._desks = desks
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
        start, before = time.monotonic(), self._desks.live.version
        try:
            live, diagnostics = await asyncio.to_thread(_opened, self._folder, before)
        except Exception:
            log.exception("reload failed", live=before)
            return Reloaded.FAILED
        self.refused = tuple(one for one in diagnostics if one.severity is Severity.ERROR)
        if self.refused:
            told = [in_short(one) for one in self.refused[:_MOST_TOLD]]
            log.error("book refused", live=before, errors=len(self.refused), diagnostics=told)
            return Reloaded.REFUSED
        if live is None:
            log.info("book unchanged", version=before)
            return Reloaded.UNCHANGED
        self._desks.swap(self._open_desk(live))
        seconds = round(time.monotonic() - start, 3)
        log.info("book live", book=live.book.name, version=live.book.version, before=before, seconds=seconds)
        return Reloaded.SWAPPED


def _opened(folder: Path, version: str) -> tuple[LiveBook | None, tuple[Diagnostic, ...]]:
    """The book in the folder, compiled and tried; None where it does not load, or is the given version."""
    loaded = load(folder)
    if loaded.book is None or loaded.book.version == version:
        return None, loaded.diagnostics
    return compile_book(loaded.book, open_tried), loaded.diagnostics
