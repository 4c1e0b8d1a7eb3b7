"""Roles, and which of them each method asks for. A method that is not named here is refused to everyone."""

from collections.abc import Mapping
from enum import StrEnum


class Role(StrEnum):
    """What a caller may do."""

    DECIDE = "decide"
    RECORD = "record"
    EXPLAIN = "explain"
    ADMIN = "admin"
    PRIVACY = "privacy"
    SIMULATE = "simulate"
    """Set `now` in a request."""


ANY = frozenset(Role)
"""Every role: to ask for one of these is to ask who calls, no more."""


_DECISIONS = {
    "Decide": Role.DECIDE,
    "DecideBatch": Role.DECIDE,
    "DecideStream": Role.DECIDE,
    "Record": Role.RECORD,
    "Link": Role.RECORD,
    "Explain": Role.EXPLAIN,
}


NEEDS: Mapping[str, frozenset[Role]] = {
    **{f"/tact.v1.Decisions/{method}": frozenset({role}) for method, role in _DECISIONS.items()},
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": ANY,
}
"""The roles of which a caller needs one, by the method's path."""


OPEN = frozenset(f"/grpc.health.v1.Health/{method}" for method in ("Check", "List", "Watch"))
"""Methods that answer whoever asks: those who ask for health have no tokens, and it tells nothing else."""
