"""Context: what the live book needs and the request does not bring is fetched here, and nowhere later."""

import asyncio
import time
from collections.abc import Sequence

from engine.context import Request
from engine.instant import SECOND
from engine.ledger.reader import Reader
from engine.live import LiveBook
from engine.memory import Recall, memory
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
