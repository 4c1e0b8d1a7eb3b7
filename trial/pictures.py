"""Curves as pictures."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import matplotlib as mpl

from trial.result import Curve

mpl.use("Agg")  # into files; no screen is needed
from matplotlib import pyplot as plt

_DOTS = 2000
"""Points of a curve that are drawn at most: every so many-th."""


def draw(curves: Iterable[Curve], folder: Path, name: str) -> list[Path]:
    """A picture for each title, below the folder; their files, in order."""
    made = []
    ordered = sorted(curves, key=lambda one: one.picture)
    for title, group in groupby(ordered, key=lambda one: one.picture):
        made.append(_one(list(group), title, folder / f"{name}-{title.lower().replace(' ', '-')}.png"))
    return made


def _one(curves: Sequence[Curve], title: str, path: Path) -> Path:
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
