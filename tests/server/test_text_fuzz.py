"""Every text of the contract, over real channels to a server on PostgreSQL: none fails a group, whatever it holds.

The fields come from the descriptors, so a new one is tried without a line here; a new method needs a sound message.
"""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest

from engine.api.v1 import decisions_pb2 as pb
from engine.api.v1.decisions_pb2_grpc import DecisionsStub
from tests.books import write_book
from tests.logs import Log
from tests.server.test_texts import BASES, BOOK, CASES
from tests.servers import Server, serving
from tests.waiting import HANGS

SOUND = (
    "plain",
    "\u2042",
    "\U0001f9f4",
    "e\u0301",
    "\u202e\u2028\ufeff",
    "'; DROP TABLE contacts; --",
    '\\u0000 \\x00 {"a": [1]} %s ? :given(a text) $1',
    "\\",
    "".join(map(chr, (*range(1, 32), *range(127, 160)))),
    "\ufffe\uffff\ufdd0\ufdef\U0001fffe\U0010ffff",
    " \t\u00a0\u2000",
)
"""Texts that a database keeps: controls, noncharacters, what looks like code."""
UNSOUND = ("\0", "a\0b", "\0" * 300, "x" * 201, "é" * 201, "x" * 5_000, "\U0001f9f4" * 20_000)
"""Texts that no field takes, or only one for long texts."""
NOT_UTF8 = (b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xff\xfe\xfd", b"\xc0\x80x", b"\xf8\x88\x80")
"""In place of a text of three bytes: halves of surrogate pairs, a NUL of two bytes, bytes of no character."""
MARK = "\u2042"
CLEAN = {grpc.StatusCode.OK, grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.ALREADY_EXISTS}
"""How a call may end: the others are faults, or of the log."""
EXPLAINED = CLEAN | {grpc.StatusCode.NOT_FOUND}
METHODS = {
    "decide": "Decide",
    "event": "Record",
    "outcome": "Record",
    "link": "Link",
    "explain": "Explain",
    "explain logged": "Explain",
}
IN_BATCHES = {"DecideBatch", "DecideStream"}
"""Methods whose messages are those of Decide."""
FEEDS = {"Watch", "Due"}
"""Methods whose messages have a cursor at most, which tests/server/test_feeds.py tries."""


def variants(base: str, *texts: str) -> Iterator[Any]:
    """The sound message of the base with each text in each field, and ids of its own where the text is none."""
    for name, (of_base, put) in CASES.items():
        for number, text in enumerate(texts if of_base == base else ()):
            message = BASES[base]()
            own = f"{name} {number}"
            for event in getattr(message, "events", ()):
                event.event_id = own
                event.event.at.GetCurrentTime()
            put(message, text)
            yield message


def neighbour(number: int) -> pb.DecideRequest:
    """A request that is decided if its group is."""
    return pb.DecideRequest(
        customer=pb.Customer(id=f"neighbour-{number}"), placement="hero", request_id=f"n-{number}"
    )


BOOKS = {
    "text": BOOK.replace("profile.note:", "profile.k:").replace("text: Pen", 'text: "Pen {profile.k|you}"'),
    "list of text": BOOK.replace("profile.notes:", "profile.k:").replace(
        "{offer: pen, ", "{offer: pen, when: {none: [{profile.k: {has: nothing}}]}, "
    ),
}
"""By its type, books that keep the attribute `k` and show it: that is the name by which texts are put into maps."""


@pytest.fixture
def server(postgres_log: Log, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server on PostgreSQL."""
    book = BOOKS[getattr(request, "param", "text")]
    with serving(write_book(tmp_path / "book", book), postgres_log) as server:
        yield server


@pytest.fixture
def channel(server: Server) -> Iterator[grpc.Channel]:
    """A channel to it, which stays open for as long as something is decided beside the test."""
    with grpc.insecure_channel(server.target, options=[("grpc.max_receive_message_length", -1)]) as channel:
        yield channel


@pytest.fixture
def stub(channel: grpc.Channel) -> Any:
    """The service, without attempts after the first."""
    return DecisionsStub(channel)  # type: ignore[no-untyped-call]


@pytest.fixture
def beside(stub: Any, server: Server) -> Iterator[None]:
    """Neighbours that are decided all the while, each alone; none fails, and no group did."""
    over, failures, decided = threading.Event(), [], [0]

    def decide() -> None:
        while not over.is_set():
            try:
                stub.Decide(neighbour(10_000 + decided[0]), timeout=HANGS)
            except grpc.RpcError as error:
                failures.append(error)
            decided[0] += 1

    thread = threading.Thread(target=decide)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    assert failures == []
    assert decided[0] > 0
    server.stop()
    said = "".join(server.errors)
    for fault in ("a group failed", "could not", "internal error", "the log does not answer"):
        assert fault not in said


def status_of(call: Callable[..., Any], message: Any) -> grpc.StatusCode:
    """How the call ends."""
    try:
        call(message, timeout=HANGS)
    except grpc.RpcError as error:
        code: grpc.StatusCode = error.code()
        return code
    return grpc.StatusCode.OK


CODES = {code.value[0]: code for code in grpc.StatusCode}


def test_every_method_has_a_sound_message() -> None:
    """A method that is added to the contract is not left out."""
    (service,) = pb.DESCRIPTOR.services_by_name.values()
    assert set(METHODS.values()) | IN_BATCHES | FEEDS == {method.name for method in service.methods}
    assert METHODS.keys() == BASES.keys()
    for base, name in METHODS.items():
        assert BASES[base]().DESCRIPTOR is service.methods_by_name[name].input_type


@pytest.mark.usefixtures("beside")
@pytest.mark.parametrize("server", BOOKS, indirect=True)
def test_no_text_of_a_batch_fails_its_group(stub: Any, postgres_log: Log) -> None:
    """Each text in each field of a request, between two neighbours of one batch: they are decided, and it is or is invalid."""
    messages = list(variants("decide", *SOUND, *UNSOUND))
    ends = set()
    for start in range(0, len(messages), 60):
        items = [
            (neighbour(start + number), message)
            for number, message in enumerate(messages[start : start + 60])
        ]
        batch = pb.DecideBatchRequest(requests=[request for pair in items for request in pair])
        answers = stub.DecideBatch(batch, timeout=HANGS).items
        assert len(answers) == len(batch.requests)
        assert all(answer.response.decision_id for answer in answers[::2])
        ends |= {CODES[answer.error.code] for answer in answers[1::2]}
    assert ends <= CLEAN
    assert {grpc.StatusCode.OK, grpc.StatusCode.INVALID_ARGUMENT} <= ends
    value = "(inputs::json -> 'attributes' -> 'profile.k')::text"
    kept = postgres_log.rows(f"select count(*) from decisions where position('DROP TABLE' in {value}) > 0")
    assert kept > [(0,)], "values of declared attributes were kept"


@pytest.mark.usefixtures("beside")
def test_no_text_of_a_stream_fails_its_group(stub: Any) -> None:
    """In a stream each request has its answer, the neighbours theirs."""
    messages = [
        request
        for number, message in enumerate(variants("decide", *SOUND, *UNSOUND))
        for request in (neighbour(number), message)
    ]
    answers = list(stub.DecideStream(iter(messages), timeout=HANGS))
    assert len(answers) == len(messages)
    assert {CODES[answer.error.code] for answer in answers} <= CLEAN
    decided = {answer.request_id for answer in answers if answer.decision_id}
    assert {message.request_id for message in messages[::2]} <= decided


@pytest.mark.usefixtures("beside")
@pytest.mark.parametrize("base", ["event", "outcome"])
def test_no_text_of_an_event_fails_its_group(stub: Any, postgres_log: Log, base: str) -> None:
    """Each text in each field of what is recorded, many in one call with sound ones between them."""
    events = [message.events[0] for message in variants(base, *SOUND, *UNSOUND) if message.events]
    ends = set()
    for start in range(0, len(events), 200):
        message = pb.RecordRequest()
        for number, event in enumerate(events[start : start + 200]):
            message.events.append(event)
            between = message.events.add(
                customer=pb.Customer(id="between"), event_id=f"between-{start + number}"
            )
            between.event.type = "view"
            between.event.at.GetCurrentTime()
        results = stub.Record(message, timeout=HANGS).results
        assert all(result.accepted for result in results[1::2])
        ends |= {CODES[result.error.code] for result in results[::2]}
    assert ends <= CLEAN
    assert {grpc.StatusCode.OK, grpc.StatusCode.INVALID_ARGUMENT} <= ends
    assert postgres_log.rows("select count(*) from events where person = 'between'") == [(len(events),)]


@pytest.mark.usefixtures("beside")
@pytest.mark.parametrize("base", ["link", "explain", "explain logged"])
def test_no_text_of_the_other_calls_fails_a_group(stub: Any, base: str) -> None:
    """Calls at the same time as the neighbours', in whatever groups they come."""
    call = getattr(stub, METHODS[base])
    with ThreadPoolExecutor(8) as callers:
        ends = set(callers.map(lambda message: status_of(call, message), variants(base, *SOUND, *UNSOUND)))
    assert ends <= (EXPLAINED if METHODS[base] == "Explain" else CLEAN)
    assert grpc.StatusCode.INVALID_ARGUMENT in ends


@pytest.mark.usefixtures("beside")
@pytest.mark.parametrize("base", BASES)
def test_bytes_of_no_text_are_refused(channel: grpc.Channel, base: str) -> None:
    """Halves of surrogate pairs and other bytes that are no UTF-8, in each field: the message is invalid, and it alone."""
    call: Callable[..., Any] = channel.unary_unary(
        f"/tact.v1.Decisions/{METHODS[base]}", request_serializer=bytes
    )
    mark, tried = MARK.encode(), 0
    for message in variants(base, MARK):
        data = message.SerializeToString()
        for wrong in NOT_UTF8:
            if mark in data:
                tried += 1
                assert status_of(call, data.replace(mark, wrong)) is grpc.StatusCode.INVALID_ARGUMENT
    assert tried > 0
