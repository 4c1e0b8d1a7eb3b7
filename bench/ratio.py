"""The result of a measurement: a ratio and its target."""

from dataclasses import dataclass

NO_TARGET = 0.0
"""The target of a ratio that only helps to read the others."""


@dataclass(frozen=True)
class Ratio:
    """A ratio of two figures taken in one run; at or above its target it is good."""

    name: str
    ratio: float
    target: float
    detail: str

    @property
    def good(self) -> bool:
        """Whether the target is reached."""
        return self.ratio >= self.target
