"""What a report consists of: figures, the grids that they stand in, and how they were computed.

Grids keep numbers, not texts: the terminal, the page, JSON, CSV and Parquet are made of the same report.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

SCHEMA = 1
"""Version of the report's JSON; it grows by one when a key changes its meaning or goes."""


class Unit(StrEnum):
    """What a figure counts, and so how it is written."""

    COUNT = "count"
    SHARE = "share"
    """In [0, 1], written as a percentage."""
    POINTS = "points"
    """A difference of shares, written in percentage points."""
    MONEY = "money"
    """In the currency of its row."""
    RELATIVE = "relative"
    """A ratio less 1, written as a percentage with its sign."""
    RATIO = "ratio"
    HOURS = "hours"
    PROBABILITY = "probability"
    """A p-value."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A number with its limits, or the sentence that says why there is none."""

    value: float | None
    low: float | None = None
    """None: there is no limit on this side, or none was computed."""
    high: float | None = None
    method: str = ""
    n: int | None = None
    """Number of events, decisions or orders behind it."""
    persons: int | None = None
    unit: Unit = Unit.COUNT
    refused: str = ""
    """Why there is no value; empty where there is."""

    def document(self) -> dict[str, object]:
        """The figure as JSON has it."""
        document: dict[str, object] = {
            "value": self.value,
            "low": self.low,
            "high": self.high,
            "method": self.method,
            "n": self.n,
            "persons": self.persons,
            "unit": str(self.unit),
        }
        return {**document, "refused": self.refused} if self.refused else document


Cell: TypeAlias = str | Figure


@dataclass(frozen=True, slots=True)
class Grid:
    """A table of a report: columns of labels, then columns of figures."""

    name: str
    """In files and in JSON."""
    title: str
    labels: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[Mapping[str, Cell], ...] = ()
    """By label and column; a column without anything to say of a row is missing in it."""
    note: str = ""
    compact: tuple[str, ...] = ()
    """The columns that a terminal shows; empty: all of them."""

    def documents(self) -> list[dict[str, object]]:
        """The rows as JSON has them."""
        return [
            {name: cell.document() if isinstance(cell, Figure) else cell for name, cell in row.items()}
            for row in self.rows
        ]

    def cells(self) -> Iterator[tuple[Mapping[str, str], str, Figure]]:
        """Every figure with the labels of its row and the name of its column."""
        for row in self.rows:
            labels = {name: str(row.get(name, "")) for name in self.labels}
            for name in self.columns:
                cell = row.get(name)
                if isinstance(cell, Figure):
                    yield labels, name, cell


@dataclass(frozen=True, slots=True)
class Computation:
    """How a section was computed, for people who check it."""

    what: str
    formula: str
    n: str = ""
    exclusions: str = ""


@dataclass(frozen=True, slots=True)
class Warned:
    """Something that a reader must know before believing a section."""

    text: str
    problem: bool = False
    """Whether it makes the command end with exit code 1."""


@dataclass(frozen=True, slots=True)
class Point:
    """A day of a sequence: the estimate so far, with limits that hold at every look."""

    day: str
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart of a section, from numbers that a grid of the section has too."""

    kind: str
    """forest, sequence, funnel or histogram."""
    title: str
    description: str
    grid: str
    """The name of the grid behind it."""
    column: str
    points: Sequence[Point] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """One question, with its answer."""

    name: str
    title: str
    question: str
    says: str
    """`credit`, `effect`, or empty: what kind of statement its figures are. No section mixes the two."""
    grids: tuple[Grid, ...] = ()
    charts: tuple[Chart, ...] = ()
    warnings: tuple[Warned, ...] = ()
    refusals: tuple[str, ...] = ()
    computations: tuple[Computation, ...] = ()

    def document(self) -> dict[str, object]:
        """The section as JSON has it."""
        return {
            "name": self.name,
            "title": self.title,
            "question": self.question,
            "says": self.says,
            "grids": {
                grid.name: {"title": grid.title, "labels": [*grid.labels], "rows": grid.documents()}
                for grid in self.grids
            },
            "warnings": [{"text": warned.text, "problem": warned.problem} for warned in self.warnings],
            "refusals": [*self.refusals],
            "computed": [
                {"what": how.what, "formula": how.formula, "n": how.n, "exclusions": how.exclusions}
                for how in self.computations
            ],
        }


@dataclass(frozen=True, slots=True)
class Head:
    """What a report is about; with the log, all that its bytes depend on."""

    book: str
    version: str
    start: datetime
    end: datetime
    """Exclusive."""
    as_of: datetime
    """Rows recorded later are not read."""
    decisions: int
    persons: int
    campaigns: tuple[str, ...]
    options: Mapping[str, str] = field(default_factory=dict)

    def document(self) -> dict[str, object]:
        """The head as JSON has it."""
        return {
            "book": self.book,
            "book_version": self.version,
            "from": self.start.isoformat(),
            "to": self.end.isoformat(),
            "as_of": self.as_of.isoformat(),
            "decisions": self.decisions,
            "persons": self.persons,
            "campaigns": [*self.campaigns],
            "options": dict(self.options),
        }
