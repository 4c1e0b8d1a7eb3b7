"""`tact servers`: lists the servers that follow a book by its name, and what each serves and refused."""

from typing import Annotated

import typer

from engine.api.v1 import rulebooks_pb2 as pb
from engine.cli.connect import Access, Ca, Cert, Key, ServerName, TokenFile, WithTls
from engine.cli.options import LogUrl
from engine.cli.releasing import AsJson, ServerTarget, Timeout, desk_of, moment_text, print_message
from engine.cli.screen import screen, table
from engine.releases import short_version


def servers(
    name: Annotated[str, typer.Argument(help="Only those that follow the book of this name.")] = "",
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
    """List the servers that follow a book by its name: what each serves since when, and what it refused."""
    access = Access(tls, ca, cert, key, server_name, token_file)
    with desk_of(server, log, access, timeout) as desk:
        response = desk.servers(pb.ServersRequest(name=name))
    if as_json:
        print_message(response)
        return
    console = screen()
    if not response.servers:
        console.print("no server follows a book by its name", markup=False)
        return
    listing = table("server", "book", "serves", "staged", "since", "seen", "refused", "cause")
    for row in response.servers:
        listing.add_row(
            row.server,
            row.name,
            short_version(row.version),
            short_version(row.staged),
            moment_text(row.since),
            moment_text(row.seen_at),
            short_version(row.refused),
            row.cause,
        )
    console.print(listing, soft_wrap=False)
