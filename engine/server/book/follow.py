"""Follows the live version of a published book: asks the log, loads what is new in a helper, and serves it.

The log is asked every second, a file twice as often; notifications of PostgreSQL only make it faster. A version that cannot
be served changes nothing: what was served goes on, and the log and the metrics say what was refused.
"""

import asyncio
import os
import socket
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from typing import Any, TypeAlias

import structlog

from engine.decide.compiled import CompiledBook, compile_book
from engine.decide.experiments.rollout import Rollout
from engine.ledger.commit.books import SeeServerCommand
from engine.ledger.errors import LedgerError
from engine.ledger.ledger import Ledger
from engine.ledger.queries.books import book_of
from engine.ledger.queries.releases import CHANNEL, book_files, live
from engine.ledger.store.open import open_listener, open_store
from engine.ledger.store.release_rows import ActivationRow, ServerRow
from engine.model.instant import Instant, from_datetime
from engine.rulebook.load import load_text
from engine.rulebook.report.diagnostics import Diagnostic, Severity, in_short
from engine.server.background import in_thread
from engine.server.book.helper import LoadFailed, LoadHelper, LoadRequest
from engine.server.book.serving import ServingBook, ServingBooks, StagedBook
from engine.server.book.source import MOST_LOGGED, BookSource, Reloaded, note_objection, open_tried
from engine.settings import Settings

log = structlog.get_logger()


_POLL_SECONDS = {"sqlite": 0.5, "postgresql": 1.0}
"""How often the log is asked which version is live."""


_ASK_SECONDS = 5.0
"""How long the log may take to answer."""


_SAY_SECONDS = 5.0
"""How often a server says in the log what it serves."""


_AGAIN_SECONDS = 30.0
"""After a helper failed, until the version is tried again. A version with errors is not tried again."""


class NothingLive(Exception):
    """No version of the book was ever activated."""


class StartRefused(Exception):
    """The live version does not load here."""

    def __init__(self, message: str, diagnostics: tuple[Diagnostic, ...]) -> None:
        super().__init__(message)
        self.diagnostics = diagnostics


class _Refused(Exception):
    """A version cannot be served; `again`: it may be later."""

    def __init__(self, cause: str, diagnostics: tuple[Diagnostic, ...] = (), *, again: bool = False) -> None:
        super().__init__(cause)
        self.diagnostics, self.again = diagnostics, again


@dataclass(frozen=True, slots=True)
class RefusedVersion:
    """A version that is live or staged in the log, and that this server cannot serve."""

    version: str
    cause: str


def live_book(url: str, name: str, busy_timeout: float) -> CompiledBook:
    """The live version of the book in the log, compiled. Raises NothingLive, StartRefused, LedgerUnavailable."""
    store = open_store(url, busy_timeout=busy_timeout)
    try:
        with store.transaction(writes=False):
            activation = live(store, name)
            row = None if activation is None else book_of(store, activation.live)
    finally:
        store.close()
    if activation is None or not activation.live:
        raise NothingLive(
            f"nothing is live under the name {name!r}: publish a book and activate it, or serve a folder by --rules"
        )
    if row is None:
        raise StartRefused(f"the log has no text of {name} {activation.live[:12]}, which is live", ())
    loaded = load_text(row.text)
    if loaded.book is None:
        raise StartRefused(f"{name} {activation.live[:12]}, which is live, does not load", loaded.diagnostics)
    return compile_book(loaded.book, open_tried)


