"""The callers file: tokens, certificates and limits, as TOML (docs/reference/callers.md)."""

import tomllib
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from engine.server.access.callers import USER_NAME, Caller, Callers
from engine.server.access.certificates import CAN_READ_NAMES
from engine.server.access.limits import Limits, RateLimit, rate_limit_of
from engine.server.access.roles import Role

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]


_INFINITE = float("inf")


_MOST_FAULTS = 20
"""Faults of a file that are reported."""


MOST_BYTES = 1024 * 1024
"""Size of a callers file: 6,000 tokens, about."""


class WrongCallers(ValueError):
    """The callers file is not valid; the message says where and why."""


def _roles(given: list[str]) -> frozenset[Role]:
    known = [role.value for role in Role]
    for name in given:
        if name not in known:
            close = get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"the roles are {', '.join(known)}"
            raise ValueError(f"{name!r} is not a role; {hint}")
    return frozenset(map(Role, given))


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _personal(roles: frozenset[Role]) -> frozenset[Role]:
    if Role.DELEGATE in roles:
        raise ValueError("'delegate' is for programs that call on behalf of users, and no user can have it")
    return roles


_PersonalRoles = Annotated[list[str], Field(min_length=1), AfterValidator(_roles), AfterValidator(_personal)]


class _Entry(_Shape):
    name: Name
    roles: Annotated[list[str], Field(min_length=1), AfterValidator(_roles)]
    not_before: AwareDatetime | None = None
    expires: AwareDatetime | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.not_before and self.expires and self.expires <= self.not_before:
            raise ValueError("expires must come after not_before")
        return self


class _Token(_Entry):
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class _Certificate(_Entry):
    subject: Annotated[str, StringConstraints(min_length=1)]


class _User(_Shape):
    name: Annotated[str, StringConstraints(pattern=rf"^{USER_NAME.pattern}$")]
    roles: _PersonalRoles


class _Group(_Shape):
    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9/][A-Za-z0-9._@+/: -]{0,126}$")]
    roles: _PersonalRoles


class _Limits(_Shape):
    rate: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    burst: Annotated[int, Field(ge=0)] | None = None
    at_once: Annotated[int, Field(ge=0)] | None = None


class _File(_Shape):
    tokens: list[_Token] = []
    certificates: list[_Certificate] = []
    users: list[_User] = []
    groups: list[_Group] = []
    limits: dict[Name, _Limits] = {}


class CallersFile:
    """Reads a callers file, and keeps the state of each caller's rate limit from one reading to the next.

    defaults: limits of a caller for which the file has none. simulate: whether every caller may set `now`.
    """

    def __init__(self, defaults: Limits, *, simulate: bool = False) -> None:
        self._defaults = defaults
        self._extra = frozenset({Role.SIMULATE} if simulate else ())
        self._rate_limits: dict[str, tuple[Limits, RateLimit]] = {}

    def read(self, text: str) -> Callers:
        """The callers in the text; raises WrongCallers."""
        if len(text) > MOST_BYTES:
            raise WrongCallers("the file is larger than 1 MiB")
        file = _parse(text)
        self._rate_limits = {name: self._rate_limit(name, file) for name in _names(file)}
        tokens = {bytes.fromhex(token.sha256): self._caller(token) for token in file.tokens}
        if len(tokens) < len(file.tokens):
            raise WrongCallers("tokens: the same sha256 stands there twice")
        if file.certificates and not CAN_READ_NAMES:
            raise WrongCallers("certificates: these need the extra: pip install 'tact[certificates]'")
        names = {certificate.subject: self._caller(certificate) for certificate in file.certificates}
        if len(names) < len(file.certificates):
            raise WrongCallers("certificates: the same subject stands there twice")
        users, groups = self._people("users", file.users), self._people("groups", file.groups)
        return Callers(tokens, names, users=users, groups=groups)

    def _people(self, section: str, entries: Sequence[_User | _Group]) -> dict[str, frozenset[Role]]:
        roles = {entry.name: frozenset(map(Role, entry.roles)) | self._extra for entry in entries}
        if len(roles) < len(entries):
            raise WrongCallers(f"{section}: the same name stands there twice")
        return roles

    def _caller(self, entry: _Entry) -> Caller:
        return Caller(
            entry.name,
            frozenset(map(Role, entry.roles)) | self._extra,
            -_INFINITE if entry.not_before is None else entry.not_before.timestamp(),
            _INFINITE if entry.expires is None else entry.expires.timestamp(),
            self._rate_limits[entry.name][1],
        )

    def _rate_limit(self, name: str, file: _File) -> tuple[Limits, RateLimit]:
        own = file.limits.get(name, _Limits())
        given = own.model_dump(exclude_none=True)
        limits = Limits(**{**_as_dict(self._defaults), **given})
        held = self._rate_limits.get(name)
        if held is not None and held[0] == limits:
            return held
        return limits, rate_limit_of(limits)


def _as_dict(limits: Limits) -> dict[str, float]:
    return {"rate": limits.rate, "burst": limits.burst, "at_once": limits.at_once}


def _names(file: _File) -> set[str]:
    names = {entry.name for entry in (*file.tokens, *file.certificates)}
    for name in file.limits:
        if name not in names:
            raise WrongCallers(f"limits.{name}: no token and no certificate has this name")
    return names


def _parse(text: str) -> _File:
    try:
        return _File.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise WrongCallers(str(error)) from None
    except RecursionError:
        raise WrongCallers("brackets are nested too deep") from None
    except ValidationError as error:
        raise WrongCallers(_described(error)) from None


def _described(error: ValidationError) -> str:
    """The first faults, and how many more there are."""
    faults = error.errors(include_url=False, include_context=False, include_input=False)
    rest = len(faults) - _MOST_FAULTS
    first = "; ".join(_describe(fault["loc"], fault["msg"]) for fault in faults[:_MOST_FAULTS])
    return f"{first}; and {rest:,} more" if rest > 0 else first


def _describe(path: tuple[int | str, ...], message: str) -> str:
    """A fault with its path: `tokens[1].roles: 'decid' is not a role`; never with the value, which may be a secret."""
    steps = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")
    return f"{steps}: {message.removeprefix('Value error, ')}"
