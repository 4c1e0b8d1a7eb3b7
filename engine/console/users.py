"""Who uses the console: known by a token, by the one-time address, or by what a proxy says that has logged them in."""

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import TypeAlias

from engine.client.access import OnBehalf, Token
from engine.server.access.callers import USER_NAME, Caller, Callers
from engine.server.access.roles import Refused, Role

ProxyNetwork: TypeAlias = IPv4Network | IPv6Network

SESSION_SECONDS = 12 * 3600
"""How long a login lasts."""


_MOST_SESSIONS = 1000
"""Logins at a time; beyond, the oldest ends."""


_CODE_SECONDS = 900
"""How long the one-time address is valid."""


_MOST_GROUPS = 100


@dataclass(frozen=True, slots=True)
class ConsoleUser:
    """Who asks, what they may do, and how calls are made for them."""

    name: str
    roles: frozenset[Role]
    token: Token
    """With which the server is called."""
    by_proxy: bool = False
    """Whether a proxy has logged them in, so that there is no session to end."""

    def may(self, roles: frozenset[Role]) -> bool:
        """Whether they have one of the roles."""
        return not self.roles.isdisjoint(roles)


@dataclass(frozen=True, slots=True)
class _Session:
    token: str | None
    """Of whom it is; None: of whoever started the console, where nobody is asked for tokens."""
    ends: float


class ConsoleUsers:
    """Logs users in and knows them again. Belongs to one event loop.

    callers: those of the callers file, read anew when it changes; None: the server asks nobody who calls.
    own: the console's own token. starter: the name of who started it. proxies: networks of proxies that are believed.
    """

    def __init__(
        self,
        callers: Callable[[], Callers] | None,
        own: str | None,
        starter: str,
        proxies: Sequence[ProxyNetwork],
    ) -> None:
        self._callers, self._own, self._starter, self._proxies = callers, own, starter, proxies
        self._sessions: OrderedDict[bytes, _Session] = OrderedDict()
        self._code: tuple[bytes, float] | None = None

    def one_time_code(self) -> str:
        """A code that logs in whoever started the console, once, in the next fifteen minutes; it replaces the one before."""
        code = secrets.token_urlsafe(32)
        self._code = _digest(code), time.time() + _CODE_SECONDS
        return code

    def by_code(self, code: str) -> str | None:
        """The id of a new session, for the one-time code; None where it is not valid (any more)."""
        if self._code is None:
            return None
        valid, ends = self._code
        if not secrets.compare_digest(valid, _digest(code)) or ends < time.time():
            return None
        self._code = None
        return self._begun(self._own)

    def by_token(self, token: str) -> str:
        """The id of a new session, for a token of the callers file; raises Refused."""
        if self._callers is None:
            raise Refused("the console was started without --callers and knows no tokens")
        self._callers().by_token(token, time.time())
        return self._begun(token)

    def end(self, session_id: str) -> None:
        """Ends a session."""
        self._sessions.pop(_digest(session_id), None)

    def of_session(self, session_id: str) -> ConsoleUser | None:
        """Whose session it is; None where there is none, or it has ended, or its token is no longer valid."""
        key = _digest(session_id)
        session = self._sessions.get(key)
        if session is None:
            return None
        user = self._user_of(session) if time.time() < session.ends else None
        if user is None:
            del self._sessions[key]
        return user

    def of_proxy(self, peer: str, name: str, groups: Sequence[str]) -> ConsoleUser | None:
        """The user whom a proxy has logged in; None where the peer is no proxy that is believed, or the user has no role."""
        if not self.trusts(peer) or not USER_NAME.fullmatch(name) or len(groups) > _MOST_GROUPS:
            return None
        token = OnBehalf(self._own, name, tuple(groups))
        if self._callers is None:
            return ConsoleUser(name, frozenset(Role), token, by_proxy=True)
        try:
            delegate = Caller("console", frozenset({Role.DELEGATE}))
            caller = self._callers().by_user(name, groups, delegate)
        except Refused:
            return None
        return ConsoleUser(caller.name, caller.roles, token, by_proxy=True)

    def listed(self) -> list[tuple[str, str, list[str]]]:
        """What the callers file names: kind, name and roles; nothing of tokens."""
        return [] if self._callers is None else self._callers().listed()

    def trusts(self, peer: str) -> bool:
        """Whether the address belongs to a proxy that is believed."""
        try:
            address = ip_address(peer)
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None) or address
        return any(mapped in network for network in self._proxies)

    def _user_of(self, session: _Session) -> ConsoleUser | None:
        if self._callers is None:
            return ConsoleUser(self._starter, frozenset(Role), session.token)
        if session.token is None:
            return None
        try:
            caller = self._callers().by_token(session.token, time.time())
        except Refused:
            return None
        return ConsoleUser(caller.name, caller.roles, session.token)

    def _begun(self, token: str | None) -> str:
        while len(self._sessions) >= _MOST_SESSIONS:
            self._sessions.popitem(last=False)
        session_id = secrets.token_urlsafe(32)
        self._sessions[_digest(session_id)] = _Session(token, time.time() + SESSION_SECONDS)
        return session_id


def _digest(text: str) -> bytes:
    """What is kept of a secret, and looked up by."""
    return sha256(text.encode(errors="replace")).digest()
