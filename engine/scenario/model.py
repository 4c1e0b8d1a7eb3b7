"""Scenarios and their results as frozen values; names are checked against the book, times are instants."""

from dataclasses import dataclass
from typing import TypeAlias

from engine.decide.experiments.bid_prices import BidPrice
from engine.ledger.commit.events import RecordCommand
from engine.ledger.commit.identity import LinkCommand
from engine.ledger.commit.outcomes import ReportCommand
from engine.model.request import Request
from engine.privacy.objection import ObjectionCommand
from engine.rulebook.report.findings import SourcePlace
from engine.scenario.assigned import Positions
from engine.scenario.contacts import PastContactsCommand

ExpectedValue: TypeAlias = str | float | tuple[str, ...]
"""A name, a score, an instant, or several names."""


@dataclass(frozen=True, slots=True)
class Expected:
    """One expectation of a scenario: a key of the decision, and the value that it should have."""

    key: str
    """As written, such as `campaign` or `by`; `content.title` for a field of the content."""
    wanted: ExpectedValue
    source: SourcePlace
    negated: bool = False
    """Whether it is written below `not`: the decision must not have the value."""

    @property
    def label(self) -> str:
        """The key as reports write it."""
        return f"not.{self.key}" if self.negated else self.key


@dataclass(frozen=True, slots=True)
class Decide:
    """A step that decides a request."""

    request: Request
    positions: Positions
    """The customer's stated positions in experiments."""


@dataclass(frozen=True, slots=True)
class Record:
    """A step that records events and outcomes; in outcomes `stories.decision_of` stands for the id of a step's decision."""

    events: tuple[RecordCommand | ReportCommand, ...]
    source: SourcePlace


@dataclass(frozen=True, slots=True)
class Link:
    """A step that links names of the customer."""

    linking: LinkCommand


Act: TypeAlias = Decide | Record | Link
"""What a step does: decide, record or link."""


@dataclass(frozen=True, slots=True)
class StoryStep:
    """A step of a scenario: what is done, and what is expected of the decision."""

    number: int
    """From 1; 0 in a scenario that is not a story."""
    act: Act
    expected: tuple[Expected, ...]


@dataclass(frozen=True, slots=True)
class Scenario:
    """A test: the steps of one customer, in order of time."""

    name: str
    source: SourcePlace
    steps: tuple[StoryStep, ...]
    past: PastContactsCommand | None = None
    """Stores the customer's earlier contacts; None: there are none."""
    objections: tuple[ObjectionCommand, ...] = ()
    """What the customer objects to, before the first step."""
    prices: tuple[BidPrice, ...] = ()
    """Of what is scarce, in all steps."""


@dataclass(frozen=True, slots=True)
class Difference:
    """An expectation that was not met."""

    step: int
    """The number of its step; 0 in a scenario that is not a story."""
    key: str
    source: SourcePlace
    expected: str
    got: str
    why: tuple[str, ...] = ()
    """Lines that explain the decision; conditions are indented below their campaign."""


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a scenario."""

    scenario: Scenario
    differences: tuple[Difference, ...]

    @property
    def ok(self) -> bool:
        """Whether every expectation was met."""
        return not self.differences
