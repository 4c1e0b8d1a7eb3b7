"""When the log does not answer: fallbacks where there are some, and silence everywhere else."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from google.rpc.code_pb2 import UNAVAILABLE

from engine.api.v1 import decisions_pb2 as pb
from engine.api.v1.decisions_pb2 import DecideRequest, DecideResponse
from engine.client import Client, Unavailable
from tests.requests import li_na
from tests.server.log_trouble import held, limit
from tests.servers import serving
from tests.waiting import HANGS, until

pytestmark = pytest.mark.usefixtures("impatient")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers that wait a fifth of a second for others at the log."""
    monkeypatch.setenv("TACT_BUSY_TIMEOUT", "0.2")


def on(placement: str, **over: Any) -> DecideRequest:
    """A customer before a slot."""
    return li_na(placement=placement, **over)


def reasons(answer: DecideResponse) -> list[tuple[int, str]]:
    """The reasons, as pairs."""
    return [(reason.code, reason.name) for reason in answer.reasons]


def logged(log: Path) -> int:
    """How many decisions are in the log."""
    with closing(sqlite3.connect(log)) as connection:
        (count,) = connection.execute("select count(*) from decisions").fetchone()
        return int(count)


def test_a_placement_shows_its_fallback(book: Path, log: Path) -> None:
    """It is marked, says why, bears no decision_id, and is not in the log; after it, the same request_id is decided."""
    with serving(book, log) as server, Client(server.target, timeout=60, attempts=1) as client:
        with held(log):
            answer = client.decide(on("hero", request_id="r-1"))
        assert (answer.outcome, answer.degraded, answer.decision_id) == (pb.OUTCOME_FALLBACK, True, "")
        assert [offer.offer for offer in answer.offers] == ["brand"]
        assert dict(answer.offers[0].content) == {"title": "Our story"}
        assert reasons(answer) == [
            (pb.REASON_CODE_DEGRADED, "hero"),
            (pb.REASON_CODE_FALLBACK, "hero"),
        ]
        assert answer.request_id == "r-1"
        assert answer.book_version
        assert logged(log) == 0
        until(client.health)
        again = client.decide(on("hero", request_id="r-1"))
        assert (again.outcome, again.degraded) == (pb.OUTCOME_OFFER, False)
        assert again.decision_id
        assert server.stop() == 0


@pytest.mark.parametrize(
    "request_",
    [li_na(), on("corner"), on("hero", mode="preview")],
    ids=["outbound", "a placement without a fallback", "a preview"],
)
def test_everything_else_is_refused(book: Path, log: Path, request_: DecideRequest) -> None:
    """UNAVAILABLE: nobody is addressed while nobody knows how often they were."""
    with serving(book, log) as server, Client(server.target, timeout=60, attempts=1) as client:
        with held(log), pytest.raises(Unavailable):
            client.decide(request_)
        assert server.stop() == 0
    assert logged(log) == 0


def test_of_a_batch_each_for_itself(book: Path, log: Path) -> None:
    """Items with a fallback get it, the others the error; a batch without any fallback fails as a whole."""
    with serving(book, log) as server, Client(server.target, timeout=60, attempts=1) as client:
        with held(log):
            shown, refused = client.decide_batch([on("hero"), li_na()])
            with pytest.raises(Unavailable):
                client.decide_batch([li_na(), on("corner")])
        assert isinstance(shown, DecideResponse)
        assert shown.degraded
        assert not isinstance(refused, DecideResponse)
        assert refused.code == UNAVAILABLE
        assert server.stop() == 0


def test_nobody_waits_for_a_log_that_is_away(book: Path, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once it is known to be away one call at a time waits to try it, and all others get their fallback meanwhile."""
    monkeypatch.setenv("TACT_BUSY_TIMEOUT", str(HANGS))
    with serving(book, log) as server, Client(server.target, timeout=HANGS, attempts=1) as client:
        limit("prlimit", server, "0")
        assert client.decide(on("hero")).degraded  # so the log is known to be away
        with ThreadPoolExecutor(6) as callers:
            with held(log):
                limit("prlimit", server, "unlimited")  # now it would take what waits, as soon as it is let go
                calls = [callers.submit(client.decide, on("hero")) for _ in range(6)]
                until(lambda: sum(call.done() for call in calls) == 5, server)
                (waiting,) = (call for call in calls if not call.done())
            assert all(call.result().degraded for call in calls if call is not waiting)
            assert not waiting.result().degraded
        assert server.stop() == 0
