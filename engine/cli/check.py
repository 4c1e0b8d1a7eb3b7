"""`tact check`: whether a book loads, and its diagnostics."""

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from engine.cli.books import in_color
from engine.cli.exits import BOOK
from engine.rulebook.load import LoadedBook, load
from engine.rulebook.model.book import Book
from engine.rulebook.report.diagnostics import Severity, render


def check(
    book: Annotated[Path, typer.Argument(help="The folder of the book.")],
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON object, for machines.")] = False,
    log: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Warn also of purposes that customers of this log withdrew and no channel of the book names.",
        ),
    ] = None,
) -> None:
    """Check a book and print everything that is wrong with it; exit code 3 when it does not load."""
    loaded = load(book)
    unnamed = {} if log is None or loaded.book is None else _unnamed_purposes(loaded.book, log)
    if json_:
        report = {**_report(loaded), **({} if log is None else {"unnamed_purposes": unnamed})}
        typer.echo(json.dumps(report, indent=2))
    else:
        typer.echo(render(loaded.diagnostics, color=in_color(sys.stdout)), nl=False)
        for purpose, persons in unnamed.items():
            typer.echo(_unnamed(purpose, persons))
        typer.echo(_summary(loaded))
    if loaded.book is None:
        raise typer.Exit(BOOK)


def _unnamed_purposes(book: Book, log: str) -> Mapping[str, int]:
    """The purposes with withdrawals in the log that no channel of the book has, and of how many persons."""
    reading = import_module(
        "engine.cli.withdrawals"
    )  # with the database, which a check without a log does not load
    unnamed: Mapping[str, int] = reading.unnamed_purposes(book, log)
    return unnamed


def _unnamed(purpose: str, persons: int) -> str:
    return (
        f"warning: in the log {_counted(persons, 'person')} withdrew from {purpose!r}, which is no channel's consent in the"
        f" book\n  hint: write consent: {purpose} where it belongs; versions up to 0.1.0 kept only the purpose of a"
        " withdrawal, and by another name it is lost"
    )


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
