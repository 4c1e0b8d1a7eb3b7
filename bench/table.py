"""What a measurement shows: its steps while it runs, a table at the end, and a file for programs."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from bench.ratio import NO_TARGET, Ratio

Step = Callable[[str], None]
"""Told what is measured next."""


def silent(text: str) -> None:
    """A step that nobody is told of."""


@contextmanager
def progress(suites: int) -> Iterator[tuple[Step, Callable[[], None]]]:
    """On stderr, and only on a terminal: the step under way, and how many of the suites are done."""
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("bench", total=suites)

        def step(text: str) -> None:
            bar.update(task, description=text)

        def done() -> None:
            bar.advance(task)

        yield step, done


def show(ratios: Sequence[Ratio], console: Console) -> None:
    """The table; a figure below its target is marked, and nothing fails for it."""
    table = Table(
        "",
        "measured",
        "ratio",
        "target",
        "figures",
        title="Ratios of one run; at or above the target is good",
    )
    for column in (2, 3):
        table.columns[column].justify = "right"
        table.columns[column].no_wrap = True
    for one in ratios:
        mark = "[green]good[/]" if one.good else "[yellow]low[/]"
        asked = one.target != NO_TARGET
        table.add_row(
            mark if asked else "",
            one.name,
            f"{one.ratio:.2f}",
            f"{one.target:g}" if asked else "",
            one.detail,
        )
    console.print(table)


def write(ratios: Sequence[Ratio], path: Path) -> None:
    """A list of `{name, ratio, target, detail}`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        json.dumps([asdict(one) for one in ratios], indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )
