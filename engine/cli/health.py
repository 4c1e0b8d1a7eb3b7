"""`tact health`: whether a server is ready, for people and for container probes."""

from typing import Annotated

import typer

from engine.cli.exits import OTHER
from engine.client import Client, TactError


def health(
    target: Annotated[str, typer.Argument(help="The server's address.")] = "127.0.0.1:50051",
    timeout: Annotated[float, typer.Option(help="Seconds to wait for an answer.")] = 2.0,
) -> None:
    """Ask a server whether it is ready: prints SERVING and exits 0, or says what is wrong and exits 1."""
    try:
        with Client(target, timeout=timeout) as client:
            serving = client.health()
    except TactError as error:
        typer.echo(f"{target}: {error}", err=True)
        raise typer.Exit(OTHER) from None
    typer.echo("SERVING" if serving else "NOT_SERVING")
    if not serving:
        raise typer.Exit(OTHER)
