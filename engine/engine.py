"""Context: what the live book needs and the request does not bring is fetched here, and nowhere later."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from engine.decide.answer import degraded
from engine.decide.compiled import LiveBook
from engine.decide.evaluate import Ask, ask
from engine.decide.experiments.learning import NOTHING_LEARNED, Learned
from engine.ledger.commit.events import Recorded, Recording
from engine.ledger.commit.identity import Linked, Linking
from engine.ledger.commit.outcomes import Reporting
from engine.ledger.errors import LedgerError, LedgerUnavailable
from engine.ledger.ledger import Ledger
from engine.ledger.memory import memory
from engine.ledger.reader import Reader
from engine.ledger.store.store import Store
from engine.model.customer import Recall
from engine.model.decision import Decision
from engine.model.instant import SECOND
from engine.model.request import Request
from engine.weather import Weather

_NOW_ENOUGH = 3600 * SECOND
"""A request about a moment further away than this gets no weather: the provider knows that of now."""


async def gather(
    live: LiveBook,
    reader: Reader,
    weather: Weather | None,
    requests: Sequence[Request],
    deadline: float | None,
) -> Sequence[Request]:
    """The requests with what is remembered of their customers and the weather at their places, as far as the book wants it.

    deadline: on time.monotonic's clock. Weather that is not to be had in time stays missing. Raises LedgerError when
    what is remembered cannot be read.
    """
    recall = live.recall
    if recall is None:
        return await _weather(live, weather, requests, deadline)
    if weather is None or not live.weather:
        return await _recall(recall, reader, requests, deadline)
    recalled, under = await asyncio.gather(
        _recall(recall, reader, requests, deadline), _weather(live, weather, requests, deadline)
    )
    return [one._replace(attributes=there.attributes) for one, there in zip(recalled, under, strict=True)]


async def _recall(
    recall: Recall, reader: Reader, requests: Sequence[Request], deadline: float | None
) -> Sequence[Request]:
    wanted = [recall.of(one.customer, one.now, one.aliases) for one in requests]
    found = await reader.recall(wanted, deadline=deadline)
    return [one._replace(memory=memory(each, one.now)) for one, each in zip(requests, found, strict=True)]


async def _weather(
    live: LiveBook, weather: Weather | None, requests: Sequence[Request], deadline: float | None
) -> Sequence[Request]:
    if weather is None or not live.weather:
        return requests
    now = time.time_ns() // 1000
    return await asyncio.gather(*(_at(live, weather, request, now, deadline) for request in requests))


async def _at(
    live: LiveBook, weather: Weather, request: Request, now: int, deadline: float | None
) -> Request:
    given = request.attributes
    latitude, longitude = given.get("location.latitude"), given.get("location.longitude")
    if given.keys() >= live.weather or abs(request.now - now) > _NOW_ENOUGH:
        return request
    if not isinstance(latitude, int | float) or not isinstance(longitude, int | float):
        return request
    fetched = await weather.at(latitude, longitude, deadline=deadline)
    wanted = {name: value for name, value in fetched.items() if name in live.weather}
    return request._replace(attributes={**wanted, **given})


_T = TypeVar("_T")


class Engine:
    """Decides by a live book, and settles in a ledger."""

    def __init__(
        self,
        live: LiveBook,
        ledger: Ledger,
        weather: Weather | None = None,
        learned: Learned = NOTHING_LEARNED,
    ) -> None:
        self.live = live
        self.learned = learned
        self._ledger = ledger
        self._weather = weather

    def check_room(self, requests: int) -> None:
        """Raises LedgerFull where so many more would be refused now: before anything is done for them."""
        self._ledger.check_room(requests)

    async def decide(self, request: Request, *, deadline: float | None = None) -> Decision:
        """Decides one request; deadline on time.monotonic's clock.

        Raises LedgerError when it could not be kept, and there is nothing to say without.
        """
        try:
            (asked,) = await self.ask_all((request,), deadline=deadline)
            return await self.settle(asked, deadline=deadline)
        except LedgerUnavailable:
            if (stand_in := degraded(ask(self.live, request))) is None:
                raise
            return stand_in

    async def settle(self, asked: Ask, *, deadline: float | None = None) -> Decision:
        """Settles one. Raises LedgerError when the decision could not be kept."""
        (answer,) = await self._ledger.submit((asked,), deadline=deadline)
        if isinstance(answer, LedgerError):
            raise answer
        return answer

    async def settle_all(
        self, requests: Sequence[Request], *, deadline: float | None = None
    ) -> Sequence[Decision | LedgerError]:
        """Decides the requests in one settlement; the error of a single request stands in its place."""
        try:
            asks = await self.ask_all(requests, deadline=deadline)
            return await self.settle_asks(asks, deadline=deadline)
        except LedgerUnavailable as error:
            stand_ins = [degraded(ask(self.live, request)) for request in requests]
            if not any(stand_ins):
                raise
            return [one or error for one in stand_ins]

    async def settle_asks(
        self, asks: Sequence[Ask], *, deadline: float | None = None
    ) -> Sequence[Decision | LedgerError]:
        """Settles what was asked in one settlement; the error of a single one stands in its place."""
        return await self._ledger.submit(asks, deadline=deadline)

    async def ask_all(self, requests: Sequence[Request], *, deadline: float | None = None) -> list[Ask]:
        """What would be settled for the requests: everything before the ledger."""
        known = await self.gather(requests, deadline=deadline)
        return [ask(self.live, request, self.learned) for request in known]

    async def gather(
        self, requests: Sequence[Request], *, deadline: float | None = None
    ) -> Sequence[Request]:
        """The requests with what is remembered of their customers, and the weather, as far as the book wants it."""
        if self.live.recall is None and self._weather is None:
            return requests
        return await gather(self.live, self._ledger.reader, self._weather, requests, deadline)

    async def look(self, read: Callable[[Store], _T], *, deadline: float | None = None) -> _T:
        """What `read` finds in the log. Raises LedgerError when it cannot be read."""
        return await self._ledger.reader.look(read, deadline=deadline)

    async def record(
        self, recordings: Sequence[Recording | Reporting], *, deadline: float | None = None
    ) -> Sequence[Recorded | LedgerError]:
        """Keeps events and outcomes in one settlement, and what they lead to."""
        return await self._ledger.record(recordings, deadline=deadline)

    async def link(self, linking: Linking, *, deadline: float | None = None) -> Linked:
        """Makes the names one person's. Raises LedgerError when that could not be kept."""
        answer = await self._ledger.link(linking, deadline=deadline)
        if isinstance(answer, LedgerError):
            raise answer
        return answer
