"""`tact health`: whether a server is ready, for people and for container probes."""

from pathlib import Path
from typing import Annotated

import typer

from engine.cli.exits import OTHER, USAGE, fail
from engine.client import Client, TactError, Tls
from engine.client.calls import LIVENESS, READINESS, RULEBOOK

File = Path | None


def health(
    target: Annotated[str, typer.Argument(help="The server's address.")] = "127.0.0.1:50051",
    liveness: Annotated[
        bool, typer.Option("--liveness", help="Ask whether it lives, not whether it is ready.")
    ] = False,
    readiness: Annotated[
        bool, typer.Option("--readiness", help="Ask whether it is ready, which it is asked anyway.")
    ] = False,
    rulebook: Annotated[
        bool, typer.Option("--rulebook", help="Ask whether it serves the book in its folder.")
    ] = False,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for an answer.")] = 2.0,
    tls: Annotated[
        bool, typer.Option("--tls", help="Use TLS, with the authorities that gRPC trusts.")
    ] = False,
    ca: Annotated[
        File, typer.Option(envvar="TACT_CA", help="Use TLS, with these authorities (PEM). Or TACT_CA.")
    ] = None,
    cert: Annotated[
        File, typer.Option(envvar="TACT_CERT", help="The client's own certificate (PEM). Or TACT_CERT.")
    ] = None,
    key: Annotated[File, typer.Option(envvar="TACT_KEY", help="Its key (PEM). Or TACT_KEY.")] = None,
    server_name: Annotated[
        str,
        typer.Option(
            envvar="TACT_SERVER_NAME", help="Name in the server's certificate. Or TACT_SERVER_NAME."
        ),
    ] = "",
    token_file: Annotated[
        File, typer.Option(envvar="TACT_TOKEN_FILE", help="File with a token. Or TACT_TOKEN_FILE.")
    ] = None,
) -> None:
    """Ask a server whether it is ready: prints SERVING and exits 0, or says what is wrong and exits 1."""
    if liveness + readiness + rulebook > 1:
        fail("--liveness, --readiness and --rulebook are three questions: ask one", USAGE)
    service = LIVENESS if liveness else RULEBOOK if rulebook else READINESS
    try:
        secured = Tls(ca, cert, key, server_name) if tls or ca or cert or key or server_name else None
        token = None if token_file is None else token_file.read_text(encoding="utf-8").strip()
        client = Client(target, timeout=timeout, tls=secured, token=token)
    except (OSError, ValueError) as error:
        fail(str(error), USAGE)
    try:
        with client:
            serving = client.health(service)
    except TactError as error:
        typer.echo(f"{target}: {error}", err=True)
        raise typer.Exit(OTHER) from None
    typer.echo("SERVING" if serving else "NOT_SERVING")
    if not serving:
        raise typer.Exit(OTHER)
