"""`tact report`: what decisions did, from a decision log."""

import re
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from engine.cli.books import check_attribute, loaded_book
from engine.cli.exits import OTHER, USAGE, fail
from engine.cli.screen import screen
from engine.model.instant import to_datetime
from engine.rulebook.model.book import Book
from engine.rulebook.report.findings import ParseError
from engine.rulebook.text import datetimes
from engine.wire.violations import did_you_mean

if TYPE_CHECKING:
    from engine.measure.attribution import Rates
    from engine.measure.log import MeasuredLog
    from engine.measure.report.build import Report

METRICS = ("converted", "orders", "value", "credited")
SLICES = ("variant", "channel", "week", "book_version")


def report(
    rules: Annotated[Path, typer.Option(help="Folder of the book.")],
    log: Annotated[
        str,
        typer.Option(metavar="URL", help="The decision log, in SQLite or PostgreSQL; it is exported first."),
    ] = "",
    export: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="An export to read; with --log it is brought up to date and kept, so that the next report is quick.",
        ),
    ] = None,
    from_: Annotated[
        str, typer.Option("--from", help="First day or time of the period; by default the first decision.")
    ] = "",
    to: Annotated[
        str, typer.Option(help="Last day, or first time after the period; by default --as-of.")
    ] = "",
    as_of: Annotated[
        str, typer.Option(help="Read only what was recorded until this day or time; by default now.")
    ] = "",
    campaign: Annotated[
        list[str] | None, typer.Option(help="Only this campaign; may be given several times.")
    ] = None,
    by: Annotated[
        str, typer.Option(metavar="LIST", help="Slices: variant, channel, week, book_version, or attributes.")
    ] = "",
    metric: Annotated[
        str, typer.Option(help="Headline: converted, orders, value or credited.")
    ] = "converted",
    level: Annotated[float, typer.Option(help="Level of the limits.")] = 0.95,
    win: Annotated[
        str, typer.Option(help="Part of the lost decisions that the smallest change wins.")
    ] = "10%",
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Show effects in spite of a sample ratio mismatch.")
    ] = False,
    no_replay: Annotated[
        bool,
        typer.Option(
            "--no-replay",
            help="Do not try smallest changes, and what rules hold back, on logged decisions; needs no --log.",
        ),
    ] = False,
    rates: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="CSV with day, currency and rate: convert orders at the rate of their day."
        ),
    ] = None,
    currency: Annotated[str, typer.Option(help="The currency into which --rates converts.")] = "",
    memory: Annotated[
        str, typer.Option(help="What DuckDB may use; beyond it goes to a temporary folder on disk.")
    ] = "2GB",
    everything: Annotated[bool, typer.Option("--all", help="Print all rows and columns.")] = False,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write one self-contained page.")] = None,
    json_: Annotated[
        str, typer.Option("--json", metavar="FILE", help="Write JSON; - for standard output.")
    ] = "",
    csv: Annotated[Path | None, typer.Option(metavar="DIR", help="Write a CSV file a table.")] = None,
    parquet: Annotated[Path | None, typer.Option(metavar="DIR", help="Write a Parquet file a table.")] = None,
) -> None:
    """Report what decisions did: credit, effect, contact pressure and its price, and where campaigns are lost.

    Exit code 1: a problem was found, such as a sample ratio mismatch.
    """
    book = loaded_book(rules)
    source = _opened(log, export)
    converted = _rates(rates, currency)
    slices = tuple(part.strip() for part in by.split(",") if part.strip())
    _check(book, campaign or [], slices, metric, level)
    made = _made(
        source,
        book,
        (_moment("--as-of", as_of, book, end=True), _moment("--from", from_, book, end=False)),
        _moment("--to", to, book, end=True),
        (tuple(campaign or ()), slices, metric, level, _share(win), anyway, not no_replay, _size(memory)),
        converted,
    )
    _write(made, html, json_, csv, parquet)
    if not json_ and not html and not csv and not parquet:
        from engine.measure.report.terminal import show  # noqa: PLC0415 - as _opened

        show(made, screen(), whole=everything)
    if made.problem:
        _name_problems(made)
        raise typer.Exit(OTHER)


