"""Context: what the live book needs and the request does not bring is fetched here, and nowhere later."""

import asyncio
import time
from collections.abc import Sequence

from engine.context import Request
from engine.instant import SECOND
from engine.live import LiveBook
from engine.weather import Weather

_NOW_ENOUGH = 3600 * SECOND
"""A request about a moment further away than this gets no weather: the provider knows that of now."""


async def gather(
    live: LiveBook, weather: Weather, requests: Sequence[Request], deadline: float | None
) -> Sequence[Request]:
    """The requests with the weather at their places, where the book wants weather that they lack.

    deadline: on time.monotonic's clock. What is not to be had in time stays missing; nothing is raised.
    """
    if not live.weather:
        return requests
    now = time.time_ns() // 1000
    return await asyncio.gather(*(_one(live, weather, request, now, deadline) for request in requests))


async def _one(
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
