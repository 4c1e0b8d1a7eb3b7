"""What a running server is made of, and what it shows of itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.learning.learned import Learned
from engine.rulebook.report.diagnostics import in_short
from engine.server.access.door import Door
from engine.server.clock import ServerClock
from engine.server.desk import Desks
from engine.server.health import Health
from engine.server.observer import Observer
from engine.server.readings import readings_of_book, readings_of_server, readings_of_weather
from engine.server.reload import Reloader
from engine.settle.ledger import Ledger
from engine.weather import Weather

_HANGS = 10.0
"""Seconds without a turn of the event loop after which the process counts as hung."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What outlives calls."""

    desks: Desks
    reloader: Reloader
    door: Door
    ledger: Ledger
    weather: Weather
    learned: Learned
    """What is known of the variants of campaigns that learn, for every version of the book."""
    observer: Observer | None
    """None where nobody looks."""


def show(parts: Parts, observer: Observer, health: Health, clock: ServerClock) -> None:
    """Begins to show the server. Raises CannotObserve."""
    parts.ledger.watch(observer.catalogue.group)
    readings = readings_of_book(parts.desks, parts.reloader)
    readings += readings_of_server(parts.ledger, health, clock)
    if parts.weather.enabled:
        readings += readings_of_weather(parts.weather)

    def live() -> tuple[bool, Mapping[str, Any]]:
        silent = health.silent
        return silent < _HANGS, {"silent_seconds": round(silent, 1)}

    def ready() -> tuple[bool, Mapping[str, Any]]:
        return health.ready, {"ready": health.ready, "trouble": parts.ledger.trouble}

    def book() -> tuple[bool, Mapping[str, Any]]:
        now, wrong = parts.desks.live.engine.live, parts.reloader.refused
        document = {"book": now.book.name, "version": now.book.version, "campaigns": len(now.plans)}
        return not wrong, {**document, "errors": [in_short(one) for one in wrong]}

    observer.open(readings, {"/live": live, "/ready": ready, "/book": book})
