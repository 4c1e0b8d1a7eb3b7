"""How long a place stays empty after its worker died."""

FIRST, LONGEST = 0.1, 30.0
"""Seconds; each pause is twice the one before."""
WELL = 10.0
"""Seconds of service after which a death is the first again."""


class Backoff:
    """The pauses of one place."""

    def __init__(self) -> None:
        self._next = FIRST

    def after(self, served: float) -> float:
        """Seconds to wait, after a worker that served for so many."""
        if served >= WELL:
            self._next = FIRST
        pause = self._next
        self._next = min(2 * pause, LONGEST)
        return pause
