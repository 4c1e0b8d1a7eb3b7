"""How much one caller may ask for: a rate with a burst, and calls at once."""

from dataclasses import dataclass

from engine.server.access.refusals import TooMuch

_AT_ONCE_RETRY = 0.1
"""Seconds after which a caller with too many calls under way is told to come again: as a guess, one call's time."""


_ROUNDING = 1e-9
"""Seconds by which sums of gaps may be off, so that they never take one from the burst."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds for one caller; 0 is no bound."""

    rate: float = 0.0
    """Requests a second."""
    burst: int = 0
    """Requests at a stroke, before the rate holds; 0: a second's worth."""
    at_once: int = 0
    """Calls under way."""

    @property
    def bounded(self) -> bool:
        """Whether anything is bounded."""
        return bool(self.rate or self.at_once)


class RateLimit:
    """What is left of a caller's limits.

    The rate is kept by the generic cell rate algorithm (ITU-T I.371, 1993), a token bucket whose whole state is
    one moment: the one at which the bucket will be full again.
    """

    __slots__ = ("_at_once", "_busy", "_full_at", "_gap", "_slack")

    def __init__(self, limits: Limits) -> None:
        self._gap = 1.0 / limits.rate if limits.rate else 0.0
        self._slack = self._gap * max((limits.burst or int(limits.rate)) - 1, 0) + _ROUNDING
        self._full_at = 0.0
        self._at_once = limits.at_once
        self._busy = 0

    def take(self, now: float) -> None:
        """Counts a request at a moment in seconds; raises TooMuch when there have been too many."""
        wait = self.wait(now)
        if wait > 0:
            raise TooMuch("more requests a second than this caller may make", wait)
        self.charge(1, now)

    def wait(self, now: float) -> float:
        """Seconds until the next request may be made; 0 or less: now."""
        return self._full_at - self._slack - now if self._gap else 0.0

    def charge(self, requests: int, now: float) -> None:
        """Counts requests that are let in already: what a batch has beyond its first is taken from what follows."""
        if self._gap:
            self._full_at = max(self._full_at, now) + self._gap * requests

    def enter(self) -> None:
        """Counts a call that begins; raises TooMuch when too many are under way."""
        if self._at_once and self._busy >= self._at_once:
            raise TooMuch("more calls at once than this caller may make", _AT_ONCE_RETRY)
        self._busy += 1

    def leave(self) -> None:
        """Counts a call that ends."""
        self._busy -= 1
