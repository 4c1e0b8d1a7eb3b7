"""Whatever is sent, the server answers with a decision or names what is wrong, and lives."""

from pathlib import Path
from random import Random

import pytest
from google.rpc.code_pb2 import ALREADY_EXISTS, FAILED_PRECONDITION, INVALID_ARGUMENT, OK

from engine.client import Client
from tests.books import write_book
from tests.replays import assert_replays
from tests.server.everything import EVERYTHING
from tests.server.fuzz_load import ROUND, siege
from tests.servers import serving
from tests.weather.station import station_apart


def test_hostile_calls_are_answered_or_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three thousand requests, events, links and explanations by chance, everything on: none is a fault."""
    with station_apart() as url:
        monkeypatch.setenv("TACT_WEATHER_URL", url)
        with serving(write_book(tmp_path / "book", EVERYTHING), tmp_path / "tact.db") as server:
            with Client(server.target, timeout=60) as client:
                *_, codes = siege(client, Random(31), 3000 // ROUND)
                assert client.health()
            assert server.stop() == 0
    assert set(codes) <= {OK, INVALID_ARGUMENT, ALREADY_EXISTS, FAILED_PRECONDITION}, codes
    assert codes[OK] > 300
    assert (
        assert_replays(f"sqlite:///{tmp_path / 'tact.db'}", masked=300) > 300
    )  # content greets by an address
    assert codes[INVALID_ARGUMENT] > 300
