"""New workers for a running server: at SIGHUP, or when the book has changed."""

import asyncio
from pathlib import Path

import structlog

from engine.rulebook.report.diagnostics import Diagnostic, Severity, in_short
from engine.workers.book_snapshot import BookSnapshot, read_snapshot
from engine.workers.pool import WorkerPool

log = structlog.get_logger()


_MOST_TOLD = 20
"""Diagnostics in one message; `tact check` has all of them."""


class RollingRestart:
    """Gives a crew new workers when that is wanted, with the book as its folder has it then."""

    def __init__(self, pool: WorkerPool, folder: Path, version: str) -> None:
        self._crew = pool
        self._folder = folder
        self.version = version
        self.refused: tuple[Diagnostic, ...] = ()
        """Why the folder's book is not the one that is served; empty while it is."""
        self._wanted = asyncio.Event()
        self._even_unchanged = False

    def restart(self) -> None:
        """Wants new workers, whether or not the book is another one."""
        self._even_unchanged = True
        self._wanted.set()

    def look(self) -> None:
        """Wants new workers if the book is another one."""
        self._wanted.set()

    async def run(self) -> None:
        """Renews when asked, for ever; what is asked for meanwhile begins anew."""
        under_way: asyncio.Task[None] | None = None
        try:
            while True:
                await self._wanted.wait()
                self._wanted.clear()
                book_snapshot = await self._read()
                if book_snapshot is not None:
                    await _cancelled(under_way)
                    under_way = asyncio.create_task(self._renew(book_snapshot))
        finally:
            await _cancelled(under_way)

    async def _read(self) -> BookSnapshot | None:
        """The edition to renew with; None where the book does not load, or nothing is to be done."""
        even_unchanged, self._even_unchanged = self._even_unchanged, False
        read = await asyncio.to_thread(read_snapshot, self._folder)
        if not isinstance(read, BookSnapshot):
            errors = self.refused = tuple(one for one in read.diagnostics if one.severity is Severity.ERROR)
            told = [in_short(one) for one in errors[:_MOST_TOLD]]
            log.error("book refused", live=self.version, errors=len(errors), diagnostics=told)
            return None
        self.refused = ()
        if read.version == self.version and not even_unchanged:
            log.info("book unchanged", version=self.version)
            return None
        return read

    async def _renew(self, book_snapshot: BookSnapshot) -> None:
        log.info("renewing the workers", version=book_snapshot.version, before=self.version)
        self.version = book_snapshot.version
        try:
            await self._crew.renew(book_snapshot)
        except Exception:
            log.exception("the workers could not be renewed")
        else:
            log.info("workers renewed", version=book_snapshot.version)


async def _cancelled(task: "asyncio.Task[None] | None") -> None:
    if task is not None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
