"""Decides by a book: recalls what it needs, evaluates, and commits."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from engine.decide.answer import degraded
from engine.decide.compiled import CompiledBook
from engine.decide.evaluate import Evaluation, evaluate
from engine.decide.experiments.learning import NOTHING_LEARNED, Learned
from engine.decide.experiments.rollout import RolloutArm
from engine.ledger.commit.books import KeepBookCommand
from engine.ledger.commit.commands import Command
from engine.ledger.commit.decisions import DecideCommand
from engine.ledger.commit.events import RecordCommand, RecordResult, WarnedResult
from engine.ledger.commit.identity import LinkCommand, LinkResult
from engine.ledger.commit.outcomes import ReportCommand
from engine.ledger.errors import CommitUnknown, DataRefused, LedgerError, LedgerUnavailable
from engine.ledger.ledger import Ledger
from engine.ledger.memory import memory_of
from engine.ledger.store.store import Store
from engine.model.decision import Decision
from engine.model.instant import Instant
from engine.model.request import Request
from engine.model.trends import TrendSource
from engine.telemetry.stages import StageObserver
from engine.weather import Weather

_T = TypeVar("_T")


_AT_A_TIME = 32
"""Requests that are evaluated before other calls have their turn: 1 to 2 ms of the event loop."""


class Engine:
    """Decides by one version of a book, with a ledger. Deadlines are on time.monotonic's clock."""

    def __init__(
        self,
        compiled: CompiledBook,
        ledger: Ledger,
        weather: Weather | None = None,
        learned: Learned = NOTHING_LEARNED,
        observer: StageObserver | None = None,
        trends: TrendSource | None = None,
    ) -> None:
        self.compiled = compiled
        self.learned = learned
        self.arm: RolloutArm | None = None
        """The side of a staged roll-out on which the version is, for as long as there is one."""
        self._ledger = ledger
        self._weather = weather
        self._observer = observer
        self._trends = trends

    async def decide(self, request: Request, *, deadline: float | None = None) -> Decision:
        """Recalls, evaluates and commits one request.

        Raises LedgerError when the decision could not be kept, and the book has none for when the ledger is down.
        """
        try:
            (evaluation,) = await self.evaluate_all((request,), deadline=deadline)
            return await self.commit(evaluation, deadline=deadline)
        except LedgerUnavailable as error:
            if (stand_in := self._stand_in(request, error)) is None:
                raise
            return stand_in

    async def decide_all(
        self, requests: Sequence[Request], *, deadline: float | None = None
    ) -> Sequence[Decision | LedgerError]:
        """Decides the requests in order; the decision of each, or its error.

        Raises LedgerError when none of the decisions could be kept, and the book has none for when the ledger is down.
        """
        results: Sequence[Decision | LedgerError]
        try:
            evaluations = await self.evaluate_all(requests, deadline=deadline)
            results = await self.commit_all(evaluations, deadline=deadline)
        except LedgerUnavailable as error:
            results = [error] * len(requests)
        answers = [
            (self._stand_in(request, result) or result) if isinstance(result, LedgerUnavailable) else result
            for request, result in zip(requests, results, strict=True)
        ]
        errors = [answer for answer in answers if isinstance(answer, LedgerUnavailable)]
        if errors and len(errors) == len(answers):
            raise errors[0]
        return answers

    def _stand_in(self, request: Request, error: LedgerUnavailable) -> Decision | None:
        """The fallback of the request, if it has one, with the id of the decision that may have been kept all the same."""
        stand_in = degraded(evaluate(self.compiled, request))
        kept = error.result if isinstance(error, CommitUnknown) else None
        if stand_in is None or not isinstance(kept, Decision):
            return stand_in
        return stand_in._replace(maybe_decision_id=kept.decision_id)

    async def recall(
        self, requests: Sequence[Request], *, deadline: float | None = None
    ) -> Sequence[Request]:
        """The requests with what is remembered of their customers, and the weather, as far as the book reads them.

        Weather that does not come in time stays missing. Raises LedgerError when what is remembered cannot be read.
        """
        if self._trends is not None and self.compiled.derivation.trends:
            requests = [
                request if request.trends is not None else request._replace(trends=self._trends)
                for request in requests
            ]
        weather = self._weather if self.compiled.weather else None
        if weather is None:
            return await self._remember(requests, deadline)
        with_weather = weather.add_to(requests, self.compiled.weather, deadline=deadline)
        if self.compiled.recall is None:
            return await with_weather
        remembered, under_weather = await asyncio.gather(self._remember(requests, deadline), with_weather)
        return [
            request._replace(attributes=weathered.attributes)
            for request, weathered in zip(remembered, under_weather, strict=True)
        ]

    async def _remember(self, requests: Sequence[Request], deadline: float | None) -> Sequence[Request]:
        """The requests with what is remembered of their customers, if the book reads it."""
        recall = self.compiled.recall
        if recall is None:
            return requests
        queries = [recall.of(request.customer, request.now, request.aliases) for request in requests]
        recalled = await self._ledger.reader.recall(queries, deadline=deadline)
        return [
            request._replace(memory=memory_of(of_customer, request.now))
            for request, of_customer in zip(requests, recalled, strict=True)
        ]

    async def evaluate_all(
        self, requests: Sequence[Request], *, deadline: float | None = None
    ) -> list[Evaluation]:
        """Recalls and evaluates the requests, many in slices: everything before the commit."""
        start, seconds = time.perf_counter(), 0.0
        recalled = await self.recall(requests, deadline=deadline)
        evaluations: list[Evaluation] = []
        for first in range(0, len(recalled), _AT_A_TIME):
            if first:
                seconds += time.perf_counter() - start
                await asyncio.sleep(0)
                start = time.perf_counter()
            of_slice = recalled[first : first + _AT_A_TIME]
            evaluations += [evaluate(self.compiled, request, self.learned) for request in of_slice]
        self._took("propose", start - seconds)
        return evaluations

    async def commit(self, evaluation: Evaluation, *, deadline: float | None = None) -> Decision:
        """Decides and keeps one evaluated request.

        Raises LedgerError when the decision could not be kept, OtherVersion where another version decides for the person.
        """
        start = time.perf_counter()
        decision = await self._ledger.commit(DecideCommand(evaluation, self.arm), deadline=deadline)
        self._took("settle", start)
        return decision

    async def commit_all(
        self, evaluations: Sequence[Evaluation], *, deadline: float | None = None
    ) -> Sequence[Decision | LedgerError]:
        """Decides and keeps evaluated requests, in order; the decision of each, or its error."""
        start = time.perf_counter()
        commands = [DecideCommand(evaluation, self.arm) for evaluation in evaluations]
        results = await self._ledger.commit_all(commands, deadline=deadline)
        self._took("settle", start)
        return results

    async def record(
        self, commands: Sequence[RecordCommand | ReportCommand], *, deadline: float | None = None
    ) -> Sequence[RecordResult | WarnedResult | LedgerError]:
        """Keeps events and outcomes, in order, and what they lead to; what became of each, or its error.

        Raises LedgerError when none of them was kept for certain for a reason that is none of theirs.
        """
        results = await self._ledger.commit_all(commands, deadline=deadline)
        errors = [
            result
            for result in results
            if isinstance(result, LedgerUnavailable) and not isinstance(result, DataRefused)
        ]
        if errors and len(errors) == len(results):
            raise errors[0]
        return results

    async def link(self, command: LinkCommand, *, deadline: float | None = None) -> LinkResult:
        """Makes the names one person's. Raises LedgerError when that could not be kept."""
        return await self._ledger.commit(command, deadline=deadline)

    async def note(self, command: Command[None], *, deadline: float | None = None) -> None:
        """Keeps what only the log itself needs, such as who reads it. Raises LedgerError when that could not be kept."""
        await self._ledger.commit(command, deadline=deadline)

    async def keep_book(self, now: Instant, *, deadline: float | None = None) -> None:
        """Keeps the text of the book, which is live from now on. Raises LedgerError when that could not be done now."""
        await self._ledger.commit(KeepBookCommand(self.compiled.book, now), deadline=deadline)

    async def look(self, read: Callable[[Store], _T], *, deadline: float | None = None) -> _T:
        """What `read` finds in the log. Raises LedgerError when it cannot be read."""
        return await self._ledger.reader.look(read, deadline=deadline)

    def check_room(self, requests: int) -> None:
        """Raises LedgerFull where so many more requests would be refused now: before any work is done for them."""
        self._ledger.check_room(requests)

    def _took(self, stage: str, start: float) -> None:
        if self._observer is not None:
            self._observer.took(stage, time.perf_counter() - start)
