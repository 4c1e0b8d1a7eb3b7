"""Health, as gRPC's own protocol tells it: https://github.com/grpc/grpc/blob/master/doc/health-checking.md.

Readiness (the whole server, and each service by its name) is apart from liveness: a server whose log does not answer wants
no callers, and no restart either.
"""

import asyncio
import time
from collections.abc import Sequence

import structlog
from grpc_health.v1 import health
from grpc_health.v1.health_pb2 import HealthCheckResponse

from engine.ledger.errors import LedgerClosed, LedgerError
from engine.ledger.ledger import Ledger
from engine.server.book.reload import Reloader

log = structlog.get_logger()


LIVENESS = "liveness"
"""SERVING as long as the process answers, also while it drains."""


RULEBOOK = "rulebook"
"""SERVING while the book in the folder is the one that is served."""


_PROBE_SECONDS = 1.0


class Health:
    """Keeps the health service true: ready while a book is live and the log takes transactions.

    services: names of those that need the log. patience: seconds after which a log that has not answered is in trouble.
    """

    def __init__(
        self, services: Sequence[str], ledger: Ledger, reloader: Reloader, *, patience: float
    ) -> None:
        self.servicer = health.aio.HealthServicer()
        self._services = ("", *services)
        self._ledger = ledger
        self._reloader = reloader
        self._patience = patience
        self._ready = True
        self._draining = False
        self._came_by = time.monotonic()

    @property
    def ready(self) -> bool:
        """Whether calls are welcome."""
        return self._ready and not self._draining

    @property
    def silent(self) -> float:
        """Seconds since the event loop last came by; more than a few, and it hangs."""
        return time.monotonic() - self._came_by

    async def follow(self) -> None:
        """Looks every second, for ever."""
        while True:
            await asyncio.sleep(_PROBE_SECONDS)
            await self.look()

    async def beat(self) -> None:
        """Shows that the event loop turns, for ever."""
        while True:
            self._came_by = time.monotonic()
            await asyncio.sleep(_PROBE_SECONDS)

    async def drain(self) -> None:
        """No callers any more, from now on."""
        self._draining = True
        await self._set(self._services, serving=False)

    async def look(self) -> None:
        """Looks once; before the first look no name is known."""
        await self._set((LIVENESS,), serving=True)
        trouble = await self._trouble()
        if self._ready is not (trouble is None):
            self._ready = trouble is None
            if trouble is None:
                log.info("the log answers again")
            else:
                log.error("the log does not answer", error=trouble)
        if not self._draining:
            await self._set(self._services, serving=self._ready)
        await self._set((RULEBOOK,), serving=not self._reloader.refused)

    async def _trouble(self) -> str | None:
        """Why the log does not answer; None where it does."""
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

    async def _set(self, services: Sequence[str], *, serving: bool) -> None:
        status = HealthCheckResponse.SERVING if serving else HealthCheckResponse.NOT_SERVING
        for name in services:
            await self.servicer.set(name, status)
