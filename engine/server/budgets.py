"""Keeps what the book's budgets have spent, for the metrics of a server."""

import asyncio
from collections.abc import Iterator
from typing import NamedTuple

import structlog

from engine.decide.pressure.quotas import QuotaRule
from engine.ledger.commit.new_counters import counts_at
from engine.ledger.errors import LedgerError
from engine.ledger.ledger import Ledger
from engine.model.decision import RuleKind
from engine.model.instant import SECOND, Instant
from engine.rulebook.model.book import MICROS
from engine.server.book.serving import ServingBooks
from engine.server.clock import ServerClock

log = structlog.get_logger()

_TICK_SECONDS = 1.0
"""How often it is seen whether another book is live."""

_REFRESH = 10 * SECOND
"""How often the log is read."""


class BudgetSpent(NamedTuple):
    """A budget of the live book, in units of its currency."""

    name: str
    currency: str
    spent: float
    """In the current period, by all servers together."""
    limit: float


class BudgetFollower:
    """Reads what budgets have spent, of the book that is live."""

    def __init__(self, serving_books: ServingBooks, ledger: Ledger, clock: ServerClock) -> None:
        self._serving_books, self._ledger, self._clock = serving_books, ledger, clock
        self._looked: tuple[str, Instant] = ("", 0)
        """For which version the log was read last, or was to be read, and when."""
        self._spent: tuple[str, tuple[BudgetSpent, ...]] = ("", ())
        """By the version."""

    def spent(self) -> Iterator[BudgetSpent]:
        """What was read last; nothing of a book that was replaced."""
        version, spent = self._spent
        yield from spent if version == self._serving_books.version else ()

    async def look(self) -> None:
        """Reads, if another book is live or what was read is old; while the log cannot be read, that stays."""
        compiled, now = self._serving_books.current.engine.compiled, self._clock()
        looked, at = self._looked
        if looked == compiled.book.version and at <= now < at + _REFRESH:
            return
        self._looked = compiled.book.version, now
        rules = [rule for rule in compiled.pressure.shared if rule.kind is RuleKind.BUDGET]
        try:
            self._spent = compiled.book.version, await self._look(rules, compiled.book.currency, now)
        except LedgerError as error:
            log.warning("could not read what budgets have spent", cause=str(error))

    async def _look(self, rules: list[QuotaRule], currency: str, now: Instant) -> tuple[BudgetSpent, ...]:
        if not rules:
            return ()
        counts = await self._ledger.reader.look(lambda store: counts_at(store, rules, now))
        return tuple(
            BudgetSpent(rule.name, currency, counts[rule.name] / MICROS, rule.limit / MICROS)
            for rule in rules
        )

    async def follow(self) -> None:
        """Looks every second, until cancelled."""
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            await self.look()
