"""Decides from what the log took and lost whether a server is ready, and says what is lost meanwhile; times are given."""

from collections import deque

import structlog

from engine.ledger.ledger import Losses

log = structlog.get_logger()

PROOFS = 5
"""Proofs in a row after which a server that was not ready is ready again."""


MOST_LOST = 3
"""Groups lost within `LOST_SECONDS` after which a server is not ready, though the proofs between them were taken."""


LOST_SECONDS = 10.0


SMALL_PROOF = 1
"""Decisions that a proof is as large as while all is well: written every second, where nothing else is."""


FULL_PROOF = 64
"""The same after a loss, unless a larger group was lost."""


REPORT_SECONDS = 60.0


class Readiness:
    """Ready from the first proof on; not ready after a failed proof or some lost groups, until proofs in a row were taken.

    Without that a server with a full disk is ready whenever a small write fits into the last page.
    """

    def __init__(self) -> None:
        self.ready = False
        self._trouble = "the log was not looked at yet"
        """Why it is not ready, or was not when it last was not."""
        self._needed = 1
        """Proofs in a row that are still needed."""
        self._lost: deque[tuple[float, int]] = deque()
        """When groups were lost lately, and how many."""
        self._seen = Losses()

    def needs_proof(self, losses: Losses) -> bool:
        """Whether groups of callers that were kept prove too little: after a loss they do, for they may be small."""
        return not self.ready or bool(self._lost) or losses != self._seen

    def proof(self, losses: Losses, largest_lost: int) -> int:
        """Decisions that the next proof is to be as large as: as the group that was lost, where one was."""
        return max(FULL_PROOF, largest_lost) if self.needs_proof(losses) else SMALL_PROOF

    def look(self, now: float, trouble: str | None, losses: Losses) -> None:
        """Takes the result of a look at the log.

        now: seconds. trouble: why the proof was not taken; None if it was. losses: all since the start.
        """
        groups = losses.since(self._seen).groups
        self._seen = losses
        if groups:
            self._lost.append((now, groups))
        while self._lost and self._lost[0][0] <= now - LOST_SECONDS:
            self._lost.popleft()
        if trouble is not None:
            self._unready(trouble)
        elif groups and sum(number for _, number in self._lost) >= MOST_LOST:
            self._unready(f"{MOST_LOST} or more groups were lost within {LOST_SECONDS:g} s")
        elif not self.ready:
            self._needed = PROOFS if groups else self._needed - 1
            self.ready = self._needed <= 0

    @property
    def trouble(self) -> str | None:
        """Why it is not ready, and what is still needed; None if it is."""
        if self.ready:
            return None
        return f"{self._trouble}; ready after {self._needed} proofs in a row"

    def _unready(self, trouble: str) -> None:
        self.ready, self._trouble, self._needed = False, trouble, PROOFS


class LossReport:
    """Says when the log begins to lose what it is given, what it lost each minute from then on, and when that is over."""

    def __init__(self) -> None:
        self._began: float | None = None
        self._unready = False
        """Whether it was said that the server is not ready."""
        self._before = Losses()
        """As the episode began."""
        self._said = Losses()
        self._said_at = 0.0
        self._seen = Losses()
        self._lost_at = 0.0

    def look(self, now: float, trouble: str | None, losses: Losses) -> None:
        """Says what there is to say. trouble: why the server is not ready; None if it is. losses: all since the start."""
        lost = losses != self._seen
        if lost:
            self._lost_at = now
        if self._began is None and (lost or trouble is not None):
            self._began, self._before, self._said = now, self._seen, self._seen
            if trouble is None:
                log.error("the log lost groups", **self._fresh(now, losses))
        self._seen = losses
        if self._began is None:
            return
        if trouble is not None and not self._unready:
            self._unready = True
            log.error("the log does not answer", error=trouble, **self._fresh(now, losses))
        elif trouble is None and (self._unready or now - self._lost_at >= REPORT_SECONDS):
            self._end(self._began, now, losses)
        elif now - self._said_at >= REPORT_SECONDS:
            log.error("the log still loses groups", error=trouble or "", **self._fresh(now, losses))

    def _fresh(self, now: float, losses: Losses) -> dict[str, int]:
        """What was lost since the last message; from now on there is a new one."""
        lost = losses.since(self._said)
        self._said, self._said_at = losses, now
        return lost._asdict()

    def _end(self, began: float, now: float, losses: Losses) -> None:
        """All that was lost, and for how long."""
        log.info(
            "the log answers again", seconds=round(now - began, 1), **losses.since(self._before)._asdict()
        )
        self._began, self._unready = None, False
