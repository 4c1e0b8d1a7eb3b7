"""`tact buckets`: where chance has put customers, on any day."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from engine.cli.books import checked
from engine.cli.exits import USAGE, fail
from engine.decide.experiments.assignments import Assignment, assignments
from engine.model.instant import Instant, to_datetime
from engine.rulebook.load import load
from engine.rulebook.model.book import Book
from engine.rulebook.text import datetimes
from engine.server.clock import wall_clock


def buckets(
    book: Annotated[Path, typer.Argument(help="Folder of the book.")],
    customer: Annotated[
        list[str] | None, typer.Option(help="A customer's id, as often as there are customers.")
    ] = None,
    file: Annotated[Path | None, typer.Option(help="A file of ids, one a line.")] = None,
    on: Annotated[str, typer.Option(help="The day, or the moment; now if it is left out.")] = "",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object a customer and line.")
    ] = False,
) -> None:
    """Print in which holdouts, controls, slots and ramps customers are, and which variants they draw.

    It takes the book's word for salts and shares: for a past day, use the book of that day.
    """
    found = checked(load(book), book)
    now = _moment(on, found)
    console = Console(highlight=False, soft_wrap=True)
    if not customer and file is None:
        fail("name a customer with --customer, or a file of them with --file", USAGE)
    for person in (*(customer or ()), *_lines(file)):
        drawn = [*assignments(found, person, now)]
        if as_json:
            typer.echo(orjson.dumps(_report(person, now, found, drawn)))
        else:
            console.print(_table(person, now, found, drawn))


def _moment(text: str, book: Book) -> Instant:
    try:
        return datetimes.parse_bound(text, book.timezone, end=False) if text else wall_clock()
    except ValueError as error:
        fail(f"--on {text}: {error}", USAGE)


def _lines(file: Path | None) -> Iterator[str]:
    """The ids in the file, without empty lines."""
    if file is None:
        return
    try:
        with file.open(encoding="utf-8") as lines:
            yield from (line.rstrip("\r\n") for line in lines if line.strip())
    except (OSError, UnicodeDecodeError) as error:
        fail(f"{file}: cannot be read: {error}", USAGE)


def _report(person: str, now: Instant, book: Book, drawn: Sequence[Assignment]) -> dict[str, object]:
    return {
        "customer": person,
        "on": to_datetime(now).isoformat(),
        "book_version": book.version,
        "memberships": [_document(assignment) for assignment in drawn],
    }


def _document(assignment: Assignment) -> dict[str, object]:
    fields = assignment._asdict()
    return {"place" if name == "position" else name: value for name, value in fields.items()}


def _table(person: str, now: Instant, book: Book, drawn: Sequence[Assignment]) -> Table:
    local = to_datetime(now).astimezone(book.timezone).isoformat(timespec="minutes")
    table = Table(
        *("draw", "of", "salt", "place", "share", "result"),
        title=f"{escape(person)} on {local}",
        title_justify="left",
    )
    for one in drawn:
        position = "" if one.position is None else f"{one.position:.6f}"
        share = "" if one.share is None else f"{one.share:.4g}"
        table.add_row(one.kind, one.name, escape(one.salt), position, share, _result(one))
    return table


def _result(one: Assignment) -> str:
    if one.inside is not None:
        return "in" if one.inside else "out"
    return " > ".join(one.drawn) or "no slot"
