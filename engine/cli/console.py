"""`tact console`: pages in a browser for those who write books, release them, and look at what they do."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from engine.cli.connect import Access, Ca, Cert, Key, ServerName, TokenFile, WithTls
from engine.cli.exits import USAGE, fail
from engine.cli.logged import check_log, system_user
from engine.cli.options import LogUrl, settings_of
from engine.client import Tls
from engine.ledger.errors import LedgerError
from engine.server.logs import configure


def console(
    log: LogUrl = None,
    server: Annotated[
        str,
        typer.Option(
            metavar="HOST:PORT", help="Server that explains decisions and makes changes; empty: none."
        ),
    ] = "",
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0: a free one.")] = 8070,
    callers: Annotated[
        Path | None,
        typer.Option(help="The server's callers file, by which users are known. Or TACT_CALLERS."),
    ] = None,
    proxy: Annotated[
        str,
        typer.Option(
            show_envvar=False,
            envvar="TACT_CONSOLE_PROXY",
            metavar="NETWORKS",
            help="Networks of proxies whose X-Forwarded-User and -Groups are believed, such as 10.1.2.0/24;"
            " several are separated by commas. Or TACT_CONSOLE_PROXY.",
        ),
    ] = "",
    origin: Annotated[
        str,
        typer.Option(
            metavar="URL", help="Under which browsers reach it, such as https://console.example.com."
        ),
    ] = "",
    edit: Annotated[
        Literal["console", "git-only"],
        typer.Option(
            show_envvar=False,
            envvar="TACT_CONSOLE_EDIT",
            help="Where books are edited: here, or in git only, so that drafts are shown and not changed."
            " Or TACT_CONSOLE_EDIT.",
        ),
    ] = "console",
    metrics: Annotated[
        str,
        typer.Option(
            show_envvar=False,
            envvar="TACT_CONSOLE_METRICS",
            metavar="ADDRESSES",
            help="Metrics ports of servers, HOST:PORT, whose refusals and settings the page Operations shows;"
            " several are separated by commas. Or TACT_CONSOLE_METRICS.",
        ),
    ] = "",
    tls: WithTls = False,
    ca: Ca = None,
    cert: Cert = None,
    key: Key = None,
    server_name: ServerName = "",
    token_file: TokenFile = None,
) -> None:
    """Serve the console, until it is stopped.

    On loopback it prints an address that logs in once. Other users bring a token of the callers file, or come through a
    proxy that has logged them in. What changes something goes to the server under the user's roles.
    """
    try:
        from engine.console import ConsoleOptions, DraftEditing, Servers, serve_console  # noqa: PLC0415 of the extra
    except ModuleNotFoundError as error:
        fail(f"{error.name} is not installed: pip install 'tact[console]'")
    settings = settings_of(log=log, callers=callers)
    configure(as_json=False, level=settings.message_level)
    secured = any((tls, ca, cert, key, server_name))
    access = Access(tls, ca, cert, key, server_name, token_file)
    try:
        check_log(settings.log)
        token = None if token_file is None else token_file.read_text(encoding="utf-8-sig").strip()
        made = Tls(access.ca, access.cert, access.key, access.server_name) if secured else None
        addresses = [address.strip() for address in metrics.split(",") if address.strip()]
        servers = Servers(server, tls=made, metrics=addresses)
        options = ConsoleOptions(
            settings.log,
            servers,
            host=host,
            port=port,
            callers=settings.callers,
            token=token,
            starter=system_user(),
            proxies=[network for network in proxy.split(",") if network.strip()],
            origin=origin,
            editing=DraftEditing(edit),
        )
        serve_console(options, _announce)
    except (OSError, ValueError) as error:
        fail(str(error), USAGE)
    except LedgerError as error:
        fail(str(error))


def _announce(address: str, once: str) -> None:
    typer.echo(f"console listening on {address}")
    if once:
        typer.echo(f"log in once at {once}")