def _opened(log: str, export: Path | None) -> "MeasuredLog":
    if not log and export is None:
        fail("name a log with --log, or an export with --export", USAGE)
    try:
        from engine.measure.log import MeasuredLog  # noqa: PLC0415 - the extra is loaded by this command only
    except ModuleNotFoundError as error:
        fail(f"{error.name} is not installed: pip install 'tact[measure]'")
    if export is not None and not log and not export.is_dir():
        fail(f"{export}: there is no such folder", USAGE)
    return MeasuredLog(log, export)


def _check(book: Book, campaigns: list[str], slices: tuple[str, ...], metric: str, level: float) -> None:
    if metric not in METRICS:
        fail(f"--metric {metric}: it is {', '.join(METRICS[:-1])} or {METRICS[-1]}", USAGE)
    if not 0.5 <= level < 1:
        fail(f"--level {level}: a level is at least 0.5 and below 1, such as 0.95", USAGE)
    for name in slices:
        check_attribute(name, book.attributes, SLICES)
    for name in campaigns:
        if name not in book.campaigns:
            fail(
                f"--campaign {name}: the book has no such campaign{did_you_mean(name, book.campaigns)}", USAGE
            )


def _moment(option: str, text: str, book: Book, *, end: bool) -> datetime | None:
    try:
        return to_datetime(datetimes.parse_bound(text, book.timezone, end=end)) if text else None
    except ParseError as error:
        fail(f"{option} {text}: {error}{f'; {error.hint}' if error.hint else ''}", USAGE)


def _share(text: str) -> float:
    try:
        share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        share = 0.0
    if not 0 < share <= 1:
        fail(f"--win {text}: it is a part such as 10%", USAGE)
    return share


def _rates(path: Path | None, into: str) -> "Rates | None":
    if (path is None) != (not into):
        fail("--rates FILE and --currency go together", USAGE)
    if path is None:
        return None
    from engine.measure.attribution import Rates  # noqa: PLC0415 - as _opened

    try:
        return Rates.read(path, into)
    except (OSError, ValueError) as error:
        fail(f"--rates: {error}", USAGE)


def _size(text: str) -> str:
    if not re.fullmatch(r"[1-9][0-9]*(\.[0-9]+)? ?[KMGT]i?B", text):
        fail(f"--memory {text}: it is a size such as 2GB", USAGE)
    return text


def _made(
    source: "MeasuredLog",
    book: Book,
    begin: tuple[datetime | None, datetime | None],
    end: datetime | None,
    options: tuple[tuple[str, ...], tuple[str, ...], str, float, float, bool, bool, str],
    rates: "Rates | None",
) -> "Report":
    from engine.ledger.errors import LedgerError  # noqa: PLC0415 - as _opened
    from engine.measure.export.export import ExportFailed  # noqa: PLC0415 - as _opened

    campaigns, by, metric, level, win, anyway, replay, memory = options
    as_of, start = begin
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    console = Console(stderr=True)
    try:
        with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
            task = bar.add_task("exporting decisions", total=None)
            replaying = bar.add_task("trying changes", total=None, visible=False)
            shown = replace(
                source,
                progress=lambda done, total: bar.update(task, completed=done, total=total),
                replaying=lambda done, total: bar.update(
                    replaying, completed=done, total=total, visible=True
                ),
            )
            return shown.report(
                book,
                as_of or datetime.now(UTC).replace(microsecond=0),
                start,
                end,
                campaigns,
                by,
                metric,
                level,
                win,
                anyway=anyway,
                replay=replay,
                rates=rates,
                memory=memory,
            )
    except (ExportFailed, LedgerError, ValueError) as error:  # no log, no export, no decision in it
        fail(str(error))


def _write(made: "Report", html: Path | None, json_: str, csv: Path | None, parquet: Path | None) -> None:
    from engine.measure.report.page import page  # noqa: PLC0415 - as _opened

    try:
        if html is not None:
            html.write_bytes(page(made))
        if json_ == "-":
            sys.stdout.buffer.write(made.json())
            sys.stdout.buffer.flush()
        elif json_:
            Path(json_).write_bytes(made.json())
        if csv is not None:
            made.write_csv(csv)
        if parquet is not None:
            made.write_parquet(parquet)
    except OSError as error:
        fail(f"{error.filename}: cannot be written: {error.strerror}")


def _name_problems(made: "Report") -> None:
    """Prints what is wrong to standard error, where the report itself went into files."""
    for section in made.sections:
        for warned in section.warnings:
            if warned.problem:
                typer.echo(f"tact: {warned.text}", err=True)
