"""Settings of a trial, its result, and waiting for a condition."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

PATIENCE = 120.0
"""Seconds to wait for what has to happen: a bound against hanging, and no measure."""


@dataclass(frozen=True)
class Curve:
    """A line in a picture: moments in seconds since the trial began, and values."""

    picture: str
    """Title of the picture; curves of one picture share it."""
    unit: str
    label: str
    points: list[tuple[float, float]]


@dataclass
class TrialResult:
    """Number of checks, what did not hold, a line with the figures, and curves for the report."""

    trials: int = 0
    failures: list[str] = field(default_factory=list)
    """A sentence for every check that did not hold; equal ones are counted in the report."""
    summary: str = ""
    curves: list[Curve] = field(default_factory=list)

    def check(self, holds: bool, otherwise: str) -> None:
        """Counts a check; `otherwise` is the failure if it does not hold."""
        self.trials += 1
        self.expect(holds, otherwise)

    def expect(self, holds: bool, otherwise: str) -> None:
        """A condition on the trial as a whole, not counted among its checks."""
        if not holds:
            self.failures.append(otherwise)


@dataclass(frozen=True)
class TrialSettings:
    """The folder that a trial may write to, and whether it is the short form."""

    folder: Path
    short: bool = False

    def size(self, full: float, short: float) -> float:
        """The length or number to use: `full`, or `short` in the short form."""
        return short if self.short else full


def wait_until(holds: Callable[[], object], within: float = PATIENCE) -> bool:
    """Waits until the condition holds; returns False if it does not within so many seconds."""
    end = time.monotonic() + within
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True
