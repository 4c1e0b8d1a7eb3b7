"""The book of a folder while a server runs: read when that is requested, tried, and handed to whoever serves it."""

import asyncio
import signal
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import structlog

from engine.decide.compiled import OpenSignals
from engine.decide.signals.compile import CompiledSignals
from engine.decide.signals.evaluator import Evaluator, open_evaluator
from engine.decide.signals.python_evaluator import PythonEvaluator
from engine.rulebook.report.diagnostics import Diagnostic, Severity, in_short
from engine.server.background import in_thread
from engine.server.book.helper import LoadFailed, LoadHelper, LoadRequest, TriedBook
from engine.server.book.probe import probe

log = structlog.get_logger()


MOST_LOGGED = 20
"""Diagnostics in one message; `tact check` shows all of them."""


class Reloaded(StrEnum):
    """The result of a reload."""

    SWAPPED = "swapped"
    """Another version is served."""
    UNCHANGED = "unchanged"
    """The folder has the version that is served."""
    REFUSED = "refused"
    """The folder's book does not load; the served one stays."""
    FAILED = "failed"
    """A fault of the program; the served one stays."""


Prepared = TypeVar("Prepared")


class BookHost(Protocol[Prepared]):
    """Serves a version of the book, and takes over the next: a single server, or the supervisor of workers."""

    @property
    def version(self) -> str:
        """The version that is served."""

    def prepare(self, tried: TriedBook) -> Prepared:
        """Makes a book ready to serve; called in a thread, for up to seconds."""

    async def publish(self, prepared: Prepared, seconds: float) -> None:
        """Serves it from now on; seconds: how long reading and preparing took."""


class BookSource(Generic[Prepared]):
    """Reads the book of a folder whenever that is requested, and gives its host what is new. One reload at a time.

    labels: added to each message, where it is not the live book's folder.
    """

    def __init__(self, folder: Path, host: BookHost[Prepared], **labels: str) -> None:
        self._folder = folder
        self._host = host
        self._helper = LoadHelper()
        self._log = log.bind(**labels)
        self._requested = asyncio.Event()
        self._even_unchanged = False
        self.counts: Counter[Reloaded] = Counter()
        """Reloads so far, by their result."""
        self.refused: tuple[Diagnostic, ...] = ()
        """The errors of the folder's book, which keep it from being served; empty while there are none."""

    @property
    def refuses(self) -> bool:
        """Whether the folder's book cannot be served."""
        return bool(self.refused)

    def request(self, *, even_unchanged: bool = False) -> None:
        """Requests a reload; several requests during a reload lead to one more.

        even_unchanged: whether the host is given the version that it serves, too.
        """
        self._even_unchanged = self._even_unchanged or even_unchanged
        self._requested.set()

    def loops(self, *, watch: bool) -> dict[str, Callable[[], Coroutine[Any, Any, None]]]:
        """What has to run for as long as the book is served, by name; watch: whether changes of its files request a reload."""
        loops: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {"reload": self._run}
        if watch:
            from engine.server.book.watch import follow  # noqa: PLC0415 only a server that watches imports it

            loops["watch"] = partial(follow, self._folder, self.request)
        return loops

    async def _run(self) -> None:
        while True:
            await self._requested.wait()
            self._requested.clear()
            self.counts[await self._reload()] += 1

    async def _reload(self) -> Reloaded:
        log, start, before = self._log, time.monotonic(), self._host.version
        even_unchanged, self._even_unchanged = self._even_unchanged, False
        try:
            prepared, diagnostics = await in_thread(partial(self._read, None if even_unchanged else before))
        except LoadFailed as error:
            log.error("reload failed", live=before, cause=str(error))  # noqa: TRY400 the cause says it all
            return Reloaded.FAILED
        except Exception:
            log.exception("reload failed", live=before)
            return Reloaded.FAILED
        self.refused = tuple(
            diagnostic for diagnostic in diagnostics if diagnostic.severity is Severity.ERROR
        )
        if self.refused:
            shown = [in_short(diagnostic) for diagnostic in self.refused[:MOST_LOGGED]]
            log.error("book refused", live=before, errors=len(self.refused), diagnostics=shown)
            return Reloaded.REFUSED
        if prepared is None:
            log.info("book unchanged", version=before)
            return Reloaded.UNCHANGED
        await self._host.publish(prepared, round(time.monotonic() - start, 3))
        return Reloaded.SWAPPED

    def _read(self, served: str | None) -> tuple[Prepared | None, tuple[Diagnostic, ...]]:
        """The folder's book as its host prepares it; None where it does not load, or is the version that is served."""
        result = self._helper.load(LoadRequest(self._folder, served))
        if result.tried is None:
            return None, result.diagnostics
        note_objection(result.tried.objection)
        return self._host.prepare(result.tried), result.diagnostics


def request_on_sighup(*requests: Callable[[], object]) -> None:
    """Calls these at each SIGHUP from now on."""

    def requested() -> None:
        for request in requests:
            request()

    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, requested)


def open_tried(compiled: CompiledSignals) -> Evaluator:
    """Opens durable-rules if it passes a trial of the rules, else the evaluator in plain Python. Takes seconds."""
    return opener(objection(compiled))(compiled)


def opener(objection: str | None) -> OpenSignals:
    """Opens durable-rules, or the evaluator in plain Python where there is an objection to that."""
    return open_evaluator if objection is None else PythonEvaluator


def objection(compiled: CompiledSignals) -> str | None:
    """Tries the rules in a process of their own, since rules that hang durable-rules or end its process must not do that here.

    Returns why they have to be evaluated in plain Python; None if they passed.
    """
    reason = probe(compiled)
    note_objection(reason)
    return reason


def note_objection(reason: str | None) -> None:
    """Says why signals are evaluated in plain Python, if they are."""
    if reason is not None:
        log.error("signals are evaluated in plain Python", reason=reason)
