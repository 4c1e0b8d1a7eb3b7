"""Scenarios as plain frozen values: everything checked against the book, every moment an instant."""

from dataclasses import dataclass
from typing import TypeAlias

from engine.ledger.commit.events import RecordCommand
from engine.ledger.commit.identity import LinkCommand
from engine.ledger.commit.outcomes import ReportCommand
from engine.model.request import Request
from engine.rulebook.report.findings import SourcePlace

ExpectedValue: TypeAlias = str | float | tuple[str, ...]
"""A name, a score or an instant, or several names."""


@dataclass(frozen=True, slots=True)
class Expected:
    """One thing that a scenario expects of an answer."""

    key: str
    """As it is written: `campaign`, `by`; `content.title` for a field of the content."""
    wanted: ExpectedValue
    place: SourcePlace
    negated: bool = False
    """Whether it stands below `not`: it must not hold."""

    @property
    def label(self) -> str:
        """What reports call it."""
        return f"not.{self.key}" if self.negated else self.key


@dataclass(frozen=True, slots=True)
class Decide:
    """Asks for a decision."""

    request: Request


@dataclass(frozen=True, slots=True)
class Record:
    """Records what the customer did, and what happened to decisions: their ids stand for those of steps."""

    events: tuple[RecordCommand | ReportCommand, ...]
    place: SourcePlace


@dataclass(frozen=True, slots=True)
class Link:
    """Makes the customer's names one person's."""

    linking: LinkCommand


Act: TypeAlias = Decide | Record | Link
"""What a step does."""


@dataclass(frozen=True, slots=True)
class StoryStep:
    """One moment of a scenario: what is done, and what is expected of the answer."""

    number: int
    """From 1; 0 in a scenario that is no story."""
    act: Act
    expected: tuple[Expected, ...]


@dataclass(frozen=True, slots=True)
class Scenario:
    """One test: steps of one customer, in order of time."""

    name: str
    place: SourcePlace
    steps: tuple[StoryStep, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """One expectation that was not met."""

    step: int
    """The number of its step; 0 in a scenario that is no story."""
    key: str
    place: SourcePlace
    expected: str
    got: str
    why: tuple[str, ...] = ()
    """Lines that explain it, the later ones indented."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a scenario."""

    scenario: Scenario
    differences: tuple[Difference, ...]

    @property
    def ok(self) -> bool:
        """Whether everything was as expected."""
        return not self.differences
