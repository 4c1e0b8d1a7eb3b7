"""Exit codes, and how a command ends with an error."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
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


_TERMINATED = 128 + signal.SIGTERM


def complain(message: str) -> None:
    """Write a line to standard error: without secrets, and with escapes for what would control a terminal."""
    typer.echo(printable(without_secrets(message)), err=True)


def fail(message: str, code: int = OTHER) -> NoReturn:
    """End the command with the exit code, and the message on standard error."""
    complain(f"tact: {message}")
    raise typer.Exit(code)


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Ends the command at SIGTERM as at Ctrl-C: through its `finally`, which deletes temporary files with data of the log.

    DuckDB tells of neither by the exception that a signal raises, but by an error of its own.
    """
    terminated = []

    def terminate(*_: object) -> None:
        terminated.append(True)
        raise SystemExit(_TERMINATED)

    is_main = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGTERM, terminate) if is_main else None
    try:
        yield
    except RuntimeError as error:
        if str(error) != "Query interrupted":
            raise
        raise (SystemExit(_TERMINATED) if terminated else KeyboardInterrupt) from error
    finally:
        if is_main:
            signal.signal(signal.SIGTERM, before)
