"""How long the stages of calls take: for all calls together, and for the call under way where it has a span."""

import time
from contextvars import ContextVar

from engine.telemetry.figures import Histogram

_UNDER_WAY: ContextVar[dict[str, float] | None] = ContextVar("stages", default=None)


class Stages:
    """Tells what was measured to whoever wants to know."""

    def __init__(self, spread: Histogram) -> None:
        self._spread = spread

    def took(self, stage: str, start: float) -> None:
        """A stage is over, which began at `start` of time.perf_counter."""
        seconds = time.perf_counter() - start
        self._spread.add(seconds, (stage,))
        own = _UNDER_WAY.get()
        if own is not None:
            own[stage] = own.get(stage, 0.0) + seconds


def noted() -> dict[str, float]:
    """The seconds of this call's stages, as they come to be known from now on; each call is a task of its own."""
    own: dict[str, float] = {}
    _UNDER_WAY.set(own)
    return own
