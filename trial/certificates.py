"""Certificates replaced one after the other while callers connect: each is shown, and no call fails."""

import ssl
from functools import partial

import trustme

from engine.client import Tls
from tests.books import write_book
from tests.requests import li_na
from tests.server.access.conftest import Authority, secure
from tests.server.load import Load
from tests.servers import serving
from trial.result import TrialResult, TrialSettings, wait_until


def run(settings: TrialSettings) -> TrialResult:
    """Replaces the certificate again and again; every caller makes a new connection for each call."""
    result, authority = TrialResult(), Authority(trustme.CA(), settings.folder)
    rotations = int(settings.size(60, 1))
    with serving(
        write_book(settings.folder / "book"), settings.folder / "tact.db", *secure(authority)
    ) as server:
        load = Load(
            server.target,
            lambda caller, turn: li_na(f"{caller}-{turn}"),
            callers=4,
            timeout=60,
            access={"tls": Tls(ca=authority.file)},
            once=True,
        )
        with load.running():
            for _ in range(rotations):
                cert, _ = authority.sign("localhost", "127.0.0.1")
                leaf = cert.read_text(encoding="utf-8").partition("-----END CERTIFICATE-----")[0]
                shown = wait_until(partial(_shows, server.target, leaf))
                result.check(shown, "a new certificate was not shown")
                served = wait_until(partial(_has_answers, load, len(load.answers) + 4))
                result.expect(served, "nobody was served")
        result.expect(server.stop() == 0, "it did not stop with 0")
    result.trials += len(load.answers)
    result.failures += [f"a call ended with {failure}" for failure in load.failures]
    result.summary = f"{rotations} certificates, {len(load.answers):,} calls, each on a connection of its own"
    return result


def _shows(target: str, leaf: str) -> bool:
    """Whether a new connection is shown this certificate."""
    host, port = target.rsplit(":", 1)
    return leaf in ssl.get_server_certificate((host, int(port)), timeout=60)


def _has_answers(load: Load, count: int) -> bool:
    return len(load.answers) >= count
