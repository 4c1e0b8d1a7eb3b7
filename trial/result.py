"""What a trial is given, and what it finds."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

PATIENCE = 120.0
"""Seconds to wait for what has to come about."""


@dataclass(frozen=True)
class Curve:
    """A line in a picture: moments in seconds since the trial began, and values."""

    picture: str
    """Title of the picture; curves of one picture share it."""
    unit: str
    label: str
    points: list[tuple[float, float]]


@dataclass
class Finding:
    """How often something was tried, what did not hold, and what was seen."""

    trials: int = 0
    failures: list[str] = field(default_factory=list)
    said: str = ""
    curves: list[Curve] = field(default_factory=list)

    def tried(self, holds: bool, otherwise: str) -> None:
        """Counts one more; `otherwise` says what is wrong if it does not hold."""
        self.trials += 1
        self.expect(holds, otherwise)

    def expect(self, holds: bool, otherwise: str) -> None:
        """Something that has to be so of what was tried."""
        if not holds:
            self.failures.append(otherwise)


@dataclass(frozen=True)
class Place:
    """Where a trial may write, and how long it may take."""

    folder: Path
    short: bool = False

    def size(self, full: float, short: float) -> float:
        """How long, or how often."""
        return short if self.short else full


def await_that(holds: Callable[[], object], within: float = PATIENCE) -> bool:
    """Waits until it holds; whether it came to hold."""
    end = time.monotonic() + within
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True
