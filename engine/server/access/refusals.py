"""Why a call is refused before it is looked into. The words tell a caller nothing about tokens but its own roles."""

from engine.server.access.roles import Role


class Refused(Exception):
    """The call is not let in. reason: for the server's messages, never for the caller."""

    def __init__(self, message: str, *, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason or message


class Unknown(Refused):
    """Nobody knows who calls."""


class NotAllowed(Refused):
    """The caller has not the role for it."""

    def __init__(self, name: str, needed: frozenset[Role]) -> None:
        roles = " or ".join(sorted(needed)) or "which no caller has"
        super().__init__(f"the caller {name!r} lacks the role that this method asks for: {roles}")


class TooMuch(Refused):
    """The caller asks for more than it may have. retry_after: seconds after which to come again."""

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Overdue(Refused):
    """The call took longer than any may."""


def unproven() -> Unknown:
    """The caller brought nothing that says who it is."""
    return Unknown("who calls? send a token: `authorization: Bearer TOKEN`", reason="no token")


def not_valid(reason: str) -> Unknown:
    """What the caller brought proves nothing: unknown, too early and too late all look the same from outside."""
    return Unknown("what was sent to prove who calls is not valid", reason=reason)
