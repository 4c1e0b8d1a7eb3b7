"""TLS and mutual TLS, with real certificates over real channels."""

import ssl
import subprocess
import time
from pathlib import Path

import pytest
import trustme
from cryptography import x509

from engine.client import AccessDenied, AsyncClient, Client, Tls, Unavailable
from engine.server.access.certificates import Certificates, WrongCertificate
from engine.server.access.roles import Role
from tests.forked import tact
from tests.requests import li_na
from tests.server.access.conftest import Authority, secure, token_for, write_callers
from tests.server.load import Load
from tests.servers import serving
from tests.waiting import until

MAILER = '[[certificates]]\nname = "mailer"\nroles = ["decide"]\nsubject = "mailer.example"\n'
SHOP, SHOP_ENTRY = token_for("shop", Role.EXPLAIN)


def presented(target: str) -> str:
    """The certificate that the server shows to a new connection."""
    host, port = target.rsplit(":", 1)
    return ssl.get_server_certificate((host, int(port)))


NOT_ASCII, OF_NO_KIND = b"\x30\x03\x82\x01\xff", b"\x30\x06\xa3\x04\x30\x02\x05\x00"
"""The names of certificates that TLS takes and nobody can read: a host name, and a kind that is not used."""


def is_known(target: str, tls: Tls | None, token: str | None = None) -> bool:
    """Whether the server knows who calls with these."""
    with Client(target, timeout=60, attempts=1, tls=tls, token=token) as client:
        try:
            client.decide(li_na())
        except AccessDenied:
            return False
    return True


async def test_a_server_with_a_certificate_is_called_over_tls(
    book: Path, log: Path, authority: Authority
) -> None:
    """Both clients and `tact health` reach it by its authority; without TLS, or trusting others, nobody does."""
    with serving(book, log, *secure(authority)) as server:
        with Client(server.target, timeout=60, tls=Tls(ca=authority.file)) as client:
            assert client.decide(li_na()).decision_id
        async with AsyncClient(server.target, timeout=60, tls=Tls(ca=authority.file)) as aclient:
            assert (await aclient.decide(li_na())).decision_id
        healthy = tact("health", server.target, "--timeout", "60", "--ca", str(authority.file))
        assert healthy.stdout == "SERVING\n", healthy.stderr
        stranger = authority.folder / "stranger.pem"
        trustme.CA().cert_pem.write_to_path(str(stranger))
        for tls in (None, Tls(ca=stranger), Tls(ca=authority.file, server_name="elsewhere.example")):
            with (
                Client(server.target, timeout=60, attempts=1, tls=tls) as client,
                pytest.raises(Unavailable),
            ):
                client.decide(li_na())


def test_mutual_tls_without_callers_lets_in_who_has_a_certificate(
    book: Path, log: Path, authority: Authority
) -> None:
    """A certificate of the authority is enough; none, or one of another authority, does not connect."""
    other = Authority(trustme.CA(), authority.folder)
    cert, key = other.sign("mailer.example", file="other")
    with serving(book, log, *secure(authority), "--client-ca", str(authority.file)) as server:
        assert is_known(server.target, authority.client("anybody.example"))
        for tls in (Tls(ca=authority.file), Tls(ca=authority.file, cert=cert, key=key)):
            with (
                Client(server.target, timeout=60, attempts=1, tls=tls) as client,
                pytest.raises(Unavailable),
            ):
                client.decide(li_na())


def test_a_certificate_says_who_calls(book: Path, log: Path, authority: Authority, tmp_path: Path) -> None:
    """A certificate's name gives its caller's roles; another name is nobody's; a token goes before the certificate."""
    named = (
        MAILER + MAILER.replace("mailer.example", "spiffe://here/batch") + MAILER.replace(".example", "-cn")
    )
    callers = write_callers(tmp_path / "callers.toml", SHOP_ENTRY, more="\n" + named)
    options = [*secure(authority), "--client-ca", str(authority.file), "--callers", str(callers)]
    with serving(book, log, *options) as server:
        mailer = authority.client("mailer.example")
        assert is_known(server.target, mailer)
        assert is_known(server.target, authority.client_by_uri("spiffe://here/batch"))
        assert is_known(server.target, authority.client_by_common_name("mailer-cn"))
        assert not is_known(server.target, authority.client("stranger.example"))
        for name in ("mailer.example\0.evil.example", "mailer.example\0"):
            assert not is_known(server.target, authority.client_with(x509.DNSName(name)))
        for names in (NOT_ASCII, OF_NO_KIND):
            assert not is_known(server.target, authority.client_with(names))
        assert not is_known(server.target, mailer, SHOP)
        assert not is_known(server.target, mailer, "tact_wrong")
        with Client(server.target, timeout=60, tls=mailer) as client:
            assert client.health()
            with pytest.raises(AccessDenied, match="explain"):
                client.explain(li_na())


