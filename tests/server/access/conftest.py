"""Certificates and tokens made for the tests."""

from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtensionOID

from engine.client import Tls
from engine.server.access.roles import Role
from engine.server.access.tokens import Entry, entry_of, new_token


@dataclass(frozen=True)
class Authority:
    """An authority and a folder for what it signs."""

    ca: trustme.CA
    folder: Path

    @property
    def file(self) -> Path:
        """Its own certificate."""
        path = self.folder / "ca.pem"
        self.ca.cert_pem.write_to_path(str(path))
        return path

    def sign(self, *names: str, file: str = "server", common_name: str | None = None) -> tuple[Path, Path]:
        """A certificate for the names, and its key, as files."""
        made = self.ca.issue_cert(*names, common_name=common_name)
        cert, key = self.folder / f"{file}.pem", self.folder / f"{file}.key"
        cert.write_bytes(b"".join(pem.bytes() for pem in made.cert_chain_pems))
        key.write_bytes(made.private_key_pem.bytes())
        return cert, key

    def client(self, name: str) -> Tls:
        """What a client of that host name calls with."""
        cert, key = self.sign(name, file=name)
        return Tls(ca=self.file, cert=cert, key=key)

    def client_by_common_name(self, name: str) -> Tls:
        """What a client calls with whose certificate has a common name and no other."""
        cert, key = self.sign(file=name, common_name=name)
        return Tls(ca=self.file, cert=cert, key=key)

    def client_by_uri(self, uri: str) -> Tls:
        """What a client calls with whose certificate names it by a URI, as SPIFFE does."""
        return self.client_with(x509.UniformResourceIdentifier(uri))

    def client_with(self, name: x509.GeneralName | bytes) -> Tls:
        """What a client calls with whose certificate has exactly this name, or these bytes in place of its names."""
        names: x509.ExtensionType = (
            x509.UnrecognizedExtension(ExtensionOID.SUBJECT_ALTERNATIVE_NAME, name)
            if isinstance(name, bytes)
            else x509.SubjectAlternativeName([name])
        )
        key = ec.generate_private_key(ec.SECP256R1())
        issuer = x509.load_pem_x509_certificate(self.ca.cert_pem.bytes())
        signer = serialization.load_pem_private_key(self.ca.private_key_pem.bytes(), None)
        assert isinstance(signer, ec.EllipticCurvePrivateKey)
        made = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(issuer.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(issuer.not_valid_before_utc)
            .not_valid_after(issuer.not_valid_after_utc)
            .add_extension(names, critical=True)
            .sign(signer, hashes.SHA256())
        )
        cert_file, key_file = self.folder / "uri.pem", self.folder / "uri.key"
        cert_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
        form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        key_file.write_bytes(key.private_bytes(*form))
        return Tls(ca=self.file, cert=cert_file, key=key_file)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """An authority of the test's own."""
    return Authority(trustme.CA(), tmp_path)


def secure(authority: Authority) -> list[str]:
    """The options of a server with a certificate for loopback."""
    cert, key = authority.sign("localhost", "127.0.0.1")
    return ["--tls-cert", str(cert), "--tls-key", str(key)]


def write_callers(path: Path, *entries: Entry, more: str = "") -> Path:
    """A callers file."""
    path.write_text("\n".join(entry.toml() for entry in entries) + more, encoding="utf-8")
    return path


def token_for(name: str, *roles: Role) -> tuple[str, Entry]:
    """A token, and what the callers file keeps of it."""
    token = new_token()
    return token, entry_of(token, name, roles)
