"""The server's TLS certificate, which may be replaced while it serves, and the names in its callers' certificates."""

import ssl
from collections import deque
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import grpc

from engine.server.access.file_watcher import WatchedFile


class WrongCertificate(ValueError):
    """The certificate is not valid; the message says which file and why."""


class Certificates:
    """The certificate, its key and the clients' authorities, read again when their files change.

    Open connections keep the certificate they began with; each new one gets the newest.
    client_ca: with it every client must present a certificate of these authorities. Raises WrongCertificate.
    """

    def __init__(self, cert: Path, key: Path, client_ca: Path | None) -> None:
        self._cert, self._key, self._client_ca = cert, key, client_ca
        self._fresh: deque[grpc.ServerCertificateConfiguration] = deque(maxlen=1)
        self._context: ssl.SSLContext
        self.files = WatchedFile("certificate", [path for path in (cert, key, client_ca) if path], self._read)

    def credentials(self) -> grpc.ServerCredentials:
        """The credentials to open a port with."""
        newest: Any = self._newest
        return grpc.dynamic_ssl_server_credentials(
            self._fresh.pop(), newest, require_client_authentication=self._client_ca is not None
        )

    def tls(self) -> ssl.SSLContext:
        """The context of a port that gRPC does not serve, each of whose connections gets the newest certificate."""
        first = self._new_context()

        def renew(secured: ssl.SSLSocket | ssl.SSLObject, _name: str, _context: ssl.SSLContext) -> None:
            secured.context = self._context

        first.sni_callback = renew  # which is called without a name, too
        return first

    def _new_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self._cert, self._key)
        context.set_alpn_protocols(["http/1.1"])
        if self._client_ca:
            context.load_verify_locations(self._client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def _newest(self) -> "grpc.ServerCertificateConfiguration | None":
        """Called by gRPC before each handshake, in a thread of its own; None: no new certificate."""
        try:
            return self._fresh.pop()
        except IndexError:
            return None

    def _read(self) -> None:
        cert, key = _bytes(self._cert), _bytes(self._key)
        client_ca = _bytes(self._client_ca) if self._client_ca else None
        _check_pair(self._cert, self._key)
        if self._client_ca:
            _check_authorities(self._client_ca)
        if (cert, key) != (_bytes(self._cert), _bytes(self._key)):
            raise WrongCertificate(f"{self._cert} or {self._key} changed while they were read")
        self._context = self._new_context()
        self._fresh.append(grpc.ssl_server_certificate_configuration([(key, cert)], client_ca))


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise WrongCertificate(f"{path} cannot be read: {error.strerror}") from None


def _check_pair(cert: Path, key: Path) -> None:
    def no_password() -> str:
        raise WrongCertificate(f"{key} is encrypted; the server needs a key without a passphrase")

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(cert, key, no_password)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise WrongCertificate(f"{key} is not the key of the certificate in {cert}") from None
        raise WrongCertificate(f"{cert} and {key} are not a certificate and its key in PEM") from None


def _check_authorities(client_ca: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_verify_locations(client_ca)
    except ssl.SSLError:
        raise WrongCertificate(f"{client_ca} holds no certificates of authorities in PEM") from None


CAN_READ_NAMES = find_spec("cryptography") is not None
"""Whether the names of certificates can be read: the extra `tact[certificates]` is installed."""


def names_of_peer(properties: Mapping[str, Iterable[bytes]]) -> tuple[str, ...] | None:
    r"""The names in the certificate that the peer of a call has shown and TLS has verified; None without one.

    properties: gRPC's, of the call. Its own `peer_identities` ends a name at a NUL, so that a certificate for
    `mailer.example\0.evil.example` passed for one of `mailer.example`.
    """
    pem = next(iter(properties.get("x509_pem_cert", ())), None)
    return None if pem is None else _names_in(pem)


def names_of_der(certificate: bytes | None) -> tuple[str, ...] | None:
    """As `names_of_peer`, of a certificate in DER."""
    return None if certificate is None else _names_in(ssl.DER_cert_to_PEM_cert(certificate).encode())


@lru_cache(1024)
def _names_in(pem: bytes) -> tuple[str, ...]:
    """The host names, URIs, addresses of mail and IP addresses; the common names of a certificate without these (RFC 6125).

    None of a certificate whose names cannot all be read.
    """
    from cryptography import x509  # noqa: PLC0415 an extra
    from cryptography.x509.oid import NameOID  # noqa: PLC0415

    odd = (ValueError, x509.DuplicateExtension, x509.InvalidVersion, x509.UnsupportedGeneralNameType)
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        extensions = certificate.extensions
    except (
        odd
    ):  # TLS takes some certificates with names that cannot be read, such as a host name that is not ASCII
        return ()
    names: list[str] = []
    for alternatives in extensions:
        if isinstance(alternatives.value, x509.SubjectAlternativeName):
            for kind in (x509.DNSName, x509.UniformResourceIdentifier, x509.RFC822Name):
                names += alternatives.value.get_values_for_type(kind)
            names += map(str, alternatives.value.get_values_for_type(x509.IPAddress))
    if not names:
        names = [str(name.value) for name in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    return tuple(names)
