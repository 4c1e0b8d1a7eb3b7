"""Context: what the live book needs and the request does not bring is fetched here, and nowhere later."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from engine.decide.answer import degraded
from engine.decide.compiled import CompiledBook
from engine.decide.evaluate import Evaluation, evaluate
from engine.decide.experiments.learning import NOTHING_LEARNED, Learned
from engine.ledger.commit.events import RecordCommand, RecordResult
from engine.ledger.commit.identity import LinkCommand, LinkResult
from engine.ledger.commit.outcomes import ReportCommand
from engine.ledger.errors import LedgerError, LedgerUnavailable
from engine.ledger.ledger import Ledger
from engine.ledger.memory import memory
from engine.ledger.reader import LedgerReader
from engine.ledger.store.store import Store
from engine.model.customer import Recall
from engine.model.decision import Decision
from engine.model.instant import SECOND
from engine.model.request import Request
from engine.telemetry.stages import StageObserver
from engine.weather import Weather

_NOW_ENOUGH = 3600 * SECOND
"""A request about a moment further away than this gets no weather: the provider knows that of now."""


async def gather(
    compiled: CompiledBook,
    reader: LedgerReader,
    weather: Weather | None,
    requests: Sequence[Request],
    deadline: float | None,
) -> Sequence[Request]:
    """The requests with what is remembered of their customers and the weather at their places, as far as the book wants it.

    deadline: on time.monotonic's clock. Weather that is not to be had in time stays missing. Raises LedgerError when
    what is remembered cannot be read.
    """
    recall = compiled.recall
    if recall is None:
        return await _weather(compiled, weather, requests, deadline)
    if weather is None or not compiled.weather:
        return await _recall(recall, reader, requests, deadline)
    recalled, under = await asyncio.gather(
        _recall(recall, reader, requests, deadline), _weather(compiled, weather, requests, deadline)
    )
    return [one._replace(attributes=there.attributes) for one, there in zip(recalled, under, strict=True)]


async def _recall(
    recall: Recall, reader: LedgerReader, requests: Sequence[Request], deadline: float | None
) -> Sequence[Request]:
    wanted = [recall.of(one.customer, one.now, one.aliases) for one in requests]
    found = await reader.recall(wanted, deadline=deadline)
    return [one._replace(memory=memory(each, one.now)) for one, each in zip(requests, found, strict=True)]


async def _weather(
    compiled: CompiledBook, weather: Weather | None, requests: Sequence[Request], deadline: float | None
) -> Sequence[Request]:
    if weather is None or not compiled.weather:
        return requests
    now = time.time_ns() // 1000
    return await asyncio.gather(*(_at(compiled, weather, request, now, deadline) for request in requests))


async def _at(
    compiled: CompiledBook, weather: Weather, request: Request, now: int, deadline: float | None
) -> Request:
    given = request.attributes
    latitude, longitude = given.get("location.latitude"), given.get("location.longitude")
    if given.keys() >= compiled.weather or abs(request.now - now) > _NOW_ENOUGH:
        return request
    if not isinstance(latitude, int | float) or not isinstance(longitude, int | float):
        return request
    fetched = await weather.at(latitude, longitude, deadline=deadline)
    wanted = {name: value for name, value in fetched.items() if name in compiled.weather}
    return request._replace(attributes={**wanted, **given})


_T = TypeVar("_T")


class Engine:
    """Decides by a live book, and settles in a ledger."""

    def __init__(
        self,
        compiled: CompiledBook,
        ledger: Ledger,
        weather: Weather | None = None,
        learned: Learned = NOTHING_LEARNED,
        observer: StageObserver | None = None,
    ) -> None:
        self.compiled = compiled
        self.learned = learned
        self._ledger = ledger
        self._weather = weather
        self._observer = observer

    def check_room(self, requests: int) -> None:
        """Raises LedgerFull where so many more would be refused now: before anything is done for them."""
        self._ledger.check_room(requests)

    async def decide(self, request: Request, *, deadline: float | None = None) -> Decision:
        """Decides one request; deadline on time.monotonic's clock.

        Raises LedgerError when it could not be kept, and there is nothing to say without.
        """
        try:
            (asked,) = await self.evaluate_all((request,), deadline=deadline)
            return await self.commit(asked, deadline=deadline)
        except LedgerUnavailable:
            if (stand_in := degraded(evaluate(self.compiled, request))) is None:
                raise
            return stand_in

    async def commit(self, asked: Evaluation, *, deadline: float | None = None) -> Decision:
        """Settles one. Raises LedgerError when the decision could not be kept."""
        start = time.perf_counter()
        (answer,) = await self._ledger.submit((asked,), deadline=deadline)
        if isinstance(answer, LedgerError):
            raise answer
        self._took("settle", start)
        return answer

    async def decide_all(
        self, requests: Sequence[Request], *, deadline: float | None = None
    ) -> Sequence[Decision | LedgerError]:
        """Decides the requests in one settlement; the error of a single request stands in its place."""
        try:
            asks = await self.evaluate_all(requests, deadline=deadline)
            return await self.commit_all(asks, deadline=deadline)
        except LedgerUnavailable as error:
            stand_ins = [degraded(evaluate(self.compiled, request)) for request in requests]
            if not any(stand_ins):
                raise
            return [one or error for one in stand_ins]

    async def commit_all(
        self, asks: Sequence[Evaluation], *, deadline: float | None = None
    ) -> Sequence[Decision | LedgerError]:
        """Settles what was asked in one settlement; the error of a single one stands in its place."""
        start = time.perf_counter()
        answers = await self._ledger.submit(asks, deadline=deadline)
        self._took("settle", start)
        return answers

    async def evaluate_all(
        self, requests: Sequence[Request], *, deadline: float | None = None
    ) -> list[Evaluation]:
        """What would be settled for the requests: everything before the ledger."""
        start = time.perf_counter()
        known = await self.gather(requests, deadline=deadline)
        evaluations = [evaluate(self.compiled, request, self.learned) for request in known]
        self._took("propose", start)
        return evaluations

    def _took(self, stage: str, start: float) -> None:
        if self._observer is not None:
            self._observer.took(stage, time.perf_counter() - start)

    async def gather(
        self, requests: Sequence[Request], *, deadline: float | None = None
    ) -> Sequence[Request]:
        """The requests with what is remembered of their customers, and the weather, as far as the book wants it."""
        if self.compiled.recall is None and self._weather is None:
            return requests
        return await gather(self.compiled, self._ledger.reader, self._weather, requests, deadline)

    async def look(self, read: Callable[[Store], _T], *, deadline: float | None = None) -> _T:
        """What `read` finds in the log. Raises LedgerError when it cannot be read."""
        return await self._ledger.reader.look(read, deadline=deadline)

    async def record(
        self, recordings: Sequence[RecordCommand | ReportCommand], *, deadline: float | None = None
    ) -> Sequence[RecordResult | LedgerError]:
        """Keeps events and outcomes in one settlement, and what they lead to."""
        return await self._ledger.record(recordings, deadline=deadline)

    async def link(self, linking: LinkCommand, *, deadline: float | None = None) -> LinkResult:
        """Makes the names one person's. Raises LedgerError when that could not be kept."""
        answer = await self._ledger.link(linking, deadline=deadline)
        if isinstance(answer, LedgerError):
            raise answer
        return answer
