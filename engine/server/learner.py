"""Learning, beside the calls: what happened is counted now and then, and what is known from it is held ready."""

import asyncio

import structlog

from engine.decide.experiments.learning import Learned
from engine.ledger.commit.learning import LearnCommand
from engine.ledger.errors import LedgerError
from engine.ledger.ledger import Ledger
from engine.server.book.serving import ServingBooks
from engine.server.clock import ServerClock

log = structlog.get_logger()


_EVERY = 10.0
"""Seconds. A state is in the log for longer than this before it holds, so every server has it in time."""


class Learner:
    """Keeps what is learned up to date, for every version of the book that this server serves."""

    def __init__(
        self, serving_books: ServingBooks, ledger: Ledger, clock: ServerClock, learned: Learned
    ) -> None:
        self._desks, self._ledger, self._clock, self._learned = serving_books, ledger, clock, learned

    async def look(self) -> None:
        """Learns once; what cannot be learned now can be later, and what was known is known still."""
        compiled = self._desks.compiled.engine.compiled
        if not compiled.learns:
            return
        try:
            self._learned.take(await self._ledger.commit(LearnCommand(compiled, self._clock())))
        except LedgerError as error:
            log.warning("could not learn", cause=str(error))
        except Exception:
            log.exception("learning failed")

    async def follow(self) -> None:
        """Learns for as long as it is not cancelled."""
        while True:
            await asyncio.sleep(_EVERY)
            await self.look()
