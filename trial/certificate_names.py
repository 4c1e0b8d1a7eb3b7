"""Client certificates whose names begin like a caller's, or cannot be read: nobody's, each refused as unknown."""

import grpc
import trustme
from cryptography import x509

from engine.client import AccessDenied, Client, Tls
from tests.books import write_book
from tests.requests import li_na
from tests.server.access.conftest import Authority, secure, write_callers
from tests.servers import faults_in, serving
from trial.result import TrialResult, TrialSettings

_ENTRY = """
[[certificates]]
name = "mailer"
roles = ["decide"]
subject = "mailer.example"
"""
_ODD: dict[str, x509.GeneralName | bytes] = {
    "a NUL and another domain": x509.DNSName("mailer.example\0.evil.example"),
    "a NUL at the end": x509.DNSName("mailer.example\0"),
    "capitals": x509.DNSName("MAILER.EXAMPLE"),
    "a dot at the end": x509.DNSName("mailer.example."),
    "a wildcard": x509.DNSName("*.example"),
    "a URI with a NUL": x509.UniformResourceIdentifier("mailer.example\0x"),
    "mail with a NUL": x509.RFC822Name("mailer.example\0x@evil.example"),
    "not ASCII": b"\x30\x03\x82\x01\xff",
    "a kind that nobody reads": b"\x30\x06\xa3\x04\x30\x02\x05\x00",
    "no names": b"\x30\x00",
}


def run(settings: TrialSettings) -> TrialResult:
    """Calls with a certificate of each kind, all of them of the authority that the server trusts."""
    result, authority = TrialResult(), Authority(trustme.CA(), settings.folder)
    callers = write_callers(settings.folder / "callers.toml", more=_ENTRY)
    options = (*secure(authority), "--client-ca", str(authority.file), "--callers", str(callers))
    with serving(write_book(settings.folder / "book"), settings.folder / "tact.db", *options) as server:
        code = _code(server.target, authority.client("mailer.example"))
        result.check(code is grpc.StatusCode.OK, f"the caller itself: {code.name}")
        for what, name in _ODD.items():
            code = _code(server.target, authority.client_with(name))
            result.check(code is grpc.StatusCode.UNAUTHENTICATED, f"a name with {what}: {code.name}")
        result.expect(server.stop() == 0, "it did not stop with 0")
    result.expect(not faults_in(server.errors), f"faults in the messages: {faults_in(server.errors)[:3]}")
    result.summary = f"{len(_ODD)} kinds of names"
    return result


def _code(target: str, tls: Tls) -> grpc.StatusCode:
    with Client(target, timeout=60, attempts=1, tls=tls) as client:
        try:
            client.decide(li_na())
        except AccessDenied as denied:
            return (
                grpc.StatusCode.UNAUTHENTICATED
                if "valid" in str(denied)
                else grpc.StatusCode.PERMISSION_DENIED
            )
    return grpc.StatusCode.OK
