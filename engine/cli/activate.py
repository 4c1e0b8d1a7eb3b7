"""`tact activate`: makes a published version live, for all persons or for a share of them."""

from typing import Annotated

import typer

from engine.api.v1 import rulebooks_pb2 as pb
from engine.cli.connect import Access, Ca, Cert, Key, ServerName, TokenFile, WithTls
from engine.cli.exits import USAGE, fail
from engine.cli.options import LogUrl
from engine.cli.releasing import (
    AsJson,
    BookName,
    ExpectedVersion,
    ReleaseNote,
    ServerTarget,
    Timeout,
    desk_of,
    show_activation,
)
from engine.rulebook.report.findings import ParseError
from engine.rulebook.text.percentages import parse as parse_percentage


def activate(
    version: Annotated[str, typer.Argument(help="The version, or its first six characters or more.")],
    share: Annotated[
        str,
        typer.Option(
            metavar="PERCENT", help="Stage it: let it decide for this part of the persons, such as 5%."
        ),
    ] = "",
    expected: ExpectedVersion = None,
    name: BookName = "",
    note: ReleaseNote = "",
    emergency: Annotated[
        str | None,
        typer.Option(metavar="NOTE", help="Go live without approvals, and over another stage, and say why."),
    ] = None,
    server: ServerTarget = "",
    log: LogUrl = None,
    as_json: AsJson = False,
    timeout: Timeout = 10.0,
    tls: WithTls = False,
    ca: Ca = None,
    cert: Cert = None,
    key: Key = None,
    server_name: ServerName = "",
    token_file: TokenFile = None,
) -> None:
    """Make a published version live, unless another went live since it was published.

    Exit code 1: it was refused, and what was live stays.
    """
    if emergency is not None and not emergency.strip():
        fail("--emergency needs a note that says why: it is shown in the audit", USAGE)
    if note and emergency:
        fail("give one of --note and --emergency, which has the note", USAGE)
    access = Access(tls, ca, cert, key, server_name, token_file)
    fields = (version, name, expected, note or emergency, bool(emergency))
    keys = ("version", "name", "expected", "note", "emergency")
    given = {key: value for key, value in zip(keys, fields, strict=True) if value is not None}
    part = _share(share) if share else None
    with desk_of(server, log, access, timeout) as desk:
        if part is None:
            response = desk.activate(pb.ActivateRequest(**given))  # type: ignore[arg-type] # by name
        else:
            response = desk.stage(pb.StageRequest(share=part, **given))  # type: ignore[arg-type]
    show_activation(response, as_json=as_json)


def _share(text: str) -> float:
    """The part that the option names; ends the command if it is none."""
    try:
        return parse_percentage(text)
    except ParseError as error:
        fail(f"--share {text}: {error}; {error.hint}", USAGE)
