"""Health: ready while the log answers, alive whatever the log does, and the book apart from both."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

from engine.client import Client, NotFound
from engine.client.calls import LIVENESS, READINESS, RULEBOOK
from tests.books import write_book
from tests.forked import tact
from tests.requests import li_na
from tests.server.log_trouble import held, limit
from tests.server.reloads import BROKEN, numbered_book
from tests.server.test_reload import reload
from tests.servers import serving
from tests.waiting import until

DECISIONS = "tact.v1.Decisions"


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers that wait a fifth of a second for others at the log."""
    monkeypatch.setenv("TACT_BUSY_TIMEOUT", "0.2")


@pytest.mark.usefixtures("impatient")
def test_ready_while_the_log_answers(book: Path, log: Path) -> None:
    """Without any call it is NOT_SERVING while the log does not take transactions, and SERVING again after, by itself."""
    with serving(book, log) as server, Client(server.target, timeout=60) as client:
        until(lambda: client.health(DECISIONS))
        with held(log):
            until(lambda: not (client.health(READINESS) or client.health(DECISIONS)))
            assert client.health(LIVENESS)
            assert client.health(RULEBOOK)
        until(lambda: client.health(READINESS) and client.health(DECISIONS))
        assert server.stop() == 0


def test_not_ready_on_a_full_disk(book: Path, log: Path) -> None:
    """A log that cannot grow is noticed by looking, without a call that fails."""
    with serving(book, log) as server, Client(server.target, timeout=60) as client:
        client.decide(li_na())
        until(lambda: client.health(DECISIONS))
        limit("prlimit", server, "0")
        until(lambda: not client.health())
        assert client.health(LIVENESS)
        limit("prlimit", server, "unlimited")
        until(client.health)
        assert server.stop() == 0


def test_the_book_has_a_health_of_its_own(book: Path, log: Path) -> None:
    """While the folder's book does not load `rulebook` is NOT_SERVING, and the server is ready all the same."""
    with serving(book, log) as server, Client(server.target, timeout=60) as client:
        until(lambda: client.health(DECISIONS) and client.health(RULEBOOK))
        write_book(book, BROKEN)
        reload(server)
        until(lambda: not client.health(RULEBOOK))
        assert client.health()
        write_book(book, numbered_book(2))
        reload(server)
        until(lambda: client.health(RULEBOOK))
        assert server.stop() == 0


def test_who_watches_is_told_that_it_drains(book: Path, log: Path) -> None:
    """At a SIGTERM those who watch hear NOT_SERVING, before calls are refused; liveness is left as it is."""
    with serving(book, log) as server, grpc.insecure_channel(server.target) as channel:
        stub = HealthStub(channel)
        watches = [stub.Watch(HealthCheckRequest(service=name)) for name in (DECISIONS, LIVENESS)]
        ready, alive = map(iter, watches)
        while next(ready).status != HealthCheckResponse.SERVING:
            pass
        assert next(alive).status in (HealthCheckResponse.SERVICE_UNKNOWN, HealthCheckResponse.SERVING)
        server.process.terminate()
        assert next(ready).status == HealthCheckResponse.NOT_SERVING
        for watch in watches:
            watch.cancel()
        assert HealthCheckResponse.NOT_SERVING not in [response.status for response in _rest(alive)]
        assert server.ended(120) == 0


def _rest(statuses: Iterator[HealthCheckResponse]) -> Iterator[HealthCheckResponse]:
    """What is still to come of a stream that was cancelled."""
    with suppress(grpc.RpcError):
        yield from statuses


def test_a_service_that_is_not_there(book: Path, log: Path) -> None:
    """An unknown name is an error, not an answer."""
    with serving(book, log) as server, Client(server.target, timeout=60) as client:
        with pytest.raises(NotFound, match="NOT_FOUND"):
            client.health("nonsense")
        assert server.stop() == 0


@pytest.mark.usefixtures("impatient")
def test_the_command_asks_each_question(book: Path, log: Path) -> None:
    """`tact health` asks for readiness; --liveness and --rulebook ask those; two at once are a mistake."""
    with serving(book, log) as server, Client(server.target, timeout=60) as client:
        until(lambda: client.health(RULEBOOK))
        with held(log):
            until(lambda: not client.health())
            results = {options: tact_health(server.target, *options) for options in OPTIONS}
        assert server.stop() == 0
    assert results == {
        (): (1, "NOT_SERVING"),
        ("--readiness",): (1, "NOT_SERVING"),
        ("--liveness",): (0, "SERVING"),
        ("--rulebook",): (0, "SERVING"),
        ("--liveness", "--rulebook"): (2, ""),
    }


OPTIONS = ((), ("--readiness",), ("--liveness",), ("--rulebook",), ("--liveness", "--rulebook"))


def tact_health(*words: str) -> tuple[int, str]:
    """The command's exit code and what it prints."""
    done = tact("health", "--timeout", "60", *words)
    return done.returncode, done.stdout.strip()