def test_certificates_are_replaced_under_load(book: Path, log: Path, authority: Authority) -> None:
    """Ten certificates one after the other, and a pair that does not fit between them: no call fails, and each is shown."""
    with serving(book, log, *secure(authority)) as server:
        load = Load(
            server.target,
            lambda a, b: li_na(f"{a}-{b}"),
            callers=4,
            access={"tls": Tls(ca=authority.file)},
            once=True,
            pause=0.02,
        )
        with load.running():
            for _ in range(10):
                before = len(load.answers)
                cert, _ = authority.sign("localhost", "127.0.0.1")
                leaf = cert.read_text().partition("-----END CERTIFICATE-----")[0]
                until(lambda leaf=leaf: leaf in presented(server.target))  # type: ignore[misc]
                until(lambda before=before: len(load.answers) > before)  # type: ignore[misc]
            shown = presented(server.target)
            other = trustme.CA().issue_cert("localhost")
            (authority.folder / "server.key").write_bytes(other.private_key_pem.bytes())
            until(lambda: any("is not the key of the certificate" in line for line in server.errors))
            assert presented(server.target) == shown
        assert server.stop() == 0
    assert load.failures == []


def test_old_connections_live_on_with_a_new_certificate(book: Path, log: Path, authority: Authority) -> None:
    """A client that is connected goes on while the certificate is replaced."""
    with (
        serving(book, log, *secure(authority)) as server,
        Client(server.target, timeout=60, attempts=1, tls=Tls(ca=authority.file)) as client,
    ):
        client.decide(li_na())
        shown = presented(server.target)
        authority.sign("localhost", "127.0.0.1")
        until(lambda: presented(server.target) != shown)
        client.decide(li_na())


def test_connections_of_age_are_renewed_without_a_failed_call(
    book: Path, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With connections that live for half a second, clients connect anew again and again, and every call is answered."""
    monkeypatch.setenv("TACT_CONNECTION_AGE", "0.5")
    with serving(book, log) as server:
        load = Load(server.target, lambda a, b: li_na(f"{a}-{b}"), callers=2, attempts=3, pause=0.01)
        with load.running():
            end = time.monotonic() + 3
            until(lambda: time.monotonic() > end and len(load.answers) > 20)
        assert server.stop() == 0
    assert load.failures == []


def unreadable(folder: Path, authority: Authority) -> tuple[Path, Path, Path | None]:
    """A key that is not there."""
    return authority.sign("localhost")[0], folder / "none.key", None


def swapped(folder: Path, authority: Authority) -> tuple[Path, Path, Path | None]:
    """The key of another certificate."""
    cert, _ = authority.sign("localhost", file="one")
    return cert, authority.sign("localhost", file="two")[1], None


def no_pem(folder: Path, authority: Authority) -> tuple[Path, Path, Path | None]:
    """A certificate that is some other file."""
    (folder / "x.pem").write_text("minutes of the meeting\n")
    return folder / "x.pem", authority.sign("localhost")[1], None


def encrypted(folder: Path, authority: Authority) -> tuple[Path, Path, Path | None]:
    """A key with a passphrase."""
    cert, key = authority.sign("localhost")
    locked = folder / "locked.key"
    words = ["openssl", "pkcs8", "-topk8", "-v2", "aes-128-cbc", "-passout", "pass:secret"]
    subprocess.run([*words, "-in", key, "-out", locked], check=True)
    return cert, locked, None


def bad_authorities(folder: Path, authority: Authority) -> tuple[Path, Path, Path | None]:
    """Authorities that are no certificates."""
    (folder / "ca.txt").write_text("trust me\n")
    return *authority.sign("localhost"), folder / "ca.txt"


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (unreadable, "none.key cannot be read: No such file"),
        (swapped, "two.key is not the key of the certificate in"),
        (no_pem, "are not a certificate and its key in PEM"),
        (encrypted, "locked.key is encrypted"),
        (bad_authorities, "ca.txt holds no certificates"),
    ],
)
def test_what_is_wrong_with_the_files_is_said(
    files: object, words: str, authority: Authority, tmp_path: Path
) -> None:
    """Each mistake with the files gets a sentence with the file's name."""
    assert callable(files)
    cert, key, client_ca = files(tmp_path, authority)
    with pytest.raises(WrongCertificate, match=words):
        Certificates(cert, key, client_ca)
