"""The book that a command works with; the command ends where it does not load."""

import os
import sys
from collections.abc import Collection
from pathlib import Path
from typing import TextIO

import typer

from engine.cli.exits import BOOK, USAGE, fail
from engine.rulebook.load import LoadedBook, load
from engine.rulebook.model.book import Book
from engine.rulebook.report.diagnostics import render
from engine.wire.violations import did_you_mean


def loaded_book(folder: Path) -> Book:
    """The book in the folder; ends the command with its diagnostics if it does not load."""
    return checked(load(folder), folder)


def checked(loaded: LoadedBook, folder: Path) -> Book:
    """The book that was loaded from the folder; ends the command with its diagnostics if it did not load."""
    if loaded.book is None:
        typer.echo(render(loaded.diagnostics, color=in_color(sys.stderr)), nl=False, err=True)
        fail(f"{folder} does not load", BOOK)
    return loaded.book


def check_attribute(name: str, known: Collection[str], others: Collection[str] = ()) -> None:
    """Ends the command where --by names no attribute, with the one that was meant and what there is.

    others: further names that --by may have.
    """
    if name in known or name in others:
        return
    hint = did_you_mean(name, [*others, *known])
    there = ", ".join([*others, *sorted(known)])
    fail(f"--by {name}: the book has no such attribute{hint or ';'} there are {there}", USAGE)


def in_color(stream: TextIO) -> bool:
    """Whether to print diagnostics in colour: on a terminal, unless NO_COLOR is set."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
