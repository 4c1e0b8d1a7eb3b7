"""Standard output for results: a terminal at its own width, anything else as wide as the lines need."""

import os
from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from engine.model.shown import printable, printable_lines

_UNBOUNDED = 100_000


class Screen(Console):
    """A console that writes escapes for control characters: a caller's text moves no cursor and makes no line of its own."""

    def print(self, *objects: Any, **options: Any) -> None:
        """Prints; a text is one line."""
        super().print(*map(_on_one_line, objects), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """The segments to write, at any depth of tables and trees."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(printable_lines(segment.text), segment.style)


class _Table(Table):
    """A table whose cells have escapes for control characters."""

    def add_row(self, *cells: RenderableType | None, **options: Any) -> None:
        """Adds a row; a text in a cell is wrapped, and has no lines of its own."""
        super().add_row(*map(_on_one_line, cells), **options)


def _on_one_line(text: Any) -> Any:
    match text:
        case str():
            return printable(text)
        case Text() if not text.plain.isprintable():
            return Text().join(map(_escaped, text.divide(_around_controls(text.plain))))
        case _:
            return text


def _around_controls(text: str) -> list[int]:
    """The positions before and behind each character to escape."""
    controls = [index for index, character in enumerate(text) if printable(character) != character]
    return sorted({*controls, *(index + 1 for index in controls)})


def _escaped(part: Text) -> Text:
    return Text(printable(part.plain), part.style) if printable(part.plain) != part.plain else part


def screen() -> Console:
    """The console to print results on.

    A pipe or a file has no width, so nothing is cut or wrapped for it, unless COLUMNS says how wide it is.
    """
    console = Screen(highlight=False, soft_wrap=True)
    if console.is_terminal or os.environ.get("COLUMNS"):
        return console
    return Screen(highlight=False, soft_wrap=True, width=_UNBOUNDED)


def table(*headers: str, **options: Any) -> Table:
    """A table whose cells are wrapped, and never cut, where they are wider than the console."""
    made = _Table(**options)
    for header in headers:
        made.add_column(header, overflow="fold")
    return made
