"""What a report consists of: figures, the grids that they stand in, and how they were computed.

Grids keep numbers, not texts: the terminal, the page, JSON, CSV and Parquet are made of the same report.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from engine.measure.database import open_database

if TYPE_CHECKING:
    import duckdb

SCHEMA = 1
"""Version of the report's JSON; it grows by one when a key changes its meaning or goes."""


class Unit(StrEnum):
    """What a figure counts, and so how it is written."""

    COUNT = "count"
    CHANGE = "change"
    """A difference of counts, with its sign."""
    SHARE = "share"
    """In [0, 1], written as a percentage."""
    POINTS = "points"
    """A difference of shares, written in percentage points."""
    MONEY = "money"
    """In the currency of its row."""
    GAIN = "gain"
    """A difference of money, with its sign."""
    RELATIVE = "relative"
    """A ratio less 1, written as a percentage with its sign."""
    RATIO = "ratio"
    HOURS = "hours"
    DAYS = "days"
    STATISTIC = "statistic"
    """The value of a test, which has no unit."""
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


GridCell: TypeAlias = str | Figure


@dataclass(frozen=True, slots=True)
class Grid:
    """A table of a report: columns of labels, then columns of figures."""

    name: str
    """In files and in JSON."""
    title: str
    labels: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[Mapping[str, GridCell], ...] = ()
    """By label and column; a column without anything to say of a row is missing in it."""
    note: str = ""
    compact: tuple[str, ...] = ()
    """The columns that a terminal shows; empty: all of them."""
    roomy: tuple[str, ...] = ()
    """The columns that it shows besides, where the table fits with them; else their figures stand below the table."""

    def documents(self) -> list[dict[str, object]]:
        """The rows as JSON has them."""
        return [
            {name: cell.document() if isinstance(cell, Figure) else cell for name, cell in row.items()}
            for row in self.rows
        ]

    def flat(self) -> tuple[list[str], list[list[object]]]:
        """Column names and rows of plain values, as files have them: a figure takes up several columns."""
        parts = ("value", "low", "high", "n", "persons", "refused")
        present: dict[tuple[str, str], None] = {}
        for _, name, figure in self.cells():
            for part in parts:
                if part == "value" or getattr(figure, part) not in {None, ""}:
                    present[name, part] = None
        figures = [(name, part) for name in self.columns for part in parts if (name, part) in present]
        names = [column_name(label) for label in self.labels]
        names += [column_name(name if part == "value" else f"{name} {part}") for name, part in figures]
        return names, [
            [
                *(str(row.get(label, "")) for label in self.labels),
                *(_part(row.get(name), part) for name, part in figures),
            ]
            for row in self.rows
        ]

    def frame(self) -> "Frame":
        """The rows with the columns that files have, for polars, pandas, pyarrow and DuckDB."""
        return Frame(self.relation())

    def relation(self) -> "duckdb.DuckDBPyRelation":
        """The rows in a database of their own."""
        names, rows = self.flat()
        kinds = [
            "TEXT" if _is_text(name, index, len(self.labels)) else "DOUBLE"
            for index, name in enumerate(names)
        ]
        connection = open_database()
        columns = ", ".join(f'"{name}" {kind}' for name, kind in zip(names, kinds, strict=True))
        connection.execute(f"CREATE TABLE grid ({columns})")
        if rows:
            marks = ", ".join("?" for _ in names)
            connection.executemany(f"INSERT INTO grid VALUES ({marks})", rows)  # noqa: S608 - only marks
        return connection.table("grid")

    def cells(self) -> Iterator[tuple[Mapping[str, str], str, Figure]]:
        """Every figure with the labels of its row and the name of its column."""
        for row in self.rows:
            labels = {name: str(row.get(name, "")) for name in self.labels}
            for name in self.columns:
                cell = row.get(name)
                if isinstance(cell, Figure):
                    yield labels, name, cell


class Frame:
    """A table for polars, pandas, pyarrow and DuckDB, by the Arrow PyCapsule interface."""

    def __init__(self, relation: "duckdb.DuckDBPyRelation") -> None:
        self._relation = relation

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
        return list(self._relation.columns)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """The rows as an Arrow stream; it can be asked for again."""
        return self._relation.select("*").__arrow_c_stream__(requested_schema)


def column_name(text: str) -> str:
    """The name of a column in files: `p (Holm)` is p_holm."""
    return re.sub(r"\W+", "_", text.replace("×", "times")).strip("_").lower()


def _part(cell: GridCell | None, part: str) -> object:
    return getattr(cell, part) if isinstance(cell, Figure) else None


def _is_text(name: str, index: int, labels: int) -> bool:
    return index < labels or name.endswith("_refused")


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
    metric: str = ""
    """Only rows of this metric; empty: all."""


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
    """Or of what `counted` names."""
    persons: int
    campaigns: tuple[str, ...]
    options: Mapping[str, str] = field(default_factory=dict)
    counted: str = "decisions"
    """What the report is made of, in the plural."""
    zone: tzinfo = UTC
    """The book's clock, on which people read the period."""

    @property
    def first_day(self) -> date:
        """The first day of the period."""
        return self.start.astimezone(self.zone).date()

    @property
    def last_day(self) -> date:
        """The last day of which anything is in the period."""
        return (self.end.astimezone(self.zone) - timedelta.resolution).date()

    def document(self) -> dict[str, object]:
        """The head as JSON has it."""
        return {
            "book": self.book,
            "book_version": self.version,
            "from": self.start.isoformat(),
            "to": self.end.isoformat(),
            "as_of": self.as_of.isoformat(),
            self.counted: self.decisions,
            "persons": self.persons,
            "campaigns": [*self.campaigns],
            "options": dict(self.options),
        }
