"""What the log refuses in the middle of a group, and what callers hear of it, over a real channel on both stores."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import code_pb2

from engine.api.v1 import decisions_pb2 as pb
from engine.api.v1.decisions_pb2_grpc import DecisionsStub
from tests.books import write_book
from tests.logs import Log
from tests.servers import Server, serving
from tests.waiting import HANGS

BOOK = """
book: {name: shop, timezone: UTC}
attributes: {profile.wants: {type: text}}
events: {stored: true}
channels: {web: {kind: inbound}}
placements: {hero: {channel: web}}
offers:
  rare: {name: Rare, stock: 100, content: {default: {text: Rare}}}
  plain: {name: Plain, content: {default: {text: Plain}}}
campaigns:
  rare: {offer: rare, when: {profile.wants: rare}, placements: [hero]}
  plain: {offer: plain, when: {profile.wants: plain}, placements: [hero]}
"""
REFUSALS = {
    "counters": ("update", "counter = 'rare/stock'"),
    "decisions": ("insert", "campaign = 'rare'"),
    "events": ("insert", "type = 'rare'"),
}
"""By table, the rows that the database refuses: while one request is decided, or when the group is written."""
SECRET = "relation contacts of tact.db at /var/lib/tact"
SENTENCE = "the log did not take this now; a retry is safe"


def refuse(log: Log, table: str) -> None:
    """Has the database refuse rows, with an error that names what no caller may see."""
    change, rows = REFUSALS[table]
    if log.path is not None:
        log.execute(
            f"create trigger refuse before {change} on {table} when new.{rows}"
            f" begin select raise(abort, '{SECRET}'); end"
        )
        return
    log.execute(
        "create function refuse() returns trigger language plpgsql as"
        f" $$ begin raise exception '{SECRET}' using errcode = 'check_violation'; end $$",
        f"create trigger refuse before {change} on {table} for each row when (new.{rows})"
        " execute function refuse()",
    )


def wanting(what: str, number: int) -> pb.DecideRequest:
    """A request of a customer of its own."""
    message = pb.DecideRequest(
        customer=pb.Customer(id=f"{what}-{number}"), request_id=f"{what}-{number}", placement="hero"
    )
    message.context.profile.attributes["wants"].text = what
    return message


@pytest.fixture
def server(any_log: Log, tmp_path: Path) -> Iterator[Server]:
    """A server on each store."""
    with serving(write_book(tmp_path / "book", BOOK), any_log) as server:
        yield server


@pytest.fixture
def stub(server: Server) -> Iterator[Any]:
    """The service, without attempts after the first."""
    with grpc.insecure_channel(server.target) as channel:
        yield DecisionsStub(channel)  # type: ignore[no-untyped-call]


def assert_discreet(error: Any) -> None:
    """Callers are told one sentence, and nothing of it names a table, a file or a customer."""
    assert error.code() is grpc.StatusCode.UNAVAILABLE
    assert error.details() == SENTENCE
    said = b"".join(
        value if isinstance(value, bytes) else value.encode() for _, value in error.trailing_metadata()
    )
    assert b"contacts" not in said
    assert b"/var/lib" not in said


@pytest.mark.parametrize("table", ["counters", "decisions"])
def test_an_error_of_the_database_in_one_decision_is_that_ones(any_log: Log, stub: Any, table: str) -> None:
    """Of one group only what the database refuses is UNAVAILABLE; its bystanders are decided, and so is the next call."""
    refuse(any_log, table)
    batch = pb.DecideBatchRequest(requests=[wanting("rare" if n == 4 else "plain", n) for n in range(9)])
    items = stub.DecideBatch(batch, timeout=HANGS).items
    assert [item.error.code for item in items] == [0] * 4 + [code_pb2.UNAVAILABLE] + [0] * 4
    assert items[4].error.message == SENTENCE
    assert not items[4].error.details
    assert all(item.response.outcome == pb.OUTCOME_OFFER for item in (*items[:4], *items[5:]))
    with pytest.raises(grpc.RpcError) as refused:
        stub.Decide(wanting("rare", 10), timeout=HANGS)
    assert_discreet(refused.value)
    assert stub.Decide(wanting("plain", 11), timeout=HANGS).outcome == pb.OUTCOME_OFFER
    decided = any_log.rows("select count(*) from decisions")
    assert decided == [(9,)]


def test_an_event_that_the_database_refuses_fails_alone(any_log: Log, stub: Any) -> None:
    """The other events of its call are kept, and its own error is the sentence."""
    refuse(any_log, "events")
    message = pb.RecordRequest()
    for number in range(5):
        event = message.events.add(customer=pb.Customer(id=f"c-{number}"), event_id=f"e-{number}")
        event.event.type = "rare" if number == 2 else "view"
        event.event.at.GetCurrentTime()
    results = stub.Record(message, timeout=HANGS).results
    assert [result.accepted for result in results] == [True, True, False, True, True]
    assert (results[2].error.code, results[2].error.message) == (code_pb2.UNAVAILABLE, SENTENCE)


def test_a_log_that_is_away_is_told_in_the_same_words(any_log: Log, stub: Any) -> None:
    """Of a table that is gone callers hear the sentence, in every call that needs it."""
    any_log.execute("drop table identities")
    calls = [
        (stub.Decide, wanting("plain", 1)),
        (stub.DecideBatch, pb.DecideBatchRequest(requests=[wanting("plain", 2), wanting("plain", 3)])),
        (stub.Link, pb.LinkRequest(customer_ids=["ann", "zoe"])),
        (stub.Explain, pb.ExplainRequest(request=wanting("plain", 4))),
    ]
    for call, message in calls:
        with pytest.raises(grpc.RpcError) as refused:
            call(message, timeout=HANGS)
        assert_discreet(refused.value)
