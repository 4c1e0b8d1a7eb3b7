"""Exit codes, and how a command ends with an error."""

from typing import NoReturn

import typer

from engine.model.shown import printable, without_secrets

OTHER = 1


USAGE = 2


BOOK = 3
"""The book, or its scenarios, do not load."""


SCENARIO = 4
"""A scenario failed, a budget is exceeded, or too little of the book is covered."""


PEOPLE = 5
"""The people file does not fit the book."""


VERIFY = 6
"""Columns and the engine decided a customer differently."""


def complain(message: str) -> None:
    """Write a line to standard error: without secrets, and with escapes for what would control a terminal."""
    typer.echo(printable(without_secrets(message)), err=True)


def fail(message: str, code: int = OTHER) -> NoReturn:
    """End the command with the exit code, and the message on standard error."""
    complain(f"tact: {message}")
    raise typer.Exit(code)
