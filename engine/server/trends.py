"""Keeps the counts of trends up to date: reads from the log what all servers have counted."""

import asyncio

import structlog

from engine.decide.compiled import CompiledBook
from engine.ledger.commit.alarms import AlarmCommand
from engine.ledger.commit.books import KeepTrendsCommand
from engine.ledger.errors import LedgerError
from engine.ledger.ledger import Ledger
from engine.ledger.queries.trends import KEPT, alarms, cells, series
from engine.ledger.store.store import Store
from engine.model.instant import SECOND, Instant
from engine.model.trends import (
    AlarmKey,
    CellsByHour,
    Series,
    TrendCounts,
    alarms_holding,
    by_hour,
    window_start,
)
from engine.server.book.serving import ServingBooks
from engine.server.clock import ServerClock
from engine.telemetry.counters import TREND_ALERTS

log = structlog.get_logger()

_SECONDS = 5.0
"""How often the hours are read that windows need."""

_REFRESH = 600 * SECOND
"""How often all hours are read, a server says that it counts, and old cells are deleted."""


class TrendFollower:
    """Reads the counts of trends, for every version of the book that this server serves."""

    def __init__(
        self, serving_books: ServingBooks, ledger: Ledger, clock: ServerClock, counts: TrendCounts
    ) -> None:
        self._serving_books, self._ledger = serving_books, ledger
        self._clock, self._counts = clock, counts
        self._refreshed: tuple[str, Instant] = ("", 0)
        """The version for which all hours were read, and when."""

    async def look(self) -> None:
        """Reads once; if the log cannot be read now, what was read before stays."""
        compiled, now = self._serving_books.current.engine.compiled, self._clock()
        if not compiled.counted:
            return
        try:
            await self._read(compiled, now)
        except LedgerError as error:
            log.warning("could not read the counts of trends", cause=str(error))

    async def _read(self, compiled: CompiledBook, now: Instant) -> None:
        version, at = self._refreshed
        fresh = version == compiled.book.version and at <= now < at + _REFRESH
        longest = max(trend.within for trend in compiled.book.derived.trends.values())
        start = window_start(longest, at) if fresh else now - KEPT
        if not fresh:
            await self._ledger.commit(KeepTrendsCommand(compiled, now))
        read, since, holding = await self._ledger.reader.look(
            lambda store: read_counts(store, compiled, start)
        )
        self._counts.take(read, since, start if fresh else None)
        if alarms_holding(compiled.book.derived.alarms, self._counts, now).keys() != holding:
            await self._alert(compiled, now)
        if not fresh:
            self._refreshed = (compiled.book.version, now)

    async def _alert(self, compiled: CompiledBook, now: Instant) -> None:
        """Has the log compared with what is noted, by whichever server comes first."""
        for alert in await self._ledger.commit(AlarmCommand(compiled, now)):
            TREND_ALERTS.add()
            log.warning(
                "a trend has begun",
                event_type=alert.event,
                field=alert.field,
                number=alert.number,
                usual=round(alert.usual, 1),
            )

    async def follow(self) -> None:
        """Reads every 5 s, until cancelled."""
        while True:
            await asyncio.sleep(_SECONDS)
            await self.look()


def read_counts(
    store: Store, compiled: CompiledBook, start: Instant
) -> tuple[CellsByHour, dict[Series, Instant], set[AlarmKey]]:
    """The cells from `start` on, since when each series is counted, and the book's alarms that are noted as holding."""
    own = {(alarm.event, alarm.field, alarm.condition) for alarm in compiled.book.derived.alarms}
    holding = {key for key, row in alarms(store).items() if not row.until and (key[0], key[1], key[3]) in own}
    return by_hour(cells(store, compiled.counted, start)), series(store), holding
