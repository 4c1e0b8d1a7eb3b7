"""Looks how the server is, and tells the health service.

Readiness (of the whole server, and of each service by its name) is apart from liveness: a server whose log does not answer
should get no calls, and should not be restarted either.
"""

import asyncio
import time
from collections.abc import Callable, Sequence

from engine.ledger.errors import LedgerClosed, LedgerError
from engine.ledger.ledger import Ledger
from engine.server.background import BackgroundTasks
from engine.server.book.follow import BookOrigin
from engine.server.health_service import HealthService
from engine.server.readiness import LossReport, Readiness

LIVENESS = "liveness"
"""SERVING as long as the process answers, also while it drains."""


RULEBOOK = "rulebook"
"""SERVING while the folder's book loads: NOT_SERVING when it was refused, and an older one is served."""


_PROBE_SECONDS = 1.0


class Health:
    """Updates the health service: ready while a book is live and the log takes decisions.

    services: names of those that need the log. patience: seconds after which a log that has not answered is in trouble.
    clock: seconds, never going back.
    """

    def __init__(
        self,
        services: Sequence[str],
        ledger: Ledger,
        book_source: BookOrigin,
        background: BackgroundTasks,
        *,
        patience: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.service = HealthService()
        self._services = ("", *services)
        self._ledger = ledger
        self._book_source = book_source
        self._background = background
        self._patience = patience
        self._readiness, self._report, self._clock = Readiness(), LossReport(), clock
        self._kept = 0
        """Commands that the log had taken at the last look."""
        self._serving = False
        """As it was told the health service."""
        self._draining = False
        background.on_change = self._publish
        self._last_turn = time.monotonic()

    @property
    def ready(self) -> bool:
        """Whether the server is ready for calls: what the health service says, too."""
        return self._serving

    @property
    def trouble(self) -> str | None:
        """Why the server is not ready, unless it drains; None if it is."""
        failing = self._background.failing
        return self._readiness.trouble or (f"failing: {', '.join(failing)}" if failing else None)

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
        self._publish()
        self.service.drain()

    async def look(self) -> None:
        """Checks once; before the first check the health service knows no name."""
        self._set((LIVENESS,), serving=True)
        trouble = None if self._is_proved() else await self._trouble()
        self._kept = self._ledger.kept
        now, losses = self._clock(), self._ledger.losses
        self._readiness.look(now, trouble, losses)
        self._report.look(now, self._readiness.trouble, losses)
        self._publish()
        self._set((RULEBOOK,), serving=not self._book_source.refuses)

    def _is_proved(self) -> bool:
        """Whether callers' groups have proved since the last look what a proof would."""
        return self._ledger.kept > self._kept and not self._readiness.needs_proof(self._ledger.losses)

    async def _trouble(self) -> str | None:
        """Why the log does not take a proof; None if it does."""
        size = self._readiness.proof(self._ledger.losses, self._ledger.largest_lost)
        try:
            async with asyncio.timeout(self._patience):
                await self._ledger.prove(size)
        except TimeoutError:
            trouble = f"no answer within {self._patience:g} s"
        except LedgerClosed as error:
            return str(error)
        except LedgerError as error:
            trouble = str(error)
        else:
            return None
        self._ledger.doubt(trouble)
        return trouble

    def _publish(self) -> None:
        """Brings to the health service, and to who asks otherwise, whether the server is ready."""
        self._serving = self._readiness.ready and not self._draining and not self._background.failing
        self._set(self._services, serving=self._serving)

    def _set(self, services: Sequence[str], *, serving: bool) -> None:
        for name in services:
            self.service.set(name, serving=serving)
