"""The programs that may call, known by their tokens and certificates."""

import re
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, replace
from hashlib import sha256
from hmac import compare_digest
from math import inf

from engine.server.access.limits import UNBOUNDED, RateLimit
from engine.server.access.roles import ANY, NotAllowed, Role, not_valid, unproven

USER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,126}")
"""The name of a user, as who logs them in gives it: often an address."""


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
    rate_limit: RateLimit = UNBOUNDED
    """Shared by all tokens and certificates of the same name."""


CALLER: ContextVar[Caller] = ContextVar("caller")
"""The caller of the call that this task serves."""


def may_simulate() -> bool:
    """Whether the caller may set `now` in a request."""
    return Role.SIMULATE in CALLER.get().roles


def digest_of(token: str) -> bytes:
    """The SHA-256 of a token, which is kept in its place. A token is 256 random bits, so no slower hash is needed."""
    return sha256(token.encode()).digest()


USER_KEY, GROUPS_KEY = "tact-user", "tact-groups"
"""Metadata of a call on behalf of a user: their name, and the groups that they are in, separated by commas."""


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


def on_behalf_of(metadata: Iterable[tuple[str, str | bytes]]) -> tuple[str | None, list[str]]:
    """The user for whom a call is made, and their groups; None: the caller calls for itself. Raises Unknown."""
    values: dict[str, str] = {}
    for key, value in metadata:
        if key in (USER_KEY, GROUPS_KEY):
            if key in values:
                raise not_valid(f"more than one {key}")
            values[key] = str(value)
    groups = [group.strip() for group in values.get(GROUPS_KEY, "").split(",") if group.strip()]
    return values.get(USER_KEY), groups


_NOBODY = (bytes(32), Caller("", frozenset()))


class Callers:
    """All callers. Never changed, but replaced as a whole.

    tokens: callers by the digest of their token. names: callers by a name in their certificate.
    anyone: the caller without a token or certificate; None: such calls are refused.
    users, groups: roles of people who are named on behalf of whom a caller with the role `delegate` calls.
    """

    def __init__(
        self,
        tokens: Mapping[bytes, Caller] | None = None,
        names: Mapping[str, Caller] | None = None,
        anyone: Caller | None = None,
        users: Mapping[str, frozenset[Role]] | None = None,
        groups: Mapping[str, frozenset[Role]] | None = None,
    ) -> None:
        self._tokens = {digest: (digest, caller) for digest, caller in (tokens or {}).items()}
        self.by_name = dict(names or {})
        self.anyone = anyone
        self._users, self._groups = dict(users or {}), dict(groups or {})

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

    def by_user(self, name: str, groups: Iterable[str], through: Caller) -> Caller:
        """The user on behalf of whom a caller calls, with the roles of theirs and of their groups; raises Refused.

        through: the caller, whose rate limit counts. One that is let in without a token passes its own roles on.
        """
        if Role.DELEGATE not in through.roles:
            raise NotAllowed(through.name, frozenset({Role.DELEGATE}))
        if not USER_NAME.fullmatch(name):
            raise not_valid("the user's name is not valid")
        if through is self.anyone:
            return replace(through, name=name)
        roles = self._users.get(name, frozenset()).union(
            *(self._groups.get(group, frozenset()) for group in groups)
        )
        if not roles:
            raise not_valid("no such user, and no such group")
        return replace(through, name=name, roles=roles - {Role.DELEGATE})

    def listed(self) -> list[tuple[str, str, list[str]]]:
        """Everybody who is named: kind (token, certificate, user or group), name and roles. Nothing of tokens."""
        callers = [("token", caller) for _digest, caller in self._tokens.values()]
        callers += [("certificate", caller) for caller in self.by_name.values()]
        people = [("user", *user) for user in self._users.items()] + [
            ("group", *group) for group in self._groups.items()
        ]
        named = [(kind, caller.name, caller.roles) for kind, caller in callers] + people
        return sorted((kind, name, sorted(roles)) for kind, name, roles in named)


def _in_time(caller: Caller, now: float) -> Caller:
    if caller.not_before <= now < caller.expires:
        return caller
    raise not_valid(f"{'expired' if now >= caller.expires else 'not valid yet'}: {caller.name}")


def everyone(rate_limit: RateLimit, *, simulate: bool) -> Caller:
    """The caller of a server without access control: all roles, and SIMULATE only if it is allowed."""
    return Caller("anyone", ANY if simulate else ANY - {Role.SIMULATE}, rate_limit=rate_limit)
