"""Charts as SVG within the page: forest plot, sequence, funnel and histogram. Colours are the page's, by class."""

from collections.abc import Sequence
from datetime import date
from html import escape

from engine.measure.report.figures import Chart, Figure, Grid, Unit
from engine.measure.report.words import written

_WIDTH = 760
_LEFT = 200
_RIGHT = 170
_ROW = 26
_MOST = 60
_ABREAST = 2
_NAMES = 120
_LINE = 18
"""Of a funnel: panels beside each other, the width of the names of stages, the height of a line."""


def draw(chart: Chart, grid: Grid, number: int) -> str:
    """The chart as an SVG element; empty where there is nothing to draw. number: makes its ids unique on the page."""
    body, height = _BODIES[chart.kind](chart, grid)
    if not body:
        return ""
    name = f"chart{number}"
    return (
        f'<svg class="chart" viewBox="0 0 {_WIDTH} {height}" role="img" aria-labelledby="{name}t {name}d">'
        f'<title id="{name}t">{escape(chart.title)}</title><desc id="{name}d">{escape(chart.description)}</desc>{body}</svg>'
    )


def _forest(chart: Chart, grid: Grid) -> tuple[str, int]:
    """A bar a row from limit to limit, a dot at the value, and a line at 0."""
    bars = [(label, figure) for label, figure in _figures(chart, grid) if figure.low is not None][:_MOST]
    if not bars:
        return "", 0
    unit = bars[0][1].unit
    scale = _Scale(
        [0.0, *(limit for _, figure in bars for limit in (figure.low, figure.high) if limit is not None)]
    )
    height = _ROW * len(bars) + 40
    parts = [_line(scale.at(0), 8, scale.at(0), height - 28, "zero")]
    for index, (label, figure) in enumerate(bars):
        y = 22 + _ROW * index
        low, high = (
            scale.at(figure.low or 0.0),
            scale.at(figure.high if figure.high is not None else scale.high),
        )
        clear = "clear" if (figure.low or 0) > 0 or (figure.high is not None and figure.high < 0) else "open"
        parts += [
            _text(label, _LEFT - 12, y + 4, "end"),
            _line(low, y, high, y, f"bar {clear}"),
            f'<circle cx="{scale.at(figure.value or 0.0):.1f}" cy="{y}" r="4.5" class="dot {clear}"/>',
            _text(written(figure), _WIDTH - _RIGHT + 12, y + 4),
        ]
    return "".join([*parts, *_axis(scale, unit, height)]), height


