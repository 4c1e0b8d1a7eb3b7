"""Figures in words: `+7.66 [7.00, 8.32] pts`. The terminal and the page write them alike."""

from collections.abc import Callable, Mapping, Sequence

from engine.measure.report.figures import Figure, Grid, GridCell, Head, Unit
from engine.model.shown import printable

_MOST_NAMED = 6
"""Rows that a sentence names."""

REFUSED = "–"
"""In place of a figure that is refused; the sentence stands below the table."""


def written(cell: GridCell | None, *, limits: bool = True) -> str:
    """The cell as people read it; empty where there is nothing to say. limits: whether its limits follow it."""
    if cell is None:
        return ""
    if isinstance(cell, str):
        return printable(cell)
    if cell.value is None:
        return _one_sided(cell) or REFUSED
    number, suffix = _FORMATS[cell.unit]
    if not limits or (cell.low is None and cell.high is None):
        return f"{number(cell.value)}{suffix}"
    low, high = (("…" if limit is None else _unsigned(cell.unit, limit)) for limit in (cell.low, cell.high))
    return f"{number(cell.value)} [{low}, {high}]{suffix}"


def _one_sided(figure: Figure) -> str:
    if figure.low is None:
        return ""
    number, suffix = _FORMATS[figure.unit]
    return f"at least {number(figure.low)}{suffix}"


def _unsigned(unit: Unit, value: float) -> str:
    """A limit: as the figure, without the plus."""
    return _FORMATS[unit][0](value).removeprefix("+")


def _count(value: float) -> str:
    return (
        f"{value:,.0f}"
        if float(value).is_integer()
        else f"{value:,.4g}"
        if abs(value) < 10
        else f"{value:,.1f}"
    )


def _probability(value: float) -> str:
    return f"{value:.2g}" if value >= 0.0001 else "< 0.0001"


_FORMATS: Mapping[Unit, tuple[Callable[[float], str], str]] = {
    Unit.COUNT: (_count, ""),
    Unit.CHANGE: (lambda value: f"{value:+,.3g}" if abs(value) < 10 else f"{value:+,.0f}", ""),
    Unit.SHARE: (lambda value: f"{100 * value:.2f}", " %"),
    Unit.POINTS: (lambda value: f"{100 * value:+.2f}", " pts"),
    Unit.MONEY: (lambda value: f"{value:,.2f}", ""),
    Unit.GAIN: (lambda value: f"{value:+,.2f}" if abs(value) < 1000 else f"{value:+,.0f}", ""),
    Unit.RELATIVE: (lambda value: f"{100 * value:+,.1f}", " %"),
    Unit.RATIO: (lambda value: f"{value:,.3g}" if abs(value) < 1000 else f"{value:,.0f}", " ×"),
    Unit.HOURS: (lambda value: f"{value:,.1f}", " h"),
    Unit.DAYS: (lambda value: f"{value:,.1f}", " d"),
    Unit.STATISTIC: (lambda value: f"{value:,.1f}", ""),
    Unit.PROBABILITY: (_probability, ""),
}
"""How a number of the unit is written, and what stands behind it."""


def shown_columns(grid: Grid, *, whole: bool, roomy: bool = False) -> list[str]:
    """The columns that have something to show. whole: all of them, not only those for a narrow one. roomy: there is room."""
    names: Sequence[str] = grid.columns if whole or not grid.compact else grid.compact
    shown = [name for name in names if any(name in row for row in grid.rows)]
    return (
        shown + [name for name in grid.roomy if name not in shown and known(grid, name)] if roomy else shown
    )


def known(grid: Grid, column: str) -> list[tuple[str, Figure]]:
    """The figures of a column that are not refused, each with the first label of its row."""
    return [
        (printable(next(iter(labels.values()), "")), figure)
        for labels, name, figure in grid.cells()
        if name == column and figure.value is not None
    ]


def beside(grid: Grid, columns: Sequence[str]) -> list[str]:
    """The figures of columns for which a table has no room: `cost of each: cream 65.00 [61.20, 69.30]`."""
    return [
        f"{name}: {', '.join(f'{label} {written(figure)}' for label, figure in known(grid, name))}"
        for name in columns
    ]


def sentences(grid: Grid) -> list[str]:
    """Why figures of the grid are refused, each sentence once, with the column if it is not of the whole row.

    Rows with one label are named where it is not of them all.
    """
    by_sentence: dict[str, tuple[dict[str, None], dict[str, None]]] = {}
    for labels, name, figure in grid.cells():
        if figure.refused:
            columns, rows = by_sentence.setdefault(figure.refused, ({}, {}))
            columns[name] = rows[printable(next(iter(labels.values()), ""))] = None
    return [
        (f"{', '.join(columns)}: " if len(columns) < 4 else "") + sentence + _of_rows(grid, [*rows])
        for sentence, (columns, rows) in by_sentence.items()
    ]


def _of_rows(grid: Grid, rows: Sequence[str]) -> str:
    if len(grid.labels) != 1 or len(rows) == len(grid.rows):
        return ""
    further = f" and {len(rows) - _MOST_NAMED} more" if len(rows) > _MOST_NAMED else ""
    return f" ({', '.join(rows[:_MOST_NAMED])}{further})"


def summary(head: Head) -> str:
    """The report's first line."""
    return (
        f"{head.book} {head.version[:12]}, {head.first_day} to {head.last_day}, as of"
        f" {head.as_of:%Y-%m-%d %H:%M} UTC:"
        f" {head.decisions:,} {head.counted} for {head.persons:,} persons"
    )
