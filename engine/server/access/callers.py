"""The programs that may call, known by their tokens and certificates."""

from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest
from math import inf

from engine.server.access.limits import RateLimit
from engine.server.access.roles import ANY, Role, not_valid, unproven

PREFIX = "tact_"
"""Begins every token made here, so that a leaked one is recognised."""


@dataclass(frozen=True, slots=True)
class Caller:
    """A program that may call, as one of its tokens or certificates describes it."""

    name: str
    roles: frozenset[Role]
    not_before: float = -inf
    """Seconds since 1970 from which the token is valid."""
    expires: float = inf
    """Seconds since 1970 at which the token ceases to be valid."""
    rate_limit: RateLimit | None = None
    """Shared by all tokens and certificates of the same name; None: no bounds."""


CALLER: ContextVar[Caller] = ContextVar("caller")
"""The caller of the call that this task serves."""


def may_simulate() -> bool:
    """Whether the caller may set `now` in a request."""
    return Role.SIMULATE in CALLER.get().roles


def digest_of(token: str) -> bytes:
    """The SHA-256 of a token, which is kept in its place. A token is 256 random bits, so no slower hash is needed."""
    return sha256(token.encode()).digest()


def bearer_of(metadata: Iterable[tuple[str, str | bytes]]) -> str | None:
    """The token in a call's metadata; None without one. Raises Unknown for anything but one bearer token."""
    authorization: str | None = None
    for key, value in metadata:
        if key == "authorization":
            if authorization is not None:
                raise not_valid("more than one authorization")
            authorization = str(value)
    if authorization is None:
        return None
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer":
        raise not_valid("authorization is not Bearer")
    return token.strip()


_NOBODY = (bytes(32), Caller("", frozenset()))


class Callers:
    """All callers. Never changed, but replaced as a whole.

    tokens: callers by the digest of their token. names: callers by a name in their certificate.
    anyone: the caller without a token or certificate; None: such calls are refused.
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
        """The caller with the token at a moment in seconds since 1970; raises Unknown.

        The table is looked up by the digest, from which no guess learns anything, and the result is compared in constant
        time, whether or not there was one: how long it takes reveals nothing about the tokens.
        """
        digest = digest_of(token)
        held, caller = self._tokens.get(digest, _NOBODY)
        if not compare_digest(held, digest):
            raise not_valid("no such token")
        return _in_time(caller, now)

    def by_certificate(self, names: Iterable[str] | None, now: float) -> Caller:
        """The caller with one of these names, of a certificate that TLS has verified; raises Unknown."""
        if names is None:
            raise unproven()
        for name in names:
            caller = self.by_name.get(name)
            if caller is not None:
                return _in_time(caller, now)
        raise not_valid("no caller has this certificate's name")


def _in_time(caller: Caller, now: float) -> Caller:
    if caller.not_before <= now < caller.expires:
        return caller
    raise not_valid(f"{'expired' if now >= caller.expires else 'not valid yet'}: {caller.name}")


def everyone(rate_limit: RateLimit | None, *, simulate: bool) -> Caller:
    """The caller of a server without access control: all roles, and SIMULATE only if it is allowed."""
    return Caller("anyone", ANY if simulate else ANY - {Role.SIMULATE}, rate_limit=rate_limit)
