"""The table on the screen, and the report with its pictures."""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table

from trial.pictures import draw
from trial.result import Finding

Findings = Mapping[str, tuple[str, Finding]]
"""By name: what the trial is about, and what it found."""
_MOST_TOLD = 5


def verdict(finding: Finding) -> str:
    """One word."""
    return "FAILED" if finding.failures else "held" if finding.trials else "NOTHING TRIED"


def failed(findings: Findings) -> bool:
    """Whether there is anything that did not hold."""
    return any(verdict(one) != "held" for _, one in findings.values())


def show(findings: Findings) -> None:
    """Prints the table."""
    table = Table("trial", "verdict", "trials", "failures", "what was seen")
    for name, (_, one) in findings.items():
        table.add_row(name, verdict(one), f"{one.trials:,}", f"{len(one.failures):,}", _seen(one))
    Console().print(table)


def write(findings: Findings, folder: Path) -> Path:
    """Writes report.md, figures.json and the pictures; the report's path."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [
        "# Trial",
        "",
        "| trial | verdict | trials | failures | what was seen |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {name} | {verdict(one)} | {one.trials:,} | {len(one.failures):,} | {_seen(one)} |"
        for name, (_, one) in findings.items()
    ]
    for name, (about, one) in findings.items():
        lines += ["", f"## {name}", "", about, ""]
        lines += [f"![{path.stem}]({path.name})" for path in draw(one.curves, folder, name)]
    figures = {
        name: {
            "verdict": verdict(one),
            "trials": one.trials,
            "failures": Counter(one.failures),
            "seen": one.said,
        }
        for name, (_, one) in findings.items()
    }
    (folder / "figures.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    report = folder / "report.md"
    report.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return report


def _seen(finding: Finding) -> str:
    """What was seen, and what did not hold, the most frequent first."""
    wrong = [f"{count:,} × {what}" for what, count in Counter(finding.failures).most_common(_MOST_TOLD)]
    return "; ".join([*wrong, finding.said])
