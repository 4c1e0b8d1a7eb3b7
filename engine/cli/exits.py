"""Exit codes, and how a command ends with an error."""

from typing import NoReturn

import typer

OTHER = 1


USAGE = 2


BOOK = 3
"""The book, or its scenarios, do not load."""


SCENARIO = 4
"""A scenario failed, a budget is exceeded, or too little of the book is covered."""


PEOPLE = 5
"""The people file does not fit the book."""


def fail(message: str, code: int = OTHER) -> NoReturn:
    """End the command with the exit code, and the message on standard error."""
    typer.echo(f"tact: {message}", err=True)
    raise typer.Exit(code)
