"""`tact demo`: 2,469 real households through a real server."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as Bar

from demo.households import households
from demo.screen import show
from demo.server import DemoError
from demo.story import Progress, run_demo
from engine.cli.exits import complain
from engine.model.shown import printable_lines


def demo(
    folder: Annotated[
        Path, typer.Option(help="Folder for the demo's log, which is replaced each time.")
    ] = Path("build/demo"),
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document instead of tables.")
    ] = False,
) -> None:
    """Decide 2,469 real households through a real server, and show the results."""
    try:
        with _progress() as progress:
            report = run_demo(folder, progress)
    except (DemoError, OSError) as error:
        complain(f"tact demo: {error}")
        raise typer.Exit(1) from error
    if as_json:
        typer.echo(printable_lines(json.dumps(asdict(report), ensure_ascii=False, indent=2)))
    else:
        show(report, _screen())


def _screen() -> Console:
    """The terminal at its own width; a file or a pipe at a width that cuts nothing off."""
    screen = Console(highlight=False)
    return screen if screen.is_terminal else Console(highlight=False, width=120)


@contextmanager
def _progress() -> Iterator[Progress]:
    """A progress bar on stderr if it is a terminal, else nothing."""
    screen = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Bar(*columns, console=screen, transient=True, disable=not screen.is_terminal) as bar:
        task = bar.add_task("starting the server", total=len(households()))
        yield lambda stage, done: bar.update(task, description=stage, completed=done)
