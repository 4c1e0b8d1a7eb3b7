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
from trial.result import Finding, Place, await_that


def run(place: Place) -> Finding:
    """So many certificates; every caller makes a new connection for each call."""
    finding, authority = Finding(), Authority(trustme.CA(), place.folder)
    rotations = int(place.size(60, 1))
    with serving(write_book(place.folder / "book"), place.folder / "tact.db", *secure(authority)) as server:
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
                shown = await_that(partial(_shows, server.target, leaf))
                finding.tried(shown, "a new certificate was not shown")
                served = await_that(partial(_has, load, len(load.answers) + 4))
                finding.expect(served, "nobody was served")
        finding.expect(server.stop() == 0, "it did not stop with 0")
    finding.trials += len(load.answers)
    finding.failures += [f"a call ended with {one}" for one in load.failures]
    finding.said = f"{rotations} certificates, {len(load.answers):,} calls, each on a connection of its own"
    return finding


def _shows(target: str, leaf: str) -> bool:
    """Whether a new connection is shown this certificate."""
    host, port = target.rsplit(":", 1)
    return leaf in ssl.get_server_certificate((host, int(port)), timeout=60)


def _has(load: Load, answers: int) -> bool:
    return len(load.answers) >= answers
