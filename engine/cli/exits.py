"""Exit codes, and how a command ends in an error."""

from typing import NoReturn

import typer

OTHER = 1


USAGE = 2


BOOK = 3


SCENARIO = 4


def fail(message: str, code: int = OTHER) -> NoReturn:
    """Ends the command with a message on standard error."""
    typer.echo(f"tact: {message}", err=True)
    raise typer.Exit(code)
