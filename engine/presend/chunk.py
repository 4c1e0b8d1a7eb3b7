"""Customers of a part with what columns propose for them, of whom some make a group at a time."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from engine.batch.columns import Codes
from engine.batch.facets import RequestPeople
from engine.batch.kernel import Kernel
from engine.batch.lanes import ColumnPlan, row_lane
from engine.batch.people import ColumnPeople
from engine.batch.results import Decisions
from engine.model.instant import Instant
from engine.model.request import Request
from engine.model.values import Attributes
from engine.presend.rows import CodePlan, Full


class SentPeople(Protocol):
    """Customers, wherever they come from."""

    @property
    def names(self) -> Sequence[str]:
        """Their ids."""

    @property
    def elapsed(self) -> Instant:
        """The moment up to which what has ended is given back."""

    def with_aliases(self) -> Sequence[int]:
        """The rows of who has further names, ascending."""

    def aliases(self, row: int) -> tuple[str, ...]:
        """Further names of the customer."""

    def attributes(self, names: Sequence[str], row: int) -> Attributes:
        """What the customer brings of these attributes, or more."""

    def request(self, row: int) -> Request:
        """The request that a server would get of the customer."""

    def part(self, start: int, stop: int) -> "SentPeople":
        """Some of the customers."""


class RecalledPeople:
    """Customers as requests, with what is remembered of them."""

    def __init__(self, requests: Sequence[Request]) -> None:
        self.requests = requests
        self.names = [request.customer for request in requests]
        self.elapsed = max(request.elapsed for request in requests)

    def with_aliases(self) -> Sequence[int]:
        """The rows of who has further names, ascending."""
        return [row for row, request in enumerate(self.requests) if request.aliases]

    def aliases(self, row: int) -> tuple[str, ...]:
        """Further names of the customer."""
        return self.requests[row].aliases

    def attributes(self, names: Sequence[str], row: int) -> Attributes:  # noqa: ARG002 -- as SentPeople
        """What the customer brings."""
        return self.requests[row].attributes

    def request(self, row: int) -> Request:
        """The request of a row."""
        return self.requests[row]

    def part(self, start: int, stop: int) -> "RecalledPeople":
        """Some of the customers."""
        return RecalledPeople(self.requests[start:stop])


class SendChunk:
    """Customers, and by row the decision that is proposed for who has no history."""

    def __init__(self, people: SentPeople, full: Full, covered: Codes, proposed: Decisions | None) -> None:
        """full: the counters without room as the columns have it. covered: the rows of which there is a decision."""
        self.people, self.full = people, full
        self.names = people.names
        codes = np.full(len(self.names), -1, np.int64)
        scores = np.zeros(len(self.names))
        if proposed is not None:
            codes[covered], scores[covered] = proposed.codes, proposed.scores
        self.codes: list[int] = codes.tolist()
        """By row, the place of the decision in `distinct`; -1: the customer is evaluated."""
        self.scores: list[float] = scores.tolist()
        self.distinct = () if proposed is None else proposed.distinct
        self.with_aliases = people.with_aliases()
        self.plans: dict[int, CodePlan] = {}
        """By place of a decision, what becomes of it; shared by the chunks for which the same columns propose."""


def proposed_by(kernel: Kernel | None, people: SentPeople, plan: ColumnPlan, full: Full) -> SendChunk:
    """The customers with the decisions that columns propose; kernel: None: it proposes none."""
    rows = np.arange(len(people.names))
    if kernel is None:
        return SendChunk(people, full, rows[:0], None)
    if isinstance(people, RecalledPeople):
        lanes = [row_lane(request, plan) for request in people.requests]
        covered = np.array([row for row, lane in enumerate(lanes) if not lane], np.int64)
        by_rows = RequestPeople([people.requests[row] for row in covered.tolist()])
        return SendChunk(people, full, covered, kernel.propose(by_rows) if len(covered) else None)
    if not isinstance(people, ColumnPeople):
        raise TypeError(f"nobody proposes for {type(people).__name__}")
    covered = np.delete(rows, np.array(people.with_events(), np.int64))
    if len(covered) == len(rows):
        return SendChunk(people, full, rows, kernel.propose(people))
    return SendChunk(people, full, covered, kernel.propose(people.taken(covered)) if len(covered) else None)
