"""Looks how the server is, and tells the health service.

Readiness (of the whole server, and of each service by its name) is apart from liveness: a server whose log does not answer
should get no calls, and should not be restarted either.
"""

import asyncio
import time
from collections.abc import Sequence

import structlog

from engine.decide.compiled import CompiledBook
from engine.ledger.errors import LedgerClosed, LedgerError
from engine.ledger.ledger import Ledger
from engine.server.background import BackgroundTasks
from engine.server.book.source import BookSource
from engine.server.health_service import HealthService

log = structlog.get_logger()


LIVENESS = "liveness"
"""SERVING as long as the process answers, also while it drains."""


RULEBOOK = "rulebook"
"""SERVING while the folder's book loads: NOT_SERVING when it was refused, and an older one is served."""


_PROBE_SECONDS = 1.0


class Health:
    """Updates the health service: ready while a book is live and the log takes transactions.

    services: names of those that need the log. patience: seconds after which a log that has not answered is in trouble.
    """

    def __init__(
        self,
        services: Sequence[str],
        ledger: Ledger,
        book_source: BookSource[CompiledBook],
        background: BackgroundTasks,
        *,
        patience: float,
    ) -> None:
        self.service = HealthService()
        self._services = ("", *services)
        self._ledger = ledger
        self._book_source = book_source
        self._background = background
        self._patience = patience
        self._ready = True
        self._draining = False
        self._last_turn = time.monotonic()

    @property
    def ready(self) -> bool:
        """Whether the server is ready for calls."""
        return self._ready and not self._draining and not self._background.failing

    @property
    def trouble(self) -> str | None:
        """Why the server is not ready, unless it drains; None if it is."""
        failing = self._background.failing
        return self._ledger.trouble or (f"failing: {', '.join(failing)}" if failing else None)

    @property
    def silent(self) -> float:
        """Seconds since the event loop last ran `beat`; if more than a few, it hangs."""
        return time.monotonic() - self._last_turn

    async def follow(self) -> None:
        """Checks every second, until cancelled."""
        while True:
            await asyncio.sleep(_PROBE_SECONDS)
            await self.look()

    async def beat(self) -> None:
        """Notes every second that the event loop runs, until cancelled."""
        while True:
            self._last_turn = time.monotonic()
            await asyncio.sleep(_PROBE_SECONDS)

    def drain(self) -> None:
        """Reports that the server is not ready, from now on, and ends all watches."""
        self._draining = True
        self._set(self._services, serving=False)
        self.service.drain()

    async def look(self) -> None:
        """Checks once; before the first check the health service knows no name."""
        self._set((LIVENESS,), serving=True)
        trouble = await self._trouble()
        if self._ready is not (trouble is None):
            self._ready = trouble is None
            if trouble is None:
                log.info("the log answers again")
            else:
                log.error("the log does not answer", error=trouble)
        if not self._draining:
            self._set(self._services, serving=self.ready)
        self._set((RULEBOOK,), serving=not self._book_source.refused)

    async def _trouble(self) -> str | None:
        """Why the log does not answer; None if it does."""
        try:
            async with asyncio.timeout(self._patience):
                await self._ledger.commit_all(())
        except TimeoutError:
            self._ledger.doubt(f"no answer within {self._patience:g} s")
        except LedgerClosed as error:
            return str(error)
        except LedgerError as error:
            self._ledger.doubt(str(error))
        return self._ledger.trouble

    def _set(self, services: Sequence[str], *, serving: bool) -> None:
        for name in services:
            self.service.set(name, serving=serving)
