"""What `tact report` and its questions share: their options, the log that they read, and the forms that they write."""

import re
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple, TypeAlias

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from engine.cli.exits import OTHER, USAGE, ended_by_signals, fail
from engine.cli.screen import screen
from engine.model.instant import Microseconds, to_datetime
from engine.rulebook.model.book import Book
from engine.rulebook.report.findings import ParseError
from engine.rulebook.text import datetimes, durations

if TYPE_CHECKING:
    from engine.measure.log import MeasuredLog
    from engine.measure.report.build import Report

RulesOption: TypeAlias = Annotated[Path, typer.Option(help="Folder of the book.")]
LogOption: TypeAlias = Annotated[
    str,
    typer.Option(metavar="URL", help="The decision log, in SQLite or PostgreSQL; it is exported first."),
]
ExportOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="An export to read; with --log it is brought up to date and kept, so that the next report is quick.",
    ),
]
FromOption: TypeAlias = Annotated[
    str, typer.Option("--from", help="First day or time of the period; by default the first decision.")
]
ToOption: TypeAlias = Annotated[
    str, typer.Option(help="Last day, or first time after the period; by default --as-of.")
]
AsOfOption: TypeAlias = Annotated[
    str, typer.Option(help="Read only what was recorded until this day or time; by default now.")
]
LevelOption: TypeAlias = Annotated[float, typer.Option(help="Level of the limits.")]
MemoryOption: TypeAlias = Annotated[
    str, typer.Option(help="What DuckDB may use; beyond it goes to a temporary folder on disk.")
]
AllOption: TypeAlias = Annotated[bool, typer.Option("--all", help="Print all rows and columns.")]
HtmlOption: TypeAlias = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Write one self-contained page.")
]
JsonOption: TypeAlias = Annotated[
    str, typer.Option("--json", metavar="FILE", help="Write JSON; - for standard output.")
]
CsvOption: TypeAlias = Annotated[Path | None, typer.Option(metavar="DIR", help="Write a CSV file a table.")]
ParquetOption: TypeAlias = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Write a Parquet file a table.")
]


class PeriodOptions(NamedTuple):
    """The time that a question is about; None: the option was not given."""

    start: datetime | None
    end: datetime | None
    """Exclusive."""
    as_of: datetime
    """Now, where it was not given."""


class Forms(NamedTuple):
    """Where to write the report; nowhere: it is printed."""

    html: Path | None
    json: str
    csv: Path | None
    parquet: Path | None
    everything: bool
    """Print all rows and columns."""


def opened_log(log: str, export: Path | None) -> "MeasuredLog":
    """The log or the export; ends the command where neither is named, or the extra is missing."""
    if not log and export is None:
        fail("name a log with --log, or an export with --export", USAGE)
    try:
        from engine.measure.log import MeasuredLog  # noqa: PLC0415 - the extra is loaded by these commands only
    except ModuleNotFoundError as error:
        fail(f"{error.name} is not installed: pip install 'tact[measure]'")
    if export is not None and not log and not export.is_dir():
        fail(f"{export}: there is no such folder", USAGE)
    return MeasuredLog(log, export)


def period_of(book: Book, from_: str, to: str, as_of: str) -> PeriodOptions:
    """The options --from, --to and --as-of, on the book's clock; ends the command where one is no day or time."""
    return PeriodOptions(
        _moment("--from", from_, book, end=False),
        _moment("--to", to, book, end=True),
        _moment("--as-of", as_of, book, end=True) or datetime.now(UTC),
    )


def check_level(level: float) -> None:
    """Ends the command unless it is a level of limits."""
    if not 0.5 <= level < 1:
        fail(f"--level {level}: a level is at least 0.5 and below 1, such as 0.95", USAGE)


def check_memory(text: str) -> str:
    """The option --memory; ends the command where it is no size."""
    if not re.fullmatch(r"[1-9][0-9]*(\.[0-9]+)? ?[KMGT]i?B", text):
        fail(f"--memory {text}: it is a size such as 2GB", USAGE)
    return text


def listed(text: str) -> tuple[str, ...]:
    """The names of an option that takes several, divided by commas."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def duration(option: str, text: str) -> Microseconds:
    """The duration of an option; ends the command where it is none."""
    try:
        return durations.parse(text)
    except ParseError as error:
        fail(f"{option} {text}: {error}{f'; {error.hint}' if error.hint else ''}", USAGE)


def answered(source: "MeasuredLog", answer: Callable[["MeasuredLog"], "Report"], forms: Forms) -> None:
    """Writes what `answer` makes of the log, or prints it; a bar shows how far the export has come.

    Ends the command with exit code 1 where there is no log, no export or nothing in it, and after a problem was found.
    """
    from engine.ledger.errors import LedgerError  # noqa: PLC0415 - as in opened_log
    from engine.measure.export.export import ExportFailed  # noqa: PLC0415 - as in opened_log
    from engine.measure.log import ReportFailed  # noqa: PLC0415 - as in opened_log
    from engine.measure.report.build import OtherBook  # noqa: PLC0415 - as in opened_log
    from engine.measure.report.tables import EmptyPeriod  # noqa: PLC0415 - as in opened_log

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    console = Console(stderr=True)
    try:
        with (
            ended_by_signals(),
            Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar,
        ):
            task = bar.add_task("exporting decisions", total=None)
            replaying = bar.add_task("trying changes", total=None, visible=False)
            shown = replace(
                source,
                progress=lambda done, total: bar.update(task, completed=done, total=total),
                replaying=lambda done, total: bar.update(
                    replaying, completed=done, total=total, visible=True
                ),
            )
            report = answer(shown)
    except (EmptyPeriod, OtherBook) as error:
        fail(str(error), USAGE)
    except OSError as error:
        fail(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except (ExportFailed, ReportFailed, LedgerError, ValueError) as error:
        fail(str(error))
    _write(report, forms)
    if report.problem:
        _name_problems(report)
        raise typer.Exit(OTHER)


def _moment(option: str, text: str, book: Book, *, end: bool) -> datetime | None:
    try:
        return to_datetime(datetimes.parse_bound(text, book.timezone, end=end)) if text else None
    except ParseError as error:
        fail(f"{option} {text}: {error}{f'; {error.hint}' if error.hint else ''}", USAGE)


def _write(report: "Report", forms: Forms) -> None:
    from engine.measure.report.page import page  # noqa: PLC0415 - as in opened_log
    from engine.measure.report.terminal import show  # noqa: PLC0415 - as in opened_log

    try:
        if forms.html is not None:
            forms.html.write_bytes(page(report))
        if forms.json == "-":
            sys.stdout.buffer.write(report.json())
            sys.stdout.buffer.flush()
        elif forms.json:
            Path(forms.json).write_bytes(report.json())
        if forms.csv is not None:
            report.write_csv(forms.csv)
        if forms.parquet is not None:
            report.write_parquet(forms.parquet)
    except OSError as error:
        fail(f"{error.filename}: cannot be written: {error.strerror}")
    if not any(forms[:4]):
        show(report, screen(), whole=forms.everything)


def _name_problems(report: "Report") -> None:
    """Prints what is wrong to standard error, where the report itself went into files."""
    for section in report.sections:
        for warned in section.warnings:
            if warned.problem:
                typer.echo(f"tact: {warned.text}", err=True)
