"""What a measurement says."""

from dataclasses import dataclass

NO_TARGET = 0.0
"""Of a ratio that is there to read others by; nothing is asked of it."""


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
