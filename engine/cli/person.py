"""`tact person`: what is held of one person, what happened with them, and what they ask for."""

from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Any, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import orjson
import typer
from rich.text import Text

from engine.cli.command import CliCommand, CliGroup
from engine.cli.exits import USAGE, fail
from engine.cli.logged import check_log, system_user
from engine.cli.options import LogUrl, settings_of
from engine.cli.screen import screen
from engine.explain.books import Books
from engine.ledger.commit.commands import Command
from engine.ledger.commit.group import commit_group
from engine.ledger.errors import LedgerError
from engine.ledger.queries.held import names_of_person
from engine.ledger.store.open import open_store
from engine.ledger.store.store import Store
from engine.measure.replay import END
from engine.model.customer import EVERYTHING
from engine.model.instant import Instant, from_datetime
from engine.model.texts import time_text
from engine.privacy.erasure import EraseCommand, Receipt
from engine.privacy.objection import ObjectionCommand, Objections, PrivacyActor
from engine.privacy.page import person_page
from engine.privacy.record import (
    HeldEntry,
    PersonReader,
    PersonRecord,
    document_of,
    export_of,
    present,
    read_person,
    written,
)
from engine.privacy.timeline import TimelineEntry, timeline, zone_of
from engine.wire.values import name_of
from engine.wire.violations import FieldViolations

_PRIVATE = 0o600
"""The mode of files with what is held of a person."""

Customer = Annotated[
    str, typer.Argument(help="Any name of the person: the id that callers send, or one linked to it.")
]

