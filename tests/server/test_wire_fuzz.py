"""Messages changed on the wire, over TLS and with tokens: each call gets a status that is documented, and none is a fault."""

import sqlite3
from contextlib import closing
from pathlib import Path

import grpc
import pytest
import trustme

from tests.books import write_book
from tests.server.access.conftest import Authority, secure
from tests.server.everything import EVERYTHING
from tests.server.wire_fuzz import Tokens, WireFuzz
from tests.servers import faults_in, serving
from tests.weather.station import station_apart

CALLS = 3000


def test_every_call_has_a_documented_status(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the log has exactly the decisions that were acknowledged."""
    tokens, log, authority = Tokens(), tmp_path / "tact.db", Authority(trustme.CA(), tmp_path)
    callers = tokens.write(tmp_path / "callers.toml")
    credentials = grpc.ssl_channel_credentials(authority.file.read_bytes())
    with station_apart() as url:
        monkeypatch.setenv("TACT_WEATHER_URL", url)
        book = write_book(tmp_path / "book", EVERYTHING)
        with serving(book, log, *secure(authority), "--callers", str(callers)) as server:
            fuzz = WireFuzz(5, server.target, credentials, tokens)
            fuzz.run(range(CALLS))
            assert fuzz.tally.faults == [], "\n".join(fuzz.tally.faults[:50])
            assert server.stop() == 0
    assert faults_in(server.errors) == []
    with closing(sqlite3.connect(log)) as connection:
        logged = {name for (name,) in connection.execute("select decision_id from decisions")}
    assert logged == fuzz.tally.decided
    assert len(logged) > CALLS / 20
    seen = {code.partition(" ")[2] for code in fuzz.tally.codes}
    assert {"OK", "INVALID_ARGUMENT", "UNAUTHENTICATED", "PERMISSION_DENIED", "UNIMPLEMENTED"} <= seen
