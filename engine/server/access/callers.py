"""The programs that may call, known by the tokens and the certificates that they bring."""

from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest
from math import inf

from engine.server.access.rate_limit import RateLimit
from engine.server.access.refusals import not_valid, unproven
from engine.server.access.roles import ANY, Role

PREFIX = "tact_"
"""Begins every token that is made here, so that a leaked one is recognised."""


@dataclass(frozen=True, slots=True)
class Caller:
    """A program that may call, as one of its tokens or certificates describes it."""

    name: str
    roles: frozenset[Role]
    not_before: float = -inf
    """Seconds since 1970 from which on the token is valid."""
    expires: float = inf
    """Seconds since 1970 at which it is valid no more."""
    rate_limit: RateLimit | None = None
    """Shared by everything of the same name; None: without bounds."""


CALLER: ContextVar[Caller] = ContextVar("caller")
"""Who makes the call that this task serves."""


def may_simulate() -> bool:
    """Whether the caller may decide as of a moment of its own."""
    return Role.SIMULATE in CALLER.get().roles


def digest_of(token: str) -> bytes:
    """What is kept of a token: its SHA-256. A token is 256 random bits, so nothing slower is called for."""
    return sha256(token.encode()).digest()


def bearer_of(metadata: Iterable[tuple[str, str | bytes]]) -> str | None:
    """The token in a call's metadata; None without one. Raises Unknown for anything but one bearer token."""
    found: str | None = None
    for key, value in metadata:
        if key == "authorization":
            if found is not None:
                raise not_valid("more than one authorization")
            found = str(value)
    if found is None:
        return None
    scheme, _, token = found.partition(" ")
    if scheme.lower() != "bearer":
        raise not_valid("authorization is not Bearer")
    return token.strip()


_NOBODY = (bytes(32), Caller("", frozenset()))


class Callers:
    """Everyone who may call; never changed, but replaced as a whole.

    tokens: callers by the digest of their token. names: callers by what their certificate calls them.
    anyone: who calls without a token or a certificate of ours; None: nobody may.
    """

    def __init__(
        self,
        tokens: Mapping[bytes, Caller] | None = None,
        names: Mapping[str, Caller] | None = None,
        anyone: Caller | None = None,
    ) -> None:
        self._tokens = {digest: (digest, caller) for digest, caller in (tokens or {}).items()}
        self.by_name = dict(names or {})
        self.anyone = anyone

    def by_token(self, token: str, now: float) -> Caller:
        """Who has the token at a moment in seconds since 1970; raises Unknown.

        The table is looked up by the digest, of which a guess tells nothing, and what is found is compared in constant time,
        found or not: how long it takes says nothing about the tokens.
        """
        digest = digest_of(token)
        held, caller = self._tokens.get(digest, _NOBODY)
        if not compare_digest(held, digest):
            raise not_valid("no such token")
        return _in_time(caller, now)

    def by_certificate(self, names: Iterable[bytes] | None, now: float) -> Caller:
        """Who is called one of these names by a certificate that TLS has verified; raises Unknown."""
        if names is None:
            raise unproven()
        for name in names:
            caller = self.by_name.get(name.decode("utf-8", "replace"))
            if caller is not None:
                return _in_time(caller, now)
        raise not_valid("no caller has this certificate's name")


def _in_time(caller: Caller, now: float) -> Caller:
    if caller.not_before <= now < caller.expires:
        return caller
    raise not_valid(f"{'expired' if now >= caller.expires else 'not valid yet'}: {caller.name}")


def everyone(rate_limit: RateLimit | None, *, simulate: bool) -> Caller:
    """Whoever calls a server that asks nobody who they are: all roles, but to simulate only where that is allowed."""
    return Caller("anyone", ANY if simulate else ANY - {Role.SIMULATE}, rate_limit=rate_limit)
