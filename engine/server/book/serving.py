"""Desks: what serves one version of the book, and how the next one takes its place."""

import asyncio
from types import TracebackType
from typing import Self

import structlog

from engine.engine import Engine
from engine.wire.parse import Parser

log = structlog.get_logger()


class ServingBook:
    """What serves one version of the book; a request is served by one desk from start to end.

    Entered for the length of a request (`with desks.live as desk`). Belongs to one event loop.
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


class ServingBooks:
    """The live desk. Those before it live on for as long as their requests do."""

    __slots__ = ("compiled",)

    def __init__(self, compiled: ServingBook) -> None:
        self.compiled = compiled

    def swap(self, serving: ServingBook) -> None:
        """From now on new requests are served by this desk."""
        before, self.compiled = self.compiled, serving
        before.retire()
