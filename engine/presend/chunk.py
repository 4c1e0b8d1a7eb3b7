"""Customers of a part with what columns propose for them, of whom some make a group at a time."""

import numpy as np

from engine.batch.columns import Codes
from engine.batch.kernel import Kernel
from engine.batch.people import ColumnPeople
from engine.batch.results import Decisions
from engine.presend.rows import CodePlan, Full


class SendChunk:
    """Customers, and by row the decision that is proposed for who has no history."""

    def __init__(
        self,
        people: ColumnPeople,
        full: Full,
        covered: Codes,
        proposed: Decisions | None,
        kernel: Kernel | None = None,
    ) -> None:
        """full: the counters without room as the columns have it. covered: the rows of which there is a decision.

        kernel: that proposed them; None: none did.
        """
        self.people, self.full, self.kernel = people, full, kernel
        self.names = people.names
        codes = np.full(len(self.names), -1, np.int64)
        scores = np.zeros(len(self.names))
        if proposed is not None:
            codes[covered], scores[covered] = proposed.codes, proposed.scores
        codes[np.isinf(scores)] = -1
        self.codes: list[int] = codes.tolist()
        """By row, the place of the decision in `distinct`; -1: the customer is evaluated."""
        self.scores = scores
        self.distinct = () if proposed is None else proposed.distinct
        self.with_aliases = people.with_aliases()
        self.plans: dict[int, CodePlan] = {}
        """By place of a decision, what becomes of it; shared by the chunks for which the same columns propose."""


def proposed_by(kernel: Kernel | None, people: ColumnPeople, full: Full) -> SendChunk:
    """The customers with the decisions that columns propose; kernel: None: it proposes none."""
    rows = np.arange(people.rows)
    if kernel is None or kernel.book_lane:
        return SendChunk(people, full, rows[:0], None)
    return SendChunk(people, full, rows, kernel.propose(people), kernel)
