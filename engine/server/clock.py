"""The server's clock: never goes back, while the system's may be set back.

Caps count contacts by their instants. If time went back in a process, a decision would be ordered before earlier ones. So
when the system's clock is set back, this one goes on at half speed until the other has caught up.
"""

import time
from collections.abc import Callable

import structlog

from engine.model.instant import Instant, Microseconds
from engine.telemetry.counters import CLOCK_STEPS

log = structlog.get_logger()


_NOTEWORTHY: Microseconds = 100_000
"""Smaller steps come from a clock that is adjusted in small steps; they are bridged and not logged."""


def wall_clock() -> Instant:
    """Now, by the system's clock."""
    return time.time_ns() // 1000


class ServerClock:
    """Gives instants that never decrease. For one thread.

    wall: microseconds since 1970, which may be set back. steady: nanoseconds that only grow.
    """

    def __init__(
        self,
        wall: Callable[[], Instant] = wall_clock,
        steady: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._wall = wall
        self._steady = steady
        self._last = wall()
        self._slowed_at: tuple[Instant, int] | None = None

    def __call__(self) -> Instant:
        """Now."""
        now = self._wall()
        if now >= self._last:
            self._slowed_at = None
            self._last = now
            return now
        return self._slowly(now)

    @property
    def ahead(self) -> Microseconds:
        """How far it is ahead of the system's clock since that was set back; 0 if it was not."""
        return max(0, self._last - self._wall())

    def _slowly(self, now: Instant) -> Instant:
        if self._slowed_at is None:
            self._slowed_at = self._last, self._steady()
            if (step := self._last - now) >= _NOTEWORTHY:
                CLOCK_STEPS.add()
                log.error("the system's clock was set back", seconds=round(step / 1e6, 3))
        since, then = self._slowed_at
        self._last = max(self._last, since + (self._steady() - then) // 2000)
        return self._last
