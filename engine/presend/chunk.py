"""Customers of a part with what columns propose for them, of whom some make a group at a time."""

from collections.abc import Sequence
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from engine.batch.columns import Codes
from engine.batch.kernel import Kernel
from engine.batch.people import ColumnPeople
from engine.batch.results import Decisions, RowDecision
from engine.presend.rows import CodePlan, Full, Sender


class RowWay(IntEnum):
    """How customers with a decision become rows."""

    UNKNOWN = 0
    NOTHING = 1
    """They get nothing, and all have the same kind."""
    ALIKE = 2
    """They are sent the same form, and nothing is taken of a counter."""
    SINGLY = 3
    """Each is looked at: for what the form reads of them, what is kept of their draws, or whether counters have room."""


class CodePlans:
    """What becomes of customers by the place of their decision in what columns propose, as long as the same columns do."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self._plans: dict[int, CodePlan] = {}
        self.ways: npt.NDArray[np.int8] = np.zeros(0, np.int8)
        """By place, a RowWay."""
        self.kinds: Codes = np.zeros(0, np.int64)
        """By place, the number of the kind; of use where all have the same."""
        self.forms: npt.NDArray[np.object_] = np.zeros(0, np.object_)
        """By place, the form; of use where all have the same."""

    def __getitem__(self, code: int) -> CodePlan:
        """The plan of a place that was planned."""
        return self._plans[code]

    def plan(self, codes: Codes, distinct: Sequence[RowDecision]) -> None:
        """Finds what becomes of these places, if it is not known yet. distinct: the decisions by place."""
        if len(self.ways) < len(distinct):
            more = 2 * len(distinct) - len(self.ways)
            self.ways = np.concatenate([self.ways, np.full(more, RowWay.UNKNOWN, np.int8)])
            self.kinds = np.concatenate([self.kinds, np.zeros(more, np.int64)])
            self.forms = np.concatenate([self.forms, np.full(more, None, np.object_)])
        for code in np.unique(codes[self.ways[codes] == RowWay.UNKNOWN]).tolist():
            plan = self._plans[code] = self._sender.planned(distinct[code])
            if plan.kind is not None:
                self.ways[code], self.kinds[code] = RowWay.NOTHING, plan.kind
            elif plan.form is not None and plan.on is not None and not (plan.on.quotas or plan.form.draws):
                self.ways[code], self.kinds[code] = RowWay.ALIKE, plan.form.kind
                self.forms[code] = plan.form
            else:
                self.ways[code] = RowWay.SINGLY


class SendChunk:
    """Customers, and by row the decision that is proposed for who has no history."""

    def __init__(
        self,
        people: ColumnPeople,
        full: Full,
        plans: CodePlans,
        proposed: Decisions | None,
        kernel: Kernel | None = None,
    ) -> None:
        """full: the counters without room as the columns have it. plans: shared by the chunks that the same columns propose.

        proposed: for all rows. kernel: that proposed them; None: none did.
        """
        self.people, self.full, self.plans, self.kernel = people, full, plans, kernel
        self.names = people.names
        self.codes: Codes = np.full(len(self.names), -1, np.int64)
        """By row, the place of the decision in `distinct`; -1: the customer is evaluated."""
        self.scores = np.zeros(len(self.names))
        if proposed is not None:
            self.codes, self.scores = np.where(np.isinf(proposed.scores), -1, proposed.codes), proposed.scores
            plans.plan(self.codes[self.codes >= 0], proposed.distinct)
        self.distinct = () if proposed is None else proposed.distinct
        self.with_aliases = people.with_aliases()


def proposed_by(kernel: Kernel | None, people: ColumnPeople, full: Full, plans: CodePlans) -> SendChunk:
    """The customers with the decisions that columns propose; kernel: None: it proposes none."""
    if kernel is None or kernel.book_lane:
        return SendChunk(people, full, plans, None)
    return SendChunk(people, full, plans, kernel.propose(people), kernel)
