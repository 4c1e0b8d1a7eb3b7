"""`tact health`: a server's health, for people and for container probes."""

from typing import Annotated

import typer

from engine.cli.connect import Access, Ca, Cert, Key, ServerName, TokenFile, WithTls
from engine.cli.exits import OTHER, USAGE, complain, fail
from engine.client import TactError
from engine.client.calls import LIVENESS, READINESS, RULEBOOK


def health(
    target: Annotated[str, typer.Argument(help="The server's address.")] = "127.0.0.1:50051",
    liveness: Annotated[
        bool, typer.Option("--liveness", help="Ask whether it is alive, instead of ready.")
    ] = False,
    readiness: Annotated[
        bool, typer.Option("--readiness", help="Ask whether it is ready; the default.")
    ] = False,
    rulebook: Annotated[
        bool, typer.Option("--rulebook", help="Ask whether it serves the book in its folder.")
    ] = False,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for an answer.")] = 2.0,
    tls: WithTls = False,
    ca: Ca = None,
    cert: Cert = None,
    key: Key = None,
    server_name: ServerName = "",
    token_file: TokenFile = None,
) -> None:
    """Ask a server whether it is ready: prints SERVING and exits with 0, or prints what is wrong and exits with 1."""
    if liveness + readiness + rulebook > 1:
        fail("give only one of --liveness, --readiness and --rulebook", USAGE)
    service = LIVENESS if liveness else RULEBOOK if rulebook else READINESS
    client = Access(tls, ca, cert, key, server_name, token_file).client(target, timeout)
    try:
        with client:
            serving = client.health(service)
    except TactError as error:
        complain(f"{target}: {error}")
        raise typer.Exit(OTHER) from None
    typer.echo("SERVING" if serving else "NOT_SERVING")
    if not serving:
        raise typer.Exit(OTHER)
