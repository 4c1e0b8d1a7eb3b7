"""The versions of the book that a server serves: the live one, those before it with requests under way, and the next."""

import asyncio
import gc
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from types import TracebackType
from typing import NamedTuple, Self

import structlog

from engine.decide.compiled import CompiledBook, compile_book
from engine.decide.experiments.learning import Learned
from engine.decide.experiments.rollout import Rollout, RolloutArm
from engine.engine import Engine
from engine.ledger.commit.learning import LearnCommand
from engine.ledger.errors import LedgerError
from engine.ledger.ledger import Ledger
from engine.ledger.queries.prices import bid_prices
from engine.model.instant import from_datetime
from engine.model.pace import Pacer
from engine.rulebook.model.book import ScarceKind
from engine.server.book.helper import TriedBook
from engine.server.book.source import opener
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
        """In a thread: rulesets take milliseconds each, and thousands of campaigns tens of milliseconds together."""
        log.info("book freed", version=self.version)
        loop, compiled = asyncio.get_running_loop(), self.engine.compiled
        loop.run_in_executor(None, compiled.close)
        if len(compiled.compiled_campaigns) >= _MANY:
            loop.call_later(_FREE_SECONDS, loop.run_in_executor, None, _let_go, [compiled])


_MANY = 100
"""Campaigns from which on a book is let go in slices."""


_FREE_SECONDS = 2.0
"""By then nothing else holds a replaced book on which no request is under way."""


def _let_go(last: list[CompiledBook]) -> None:
    """Drops a book that nobody else holds, in slices. last: the last reference to it."""
    compiled = last.pop()
    parts: list[object] = [*compiled.compiled_campaigns, *compiled.book.campaigns.values()]
    del compiled
    pause = Pacer()
    while parts:
        parts.pop()
        pause()


_building = threading.Lock()


@contextmanager
def _uncollected() -> Iterator[None]:
    """No garbage collection in the block, one block at a time; what is made in it is not looked through afterwards either.

    A book has no cycles, and 100,000 objects: looking through them keeps the interpreter for 60 ms and more, each time.
    """
    with _building:
        gc.collect(1)
        gc.disable()
        try:
            yield
            gc.freeze()
        finally:
            gc.enable()


_KEEP_SECONDS = 3.0
"""How long a book that goes live waits for the log to take its text."""


class StagedBook(NamedTuple):
    """What serves a share of the persons, while a version is rolled out."""

    serving: ServingBook
    rollout: Rollout


class ServingBooks:
    """The live version, which `publish` replaces, and beside it the one that is staged. Implements BookHost.

    open_serving: makes what serves a compiled book.
    """

    __slots__ = ("_open_serving", "current", "staged")

    def __init__(self, compiled: CompiledBook, open_serving: Callable[[CompiledBook], ServingBook]) -> None:
        self._open_serving = open_serving
        self.current = open_serving(compiled)
        self.staged: StagedBook | None = None
        """None: the live version serves everybody."""

    def of(self, name: str) -> ServingBook:
        """What serves the customer, as far as the name tells; the commit knows the person, and answers OtherVersion."""
        staged = self.staged
        return staged.serving if staged is not None and staged.rollout.takes(name) else self.current

    def other(self, serving: ServingBook) -> ServingBook:
        """What serves those whom this one does not."""
        return self.current if self.staged is None or serving is self.staged.serving else self.staged.serving

    def held(self, version: str) -> ServingBook | None:
        """What serves the version, to whomever; None: nothing does."""
        servings = [self.current] if self.staged is None else [self.current, self.staged.serving]
        return next((serving for serving in servings if serving.version == version), None)

    @property
    def compiled(self) -> tuple[CompiledBook, ...]:
        """The books that decide now, the live one first."""
        books = self.current.engine.compiled
        return (books,) if self.staged is None else (books, self.staged.serving.engine.compiled)

    def open(self, compiled: CompiledBook) -> ServingBook:
        """What may serve the book, once it is arranged."""
        return self._open_serving(compiled)

    def arrange(self, live: ServingBook, staged: StagedBook | None) -> None:
        """Serves new requests by these; what served before and is not among them is retired."""
        before = {self.current} if self.staged is None else {self.current, self.staged.serving}
        live.engine.arm = None if staged is None else RolloutArm(staged.rollout, staged=False)
        if staged is not None:
            staged.serving.engine.arm = RolloutArm(staged.rollout, staged=True)
        self.current, self.staged = live, staged
        for serving in before - ({live} if staged is None else {live, staged.serving}):
            serving.engine.arm = None  # its requests under way end by it
            serving.retire()

    @property
    def version(self) -> str:
        """The live version."""
        return self.current.version

    def prepare(self, tried: TriedBook) -> CompiledBook:
        """Compiles the book in slices, between which the event loop goes on."""
        pause = Pacer()
        with _uncollected():
            return compile_book(tried.book(pause), opener(tried.objection), pause)

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
        self.arrange(self._open_serving(compiled), None)


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
        learning = [compiled for compiled in self._serving_books.compiled if compiled.learns]
        if not learning:
            return
        try:
            # of a campaign that both learn, what the live version says
            states = [
                await self._ledger.commit(LearnCommand(compiled, self._clock())) for compiled in learning
            ]
            self._learned.take(
                {name: state for by_name in reversed(states) for name, state in by_name.items()}
            )
        except LedgerError as error:
            log.warning("could not learn", cause=str(error))
        except Exception:
            log.exception("learning failed")

    async def follow(self) -> None:
        """Learns every 10 s, until cancelled."""
        while True:
            await asyncio.sleep(_LEARN_SECONDS)
            await self.look()
