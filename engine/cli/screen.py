"""Standard output for results: a terminal at its own width, anything else as wide as the lines need."""

import os
from typing import Any

from rich.console import Console
from rich.table import Table

_UNBOUNDED = 100_000


def screen() -> Console:
    """The console to print results on.

    A pipe or a file has no width, so nothing is cut or wrapped for it, unless COLUMNS says how wide it is.
    """
    console = Console(highlight=False, soft_wrap=True)
    if console.is_terminal or os.environ.get("COLUMNS"):
        return console
    return Console(highlight=False, soft_wrap=True, width=_UNBOUNDED)


def table(*headers: str, **options: Any) -> Table:
    """A table whose cells are wrapped, and never cut, where they are wider than the console."""
    made = Table(**options)
    for header in headers:
        made.add_column(header, overflow="fold")
    return made