def _sequence(chart: Chart, grid: Grid) -> tuple[str, int]:
    """A band of limits around a line, by day."""
    days = [date.fromisoformat(point.day).toordinal() for point in chart.points]
    unit = next((figure.unit for _, _, figure in grid.cells()), Unit.POINTS)
    height, top, bottom = 240, 14, 204
    across = _Scale([float(day) for day in days], left=70, right=20)
    recent = chart.points[len(chart.points) // 4 :]
    values = [0.0, *(limit for point in recent for limit in (point.low, point.high))]
    up = _Scale(values, left=0, right=_WIDTH - (bottom - top))

    def y(value: float) -> float:
        return bottom - min(max(up.at(value), 0), bottom - top)

    pairs = [*zip(days, chart.points, strict=True)]
    upper = [f"{across.at(day):.1f},{y(point.high):.1f}" for day, point in pairs]
    lower = [f"{across.at(day):.1f},{y(point.low):.1f}" for day, point in reversed(pairs)]
    middle = [f"{across.at(day):.1f},{y(point.value):.1f}" for day, point in pairs]
    parts = [
        f'<polygon class="band" points="{" ".join(upper + lower)}"/>',
        f'<polyline class="line" points="{" ".join(middle)}"/>',
        _line(70, y(0), _WIDTH - 20, y(0), "zero"),
    ]
    for tick in up.ticks():
        label = written(Figure(tick, unit=unit))
        parts.append(_text(label, 62, y(tick) + 4, "end", "small"))
    for day in (days[0], days[-1]):
        anchor = "start" if day == days[0] else "end"
        parts.append(_text(date.fromordinal(day).isoformat(), across.at(day), height - 12, anchor, "small"))
    return "".join(parts), height


def _funnel(chart: Chart, grid: Grid) -> tuple[str, int]:
    """A panel a campaign, two abreast, with a bar a stage as long as its decisions.

    The first stage is the same for all campaigns, and so much longer that it would flatten the others: the panel's
    heading has its number.
    """
    panels: dict[str, list[tuple[str, Figure]]] = {}
    for row in grid.rows:
        cell = row.get(chart.column)
        if isinstance(cell, Figure) and cell.value is not None:
            panels.setdefault(str(row[grid.labels[0]]), []).append((str(row[grid.labels[1]]), cell))
    shown = [(name, stages) for name, stages in panels.items() if len(stages) > 1][: _MOST // 3]
    if not shown:
        return "", 0
    longest = max(figure.value or 0.0 for _, stages in shown for _, figure in stages[1:]) or 1.0
    parts, top, bottom = [], 0, 0
    for index, (name, stages) in enumerate(shown):
        if index % _ABREAST == 0:
            top = bottom
        left = index % _ABREAST * _WIDTH // _ABREAST
        parts.append(_panel(name, stages, (left, top), longest))
        bottom = max(bottom, top + 40 + _LINE * len(stages))
    return "".join(parts), bottom


def _panel(name: str, stages: Sequence[tuple[str, Figure]], corner: tuple[int, int], longest: float) -> str:
    """The stages of one campaign, its heading at the corner."""
    (x, y), (first, whole) = corner, stages[0]
    bars = x + _NAMES
    parts = [_text(f"{name}, of {written(whole)} {first}", x, y + 18, name="heading")]
    for index, (stage, figure) in enumerate(stages[1:]):
        at = y + 38 + _LINE * index
        width = max((figure.value or 0.0) / longest * (_WIDTH // _ABREAST - _NAMES - 60), 0.5)
        parts += [
            _text(stage, bars - 8, at + 4, "end"),
            f'<rect class="fill" x="{bars}" y="{at - 6}" height="12" width="{width:.1f}"/>',
            _text(written(figure), bars + width + 6, at + 4),
        ]
    return "".join(parts)


def _histogram(chart: Chart, grid: Grid) -> tuple[str, int]:
    """A bar for each number of contacts over all channels."""
    rows = [
        (str(row["contacts"]), cell)
        for row in grid.rows
        if row.get("channel") == "(all)" and isinstance(cell := row.get(chart.column), Figure)
    ]
    return _bars(rows[:_MOST])


def _bars(rows: Sequence[tuple[str, Figure]]) -> tuple[str, int]:
    if not rows:
        return "", 0
    scale = _Scale([0.0, *(figure.value or 0.0 for _, figure in rows)])
    parts = []
    for index, (label, figure) in enumerate(rows):
        y = 18 + 20 * index
        parts += [
            _text(label, _LEFT - 12, y + 4, "end"),
            f'<rect class="fill" x="{_LEFT}" y="{y - 7}" height="14"'
            f' width="{max(scale.at(figure.value or 0.0) - _LEFT, 0.5):.1f}"/>',
            _text(written(figure), _WIDTH - _RIGHT + 12, y + 4),
        ]
    return "".join(parts), 20 * len(rows) + 22


_BODIES = {"forest": _forest, "sequence": _sequence, "funnel": _funnel, "histogram": _histogram}


def _figures(chart: Chart, grid: Grid) -> list[tuple[str, Figure]]:
    """The figures of the chart's column that are not refused, with the labels of their rows."""
    shown = []
    for labels, name, figure in grid.cells():
        of_metric = not chart.metric or labels.get("metric", "").split(" ")[0] == chart.metric
        if name == chart.column and figure.value is not None and of_metric:
            texts = [
                text for label, text in labels.items() if text and not (chart.metric and label == "metric")
            ]
            shown.append((_clipped(" · ".join(texts)), figure))
    return shown


def _clipped(text: str) -> str:
    return text if len(text) < 30 else f"{text[:28]}…"


class _Scale:
    """Maps values to positions across the chart."""

    def __init__(self, values: Sequence[float], left: int = _LEFT, right: int = _RIGHT) -> None:
        self.low, self.high = min(values), max(values)
        if self.high <= self.low:
            self.high = self.low + 1.0
        self.left, self.width = left, _WIDTH - left - right

    def at(self, value: float) -> float:
        """The position of the value."""
        return self.left + self.width * (value - self.low) / (self.high - self.low)

    def ticks(self) -> list[float]:
        """Both ends and 0, if it is not close to one of them."""
        span = self.high - self.low
        middle = [0.0] if self.low + 0.1 * span < 0 < self.high - 0.1 * span else []
        return [self.low, *middle, self.high]


def _axis(scale: _Scale, unit: Unit, height: int) -> list[str]:
    return [
        _text(written(Figure(tick, unit=unit)), scale.at(tick), height - 8, "middle", "small")
        for tick in scale.ticks()
    ]


def _line(x1: float, y1: float, x2: float, y2: float, name: str) -> str:
    return f'<line class="{name}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _text(text: str, x: float, y: float, anchor: str = "start", name: str = "") -> str:
    of_class = f' class="{name}"' if name else ""
    return f'<text{of_class} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
