"""`tact check`: whether a book loads, and its diagnostics."""

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from engine.cli.books import in_color
from engine.cli.exits import BOOK, USAGE, fail
from engine.model.instant import Instant, from_datetime
from engine.rulebook.load import LoadedBook, load_linted
from engine.rulebook.model.book import Book
from engine.rulebook.report.diagnostics import Severity, render
from engine.rulebook.text import datetimes


def check(
    book: Annotated[Path, typer.Argument(help="The folder of the book.")],
    on: Annotated[
        str, typer.Option(help="A date or a time against which periods are held; by default now.")
    ] = "",
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON object, for machines.")] = False,
) -> None:
    """Check a book and print everything that is wrong with it; exit code 3 when it does not load."""
    loaded = load_linted(book, lambda zone: _moment(on, zone))
    if json_:
        typer.echo(json.dumps(_report(loaded), indent=2))
    else:
        typer.echo(render(loaded.diagnostics, color=in_color(sys.stdout)), nl=False)
        typer.echo(_summary(loaded))
    if loaded.book is None:
        raise typer.Exit(BOOK)


def _moment(text: str, zone: ZoneInfo) -> Instant:
    try:
        return datetimes.parse_bound(text, zone, end=False) if text else from_datetime(datetime.now(UTC))
    except ValueError as error:
        fail(f"--on {text}: {error}", USAGE)


def _summary(loaded: LoadedBook) -> str:
    if loaded.book is None:
        errors = sum(diagnostic.severity is Severity.ERROR for diagnostic in loaded.diagnostics)
        return _counted(errors, "error")
    counts = ", ".join(_counted(number, noun) for noun, number in _counts(loaded.book).items() if number)
    notes = len(loaded.diagnostics)
    state = f"fine, with {_counted(notes, 'remark')}" if notes else "fine"
    return f"{loaded.book.name}: {counts or 'empty'}, version {loaded.book.version[:12]}: {state}"


def _counts(book: Book) -> Mapping[str, int]:
    return {
        "campaign": len(book.campaigns),
        "offer": len(book.offers),
        "audience": len(book.audiences),
        "pattern": len(book.derived.patterns),
        "signal": len(book.derived.signals),
        "channel": len(book.channels),
        "placement": len(book.placements),
        "cap": len(book.pressure.caps),
        "gap": len(book.pressure.gaps),
        "quiet rule": len(book.pressure.quiet),
        "pause": len(book.pressure.pauses),
        "holdout": len(book.experiments.holdouts),
        "layer": len(book.experiments.layers),
    }


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _report(loaded: LoadedBook) -> Mapping[str, object]:
    book = loaded.book
    return {
        "loads": book is not None,
        "name": book.name if book else None,
        "version": book.version if book else None,
        "counts": _counts(book) if book else None,
        "diagnostics": [asdict(diagnostic) for diagnostic in loaded.diagnostics],
    }
