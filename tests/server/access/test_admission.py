"""Admission, without a protocol."""

import pytest

from engine.server.access.admission import BY_CERTIFICATE, Admission
from engine.server.access.callers import Caller, Callers, digest_of
from engine.server.access.limits import Limits, RateLimit
from engine.server.access.roles import NotAllowed, Role, TooMuch, Unknown

DECIDE, RECORD = "/tact.v1.Decisions/Decide", "/tact.v1.Decisions/Record"
BEARER = (("authorization", "Bearer tact_a"),)


def admission(*, rate: float = 0.0) -> Admission:
    """Of a caller with a token and one with a certificate, who may decide."""
    by_token = Caller("shop", frozenset({Role.DECIDE}), rate_limit=RateLimit(Limits(rate, 1)))
    by_name = Caller("mailer", frozenset({Role.DECIDE}))
    callers = Callers({digest_of("tact_a"): by_token}, {"mailer.example": by_name})
    return Admission(lambda: callers, 30.0)


def nameless() -> None:
    """A peer without a certificate."""


def mailer() -> tuple[str, ...]:
    """The names of the certificate of one who may call."""
    return ("mailer.example",)


def test_a_caller_is_admitted_by_token_or_certificate() -> None:
    """Either proves who calls; without both nobody is known."""
    assert admission().admit(DECIDE, BEARER, nameless).name == "shop"
    assert admission().admit(DECIDE, (), mailer).name == "mailer"
    assert admission().begin(DECIDE, ()) is BY_CERTIFICATE
    with pytest.raises(Unknown):
        admission().admit(DECIDE, (), nameless)


@pytest.mark.parametrize(("metadata", "names"), [(BEARER, nameless), ((), mailer)])
def test_a_path_without_a_role_is_refused_to_everyone(metadata: object, names: object) -> None:
    """However the caller is known; and so is one with another role."""
    for path in ("/tact.v1.Decisions/Invented", "GET /v1/everything", RECORD):
        with pytest.raises(NotAllowed):
            admission().admit(path, metadata, names)  # type: ignore[arg-type]


def test_open_routes_need_nobody() -> None:
    """Probes and the contract's description are for everyone."""
    for path in ("GET /healthz", "GET /openapi.json", "/grpc.health.v1.Health/Check"):
        assert admission().admit(path, (), nameless).name == "nobody"


def test_requests_are_counted_when_they_are_admitted_and_not_when_they_are_checked() -> None:
    """The rate of a caller bounds what is admitted."""
    bounded = admission(rate=0.001)
    bounded.admit(DECIDE, BEARER, nameless)
    bounded.check(DECIDE, BEARER, nameless)
    with pytest.raises(TooMuch):
        bounded.admit(DECIDE, BEARER, nameless)
