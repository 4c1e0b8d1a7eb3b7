"""Charts of a report as Vega-Lite: one specification for the console and for whoever reads the report's JSON.

Each has its data with it, in the figures of the grid behind the chart, and fetches nothing.
"""

from collections.abc import Callable, Mapping
from typing import Any

from engine.measure.report.figures import Chart, Figure, Grid, Section, Unit

VEGA_LITE = "https://vega.github.io/schema/vega-lite/v6.json"
"""Names the form of a specification; nobody fetches it."""


_MOST = 60
"""Rows of a chart."""


_TIMES = {Unit.SHARE: 100.0, Unit.POINTS: 100.0, Unit.RELATIVE: 100.0}
_UNITS = {Unit.SHARE: "%", Unit.POINTS: "pts", Unit.RELATIVE: "%"}


def charts_of(section: Section) -> list[dict[str, Any]]:
    """The section's charts that have something to draw, each with `grid`, the table of the same figures, and `spec`."""
    grids = {grid.name: grid for grid in section.grids}
    charts = []
    for chart in section.charts:
        spec = chart_spec(chart, grids[chart.grid])
        if spec is not None:
            charts.append({"grid": chart.grid, "title": chart.title, "spec": spec})
    return charts


def chart_spec(chart: Chart, grid: Grid) -> dict[str, Any] | None:
    """The chart as a Vega-Lite specification; None where there is nothing to draw."""
    drawn = _KINDS[chart.kind](chart, grid)
    if drawn is None:
        return None
    # the description and the table beside say what the marks would say one by one
    silent = {"aria": False, "mark": {"aria": False}}
    head = {"$schema": VEGA_LITE, "title": chart.title, "description": chart.description, "config": silent}
    return {**head, **drawn}


def _rows(chart: Chart, grid: Grid) -> list[tuple[dict[str, str], Figure]]:
    """The labels and figures of the chart's column, where there is a value."""
    rows = []
    for row in grid.rows:
        figure = row.get(chart.column)
        if not isinstance(figure, Figure) or figure.value is None:
            continue
        if chart.metric and row.get("metric") != chart.metric:
            continue
        rows.append(({name: str(row.get(name, "")) for name in grid.labels}, figure))
    return rows[:_MOST]


def _label(labels: Mapping[str, str]) -> str:
    return ", ".join(text for name, text in labels.items() if text and name != "metric")


def _unit_title(chart: Chart, unit: Unit) -> str:
    return f"{chart.column} ({_UNITS[unit]})" if unit in _UNITS else chart.column


def _forest(chart: Chart, grid: Grid) -> dict[str, Any] | None:
    """A bar a row from limit to limit, a dot at the value, and a line at 0."""
    rows = [(labels, figure) for labels, figure in _rows(chart, grid) if figure.low is not None]
    if not rows:
        return None
    unit = rows[0][1].unit
    times = _TIMES.get(unit, 1.0)
    values = [
        {
            "label": _label(labels),
            "value": times * (figure.value or 0.0),
            "low": times * (figure.low or 0.0),
            "high": times * (figure.value or 0.0) if figure.high is None else times * figure.high,
        }
        for labels, figure in rows
    ]
    y = {"field": "label", "type": "nominal", "sort": None, "title": None}
    title = _unit_title(chart, unit)
    return {
        "data": {"values": values},
        "width": 480,
        "layer": [
            {"mark": "rule", "encoding": {"x": {"datum": 0}}},
            {
                "mark": {"type": "rule", "strokeWidth": 2},
                "encoding": {
                    "y": y,
                    "x": {"field": "low", "type": "quantitative", "title": title},
                    "x2": {"field": "high"},
                },
            },
            {
                "mark": {"type": "point", "filled": True, "size": 60},
                "encoding": {"y": y, "x": {"field": "value", "type": "quantitative", "title": title}},
            },
        ],
    }


def _sequence(chart: Chart, grid: Grid) -> dict[str, Any] | None:  # noqa: ARG001 the points are the chart's own
    """The estimate day by day, within limits that hold at every look."""
    if not chart.points:
        return None
    values = [
        {"day": point.day, "value": 100 * point.value, "low": 100 * point.low, "high": 100 * point.high}
        for point in chart.points
    ]
    x = {"field": "day", "type": "temporal", "title": None}
    return {
        "data": {"values": values},
        "width": 480,
        "height": 220,
        "layer": [
            {"mark": "rule", "encoding": {"y": {"datum": 0}}},
            {
                "mark": {"type": "area", "opacity": 0.3},
                "encoding": {
                    "x": x,
                    "y": {"field": "low", "type": "quantitative", "title": chart.column},
                    "y2": {"field": "high"},
                },
            },
            {"mark": "line", "encoding": {"x": x, "y": {"field": "value", "type": "quantitative"}}},
        ],
    }


def _funnel(chart: Chart, grid: Grid) -> dict[str, Any] | None:
    """For each first label a panel with a bar a stage."""
    rows = _rows(chart, grid)
    if not rows:
        return None
    panel, *others = grid.labels
    values = [
        {"panel": labels[panel], "stage": ", ".join(labels[name] for name in others), "value": figure.value}
        for labels, figure in rows
    ]
    return {
        "data": {"values": values},
        "mark": "bar",
        "width": 320,
        "encoding": {
            "row": {"field": "panel", "type": "nominal", "sort": None, "title": None},
            "y": {"field": "stage", "type": "nominal", "sort": None, "title": None},
            "x": {"field": "value", "type": "quantitative", "title": chart.column},
        },
    }


def _histogram(chart: Chart, grid: Grid) -> dict[str, Any] | None:
    """A bar a row."""
    rows = _rows(chart, grid)
    if not rows:
        return None
    unit = rows[0][1].unit
    times = _TIMES.get(unit, 1.0)
    values = [{"label": _label(labels), "value": times * (figure.value or 0.0)} for labels, figure in rows]
    return {
        "data": {"values": values},
        "mark": "bar",
        "width": 480,
        "height": 220,
        "encoding": {
            "x": {"field": "label", "type": "ordinal", "sort": None, "title": grid.labels[0]},
            "y": {"field": "value", "type": "quantitative", "title": _unit_title(chart, unit)},
        },
    }


_KINDS: Mapping[str, Callable[[Chart, Grid], dict[str, Any] | None]] = {
    "forest": _forest,
    "sequence": _sequence,
    "funnel": _funnel,
    "histogram": _histogram,
}
