"""The challenger: a second book, which decides what the live one has decided, after the reply, and is logged beside it.

It answers nobody, reserves nothing and learns nothing. Under load it waits; what its bounded queue has no room for is dropped.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Mapping
from enum import StrEnum
from functools import partial
from typing import NamedTuple

import structlog

from engine.api.v1 import decisions_pb2 as pb
from engine.decide.compiled import CompiledBook
from engine.decide.evaluate import evaluate
from engine.decide.experiments.learning import Learned
from engine.ledger.commit.challenges import (
    KeepChallengesCommand,
    agrees,
    challenge_row,
    read_live,
    read_state,
)
from engine.ledger.errors import LedgerError
from engine.ledger.ledger import Ledger
from engine.ledger.store.rows import ChallengeRow
from engine.model.decision import Decision
from engine.model.request import Request
from engine.server.background import in_thread
from engine.server.book.serving import ServingBook, ServingBooks
from engine.weather import Weather
from engine.wire.violations import InvalidMessage, Unsupported

log = structlog.get_logger()


_MOST_WAITING = 256
"""Decisions that may wait for the challenger."""


_MOST_BYTES = 16 * 1024 * 1024
"""Bytes of their requests."""


_MOST_TAKEN = 4096
"""The latest decision_ids that are known as taken."""


_BATCH = 32
"""Decisions of the challenger that are kept by one command."""


_BEHIND_COMMANDS = 32
"""Commands that wait for the log, from which on the server counts as busy."""


_BEHIND_SECONDS = 0.025
"""How long a turn of the event loop takes, from which on the server counts as busy."""


_PAUSE_SECONDS = 0.01
"""Between looks at whether the server is still busy."""


_LOG_SECONDS = 5.0
"""How long the challenger waits for the log."""


_FINISH_SECONDS = 2.0
"""How long a server that stops lets the challenger finish what waits."""


_MOST_REASONS = 100
"""Different reasons of failures that are written as messages."""


class ChallengeResult(StrEnum):
    """What became of a decision that was offered to the challenger."""

    AGREED = "agreed"
    """The challenger decided the same: outcome, and campaign, variant and channel of each contact."""
    DIFFERED = "differed"
    DROPPED = "dropped"
    """There was no room, or the server stopped."""
    FAILED = "failed"
    """The challenger's book cannot read the request, or the log did not take or give what was needed."""


class _Waiting(NamedTuple):
    message: pb.DecideRequest
    size: int
    decision: Decision
    deciding: CompiledBook


class ChallengerBooks(ServingBooks):
    """The version of the challenger's book, which `publish` replaces. Implements BookHost."""

    __slots__ = ()

    async def publish(self, prepared: CompiledBook, seconds: float) -> None:
        """Decides by this version from now on."""
        before = self.version
        self.swap(prepared)
        await self.keep()
        log.info("challenger loaded", version=prepared.book.version, before=before, seconds=seconds)


