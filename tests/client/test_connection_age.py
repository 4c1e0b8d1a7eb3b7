"""Connections that end because of their age: no call of the client fails, and nothing is decided twice."""

import itertools
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from google.rpc.status_pb2 import Status

from engine.api.v1.decisions_pb2 import DecideRequest
from engine.client import AsyncClient, Client
from engine.client.errors import Unavailable, error_of_status
from engine.client.retry import Budget, Policy
from tests.books import write_book
from tests.client.relay import Relay, relaying
from tests.client.test_retry import Failure
from tests.requests import li_na
from tests.servers import serving

CONNECTIONS = 20
HANGS = 60.0


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Where the server logs."""
    return tmp_path / "tact.db"


@pytest.fixture
def call_time() -> str:
    """Seconds that a call has for its message, and to end with its connection: more than any takes."""
    return "60"


@pytest.fixture
def relay(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, log: Path, call_time: str) -> Iterator[Relay]:
    """A relay to a server whose connections live for a twentieth of a second."""
    monkeypatch.setenv("TACT_CONNECTION_AGE", "0.05")
    monkeypatch.setenv("TACT_REQUEST_TIMEOUT", call_time)
    with (
        serving(write_book(tmp_path / "book"), log, "--grace", "0") as server,
        relaying(server.target) as relay,
    ):
        yield relay
        server.stop()


@pytest.mark.parametrize(("attempts", "connections"), [(None, None), (1, None), (1, 4)])
def test_no_call_fails(relay: Relay, log: Path, attempts: int | None, connections: int | None) -> None:
    """One call after another, until twenty connections have ended: all are answered, and each is logged once."""
    with Client(relay.address, timeout=HANGS, attempts=attempts, connections=connections) as client:
        for number in itertools.count(1):
            assert client.decide(li_na(f"c-{number}", request_id=f"r-{number}")).decision_id
            if relay.connections >= CONNECTIONS:
                break
    assert logged(log) == number


async def test_no_call_of_the_asynchronous_client_fails(relay: Relay, log: Path) -> None:
    """Alike on asyncio."""
    async with AsyncClient(relay.address, timeout=HANGS, attempts=1) as client:
        for number in itertools.count(1):
            assert (await client.decide(li_na(f"c-{number}"))).decision_id
            if relay.connections >= CONNECTIONS:
                break
    assert logged(log) == number


@pytest.mark.parametrize("call_time", ["1"])
def test_no_stream_fails(relay: Relay, log: Path) -> None:
    """A stream, whose call ends with its connection, goes on with the requests without an answer."""
    sent = 0

    def requests() -> Iterator[DecideRequest]:
        nonlocal sent
        while relay.connections < 3:
            sent += 1
            yield li_na(f"c-{sent}", request_id=f"r-{sent}")

    with Client(relay.address, timeout=HANGS, attempts=1) as client:
        answered = [response.request_id for response in client.decide_stream(requests())]
    assert sorted(answered) == sorted(f"r-{number}" for number in range(1, sent + 1))
    assert logged(log) == sent


def test_no_batch_fails(relay: Relay, log: Path) -> None:
    """Batches of many requests, each sent again if its connection ended."""
    sent = 0

    def requests() -> Iterator[DecideRequest]:
        nonlocal sent
        while relay.connections < CONNECTIONS or sent % 5:
            sent += 1
            yield li_na(f"c-{sent}", request_id=f"r-{sent}")

    with Client(relay.address, timeout=HANGS, attempts=1) as client:
        assert sum(1 for _ in client.decide_many(requests(), batch_size=5)) == sent
    assert logged(log) == sent


GOAWAY = "GOAWAY received; Error code: 0; Debug Text: max_age"


def test_the_end_of_a_connection_is_no_attempt() -> None:
    """The call is sent again at once, also without further attempts; endlessly it is not."""

    class Ended(Failure):
        def details(self) -> str:
            return GOAWAY

    budget = Budget(Policy(timeout=60.0, attempts=1))
    assert [budget.pause_after(Ended()) for _ in range(16)] == [0.0] * 16
    with pytest.raises(Unavailable, match="max_age"):
        budget.pause_after(Ended())
    budget.renew()
    error = error_of_status(Status(code=14, message=GOAWAY))
    assert budget.pause_between(error, (Unavailable,)) == 0.0
    with pytest.raises(Unavailable, match="down"):
        budget.pause_after(Failure())


def logged(log: Path) -> int:
    """How many decisions there are in the log."""
    with closing(sqlite3.connect(log)) as database:
        (count,) = database.execute("SELECT count(*) FROM decisions").fetchone()
    return int(count)
