"""Roles, which of them each method needs, and refusals. A method that is not named here is refused to everyone."""

from collections.abc import Mapping
from enum import StrEnum


class Role(StrEnum):
    """What a caller may do."""

    DECIDE = "decide"
    RECORD = "record"
    EXPLAIN = "explain"
    ADMIN = "admin"
    PRIVACY = "privacy"
    """Export, erase and object for a person."""
    SIMULATE = "simulate"
    """Set `now` in a request."""
    WATCH = "watch"
    """Read what is kept about all customers, and who becomes due."""
    READ = "read"
    """Read versions of books, and what servers serve."""
    WRITE = "write"
    """Publish versions of books."""
    APPROVE = "approve"
    """Approve versions that others published."""
    DELEGATE = "delegate"
    """Call on behalf of users, with their roles: the console's."""


ANY = frozenset(Role)
"""Every role: a method that needs any of them is open to every known caller."""


_DECISIONS = {
    "Decide": Role.DECIDE,
    "DecideBatch": Role.DECIDE,
    "DecideStream": Role.DECIDE,
    "Record": Role.RECORD,
    "Link": Role.RECORD,
    "Explain": Role.EXPLAIN,
    "Watch": Role.WATCH,
    "Due": Role.WATCH,
}


_READS = frozenset({Role.READ, Role.WRITE, Role.APPROVE, Role.ADMIN})


_RULEBOOKS = {
    **dict.fromkeys(("Check", "List", "Get", "Diff", "Servers", "GetDraft", "ListDrafts"), _READS),
    **dict.fromkeys(("Publish", "SaveDraft", "DeleteDraft"), frozenset({Role.WRITE, Role.ADMIN})),
    "Approve": frozenset({Role.APPROVE}),
    **dict.fromkeys(("Activate", "Stage", "Rollback"), frozenset({Role.ADMIN})),
}


_PRIVACY = ("ExportCustomer", "Erase", "Object", "WithdrawObjection")


NEEDS: Mapping[str, frozenset[Role]] = {
    **{f"/tact.v1.Decisions/{method}": frozenset({role}) for method, role in _DECISIONS.items()},
    **{f"/tact.v1.Rulebooks/{method}": roles for method, roles in _RULEBOOKS.items()},
    **{f"/tact.v1.Privacy/{method}": frozenset({Role.PRIVACY}) for method in _PRIVACY},
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": ANY,
}
"""By the method's path, the roles of which a caller needs one."""


OPEN = frozenset(f"/grpc.health.v1.Health/{method}" for method in ("Check", "List", "Watch"))
"""Methods without a role or a token: probes have no tokens, and learn nothing but health."""


NEEDED: Mapping[str, frozenset[Role]] = {
    **NEEDS,
    "GET /v1/books/{name}/live": ANY,
    "GET /v1/books/{name}/versions/{version}": _READS,
}
"""As NEEDS, with the routes over HTTP that are no methods of the contract, by their verb and path."""


OPEN_TO_ALL = OPEN | {"GET /healthz", "GET /readyz", "GET /openapi.json", "GET /docs"}
"""As OPEN, with the routes over HTTP without a role: the contract's description is the same for every server."""


class Refused(Exception):
    """The call is not admitted. Its message tells a caller nothing about tokens but the roles that it lacks.

    reason: for the server's log, never for the caller.
    """

    def __init__(self, message: str, *, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason or message


class Unknown(Refused):
    """The caller is not known."""


class NotAllowed(Refused):
    """The caller lacks the role that the method needs."""

    def __init__(self, name: str, needed: frozenset[Role]) -> None:
        roles = " or ".join(sorted(needed)) or "which no caller has"
        super().__init__(f"the caller {name!r} lacks the role that this method asks for: {roles}")


class TooMuch(Refused):
    """The caller exceeds its limits. retry_after: seconds after which to retry."""

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Overdue(Refused):
    """The call took longer than any may."""


class Silent(Refused):
    """A stream without a message for too long; its caller may begin another."""


def unproven() -> Unknown:
    """The refusal of a caller that brought neither a token nor a certificate."""
    return Unknown("who calls? send a token: `authorization: Bearer TOKEN`", reason="no token")


def not_valid(reason: str) -> Unknown:
    """The refusal of a token or certificate: unknown, too early and expired all look the same from outside."""
    return Unknown("what was sent to prove who calls is not valid", reason=reason)
