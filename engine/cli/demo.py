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
from demo.story import Progress, tell


def demo(
    folder: Annotated[Path, typer.Option(help="Where the demo keeps its log; made new each time.")] = Path(
        "build/demo"
    ),
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document instead of tables.")
    ] = False,
) -> None:
    """Decide 2,469 real households through a real server, and show what comes of it."""
    try:
        with _progress() as progress:
            report = tell(folder, progress)
    except (DemoError, OSError) as error:
        typer.echo(f"tact demo: {error}", err=True)
        raise typer.Exit(1) from error
    if as_json:
        typer.echo(json.dumps(asdict(report), ensure_ascii=False, indent=2))
    else:
        show(report, _screen())


def _screen() -> Console:
    """The terminal at its width; a file or a pipe at one where nothing is cut off."""
    screen = Console(highlight=False)
    return screen if screen.is_terminal else Console(highlight=False, width=120)


@contextmanager
def _progress() -> Iterator[Progress]:
    """A bar on a terminal, on stderr; elsewhere nothing."""
    screen = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Bar(*columns, console=screen, transient=True, disable=not screen.is_terminal) as bar:
        task = bar.add_task("starting the server", total=len(households()))
        yield lambda what, done: bar.update(task, description=what, completed=done)
