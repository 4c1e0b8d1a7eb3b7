"""The same service, counted: what stands in for its parts where somebody looks."""

import time
from collections.abc import Sequence
from typing import Any

import structlog

from engine.api.v1 import decisions_pb2 as pb
from engine.decide.compiled import CompiledBook
from engine.decide.evaluate import Evaluation
from engine.decide.experiments.learning import NOTHING_LEARNED, Learned
from engine.engine import Engine
from engine.ledger.commit.events import RecordCommand, RecordResult
from engine.ledger.commit.outcomes import ReportCommand
from engine.ledger.errors import LedgerError
from engine.ledger.ledger import Ledger
from engine.model.decision import Decision
from engine.model.instant import Instant
from engine.model.request import Request
from engine.telemetry.metrics import Metrics
from engine.telemetry.stages import Stages
from engine.weather import Weather
from engine.wire.parse import Parser

log = structlog.get_logger()


class ObservedParser(Parser):
    """Tells how long reading a request takes."""

    def __init__(self, compiled: CompiledBook, metrics: Metrics, **options: Any) -> None:
        super().__init__(compiled, **options)
        self._stages = Stages(metrics.stage_seconds)

    def parse(self, message: pb.DecideRequest, now: Instant) -> Request:
        """As the parser does."""
        start = time.perf_counter()
        request = super().parse(message, now)
        self._stages.took("parse", start)
        return request


class ObservedEngine(Engine):
    """Counts decisions, and tells how long their stages take."""

    def __init__(
        self,
        compiled: CompiledBook,
        ledger: Ledger,
        weather: Weather | None,
        metrics: Metrics,
        learned: Learned = NOTHING_LEARNED,
    ) -> None:
        super().__init__(compiled, ledger, weather, learned)
        self._catalogue = metrics
        self._stages = Stages(metrics.stage_seconds)

    async def decide(self, request: Request, *, deadline: float | None = None) -> Decision:
        """As the engine does."""
        decision = await super().decide(request, deadline=deadline)
        self._told(decision)
        return decision

    async def decide_all(
        self, requests: Sequence[Request], *, deadline: float | None = None
    ) -> Sequence[Decision | LedgerError]:
        """As the engine does."""
        answers = await super().decide_all(requests, deadline=deadline)
        for one in answers:
            if isinstance(one, Decision):
                self._told(one)
        return answers

    async def record(
        self, recordings: Sequence[RecordCommand | ReportCommand], *, deadline: float | None = None
    ) -> Sequence[RecordResult | LedgerError]:
        """As the engine does."""
        found = await super().record(recordings, deadline=deadline)
        for one in found:
            self._catalogue.recorded.add((one if isinstance(one, RecordResult) else "error",))
        return found

    def _told(self, decision: Decision) -> None:
        """Counts it; and says it, at level `debug`, without saying whom it is about."""
        self._catalogue.decided(decision)
        log.debug(
            "decided",
            request_id=decision.request_id,
            decision_id=decision.decision_id,
            outcome=decision.outcome,
            book=decision.book_version,
        )

    async def evaluate_all(
        self, requests: Sequence[Request], *, deadline: float | None = None
    ) -> list[Evaluation]:
        """As the engine does."""
        start = time.perf_counter()
        asks = await super().evaluate_all(requests, deadline=deadline)
        self._stages.took("propose", start)
        return asks

    async def commit(self, asked: Evaluation, *, deadline: float | None = None) -> Decision:
        """As the engine does."""
        start = time.perf_counter()
        decision = await super().commit(asked, deadline=deadline)
        self._stages.took("settle", start)
        return decision

    async def commit_all(
        self, asks: Sequence[Evaluation], *, deadline: float | None = None
    ) -> Sequence[Decision | LedgerError]:
        """As the engine does."""
        start = time.perf_counter()
        answers = await super().commit_all(asks, deadline=deadline)
        self._stages.took("settle", start)
        return answers
