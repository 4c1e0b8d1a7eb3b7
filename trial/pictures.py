"""Draws curves as PNG files."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any

import matplotlib as mpl

from trial.result import Curve

mpl.use("Agg")  # into files; no screen is needed
from matplotlib import pyplot as plt

_DOTS = 2000
"""Points of a curve that are drawn at most."""


def draw(curves: Iterable[Curve], folder: Path, name: str) -> list[Path]:
    """Draws a picture of the curves of each title into the folder; returns the files, by title."""
    files = []
    ordered = sorted(curves, key=attrgetter("picture"))
    for title, group in groupby(ordered, key=attrgetter("picture")):
        files.append(_draw(list(group), title, folder / f"{name}-{title.lower().replace(' ', '-')}.png"))
    return files


def _draw(curves: Sequence[Curve], title: str, path: Path) -> Path:
    figure, axes = plt.subplots(figsize=(9, 3.6), layout="constrained")
    for curve in curves:
        points = sorted(curve.points)[:: max(1, len(curve.points) // _DOTS)]
        style: dict[str, Any] = (
            {"marker": ".", "linestyle": "", "markersize": 2} if len(points) > _DOTS // 4 else {}
        )
        axes.plot([at for at, _ in points], [value for _, value in points], label=curve.label, **style)
    axes.set(title=title, xlabel="seconds", ylabel=curves[0].unit)
    axes.set_ylim(bottom=0)
    axes.grid(visible=True, alpha=0.3)
    if len(curves) > 1:
        axes.legend(markerscale=6)
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return path
