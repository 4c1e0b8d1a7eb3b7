"""`tact buckets`: the assignments of customers to experiments, at any time."""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.markup import escape
from rich.table import Table

from engine.cli.books import loaded_book
from engine.cli.exits import USAGE, fail
from engine.cli.screen import screen, table
from engine.decide.compiled import unit_attributes
from engine.decide.experiments.assignments import Assignment, assignments
from engine.decide.experiments.subjects import Units, units_of
from engine.model.instant import Instant, from_datetime, to_datetime
from engine.model.shown import printable
from engine.rulebook.model.book import AttributeType, Book
from engine.rulebook.text import datetimes, yaml_events

_INTEGER = re.compile("-?(0|[1-9][0-9]{0,18})")
_LINE_BYTES = 1024 * 1024
"""Length of a line of the file."""


_AROUND = " \t\r\n\xa0\u2007\u200b\u202f\u3000\ufeff"
"""Blanks of all kinds, and the byte order mark of a file that was joined to another."""


def buckets(
    book: Annotated[Path, typer.Argument(help="Folder of the book.")],
    customer: Annotated[
        list[str] | None, typer.Option(help="A customer's id; may be given several times.")
    ] = None,
    file: Annotated[Path | None, typer.Option(help="A file of ids in UTF-8, one a line.")] = None,
    unit: Annotated[
        list[str] | None,
        typer.Option(
            help="A value of an attribute by which customers are drawn, as ATTRIBUTE=VALUE; for all customers."
        ),
    ] = None,
    on: Annotated[str, typer.Option(help="A date or a time; by default now.")] = "",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a JSON object for each customer, one a line.")
    ] = False,
) -> None:
    """Print in which holdouts, controls, slots and ramps customers are, and which variants they draw.

    Salts and shares are those of the book: for a past day, use the book of that day.
    """
    loaded = loaded_book(book)
    now, units = _moment(on, loaded), _units(unit or (), loaded)
    console = screen()
    if not customer and file is None:
        fail("name a customer with --customer, or a file of them with --file", USAGE)
    for customer_id in (*(customer or ()), *_lines(file)):
        draws = [*assignments(loaded, customer_id, now, units)]
        if as_json:
            typer.echo(printable(orjson.dumps(_report(customer_id, now, loaded, draws)).decode()))
        else:
            console.print(_table(customer_id, now, loaded, draws), soft_wrap=False)


def _moment(text: str, book: Book) -> Instant:
    try:
        return (
            datetimes.parse_bound(text, book.timezone, end=False)
            if text
            else from_datetime(datetime.now(UTC))
        )
    except ValueError as error:
        fail(f"--on {text}: {error}", USAGE)


def _units(given: Sequence[str], book: Book) -> Units:
    """The units that are given as ATTRIBUTE=VALUE."""
    names, values = unit_attributes(book), {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or name not in names:
            listed = ", ".join(names) or "nothing but persons"
            fail(f"--unit {text}: give ATTRIBUTE=VALUE; the book draws by {listed}", USAGE)
        values[name] = value
        if book.attributes[name].type is AttributeType.INTEGER and not _INTEGER.fullmatch(value):
            fail(f"--unit {text}: {name} is an integer", USAGE)
    return units_of(values, values)


def _lines(file: Path | None) -> Iterator[str]:
    """The ids in the file, without blanks around them; empty lines are skipped."""
    if file is None:
        return
    try:
        with file.open("rb") as lines:
            for number, line in enumerate(iter(partial(lines.readline, _LINE_BYTES + 1), b""), 1):
                if len(line) > _LINE_BYTES:
                    fail(f"{file}:{number}: the line is longer than {_LINE_BYTES:,} bytes", USAGE)
                yield from _ids(line, file, number)
    except OSError as error:
        fail(f"{file}: cannot be read: {error.strerror}", USAGE)


def _ids(line: bytes, file: Path, number: int) -> Iterator[str]:
    """The ids in a line, which may end in any way and begin with a byte order mark."""
    try:
        text = yaml_events.decode(line)
    except yaml_events.Unreadable as error:
        fail(f"{file}:{number}:{error.position[1]}: {error.message}; {error.hint}".rstrip("; "), USAGE)
    stripped = (part.strip(_AROUND) for part in text.split("\r"))
    yield from (customer_id for customer_id in stripped if customer_id)


def _report(customer_id: str, now: Instant, book: Book, draws: Sequence[Assignment]) -> dict[str, object]:
    return {
        "customer": customer_id,
        "on": to_datetime(now).isoformat(),
        "book_version": book.version,
        "memberships": [_document(draw) for draw in draws],
    }


def _document(draw: Assignment) -> dict[str, object]:
    values = draw._asdict()
    if not draw.unit:
        del values["unit"]
    return {"place" if name == "position" else name: value for name, value in values.items()}


def _table(customer_id: str, now: Instant, book: Book, draws: Sequence[Assignment]) -> Table:
    local = to_datetime(now).astimezone(book.timezone).isoformat(timespec="minutes")
    by_unit = any(draw.unit for draw in draws)
    rows = table(
        *("draw", "of", "salt", "place", "share", "result", *(["drawn by"] if by_unit else ())),
        title=f"{escape(customer_id)} on {local}",
        title_justify="left",
    )
    for draw in draws:
        position = "" if draw.position is None else f"{draw.position:.6f}"
        share = "" if draw.share is None else f"{draw.share:.4g}"
        drawn_by = [draw.unit or "person"] if by_unit else ()
        rows.add_row(draw.kind, draw.name, escape(draw.salt), position, share, _result(draw), *drawn_by)
    return rows


def _result(draw: Assignment) -> str:
    if draw.inside is not None:
        return "in" if draw.inside else "out"
    return " > ".join(draw.drawn) or "no slot"
