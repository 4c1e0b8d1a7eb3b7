"""A report as files: a CSV or Parquet file for each grid."""

import csv
from pathlib import Path

from engine.measure.report.build import Report
from engine.measure.report.figures import Grid


def write_csv(report: Report, folder: Path) -> list[Path]:
    """Writes GRID.csv for every grid with rows; a figure has columns for its value, limits, n, persons and refusal."""
    folder.mkdir(parents=True, exist_ok=True)
    return [_csv(grid, folder / f"{grid.name}.csv") for grid in _grids(report)]


def write_parquet(report: Report, folder: Path) -> list[Path]:
    """Writes GRID.parquet for every grid with rows, with the columns of the CSV."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for grid in _grids(report):
        paths.append(folder / f"{grid.name}.parquet")
        grid.relation().write_parquet(str(paths[-1]))
    return paths


def _grids(report: Report) -> list[Grid]:
    return [grid for section in report.sections for grid in section.grids if grid.rows]


def _csv(grid: Grid, path: Path) -> Path:
    names, rows = grid.flat()
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(names)
        writer.writerows([[_safe(value) for value in row] for row in rows])
    return path


def _safe(value: object) -> object:
    """The value; texts that a spreadsheet would take for a formula begin with an apostrophe."""
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t")) else value
