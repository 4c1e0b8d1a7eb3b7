"""`tact export`: a decision log as Parquet files, and the same files brought up to date."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from engine.cli.books import loaded_book
from engine.cli.exits import USAGE, ended_by_signals, fail
from engine.cli.options import LogUrl, settings_of
from engine.cli.reporting import check_memory
from engine.cli.screen import screen, table
from engine.ledger.errors import LedgerError

if TYPE_CHECKING:
    from engine.measure.export.export import ExportResult


def export(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the export.")],
    log: LogUrl = None,
    rules: Annotated[
        Path | None,
        typer.Option(
            metavar="BOOK",
            help="Folder of the book whose `attribution` gives credits; by default that of the last decision.",
        ),
    ] = None,
    memory: Annotated[
        str, typer.Option(metavar="SIZE", help="Memory to use before data goes to disk, in DIR.")
    ] = "1GB",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document, for machines.")] = False,
) -> None:
    """Write the decision log to DIR as Parquet files by table and month; run again, it writes what is new."""
    settings = settings_of(log=log)
    book, size = loaded_book(rules) if rules else None, check_memory(memory)
    try:
        from engine.measure.export import export as exports  # noqa: PLC0415 -- an extra, and slow to load
    except ModuleNotFoundError as error:
        fail(f"{error.name} is not installed: pip install 'tact[measure]'")
    try:
        with ended_by_signals(), _progress() as progress:
            result = exports.export(settings.log, folder, book=book, memory=size, progress=progress)
    except ValueError as error:
        fail(str(error), USAGE)
    except (LedgerError, exports.ExportFailed, OSError) as error:
        fail(str(error))
    if as_json:
        typer.echo(json.dumps(asdict(result)))
    else:
        _show(result)


def _show(result: "ExportResult") -> None:
    rows = table("table", "rows")
    rows.columns[1].justify = "right"
    for name, number in sorted(result.rows.items()):
        rows.add_row(name, f"{number:,}")
    console = screen()
    console.print(rows)
    by = f"book {result.attribution[:12]}" if result.attribution else "the defaults: the log has no book"
    console.print(f"{result.written} files written, {result.removed} removed; attribution by {by}")


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """A progress bar of decisions on stderr if it is a terminal, else nothing."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("reading", total=None)
        yield lambda done, total: bar.update(task, description="decisions", completed=done, total=total)
