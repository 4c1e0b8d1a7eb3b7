"""A circuit breaker: after several failures in a row no calls are made for a while.

Pattern: Nygard, "Release It!", 2nd edition, 2018, chapter 5. Why no library is used: docs/adr/0022-weather.md.
"""

from collections.abc import Callable
from enum import StrEnum


class BreakerState(StrEnum):
    """Whether calls are made."""

    CLOSED = "closed"
    """Calls are made."""
    OPEN = "open"
    """No calls are made: too many failed in a row."""
    HALF_OPEN = "half_open"
    """One trial call is under way."""


class Breaker:
    """Opens after `failures` failures in a row; then allows one trial call after each `pause` (seconds).

    A trial call whose result is never reported blocks the breaker for one more pause only. clock: monotonic seconds.
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
        """The state at the moment."""
        if self._failed < self._limit:
            return BreakerState.CLOSED
        return BreakerState.HALF_OPEN if self._trying else BreakerState.OPEN

    def allows(self) -> bool:
        """Whether a call may be made now. If so, the caller must make it and report `succeeded` or `failed`."""
        if self._failed < self._limit:
            return True
        now = self._clock()
        if now < self._until:
            return False
        self._trying, self._until = True, now + self._pause
        return True

    def succeeded(self) -> None:
        """Report a successful call: closes the breaker."""
        self._failed, self._trying = 0, False

    def failed(self) -> None:
        """Report a failed call: opens the breaker at the limit, and again after a trial call."""
        self._failed += 1
        if self._failed == self._limit or self._trying:
            self._trying, self._until = False, self._clock() + self._pause