class BookFollower:
    """Serves what is live and staged in the log; has what a BookSource has of interest to others.

    Belongs to one event loop.
    """

    def __init__(self, settings: Settings, serving_books: ServingBooks, ledger: Ledger) -> None:
        self._name, self._books, self._ledger = settings.book, serving_books, ledger
        self._url = settings.listen or settings.log
        self._poll = _POLL_SECONDS["sqlite" if settings.log.startswith("sqlite:") else "postgresql"]
        self._me = f"{socket.gethostname()}/{os.getpid()}"
        self._helper = LoadHelper()
        self._asked = asyncio.Event()
        self._news = asyncio.Event()
        """Set when there is something to say in the log."""
        self._activation = 0
        """The id of the last activation that was seen, and served or refused."""
        self._since = _now()
        """From when on the live version is served."""
        self._known_at = time.monotonic()
        self._again_at: float | None = None
        self._silent = ""
        """The last trouble with asking, which is not repeated."""
        self.counts: Counter[Reloaded] = Counter()
        """Activations that were followed, by their result."""
        self.refused: tuple[Diagnostic, ...] = ()
        """The errors of a version that was refused; empty while none is."""
        self.refused_version: RefusedVersion | None = None

    @property
    def refuses(self) -> bool:
        """Whether what is live or staged in the log cannot be served here."""
        return self.refused_version is not None

    @property
    def age(self) -> float:
        """Seconds since it was known that what is served is what the log has live and staged."""
        return time.monotonic() - self._known_at

    def request(self) -> None:
        """Asks the log now."""
        self._asked.set()

    def loops(self) -> dict[str, Callable[[], Coroutine[Any, Any, None]]]:
        """What has to run for as long as the book is served, by name."""
        return {"follow": self._follow, "listen": self._listen, "say": self._say}

    async def look(self) -> None:
        """Asks the log once, and serves what is new. Where it cannot be asked, what is served stays."""
        try:
            row = await self._ledger.reader.look(
                partial(live, name=self._name), deadline=time.monotonic() + _ASK_SECONDS
            )
        except LedgerError as error:
            if str(error) != self._silent:
                self._silent = str(error)
                log.warning("cannot ask which version is live", book=self._name, cause=str(error))
            return
        self._silent = ""
        again = self._again_at is not None and time.monotonic() >= self._again_at
        if row is not None and (row.id != self._activation or again):
            await self._apply(row)
        elif self.refused_version is None:
            self._known_at = time.monotonic()

    async def _follow(self) -> None:
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._asked.wait(), self._poll)
            self._asked.clear()
            await self.look()

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()

        def hear() -> None:
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(self._asked.set)

        close = open_listener(self._url, CHANNEL, hear)
        try:
            await asyncio.Event().wait()
        finally:
            if close is not None:
                close()

    async def _apply(self, row: ActivationRow) -> None:
        """Serves what an activation says. Where the live version is refused, what is served stays."""
        start, self._again_at = time.monotonic(), None
        refusal: tuple[str, _Refused] | None = None
        staged: StagedBook | None = None
        try:
            serving = await self._serving(row.live)
        except _Refused as refused:
            self._note(row, (row.live, refused))
            return
        except LedgerError as error:
            log.warning("cannot read a version", version=row.live, cause=str(error))
            return
        if row.staged is not None and row.share is not None:
            try:
                rollout = Rollout(row.staged, row.salt or "", row.share)
                staged = StagedBook(await self._serving(row.staged, serving), rollout)
            except _Refused as refused:
                refusal = row.staged, refused
            except LedgerError as error:
                log.warning("cannot read a version", version=row.staged, cause=str(error))
                return
        self._arrange(serving, staged, round(time.monotonic() - start, 3))
        self._note(row, refusal)

    async def _serving(self, wanted: str, *others: ServingBook) -> ServingBook:
        """What serves the version, loaded unless it is served already. Raises _Refused, LedgerError."""
        held = self._books.held(wanted) or next((own for own in others if own.version == wanted), None)
        if held is not None:
            return held
        files = await self._ledger.reader.look(
            partial(book_files, version=wanted), deadline=time.monotonic() + _ASK_SECONDS
        )
        if files is None:
            raise _Refused("the log has no text of it")
        contents = {name: text.encode() for name, text in files.items()}
        try:
            compiled = await in_thread(partial(self._compiled, wanted, contents))
        except LoadFailed as error:
            raise _Refused(str(error), again=True) from error
        return self._books.open(compiled)

    def _compiled(self, wanted: str, files: dict[str, bytes]) -> CompiledBook:
        """Loads a version in the helper, and builds it here. Raises _Refused, LoadFailed."""
        result = self._helper.load(LoadRequest(files, None))
        tried = result.tried
        if tried is None:
            errors = tuple(
                diagnostic for diagnostic in result.diagnostics if diagnostic.severity is Severity.ERROR
            )
            raise _Refused(f"it does not load: {in_short(errors[0])}", errors)
        if tried.version != wanted:
            raise _Refused(f"it loads as {tried.version}: was the program changed?")
        note_objection(tried.objection)
        return self._books.prepare(tried)

    def _note(self, row: ActivationRow, refusal: tuple[str, _Refused] | None) -> None:
        """Keeps what was served or refused, and has it said in the log."""
        if refusal is None:
            self.refused, self.refused_version = (), None
            self.counts[Reloaded.SWAPPED] += 1
            self._known_at = time.monotonic()
        else:
            refused, cause = refusal
            self.refused, self.refused_version = cause.diagnostics, RefusedVersion(refused, str(cause))
            self.counts[Reloaded.FAILED if cause.again else Reloaded.REFUSED] += 1
            self._again_at = time.monotonic() + _AGAIN_SECONDS if cause.again else None
            log.error(
                "book refused",
                version=refused,
                live=self._books.version,
                cause=str(cause),
                diagnostics=[in_short(diagnostic) for diagnostic in cause.diagnostics[:MOST_LOGGED]],
            )
        self._activation = row.id
        self._news.set()

    def _arrange(self, serving: ServingBook, staged: StagedBook | None, seconds: float) -> None:
        """Serves by these versions; seconds: how long it took to load them."""
        before, staged_before = self._books.version, self._books.staged
        self._books.arrange(serving, staged)
        if serving.version != before:
            self._since = _now()
            log.info("book live", book=self._name, version=serving.version, before=before, seconds=seconds)
        if staged is not None:
            share = staged.rollout.share
            log.info(
                "book staged", book=self._name, version=staged.serving.version, share=share, seconds=seconds
            )
        elif staged_before is not None:
            log.info("stage ended", book=self._name, version=staged_before.serving.version)

    async def _say(self) -> None:
        """Says in the log every 5 s what is served, and at once when that changes."""
        while True:
            self._news.clear()
            try:
                deadline = time.monotonic() + _ASK_SECONDS
                await self._ledger.commit(SeeServerCommand(self._row()), deadline=deadline)
            except LedgerError as error:
                log.debug("could not say what is served", cause=str(error))
            with suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), _SAY_SECONDS)

    def _row(self) -> ServerRow:
        staged, refused = self._books.staged, self.refused_version
        return ServerRow(
            server=self._me,
            name=self._name,
            version=self._books.version,
            staged="" if staged is None else staged.serving.version,
            activation=self._activation,
            since=self._since,
            seen_at=_now(),
            refused="" if refused is None else refused.version,
            cause="" if refused is None else refused.cause,
            engine=version("tact"),
        )


BookOrigin: TypeAlias = BookSource[CompiledBook] | BookFollower
"""Where a server's book comes from: a folder, or the log."""


def _now() -> Instant:
    return from_datetime(datetime.now(UTC))
