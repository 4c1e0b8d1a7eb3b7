"""`tact token`: makes tokens for callers."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import orjson
import typer

from engine.cli.command import CliCommand, CliGroup
from engine.cli.exits import OTHER, USAGE, fail
from engine.server.access.callers_file import WrongCallers
from engine.server.access.roles import Role
from engine.server.access.tokens import Entry, add, check, entry_of, new_token

token = typer.Typer(
    name="token",
    cls=CliGroup,
    add_completion=False,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@token.callback()
def _token() -> None:
    """Make tokens for callers."""


@token.command(cls=CliCommand)
def new(
    name: Annotated[str, typer.Option(help="The caller's name.")],
    role: Annotated[list[Role], typer.Option(help="What the caller may do; may be given several times.")],
    file: Annotated[Path | None, typer.Option(help="The callers file to add the token to.")] = None,
    not_before: Annotated[str, typer.Option(help="Date or time from which on it is valid, ISO 8601.")] = "",
    expires: Annotated[
        str, typer.Option(help="Date or time from which on it is no longer valid, ISO 8601.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Make a token and print it, for the only time; its entry for the callers file is added to --file, or printed."""
    made = new_token()
    entry = entry_of(
        made,
        name,
        tuple(dict.fromkeys(role)),
        not_before=_moment("--not-before", not_before),
        expires=_moment("--expires", expires),
    )
    try:
        check(entry.toml())
    except WrongCallers as error:
        fail(str(error), USAGE)
    if file is not None:
        _add(entry, file)
    if as_json:
        typer.echo(orjson.dumps({"token": made, "entry": entry.toml()}).decode())
        return
    typer.echo(made)
    if file is None:
        typer.echo(
            f"\n# Keep the token; it is not shown again. For the callers file:\n{entry.toml()}", nl=False
        )


def _add(entry: Entry, file: Path) -> None:
    try:
        add(entry, file)
    except (WrongCallers, OSError) as error:
        fail(f"{file}: {error}", OTHER)


def _moment(option: str, text: str) -> datetime | None:
    """The time, in UTC if it has no zone; a date is its beginning."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        fail(
            f"{option} needs a date or a time such as 2027-02-20 or 2027-02-20T10:00+01:00, not {text!r}",
            USAGE,
        )
    return moment.replace(microsecond=0) if moment.tzinfo else moment.replace(microsecond=0, tzinfo=UTC)
