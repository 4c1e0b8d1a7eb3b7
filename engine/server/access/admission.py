"""Who is admitted to what: the same for every interface, and free of any protocol."""

import time
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, TypeAlias

import structlog
from google.protobuf.message import Message

from engine.server.access.callers import Caller, Callers, bearer_of, on_behalf_of
from engine.server.access.limits import CallTimeout, Limits, RateLimit
from engine.server.access.roles import NEEDED, OPEN_TO_ALL, NotAllowed, Refused, TooMuch, not_valid, unproven

log = structlog.get_logger()


Metadata: TypeAlias = Iterable[tuple[str, str | bytes]]
"""Keys in small letters, and values: gRPC's metadata, or HTTP's headers."""


CertificateNames: TypeAlias = Callable[[], Iterable[str] | None]
"""Reads the names in the peer's certificate, as TLS has verified it; gives None without one."""


BY_CERTIFICATE = Caller("", frozenset())
"""Stands for a caller without a token, until the certificate can be read."""


NOBODY = Caller("nobody", frozenset())
"""The caller of an open path, and of one that there is not."""


MOST_OPEN_CALLS = 32
"""Calls under way of paths without a token. A probe takes milliseconds; what is cancelled beyond is the oldest."""


_LOGGED = Limits(rate=1.0, burst=20)
"""How many refusals are logged a second, and at once."""


class Admission:
    """Admits callers to paths by their tokens, certificates, roles and rates, and bounds the time of calls.

    A path is a method of the contract, `/tact.v1.Decisions/Decide`, or a route that is none. One that has no role is refused.
    callers: returns those who may call now. call_seconds: most that a call may take; 0: any time.
    """

    def __init__(self, callers: Callable[[], Callers], call_seconds: float) -> None:
        self._callers = callers
        self._timeout = CallTimeout(call_seconds)
        self._open_timeout = CallTimeout(call_seconds, MOST_OPEN_CALLS)
        self._logged, self._unlogged = RateLimit(_LOGGED), 0

    def admit(self, path: str, metadata: Metadata, names: CertificateNames) -> Caller:
        """The caller, whose request is counted; raises Refused."""
        return self.complete(path, self.begin(path, metadata), names)

    def begin(self, path: str, metadata: Metadata) -> Caller:
        """The caller, whose request is counted, as far as the metadata shows: else BY_CERTIFICATE. Raises Refused."""
        caller = self._known(path, metadata)
        return caller if caller is BY_CERTIFICATE or path in OPEN_TO_ALL else _counted(_allowed(caller, path))

    def complete(self, path: str, caller: Caller, names: CertificateNames) -> Caller:
        """The caller that `begin` found, or the one of the certificate. Raises Refused, also for a path without a role."""
        if caller is BY_CERTIFICATE:
            caller = _counted(_allowed(self._by_certificate(names), path))
        if path not in NEEDED and path not in OPEN_TO_ALL:
            raise NotAllowed(caller.name, frozenset())
        return caller

    def check(self, path: str, metadata: Metadata, names: CertificateNames) -> None:
        """Raises Refused if a call would not be admitted now, or comes from nobody known; counts nothing."""
        if path in OPEN_TO_ALL:
            return
        caller = self._known(path, metadata)
        if caller is BY_CERTIFICATE:
            caller = self._by_certificate(names)
        _allowed(caller, path)

    def timeout_of(self, path: str) -> CallTimeout:
        """What bounds the time of the path's calls."""
        return self._open_timeout if path in OPEN_TO_ALL else self._timeout

    def drain(self) -> None:
        """Ends the calls without a token whose message has not arrived: the server stops, and waits for no stranger."""
        self._open_timeout.close()

    def sweep(self) -> None:
        """Ends the calls that take too long."""
        now = time.monotonic()
        self._timeout.sweep(now)
        self._open_timeout.sweep(now)

    def log_refusal(self, path: str, refused: Refused, peer: str) -> None:
        """Logs a refusal, unless there were too many; `unsaid` counts those that were left out before."""
        try:
            self._logged.take(time.monotonic())
        except TooMuch:
            self._unlogged += 1
            return
        log.warning(
            "refused", method=ascii(path[:100]), reason=refused.reason, peer=peer, unsaid=self._unlogged
        )
        self._unlogged = 0

    def _known(self, path: str, metadata: Metadata) -> Caller:
        if path in OPEN_TO_ALL:
            return NOBODY
        callers = self._callers()
        user, groups = on_behalf_of(metadata)
        if callers.anyone is not None:
            return callers.anyone if user is None else callers.by_user(user, groups, callers.anyone)
        token = bearer_of(metadata)
        if token is not None:
            caller = callers.by_token(token, time.time())
            return caller if user is None else callers.by_user(user, groups, caller)
        if user is not None:
            raise not_valid("on behalf of a user, without a token")
        if not callers.by_name:
            raise unproven()
        return BY_CERTIFICATE

    def _by_certificate(self, names: CertificateNames) -> Caller:
        return self._callers().by_certificate(names(), time.time())


def _allowed(caller: Caller, path: str) -> Caller:
    """The caller, if it has a role for the path; one without a role is refused by `complete`. Raises Refused."""
    needed = NEEDED.get(path)
    if needed is not None and caller.roles.isdisjoint(needed):
        raise NotAllowed(caller.name, needed)
    return caller


def _counted(caller: Caller) -> Caller:
    """The caller, whose request is counted; raises Refused."""
    caller.rate_limit.take(time.monotonic())
    return caller


_BATCHES = ("requests", "events")
"""The fields that make a message a batch."""


def charge_rest(caller: Caller, message: Any) -> None:
    """Counts the requests of a batch beyond its first, which was counted when its call was admitted."""
    more = requests_in(message) - 1
    if more > 0:
        caller.rate_limit.charge(more, time.monotonic())


def requests_in(message: Any) -> int:
    """How many requests the message counts as; 1 for a message that cannot be read."""
    kind: Any = type(message)
    field = _batch_of(kind)
    return len(getattr(message, field)) if field else 1


@cache
def _batch_of(kind: type) -> str:
    """The field of a batch that holds its requests; empty for any other message."""
    fields = kind.DESCRIPTOR.fields_by_name if issubclass(kind, Message) else ()
    return next((name for name in _BATCHES if name in fields), "")