person = typer.Typer(
    name="person",
    cls=CliGroup,
    add_completion=False,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@person.callback()
def _person() -> None:
    """Show what is held of one person, and do what they ask for. Each command is noted in the log's audit."""


@person.command("export", cls=CliCommand)
def export(
    customer: Customer,
    log: LogUrl = None,
    out: Annotated[
        Path | None, typer.Option(help="Write JSON into this file instead of printing it.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(help="Also write an HTML file that the person can read.")
    ] = None,
) -> None:
    """Export all that is held of a person, under any of their names, with the reasons of each decision.

    Files are readable for you alone. Parquet files of sends are not read: the runs that they belong to are listed. Memory does
    not grow with the JSON, but it does with --html.
    """
    held = 0

    def counted(rows: Iterable[HeldEntry]) -> Iterator[HeldEntry]:
        nonlocal held
        for row in rows:
            held += row.section != "access"
            yield row

    try:
        with _store(customer, log) as store:
            reader = PersonReader(system_user(), "export")
            parts = export_of(store, Books(store), customer, reader, present())
            made_head: Any = next(parts)
            rows: Iterable[Any] = counted(cast("Iterator[HeldEntry]", parts))
            if html is not None:
                rows = list(rows)
                _write(html, [person_page(document_of(made_head, rows)).encode()])
            if out is not None:
                _write(out, written(made_head, rows))
            else:
                for piece in written(made_head, rows):
                    typer.echo(piece, nl=False)
    except OSError as error:
        fail(f"{error.filename or out} cannot be written: {error.strerror}")
    if out is not None and not held:
        typer.echo(f"nothing is held under {customer!r}", err=True)


@person.command("show", cls=CliCommand)
def show(
    customer: Customer,
    log: LogUrl = None,
    day: Annotated[
        str | None,
        typer.Option("--on", metavar="DAY", help="Only what happened on this day, such as 2026-03-10."),
    ] = None,
    last: Annotated[int, typer.Option(min=1, help="Show at most so many of the last entries.")] = 50,
    zone_name: Annotated[
        str | None,
        typer.Option("--zone", help="Time zone of the days and times; that of the last book by default."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document, for machines.")] = False,
) -> None:
    """Show what happened with a person in order of time: decisions with their reasons, contacts, outcomes, consents, events.

    It answers "why did she get nothing on Tuesday?".
    """
    wanted = _day(day)
    given = _zone(zone_name)
    with _reading(customer, log, "show") as (record, books):
        zone = given or zone_of(record, books)
        entries = timeline(record, books, _period(wanted, zone))
    shown = entries[-last:]
    if as_json:
        typer.echo(orjson.dumps(_document(record, shown, zone), option=orjson.OPT_INDENT_2).decode())
        return
    _print(record, shown, len(entries) - len(shown), zone)


Reference = Annotated[
    str,
    typer.Option(
        help="Where the person's request is filed, such as a ticket's number. It stays in the audit: name nobody."
    ),
]


@person.command("erase", cls=CliCommand)
def erase(
    customer: Customer,
    log: LogUrl = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask whether you are sure.")] = False,
    receipt: Annotated[
        Path | None, typer.Option(help="Also write the receipt, as JSON, into this file, for you alone.")
    ] = None,
    reference: Reference = "",
) -> None:
    """Erase a person, under all of their names, in one transaction; it cannot be undone. Servers may run meanwhile.

    What counts for others stays under a random pseudonym, and what the person forbade in force. The receipt says what went.
    """
    with _store(customer, log) as store:
        with store.transaction(writes=False):
            names = names_of_person(store, customer).names
        if not yes and not typer.confirm(f"Erase {', '.join(names)} for good?", err=True):
            fail("nothing was erased")
        command = EraseCommand(customer, reference, system_user(), "log", present)
        made: Receipt = _committed(store, command)
    text = orjson.dumps(made.document, option=orjson.OPT_INDENT_2)
    if receipt is not None:
        try:
            _write(receipt, [text, b"\n"])
        except OSError as error:
            typer.echo(text.decode())
            fail(f"erased, but {error.filename} cannot be written: {error.strerror}")
    typer.echo(text.decode())
    for line in _left(made):
        typer.echo(line, err=True)


@person.command("object", cls=CliCommand)
def objection(
    customer: Customer,
    log: LogUrl = None,
    purpose: Annotated[
        str,
        typer.Option(
            help="The purpose of consent whose channels are meant, as the book has it, or `channel:NAME`; else all."
        ),
    ] = EVERYTHING,
    withdraw: Annotated[
        bool, typer.Option("--withdraw", help="The person takes the objection back; needs --reference.")
    ] = False,
    reference: Reference = "",
) -> None:
    """Note that a person objects to being profiled: from now on they only get what is decided without their profile.

    That is the fallbacks of placements, and campaigns that say `personalised: false`. Only the person can take it back.
    """
    if withdraw and not reference:
        fail(
            "only the person can take an objection back: say with --reference where their request is filed",
            USAGE,
        )
    actor = PrivacyActor(system_user(), "log", present())
    with _store(customer, log) as store:
        said: Objections = _committed(
            store, ObjectionCommand(customer, purpose, not withdraw, reference, actor)
        )
    objects = ", ".join("everything" if own == EVERYTHING else own for own in said.purposes)
    typer.echo(f"objects to: {objects or 'nothing'}{'' if said.is_new else ' (as before)'}")


def _left(made: Receipt) -> Iterator[str]:
    """What is left to do by hand."""
    if made.erased.runs:
        runs = ", ".join(made.erased.runs)
        yield f"files of these sends have rows of the person, delete them or the rows: {runs}"
    yield "exports, backups and copies of the log that were made before still hold the person"


def _committed(store: Store, command: Command[Any]) -> Any:
    (result,) = commit_group(store, [command])
    if isinstance(result, LedgerError):
        raise result
    return result


@contextmanager
def _store(customer: str, log: str | None) -> Iterator[Store]:
    """The log. Ends the command with a sentence if it cannot be read or written."""
    violations = FieldViolations()
    name_of(customer, "the customer's name", violations, required=True)
    for violation in violations.items:
        fail(f"{violation.field} {violation.description}", USAGE)
    url = settings_of(log=log).log
    try:
        check_log(url)
    except ValueError as error:
        fail(str(error), USAGE)
    try:
        with closing(open_store(url)) as store:
            yield store
    except LedgerError as error:
        fail(str(error))


@contextmanager
def _reading(customer: str, log: str | None, action: str) -> Iterator[tuple[PersonRecord, Books]]:
    """What is held of the person, and the books of the log. Ends the command with a sentence if it cannot be read."""
    with _store(customer, log) as store:
        yield _read(store, customer, action), Books(store)


def _read(store: Store, customer: str, action: str) -> PersonRecord:
    return read_person(store, customer, PersonReader(system_user(), action), present())


def _write(path: Path, pieces: Iterable[bytes]) -> None:
    """Writes the file, readable for its owner alone."""
    path.touch(_PRIVATE)
    path.chmod(_PRIVATE)
    with path.open("wb") as file:
        file.writelines(pieces)


def _day(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        fail(f"--on needs a day such as 2026-03-10, not {text!r}", USAGE)


def _zone(name: str | None) -> ZoneInfo | None:
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        fail(f"--zone needs a time zone such as Europe/Paris, not {name!r}", USAGE)


def _period(day: date | None, zone: ZoneInfo) -> tuple[Instant, Instant]:
    if day is None:
        return -END, END
    first = datetime.combine(day, time(), zone)
    after = datetime.combine(day + timedelta(days=1), time(), zone)
    return from_datetime(first), from_datetime(after)


def _document(record: PersonRecord, entries: list[TimelineEntry], zone: ZoneInfo) -> dict[str, Any]:
    return {
        "schema": 1,
        "customer": record.customer,
        "person": record.names.person,
        "names": list(record.names.names),
        "timeline": [
            {
                "at": time_text(entry.at, zone),
                "kind": entry.kind,
                "text": entry.text,
                "details": list(entry.details),
            }
            for entry in entries
        ],
    }


def _print(record: PersonRecord, entries: list[TimelineEntry], more: int, zone: ZoneInfo) -> None:
    console = screen()
    if record.is_empty:
        console.print(Text(f"nothing is held under {record.customer!r}"))
        return
    console.print(Text.assemble((record.names.person, "bold"), f", {zone.key}"))
    if len(record.names.names) > 1:
        console.print(Text(f"also {', '.join(record.names.names[1:])}"))
    if more:
        console.print(Text(f"… {more:,} earlier entries; --last shows more"))
    if not entries:
        console.print(Text("nothing happened in this time"))
    for entry in entries:
        at = time_text(entry.at, zone).replace("T", " ")
        console.print(
            Text.assemble((at, "dim"), "  ", (entry.text, "bold" if entry.kind == "decision" else ""))
        )
        for detail in entry.details:
            console.print(Text(f"    {detail}"))
