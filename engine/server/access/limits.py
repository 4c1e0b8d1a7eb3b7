"""How much a caller may use: a rate with a burst, calls at once, and how long a call may take."""

import asyncio
from dataclasses import dataclass
from math import inf
from typing import Any, TypeAlias

from engine.server.access.roles import TooMuch

_AT_ONCE_RETRY = 0.1
"""Seconds after which a caller with too many calls under way is told to retry: a guess at the duration of one call."""


_ROUNDING = 1e-9
"""Seconds by which sums of gaps may be off, so that they never take one from the burst."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds for one caller; 0 is no bound."""

    rate: float = 0.0
    """Requests a second."""
    burst: int = 0
    """Requests allowed at once before the rate limit applies; 0: a second's worth."""
    at_once: int = 0
    """Calls under way."""

    @property
    def bounded(self) -> bool:
        """Whether anything is bounded."""
        return bool(self.rate or self.at_once)


class RateLimit:
    """What is left of a caller's limits. As a block it counts a call under way, from its begin to its end.

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
        """Counts requests that are admitted already: those of a batch beyond its first delay what follows."""
        if self._gap:
            self._full_at = max(self._full_at, now) + self._gap * requests

    def __enter__(self) -> None:
        """Counts a call that begins; raises TooMuch when too many are under way."""
        if self._at_once and self._busy >= self._at_once:
            raise TooMuch("more calls at once than this caller may make", _AT_ONCE_RETRY)
        self._busy += 1

    def __exit__(self, *_: object) -> None:
        """Counts a call that ends."""
        self._busy -= 1


UNBOUNDED = RateLimit(Limits())
"""Of the callers whose use nothing bounds."""


def rate_limit_of(limits: Limits) -> RateLimit:
    """What a caller begins with."""
    return RateLimit(limits) if limits.bounded else UNBOUNDED


Task: TypeAlias = asyncio.Task[Any]


class CallTimeout:
    """Cancels calls that take too long, also those whose request never arrives. seconds: 0 lets them take any time.

    most: calls under way beyond which the oldest is cancelled for each new one; 0: any number.
    """

    def __init__(self, seconds: float, most: int = 0) -> None:
        self.seconds = seconds
        self._most = most
        self._closed = False
        self._due: dict[Task, float] = {}
        """When the task of a call has to be done, the oldest first."""

    def begin(self, now: float) -> Any:
        """Notes the call that this task serves, at a moment of any steady clock in seconds; returns the task."""
        task: Any = asyncio.current_task()
        if self._most and len(self._due) >= self._most:
            self._cancel(next(iter(self._due)))
        self._due[task] = now + self.seconds if self.seconds else inf
        if self._closed:
            self._cancel(task)
        return task

    def end(self, task: Task) -> None:
        """Forgets a call that is done."""
        self._due.pop(task, None)

    def passed(self, task: Task) -> bool:
        """Whether the call was cancelled here, and not by its caller."""
        return task not in self._due

    def sweep(self, now: float) -> None:
        """Cancels what is not done in time."""
        late = []
        for task, due in self._due.items():
            if due > now:
                break
            late.append(task)
        for task in late:
            self._cancel(task)

    def close(self) -> None:
        """Cancels all calls, and those that the transport accepted before and that begin only now."""
        self._closed = True
        for task in list(self._due):
            self._cancel(task)

    def _cancel(self, task: Task) -> None:
        del self._due[task]
        task.cancel()
