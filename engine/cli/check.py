"""`tact check`: whether a book loads, and its diagnostics."""

import json
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from difflib import get_close_matches
from importlib import import_module
from importlib.resources import files
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
from engine.rulebook.report.findings import ParseError
from engine.rulebook.text import datetimes

MORE = "more about a code: tact check --explain "


def _explain(code: str | None) -> None:
    """Print the section of docs/reference/diagnostics.md about the code, and end the command."""
    if code is None:
        return
    page = (files("engine.cli") / "diagnostics.md").read_text(encoding="utf-8")
    sections = {title: text for title, _, text in (part.partition("\n") for part in page.split("\n## ")[1:])}
    if code not in sections:
        near = get_close_matches(code, sections, n=1)
        meant = f"did you mean '{near[0]}'?" if near else f"the codes are {', '.join(sections)}"
        fail(f"there is no code '{code}': {meant}", USAGE)
    fenced = False
    for line in f"{code}\n{sections[code]}".strip().splitlines():
        if line.startswith("```"):
            fenced = not fenced
        else:
            typer.echo(f"    {line}".rstrip() if fenced else line)
    raise typer.Exit


def check(
    book: Annotated[Path, typer.Argument(help="Folder of the book.")],
    on: Annotated[
        str, typer.Option(help="Date or time against which schedules are held; by default now.")
    ] = "",
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON object, for machines.")] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Fail on warnings too, not only on errors.")
    ] = False,
    log: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Warn also of purposes that customers of this log withdrew and no channel of the book names.",
        ),
    ] = None,
    explain: Annotated[  # noqa: ARG001 -- its callback ends the command
        str | None,
        typer.Option(
            metavar="CODE",
            callback=_explain,
            is_eager=True,
            help="Print what the code means, with an example and its fix, and exit.",
        ),
    ] = None,
) -> None:
    """Check a book and print everything that is wrong with it; exit code 3 when it does not load."""
    loaded = load_linted(book, lambda zone: _moment(on, zone))
    unnamed = {} if log is None or loaded.book is None else _unnamed_purposes(loaded.book, log)
    if json_:
        report = {**_report(loaded), **({} if log is None else {"unnamed_purposes": unnamed})}
        typer.echo(json.dumps(report, indent=2))
    else:
        typer.echo(render(loaded.diagnostics, color=in_color(sys.stdout)), nl=False)
        for purpose, persons in unnamed.items():
            typer.echo(_unnamed(purpose, persons))
        typer.echo(_summary(loaded))
        if loaded.diagnostics:
            typer.echo(f"{MORE}{loaded.diagnostics[0].code}")
    if loaded.book is None:
        _moment(on, ZoneInfo("UTC"))  # a wrong option is reported of a book that does not load, too
    if loaded.book is None or (strict and (unnamed or _levels(loaded)[Severity.WARNING])):
        raise typer.Exit(BOOK)


def _moment(text: str, zone: ZoneInfo) -> Instant:
    try:
        return datetimes.parse_bound(text, zone, end=False) if text else from_datetime(datetime.now(UTC))
    except ParseError as error:
        fail(f"--on {text}: {error}{f'; {error.hint}' if error.hint else ''}", USAGE)


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
    levels = _levels(loaded)
    remarks = ", ".join(_counted(number, noun) for noun, number in levels.items() if number)
    if loaded.ignored:
        remarks += f"{', ' if remarks else ''}{loaded.ignored:,} ignored"
    if loaded.book is None:
        return remarks
    counts = ", ".join(_counted(number, noun) for noun, number in _counts(loaded.book).items() if number)
    state = f"fine, with {remarks}" if remarks else "fine"
    return f"{loaded.book.name}: {counts or 'empty'}, version {loaded.book.version[:12]}: {state}"


def _levels(loaded: LoadedBook) -> Mapping[Severity, int]:
    """The number of diagnostics of each severity."""
    levels = Counter(diagnostic.severity for diagnostic in loaded.diagnostics)
    return {severity: levels[severity] for severity in Severity}


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
        "levels": _levels(loaded),
        "ignored": loaded.ignored,
        "diagnostics": [asdict(diagnostic) for diagnostic in loaded.diagnostics],
    }
