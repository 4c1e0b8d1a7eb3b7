"""The options with which a command connects to a server, and the client for it."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, NamedTuple, TypeAlias, TypeVar

import typer

from engine.cli.exits import USAGE, fail
from engine.client import Client, RulebooksClient, Tls

ClientT = TypeVar("ClientT")

WithTls: TypeAlias = Annotated[
    bool, typer.Option("--tls", help="Use TLS, with the authorities that gRPC trusts.")
]


Ca: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        show_envvar=False, envvar="TACT_CA", help="Use TLS, with these authorities (PEM). Or TACT_CA."
    ),
]


Cert: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        show_envvar=False, envvar="TACT_CERT", help="The client's own certificate (PEM). Or TACT_CERT."
    ),
]


Key: TypeAlias = Annotated[
    Path | None, typer.Option(show_envvar=False, envvar="TACT_KEY", help="Its key (PEM). Or TACT_KEY.")
]


ServerName: TypeAlias = Annotated[
    str,
    typer.Option(
        show_envvar=False,
        envvar="TACT_SERVER_NAME",
        help="Name in the server's certificate. Or TACT_SERVER_NAME.",
    ),
]


TokenFile: TypeAlias = Annotated[
    Path | None,
    typer.Option(show_envvar=False, envvar="TACT_TOKEN_FILE", help="File with a token. Or TACT_TOKEN_FILE."),
]


class Access(NamedTuple):
    """The values of these options."""

    tls: bool = False
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    server_name: str = ""
    token_file: Path | None = None

    def client(self, target: str, timeout: float) -> Client:
        """A client of the server; ends the command if an option is invalid. timeout: seconds for a call."""
        return self._made(Client, target, timeout)

    def rulebooks(self, target: str, timeout: float) -> RulebooksClient:
        """The same, of the server's releases."""
        return self._made(RulebooksClient, target, timeout)

    def _made(self, kind: Callable[..., ClientT], target: str, timeout: float) -> ClientT:
        try:
            secured = any((self.tls, self.ca, self.cert, self.key, self.server_name))
            tls = Tls(self.ca, self.cert, self.key, self.server_name) if secured else None
            file = self.token_file
            token = None if file is None else file.read_text(encoding="utf-8-sig").strip()
            return kind(target, timeout=timeout, tls=tls, token=token)
        except (OSError, ValueError) as error:
            fail(str(error), USAGE)
