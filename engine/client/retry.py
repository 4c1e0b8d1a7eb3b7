"""Retries: only after UNAVAILABLE, with growing pauses, and all within one deadline.

That the server closes a connection because of its age (`GOAWAY`) is no failure: a call that met it is sent again at once, on
another connection, and that is not counted as an attempt.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from secrets import SystemRandom

import grpc

from engine.client.errors import Overloaded, TactError, Unavailable, error_of_call

_RANDOM = SystemRandom()


_FIRST_PAUSE = 0.05


_LONGEST_PAUSE = 1.0


_MOST_GOAWAYS = 16
"""Connections in a row whose end a call may meet: several connections opened together end together."""


@dataclass(frozen=True, slots=True)
class Policy:
    """How long a call may take, and how often it is tried."""

    timeout: float = 1.0
    """Seconds for all attempts together."""
    attempts: int = 3

    @classmethod
    def of(cls, timeout: float | None, attempts: int | None) -> "Policy":
        """The policy, with the defaults in place of None."""
        given = {"timeout": timeout, "attempts": attempts}
        return cls(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]

    def __post_init__(self) -> None:
        if self.timeout <= 0 or self.attempts < 1:
            raise ValueError(
                f"timeout must be above 0 and attempts at least 1, not {self.timeout} and {self.attempts}"
            )


class Budget:
    """The time and the attempts that a call has left."""

    def __init__(
        self,
        policy: Policy,
        timeout: float | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = _RANDOM.random,
    ) -> None:
        self._clock = clock
        self._jitter = jitter
        self._deadline = clock() + (policy.timeout if timeout is None else timeout)
        self._attempts = policy.attempts
        self.renew()

    def renew(self) -> None:
        """Restore all attempts, as after a response of a stream; the deadline stays."""
        self._left = self._attempts
        self._goaways = 0
        self._longest = _FIRST_PAUSE

    def remaining(self) -> float:
        """Seconds until the deadline, at least 0."""
        return max(0.0, self._deadline - self._clock())

    def pause_after(self, failure: grpc.RpcError) -> float:
        """Seconds to wait before the next attempt; raises the TactError if there must be none.

        Exponential back-off with full jitter (Brooker, "Exponential Backoff and Jitter", AWS 2015).
        """
        error = error_of_call(failure)
        if self._met_goaway(error) and self.remaining() > 0:
            return 0.0
        self._left -= 1
        pause = self._longest * self._jitter()
        self._longest = min(2 * self._longest, _LONGEST_PAUSE)
        if not isinstance(error, Unavailable) or self._left == 0 or pause >= self.remaining():
            raise error from failure
        return pause

    def pause_between(self, error: TactError, retried: tuple[type[TactError], ...]) -> float | None:
        """Seconds to wait before a batch is sent again, at least as long as an overloaded server says; None: not again.

        RESOURCE_EXHAUSTED without such a time means that something is too large, which it would be again.
        """
        if self._met_goaway(error):
            return 0.0
        self._left -= 1
        pause = self._longest * self._jitter()
        self._longest = min(2 * self._longest, _LONGEST_PAUSE)
        if not isinstance(error, retried) or self._left == 0:
            return None
        if isinstance(error, Overloaded):
            return None if error.retry_after is None else pause + error.retry_after
        return pause

    def _met_goaway(self, error: TactError) -> bool:
        """Whether the call met the end of its connection, and may be sent again without that being an attempt."""
        if not isinstance(error, Unavailable) or "GOAWAY" not in error.status.message:
            return False
        self._goaways += 1
        return self._goaways <= _MOST_GOAWAYS