class Challenger:
    """Decides beside the live book; belongs to one event loop. `follow` runs for as long as the server does.

    most_waiting: decisions that may wait.
    """

    def __init__(
        self,
        books: ChallengerBooks,
        ledger: Ledger,
        weather: Weather | None,
        learned: Learned,
        *,
        most_waiting: int = _MOST_WAITING,
    ) -> None:
        self.books = books
        self._ledger, self._weather, self._learned = ledger, weather, learned
        self._reader = ledger.open_reader(_BATCH)
        self._most_waiting = most_waiting
        self._waiting: deque[_Waiting] = deque()
        self._taken: dict[str, None] = {}
        """The latest decision_ids that were taken: a retry at a simulated moment looks like the first call."""
        self._bytes = 0
        self._under_way = 0
        self._arrived, self._idle = asyncio.Event(), asyncio.Event()
        self._idle.set()
        self._counts: Counter[ChallengeResult] = Counter()
        self._complained: set[tuple[str, str]] = set()
        """Versions and reasons of which a message was written already."""

    @property
    def counts(self) -> Mapping[str, int]:
        """The decisions so far, by what became of them."""
        return {result: self._counts[result] for result in ChallengeResult}

    def offer(
        self, message: pb.DecideRequest, request: Request, decision: Decision, deciding: CompiledBook
    ) -> None:
        """Takes a decision whose reply has left, unless there is no room.

        Left out are previews, fallbacks that the log has not, and answers that were given before.
        """
        if not decision.decision_id or decision.degraded or decision.at != request.now:
            return
        if decision.decision_id in self._taken:
            return
        size = message.ByteSize()
        if len(self._waiting) >= self._most_waiting or self._bytes + size > _MOST_BYTES:
            self._counts[ChallengeResult.DROPPED] += 1
            return
        self._taken[decision.decision_id] = None
        if len(self._taken) > _MOST_TAKEN:
            del self._taken[next(iter(self._taken))]
        self._waiting.append(_Waiting(message, size, decision, deciding))
        self._bytes += size
        self._idle.clear()
        self._arrived.set()

    async def follow(self) -> None:
        """Decides what waits whenever the server is not busy, until cancelled."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._waiting:
                await self._decide_batch()
            self._idle.set()

    async def finish(self) -> None:
        """Waits a moment for what waits, drops the rest, and closes the connection to the log."""
        try:
            async with asyncio.timeout(_FINISH_SECONDS):
                await self._idle.wait()
        except TimeoutError:
            log.warning("the challenger did not finish", dropped=len(self._waiting) + self._under_way)
        self._counts[ChallengeResult.DROPPED] += len(self._waiting)
        self._waiting.clear()
        await in_thread(self._reader.close)

    async def _decide_batch(self) -> None:
        with self.books.current as serving:
            rows: list[tuple[ChallengeRow, bool]] = []
            while self._waiting and len(rows) < _BATCH:
                await self._until_calm()
                waiting = self._waiting.popleft()
                self._bytes -= waiting.size
                self._under_way = len(rows) + 1
                try:
                    rows.append(await self._decide(serving, waiting))
                except Exception as error:  # noqa: BLE001 the server and the other decisions go on
                    self._fail(serving, waiting, error)
            await self._keep(serving, rows)
            self._under_way = 0

    async def _until_calm(self) -> None:
        """Returns in a turn of the event loop in which the server is not behind."""
        while True:
            start = time.monotonic()
            await asyncio.sleep(0)
            if time.monotonic() - start < _BEHIND_SECONDS and self._ledger.depth < _BEHIND_COMMANDS:
                return
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _decide(self, serving: ServingBook, waiting: _Waiting) -> tuple[ChallengeRow, bool]:
        """What the challenger's book decides, and whether that is what the live book has decided."""
        compiled, decision, deadline = (
            serving.engine.compiled,
            waiting.decision,
            time.monotonic() + _LOG_SECONDS,
        )
        request = serving.parser.parse(waiting.message, decision.at)
        live, request = await self._reader.look(
            partial(
                read_live,
                decision_id=decision.decision_id,
                deciding=waiting.deciding,
                compiled=compiled,
                request=request,
            ),
            deadline=deadline,
        )
        unread = compiled.weather - waiting.deciding.weather
        if unread and self._weather is not None:
            (request,) = await self._weather.add_to((request,), unread, deadline=deadline)
        evaluation = evaluate(compiled, request, self._learned)
        state = await self._reader.look(
            partial(read_state, live=live, evaluation=evaluation), deadline=deadline
        )
        row = challenge_row(live, evaluation, state)
        return row, agrees(live.row, row)

    async def _keep(self, serving: ServingBook, rows: list[tuple[ChallengeRow, bool]]) -> None:
        if not rows:
            return
        book, kept = serving.engine.compiled.book, [row for row, _ in rows]
        try:
            await self._ledger.commit(
                KeepChallengesCommand(kept, book, kept[0].at), deadline=time.monotonic() + _LOG_SECONDS
            )
        except LedgerError as error:
            self._counts[ChallengeResult.FAILED] += len(rows)
            self._complain(book.version, f"the log did not take it: {error}")
        else:
            for _, agreed in rows:
                self._counts[ChallengeResult.AGREED if agreed else ChallengeResult.DIFFERED] += 1

    def _fail(self, serving: ServingBook, waiting: _Waiting, error: Exception) -> None:
        self._counts[ChallengeResult.FAILED] += 1
        if isinstance(error, InvalidMessage | Unsupported | LedgerError | LookupError):
            self._complain(serving.version, str(error))
        else:
            log.error("the challenger failed", decision_id=waiting.decision.decision_id, exc_info=error)

    def _complain(self, version: str, reason: str) -> None:
        """Warns of a reason, once for each version."""
        if (version, reason) not in self._complained and len(self._complained) < _MOST_REASONS:
            self._complained.add((version, reason))
            log.warning("the challenger could not decide", version=version, reason=reason)
