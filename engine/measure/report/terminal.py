"""A report on a terminal: one table a question, numbers to the right, a bar where a row has limits."""

from collections.abc import Iterable, Sequence

from rich.bar import Bar
from rich.console import Console, RenderableType
from rich.markup import escape
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from engine.measure.report.build import Report
from engine.measure.report.figures import Chart, Figure, Grid, Section, Unit
from engine.measure.report.words import beside, sentences, shown_columns, summary, written

_MOST_ROWS = 40
_BAR = 16
_WIDEST_RULE = 120
"""A pipe or a file has no width, and a line across it no end."""
_UNBOUNDED = 100_000
"""Wider than any table: cells are not wrapped."""
_LEFT_OUT = ("sequence",)
"""Grids that are only behind charts."""


def show(report: Report, console: Console, *, whole: bool = False) -> None:
    """Prints the report. whole: all rows and columns."""
    console.print(Text(summary(report.head), style="bold"))
    for section in report.sections:
        console.print()
        rule = Rule(Text(section.title), align="left", characters="─")
        console.print(rule, width=min(console.width, _WIDEST_RULE))
        console.print(Text(section.question, style="italic"))
        for warned in section.warnings:
            console.print(Text(warned.text, style="bold red" if warned.problem else "yellow"))
        bars = {
            chart.grid: chart for chart in section.charts if chart.kind in {"forest", "histogram", "funnel"}
        }
        for grid in section.grids:
            if grid.rows and grid.name not in _LEFT_OUT:
                console.print()
                console.print(Text(grid.title, style="italic"))
                chart = bars.get(grid.name)
                table, aside = _fitting(grid, chart, console, whole=whole)
                console.print(table)
                _below(grid, console, aside, whole=whole)
        _refusals(section, console)


def _fitting(
    grid: Grid, chart: Chart | None, console: Console, *, whole: bool
) -> tuple[Table, Sequence[str]]:
    """The table with as many columns as there is room for, and the columns for which there is none."""
    narrow = shown_columns(grid, whole=whole)
    more = [name for name in shown_columns(grid, whole=whole, roomy=True) if name not in narrow]
    table = _table(grid, chart, [*narrow, *more], whole=whole)
    unbounded = console.options.update(width=_UNBOUNDED)
    if not more or console.measure(table, options=unbounded).maximum <= console.width:
        return table, ()
    return _table(grid, chart, narrow, whole=whole), more


def _table(grid: Grid, chart: Chart | None, columns: Sequence[str], *, whole: bool) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    labels = [name for name in grid.labels if any(row.get(name) for row in grid.rows)]
    for name in labels:
        table.add_column(escape(name), overflow="fold")
    for name in columns:
        table.add_column(escape(name), justify="right", overflow="fold")
    if chart is not None:
        table.add_column("", width=_BAR)
    rows = grid.rows if whole else grid.rows[:_MOST_ROWS]
    unit = _unit(grid, chart)
    span = _span(grid, chart, unit) if chart is not None else (0.0, 1.0)
    before: dict[str, str] = {}
    for row in rows:
        texts = {name: written(row.get(name)) for name in labels}
        cells: list[RenderableType] = [
            Text("" if index == 0 and before.get(name) == texts[name] else texts[name])
            for index, name in enumerate(labels)
        ]
        cells += [
            Text(written(row.get(name), limits=whole or not name.endswith(" rate"))) for name in columns
        ]
        if chart is not None:
            cell = row.get(chart.column)
            comparable = isinstance(cell, Figure) and cell.unit is unit
            cells.append(_bar(cell, span) if isinstance(cell, Figure) and comparable else "")
        table.add_row(*cells)
        before = texts
    return table


def _unit(grid: Grid, chart: Chart | None) -> Unit | None:
    """The unit of the first row, the only one that has bars: others are on another scale."""
    if chart is None:
        return None
    return next((figure.unit for _, name, figure in grid.cells() if name == chart.column), None)


def _span(grid: Grid, chart: Chart, unit: Unit | None) -> tuple[float, float]:
    """The lowest and the highest value that a bar of the grid shows; 0 is always between them."""
    values = [0.0]
    for _, name, figure in grid.cells():
        if name == chart.column and figure.unit is unit:
            values += [limit for limit in (figure.value, figure.low, figure.high) if limit is not None]
    return min(values), max(values)


def _bar(figure: Figure, span: tuple[float, float]) -> RenderableType:
    low, high = span
    if figure.value is None or high <= low:
        return ""
    begin, end = (
        (figure.low, figure.high)
        if figure.low is not None and figure.high is not None
        else (0.0, figure.value)
    )
    crosses = figure.low is not None and begin <= 0 <= end
    return Bar(high - low, begin - low, end - low, width=_BAR, color="grey50" if crosses else "cyan")


def _below(grid: Grid, console: Console, aside: Sequence[str], *, whole: bool) -> None:
    notes: Iterable[str] = [grid.note] if grid.note else []
    hidden = 0 if whole else len(grid.rows) - _MOST_ROWS
    notes = [*notes, *beside(grid, aside), *sentences(grid)]
    if hidden > 0:
        notes = [*notes, f"{hidden:,} further rows: --all, or --json, --csv, --parquet, --html"]
    for note in notes:
        console.print(Text(f"  {note}", style="dim"))


def _refusals(section: Section, console: Console) -> None:
    for sentence in section.refusals:
        console.print(Text(f"not shown: {sentence}", style="magenta"))
