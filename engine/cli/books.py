"""The book that a command is about, or the command's end where it does not load."""

from pathlib import Path

import typer

from engine.cli.exits import BOOK, fail
from engine.decide.compiled import CompiledBook, OpenSignals, compile_book
from engine.decide.signals.evaluator import open_evaluator
from engine.rulebook.load import LoadedBook, load
from engine.rulebook.model.book import Book
from engine.rulebook.report.diagnostics import render


def compiled_book(folder: Path, open_signals: OpenSignals = open_evaluator) -> CompiledBook:
    """The book in the folder, compiled; ends the command with its diagnostics when it does not load."""
    return compile_book(checked(load(folder), folder), open_signals)


def checked(loaded: LoadedBook, folder: Path) -> Book:
    """The book that was loaded from the folder; ends the command with its diagnostics when it did not load."""
    if loaded.book is None:
        typer.echo(render(loaded.diagnostics), err=True)
        fail(f"{folder} does not load", BOOK)
    return loaded.book
