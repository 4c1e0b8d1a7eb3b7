"""What settling needs of one request: everything that the pure stages found."""

from collections.abc import Sequence
from typing import NamedTuple

from engine.arbitrate.experiments import NO_CONVERSIONS, Conversions
from engine.arbitrate.propose import Candidate
from engine.conditions.model import Moment
from engine.context import Mode, Request
from engine.learning.learned import NOTHING_LEARNED, Learned
from engine.live import LiveBook
from engine.signals.infer import NO_CONCLUSIONS, Conclusions


class Ask(NamedTuple):
    """One request with its candidates, in rank order."""

    live: LiveBook
    request: Request
    candidates: Sequence[Candidate]
    moment: Moment
    concluded: Conclusions = NO_CONCLUSIONS
    """The signals that hold, and what is to be remembered of them."""
    conversions: Conversions = NO_CONVERSIONS
    """Found when it is settled, where a ramp goes by it."""
    learned: Learned = NOTHING_LEARNED
    """What is known of campaigns that learn."""

    @property
    def is_named(self) -> bool:
        """Whether a retry of the request gets the same answer; a preview is always made anew."""
        return bool(self.request.request_id) and self.request.mode is Mode.COMMIT
