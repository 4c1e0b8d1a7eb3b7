"""A circuit breaker: what fails again and again is left alone for a while.

Pattern: Nygard, "Release It!", 2nd edition, 2018, chapter 5. Why not a library: docs/adr/0022-weather.md.
"""

from collections.abc import Callable
from enum import StrEnum


class BreakerState(StrEnum):
    """Whether calls are made."""

    CLOSED = "closed"
    """They are."""
    OPEN = "open"
    """They are not: too many failed in a row."""
    HALF_OPEN = "half_open"
    """One is under way, to see whether the provider is back."""


class Breaker:
    """Opens after `failures` failures in a row; after each `pause` (seconds) lets one call through.

    A trial call whose end is never told holds the breaker for one more pause only.
    """

    def __init__(self, failures: int, pause: float, clock: Callable[[], float]) -> None:
        self._limit = failures
        self._pause = pause
        self._clock = clock
        self._failed = 0
        self._until = 0.0
        self._trying = False

    @property
    def state(self) -> BreakerState:
        """Closed, open or half open."""
        if self._failed < self._limit:
            return BreakerState.CLOSED
        return BreakerState.HALF_OPEN if self._trying else BreakerState.OPEN

    def allows(self) -> bool:
        """Whether a call may be made now; true means that the caller makes it and tells how it ended."""
        if self._failed < self._limit:
            return True
        now = self._clock()
        if now < self._until:
            return False
        self._trying, self._until = True, now + self._pause
        return True

    def succeeded(self) -> None:
        """A call ended well: closed."""
        self._failed, self._trying = 0, False

    def failed(self) -> None:
        """A call failed; opens at the limit, and again after a trial."""
        self._failed += 1
        if self._failed == self._limit or self._trying:
            self._trying, self._until = False, self._clock() + self._pause
