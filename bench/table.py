"""Shows measurements: steps while they run, a table at the end, and a file for programs."""

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
"""Called with what is measured next."""


def silent(text: str) -> None:
    """A step that shows nothing."""


@contextmanager
def progress(suites: int) -> Iterator[tuple[Step, Callable[[], None]]]:
    """Shows the current step and how many of the suites are done, on stderr, and only on a terminal."""
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
    for ratio in ratios:
        mark = "[green]good[/]" if ratio.good else "[yellow]low[/]"
        has_target = ratio.target != NO_TARGET
        table.add_row(
            mark if has_target else "",
            ratio.name,
            f"{ratio.ratio:.2f}",
            f"{ratio.target:g}" if has_target else "",
            ratio.detail,
        )
    console.print(table)


def write(ratios: Sequence[Ratio], path: Path) -> None:
    """A list of `{name, ratio, target, detail}`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        json.dumps([asdict(ratio) for ratio in ratios], indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )
