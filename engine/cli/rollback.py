"""`tact rollback`: takes the last change of what is live back."""

from typing import Annotated

import typer

from engine.api.v1 import rulebooks_pb2 as pb
from engine.cli.connect import Access, Ca, Cert, Key, ServerName, TokenFile, WithTls
from engine.cli.options import LogUrl
from engine.cli.releasing import (
    AsJson,
    ExpectedVersion,
    ReleaseNote,
    ServerTarget,
    Timeout,
    desk_of,
    show_activation,
)


def rollback(
    name: Annotated[str, typer.Argument(help="The book's name.")],
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="VERSION",
            help="Go back to this version, which was live once.",
        ),
    ] = "",
    expected: ExpectedVersion = None,
    note: ReleaseNote = "",
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
    """Take the last change back: end a stage where there is one, else make the version before live again.

    It needs no approvals. Repeat it to go back further.
    """
    access = Access(tls, ca, cert, key, server_name, token_file)
    with desk_of(server, log, access, timeout) as desk:
        response = desk.rollback(pb.RollbackRequest(name=name, version=to, expected=expected, note=note))
    show_activation(response, as_json=as_json)
