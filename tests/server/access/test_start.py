"""What a server refuses to start with, and what it says."""

from pathlib import Path

import pytest

from engine.server.listen import CannotServe, check_access
from engine.settings import Settings
from tests.forked import tact
from tests.server.access.conftest import Authority, secure
from tests.servers import faults_in

TLS = {"tls_cert": "c", "tls_key": "k"}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "--tls-cert and --tls-key, or say --insecure"),
        ({"insecure": True}, "--callers or --client-ca, or say --anyone"),
        ({"anyone": True}, "or say --insecure"),
        ({"callers": "c"}, "or say --insecure"),
        (TLS, "or say --anyone"),
        ({"tls_cert": "c"}, "both a certificate and its key"),
        ({"client_ca": "c"}, "--client-ca needs TLS"),
    ],
)
def test_beyond_loopback_each_risk_is_said_aloud(given: dict[str, str | bool], words: str) -> None:
    """Without TLS, and without knowing who calls, a server beyond loopback does not start, and says what to do."""
    with pytest.raises(CannotServe, match=words):
        check_access(Settings.model_validate({"host": "0.0.0.0", **given}))


@pytest.mark.parametrize(
    "given",
    [
        {"host": "127.0.0.1"},
        {"host": "::1"},
        {"host": "localhost"},
        {"insecure": True, "anyone": True},
        {"insecure": True, "callers": "c"},
        {**TLS, "callers": "c"},
        {**TLS, "client_ca": "c"},
        {**TLS, "anyone": True},
    ],
)
def test_what_is_safe_or_said_aloud_is_served(given: dict[str, str | bool]) -> None:
    """Loopback, or TLS with callers, or the words for what is missing."""
    check_access(Settings.model_validate({"host": "0.0.0.0", **given}))


def test_wrong_files_end_the_command_with_a_sentence(book: Path, log: Path, authority: Authority) -> None:
    """A certificate without its key and a broken callers file: exit code 1, the file's name, no traceback."""
    _, cert, _, key = secure(authority)
    callers = authority.folder / "callers.toml"
    callers.write_text('[[tokens]]\nname = "shop"\n')
    for options, words in (
        (["--tls-cert", cert, "--tls-key", str(authority.file)], "not a certificate and its key"),
        (
            ["--tls-cert", cert, "--tls-key", key, "--callers", str(callers)],
            "tokens[0].roles: Field required",
        ),
        (["--callers", str(authority.folder / "none.toml")], "none.toml cannot be read"),
    ):
        done = tact("serve", "--rules", str(book), "--log", f"sqlite:///{log}", "--port", "0", *options)
        assert done.returncode == 1
        assert words in done.stderr
        assert faults_in(done.stderr.splitlines()) == []
