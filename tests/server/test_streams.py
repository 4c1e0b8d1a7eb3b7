"""DecideStream: decisions with flow control, over a real channel to a real server."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from engine.api.v1 import decisions_pb2 as pb
from engine.api.v1.decisions_pb2_grpc import DecisionsStub
from engine.client import AsyncClient, Client, InvalidRequest, Overloaded, error_of_status
from tests.books import SPRING, write_book
from tests.logs import Log
from tests.requests import li_na
from tests.servers import Server, serving
from tests.waiting import until

INVALID = grpc.StatusCode.INVALID_ARGUMENT.value[0]


NARROW = (("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 65536))
"""A connection that takes 64 KiB of a stream that nobody reads, and does not widen."""


def named(count: int, prefix: str) -> list[pb.DecideRequest]:
    """Requests, each of a customer of its own."""
    return [li_na(f"{prefix}{number}", request_id=f"{prefix}{number}") for number in range(count)]


def made(log: Path) -> int:
    """How many decisions are in the log."""
    ((count,),) = Log(f"sqlite:///{log}").rows("select count(*) from decisions")
    return int(count)


def test_every_request_is_answered_by_its_name(client: Client) -> None:
    """A thousand requests, more than the window, have an answer each; a customer's cap holds between them."""
    answers = list(
        client.decide_stream(named(1000, "s") + [li_na("same", request_id=f"same{n}") for n in range(5)])
    )
    assert len(answers) == 1005
    assert {answer.request_id for answer in answers} == {f"s{n}" for n in range(1000)} | {
        f"same{n}" for n in range(5)
    }
    outcomes = [answer.outcome for answer in answers if answer.request_id.startswith("same")]
    assert sorted(outcomes) == [pb.OUTCOME_OFFER] * 2 + [pb.OUTCOME_BLOCKED] * 3
    assert list(client.decide_stream([])) == []


def test_an_error_is_one_request_s_own(client: Client, server: Server) -> None:
    """A bad request, one without a name, and bytes that are none each have their error; the others are decided."""
    first, bad, last = client.decide_stream(
        [li_na("e1", request_id="e1"), li_na("", request_id="e2"), li_na("e3", request_id="e3")]
    )
    assert (first.outcome, last.outcome) == (pb.OUTCOME_OFFER, pb.OUTCOME_OFFER)
    assert (bad.request_id, bad.outcome, bad.decision_id) == ("e2", pb.OUTCOME_UNSPECIFIED, "")
    error = error_of_status(bad.error)
    assert isinstance(error, InvalidRequest)
    assert [violation.field for violation in error.violations] == ["customer.id"]
    with grpc.insecure_channel(server.target) as channel:
        call: Any = channel.stream_stream(
            "/tact.v1.Decisions/DecideStream", response_deserializer=pb.DecideResponse.FromString
        )
        sent = [b"\xff", li_na("e4").SerializeToString(), li_na("e5", request_id="e5").SerializeToString()]
        answers = list(call(iter(sent), timeout=60))
    assert [(answer.request_id, answer.error.code) for answer in answers] == [
        ("", INVALID),
        ("", INVALID),
        ("e5", 0),
    ]


async def test_it_can_be_awaited(server: Server) -> None:
    """The other client sends what it is given as it comes, also from what has to be awaited."""

    async def given() -> Any:
        for request in named(300, "a"):
            yield request

    async with AsyncClient(server.target, timeout=60) as client:
        assert len([answer async for answer in client.decide_stream(given())]) == 300
        assert len([answer async for answer in client.decide_stream(named(3, "b"))]) == 3


def is_let_in(client: Client) -> bool:
    """Whether it may call beside the streams that are open."""
    try:
        client.decide(li_na("other", mode="preview"))
    except Overloaded:
        return False
    return True


def test_who_does_not_read_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A caller that takes no answers is decided for as far as the window and the way hold; then as fast as it takes them.

    A stream that is left, with or without answers on the way, counts as a call under way no longer.
    """
    monkeypatch.setenv("TACT_STREAM_WINDOW", "8")
    monkeypatch.setenv("TACT_CALLS_AT_ONCE", "2")
    wide = SPRING.replace("Dry air, {profile.first_name|friend}?", "x" * 4000)
    log, count, bound = tmp_path / "tact.db", 400, 100
    with (
        serving(write_book(tmp_path / "book", wide), log) as server,
        grpc.insecure_channel(server.target, options=NARROW) as channel,
        Client(server.target, timeout=60) as other,
    ):
        stub = DecisionsStub(channel)  # type: ignore[no-untyped-call]
        answers = stub.DecideStream(iter(named(count, "w")), timeout=300)
        until(lambda: made(log) >= 8)
        for _ in range(100):  # others are served meanwhile, and it gets no further than what it could send
            other.decide(li_na("other", mode="preview"))
        assert made(log) < bound
        for taken, _ in enumerate(answers, start=1):
            if taken % 50 == 0:
                assert made(log) <= taken + bound
        assert made(log) == count
        for _ in range(2):
            stub.DecideStream(iter(named(50, "left"))).cancel()
        until(lambda: is_let_in(other))


def test_a_server_that_goes_down_answers_what_it_read(book: Path, log: Path) -> None:
    """Told to stop, it ends an open stream with UNAVAILABLE when all that it read is answered, and exits with 0."""

    def asked() -> Iterator[pb.DecideRequest]:
        yield from named(50, "d")
        ended.wait()  # the stream stays open

    ended = threading.Event()
    with serving(book, log) as server, grpc.insecure_channel(server.target) as channel:
        stub = DecisionsStub(channel)  # type: ignore[no-untyped-call]
        call = stub.DecideStream(asked())
        answers = [next(call) for _ in range(50)]
        assert server.stop(within=120) == 0
        with pytest.raises(grpc.RpcError) as caught:
            next(call)
        ended.set()
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert made(log) == len(answers)


def test_a_stream_goes_on_at_the_next_server(book: Path, log: Path) -> None:
    """Servers come and go under a stream: every request is answered once to its caller, and decided once."""
    with serving(book, log) as server:
        port = server.target.rsplit(":", 1)[1]
        with Client(server.target, timeout=60, attempts=1000) as client:
            stream = client.decide_stream(named(1000, "g"))
            answers = [next(stream) for _ in range(100)]
            assert server.stop(within=120) == 0
            with serving(book, log, "--port", port):
                answers += stream
    assert {answer.request_id for answer in answers} == {f"g{n}" for n in range(1000)}
    assert made(log) == 1000
    logged = Log(f"sqlite:///{log}").rows("select decision_id from decisions")
    assert {(answer.decision_id,) for answer in answers} == set(logged)


async def test_an_awaited_stream_goes_on_too(book: Path, log: Path) -> None:
    """As above, for the other client."""
    with serving(book, log) as server:
        port = server.target.rsplit(":", 1)[1]
        async with AsyncClient(server.target, timeout=60, attempts=1000) as client:
            stream = client.decide_stream(named(1000, "h"))
            names = {(await anext(stream)).request_id for _ in range(100)}
            server.kill()
            with serving(book, log, "--port", port):
                names |= {answer.request_id async for answer in stream}
    assert len(names) == 1000
    assert made(log) == 1000
