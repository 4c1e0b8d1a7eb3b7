"""How a client and a server identify each other: tokens and TLS."""

from collections.abc import Callable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TypeAlias

import grpc


@dataclass(frozen=True, slots=True)
class OnBehalf:
    """A user for whom a program calls whose own token has the role `delegate`."""

    token: str | None
    """The program's; None: the server asks for none."""
    user: str
    groups: tuple[str, ...] = ()
    """That the user is in."""


Token: TypeAlias = str | Callable[[], str] | OnBehalf | None
"""A token, or a function that returns the token for each call, so that it can be replaced without a new client.

Or a user for whom the program calls.
"""


@dataclass(frozen=True, slots=True)
class Tls:
    """TLS for a client. Files are PEM; they are read when a client is created, which raises OSError."""

    ca: str | PathLike[str] | None = None
    """Authorities that may have signed the server's certificate; None: those that gRPC trusts."""
    cert: str | PathLike[str] | None = None
    """The client's own certificate and its chain, for servers that ask for one."""
    key: str | PathLike[str] | None = None
    """The key of that certificate."""
    server_name: str = ""
    """The name that the server's certificate must have, if it is not the target's."""

    def __post_init__(self) -> None:
        if (self.cert is None) != (self.key is None):
            raise ValueError("a client's certificate needs its key, and a key its certificate")

    def credentials(self) -> grpc.ChannelCredentials:
        """The credentials for a channel; reads the files."""
        return grpc.ssl_channel_credentials(_read(self.ca), _read(self.key), _read(self.cert))

    def options(self) -> tuple[tuple[str, str], ...]:
        """Further options for the channel."""
        return (("grpc.ssl_target_name_override", self.server_name),) if self.server_name else ()


def _read(path: str | PathLike[str] | None) -> bytes | None:
    return None if path is None else Path(path).read_bytes()


def metadata_of(token: Token) -> tuple[tuple[str, str], ...]:
    """The metadata that identifies the caller in a call."""
    if token is None:
        return ()
    if isinstance(token, OnBehalf):
        groups = (("tact-groups", ",".join(token.groups)),) if token.groups else ()
        return (*metadata_of(token.token), ("tact-user", token.user), *groups)
    return (("authorization", f"Bearer {token if isinstance(token, str) else token()}"),)
