"""The versions of the book that a server serves: the live one, those before it with requests under way, and the next."""

import asyncio
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

import structlog

from engine.decide.compiled import CompiledBook, compile_book
from engine.decide.experiments.learning import Learned
from engine.engine import Engine
from engine.ledger.commit.learning import LearnCommand
from engine.ledger.errors import LedgerError
from engine.ledger.ledger import Ledger
from engine.ledger.queries.prices import bid_prices
from engine.model.instant import from_datetime
from engine.rulebook.model.book import Book, ScarceKind
from engine.server.book.source import open_tried
from engine.server.clock import ServerClock
from engine.wire.parse import Parser

log = structlog.get_logger()


class ServingBook:
    """What serves one version of the book; a request is served by one version from start to end.

    Entered for the length of a request (`with serving_books.current as serving`). Belongs to one event loop.
    """

    __slots__ = ("_retired", "_under_way", "engine", "parser")

    def __init__(self, parser: Parser, engine: Engine) -> None:
        self.parser = parser
        self.engine = engine
        self._under_way = 0
        self._retired = False

    def __enter__(self) -> Self:
        self._under_way += 1
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._under_way -= 1
        if self._retired and not self._under_way:
            self._free()

    @property
    def version(self) -> str:
        """The version of its book."""
        return self.engine.compiled.book.version

    def retire(self) -> None:
        """Gets no more requests; what its book holds is freed when the last one is done."""
        self._retired = True
        if not self._under_way:
            self._free()

    def _free(self) -> None:
        """In a thread: rulesets take milliseconds each."""
        log.info("book freed", version=self.version)
        asyncio.get_running_loop().run_in_executor(None, self.engine.compiled.close)


_KEEP_SECONDS = 3.0
"""How long a book that goes live waits for the log to take its text."""


class ServingBooks:
    """The live version, which `publish` replaces. Implements BookHost.

    open_serving: makes what serves a compiled book.
    """

    __slots__ = ("_open_serving", "current")

    def __init__(self, compiled: CompiledBook, open_serving: Callable[[CompiledBook], ServingBook]) -> None:
        self._open_serving = open_serving
        self.current = open_serving(compiled)

    @property
    def version(self) -> str:
        """The live version."""
        return self.current.version

    def prepare(self, book: Book, contents: Mapping[str, bytes]) -> CompiledBook:  # noqa: ARG002 a host's signature
        """Compiles the book and tries its signals."""
        return compile_book(book, open_tried)

    async def publish(self, prepared: CompiledBook, seconds: float) -> None:
        """Serves new requests by this version; those under way finish by the one before it."""
        before = self.version
        self.swap(prepared)
        await self.keep()
        log.info(
            "book live",
            book=prepared.book.name,
            version=prepared.book.version,
            before=before,
            seconds=seconds,
        )

    async def keep(self) -> None:
        """Keeps the text of the live book in the log; where the log does not take it now, its first decision does."""
        now, deadline = from_datetime(datetime.now(UTC)), time.monotonic() + _KEEP_SECONDS
        try:
            await self.current.engine.keep_book(now, deadline=deadline)
        except LedgerError as error:
            log.warning("the book's text is not in the log yet", version=self.version, cause=str(error))

    def swap(self, compiled: CompiledBook) -> None:
        """Replaces the live version, and retires it."""
        before, self.current = self.current, self._open_serving(compiled)
        before.retire()


_PRICE_SECONDS = 60.0
"""How often prices are read, which are in the log for twice as long before they hold."""


class PriceReader:
    """Keeps the prices of what is scarce up to date, for every version of the book that this server serves."""

    def __init__(self, serving_books: ServingBooks, ledger: Ledger, learned: Learned) -> None:
        self._serving_books, self._ledger, self._learned = serving_books, ledger, learned

    async def look(self) -> None:
        """Reads once; if the log cannot be read now, what was read before stays."""
        if self._serving_books.current.engine.compiled.book.scarce is not ScarceKind.PRICES:
            return
        try:
            self._learned.bid_prices = await self._ledger.reader.look(bid_prices)
        except LedgerError as error:
            log.warning("could not read prices", cause=str(error))

    async def follow(self) -> None:
        """Reads every minute, until cancelled."""
        while True:
            await asyncio.sleep(_PRICE_SECONDS)
            await self.look()


_LEARN_SECONDS = 10.0
"""A posterior is in the log for longer than this before it is used, so that every server has read it by then."""


class Learner:
    """Keeps what is learned up to date, for every version of the book that this server serves."""

    def __init__(
        self, serving_books: ServingBooks, ledger: Ledger, clock: ServerClock, learned: Learned
    ) -> None:
        self._serving_books, self._ledger = serving_books, ledger
        self._clock, self._learned = clock, learned

    async def look(self) -> None:
        """Learns once; if the log cannot be read or written now, what was learned before stays."""
        compiled = self._serving_books.current.engine.compiled
        if not compiled.learns:
            return
        try:
            self._learned.take(await self._ledger.commit(LearnCommand(compiled, self._clock())))
        except LedgerError as error:
            log.warning("could not learn", cause=str(error))
        except Exception:
            log.exception("learning failed")

    async def follow(self) -> None:
        """Learns every 10 s, until cancelled."""
        while True:
            await asyncio.sleep(_LEARN_SECONDS)
            await self.look()
