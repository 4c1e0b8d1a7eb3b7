"""Prints results as a table, and writes them as a report with pictures."""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table

from trial.pictures import draw
from trial.result import TrialResult

TrialResults = Mapping[str, tuple[str, TrialResult]]
"""The description and the result of each trial, by its name."""
_MOST_FAILURES = 5
"""Different failures that the table names."""


def verdict(result: TrialResult) -> str:
    """The trial's outcome in a word; a trial that checked nothing has not held."""
    return "FAILED" if result.failures else "held" if result.trials else "NOTHING TRIED"


def failed(results: TrialResults) -> bool:
    """Whether a trial did not hold."""
    return any(verdict(result) != "held" for _, result in results.values())


def show(results: TrialResults) -> None:
    """Prints the table."""
    table = Table("trial", "verdict", "trials", "failures", "what was seen")
    for name, (_, result) in results.items():
        table.add_row(name, verdict(result), f"{result.trials:,}", f"{len(result.failures):,}", _seen(result))
    Console().print(table)


def write(results: TrialResults, folder: Path) -> Path:
    """Writes report.md, figures.json and the pictures; the report's path."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [
        "# Trial",
        "",
        "| trial | verdict | trials | failures | what was seen |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {name} | {verdict(result)} | {result.trials:,} | {len(result.failures):,} | {_seen(result)} |"
        for name, (_, result) in results.items()
    ]
    for name, (description, result) in results.items():
        lines += ["", f"## {name}", "", description, ""]
        lines += [f"![{path.stem}]({path.name})" for path in draw(result.curves, folder, name)]
    figures = {
        name: {
            "verdict": verdict(result),
            "trials": result.trials,
            "failures": Counter(result.failures),
            "seen": result.summary,
        }
        for name, (_, result) in results.items()
    }
    (folder / "figures.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    report = folder / "report.md"
    report.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return report


def _seen(result: TrialResult) -> str:
    """The failures, the most frequent first, and the summary."""
    failures = [
        f"{count:,} × {failure}" for failure, count in Counter(result.failures).most_common(_MOST_FAILURES)
    ]
    return "; ".join([*failures, result.summary])
