"""Watch and Due: streams out of the log, over a real channel to real servers."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest

from engine.api.v1 import decisions_pb2 as pb
from engine.api.v1.decisions_pb2_grpc import DecisionsStub
from engine.client import AsyncClient, Client, InvalidRequest, outcome
from tests.books import write_book
from tests.client.relay import relaying
from tests.requests import li_na
from tests.servers import Server, serving
from tests.waiting import until

HOURLY = """
book: {name: hourly, timezone: UTC}
attributes: {profile.phone: {type: text}, profile.tier: {type: text}}
channels:
  sms: {kind: outbound, address: profile.phone, consent: not_needed, on_silence: confirm}
  web: {kind: inbound}
placements: {page: {channel: web}}
offers: {tea: {name: Tea, content: {default: {text: Tea}}}}
campaigns: {tea: {offer: tea, channels: [sms], placements: [page]}}
pressure: {gaps: {rest: {at_least: 24h, count: {channel: sms}}}}
"""


def kept(responses: Iterator[pb.WatchResponse], number: int) -> list[pb.WatchResponse]:
    """So many responses that bear something; the stream stays open."""
    bearing: list[pb.WatchResponse] = []
    while len(bearing) < number:
        response = next(responses)
        if response.WhichOneof("kept"):
            bearing.append(response)
    return bearing


def test_what_is_kept_is_watched_from_any_cursor(client: Client) -> None:
    """A decision with what it depended on, then its outcome; a cursor leads on to just what follows it."""
    watched = client.watch()
    start = next(watched)
    assert start.WhichOneof("kept") is None
    answer = client.decide(li_na("w-1", request_id="w-1"))
    delivered = outcome(
        answer.decision_id,
        "delivered",
        datetime.now(UTC),
        event_id="w-e1",
        value=2.5,
        currency="EUR",
        item="jar",
    )
    client.record([delivered]).raise_for_errors()
    decision, report = kept(watched, 2)
    watched.close()  # type: ignore[attr-defined]
    assert decision.decision.response == answer
    assert (decision.decision.customer_id, decision.decision.person_id) == ("w-1", "w-1")
    assert decision.decision.attributes["weather.temperature_c"].number == 3.0
    assert list(decision.decision.masked) == ["profile.openid", "profile.phone"]
    event = report.outcome.event
    assert (event.event_id, event.decision_id, event.customer.id) == ("w-e1", answer.decision_id, "w-1")
    assert (event.event.type, event.event.value, event.event.currency) == ("delivered", 2.5, "EUR")
    assert event.event.item == "jar"
    assert (event.channel, event.campaign, report.outcome.offer) == (
        answer.offers[0].channel,
        "cream-cold",
        "cream",
    )
    assert report.outcome.recorded_at.ToDatetime(UTC) <= datetime.now(UTC)
    again = client.watch(start.cursor)
    assert [message.cursor for message in kept(again, 2)] == [decision.cursor, report.cursor]
    only = client.watch(start.cursor, kinds=["outcome"])
    assert kept(only, 1) == [report]
    rest = client.watch(decision.cursor)
    assert kept(rest, 1) == [report]
    for stream in (again, only, rest):
        stream.close()  # type: ignore[attr-defined]


async def test_a_lost_connection_is_gone_on_from(server: Server, client: Client) -> None:
    """The client begins again with its last cursor: nothing is missed, and nothing comes twice."""
    names: list[str] = []
    with relaying(server.target) as relay:
        async with AsyncClient(relay.address, timeout=60, attempts=50) as other:
            watched = other.watch(kinds=["decision"])
            await anext(watched)
            for number in range(3):
                client.decide(li_na(f"lost-{number}"))
                while len(names) <= number:
                    response = await anext(watched)
                    if response.WhichOneof("kept"):
                        names.append(response.decision.customer_id)
                relay.cut()
            await watched.aclose()  # type: ignore[attr-defined]
    assert names == ["lost-0", "lost-1", "lost-2"]
    assert relay.connections > 1


def test_bad_requests_are_refused_by_field(client: Client, server: Server) -> None:
    """Every violation at once; a cursor that this log cannot have given is told apart from one that is none."""
    now = datetime.now(UTC)
    with pytest.raises(InvalidRequest) as refused:
        next(client.watch("tomorrow", since=now))
    assert [violation.field for violation in refused.value.violations] == ["cursor", "since"]
    with pytest.raises(InvalidRequest, match="another log"):
        next(client.watch(f"{2**62}.1"))
    with pytest.raises(ValueError, match="did you mean 'outcome'"):
        next(client.watch(kinds=["outcomes"]))
    with pytest.raises(InvalidRequest) as refused:
        next(client.due(timedelta(days=32)))
    assert [violation.field for violation in refused.value.violations] == ["within"]
    with pytest.raises(InvalidRequest) as refused:
        next(client.due(timedelta(hours=1), since=now + timedelta(hours=1), follow=True))
    assert [violation.field for violation in refused.value.violations] == ["within", "since"]
    with grpc.insecure_channel(server.target) as channel:
        stub = DecisionsStub(channel)  # type: ignore[no-untyped-call]
        calls: list[Any] = [
            stub.Watch(pb.WatchRequest.FromString(b"\x1a\x01\x09")),  # a kind of a later version
            stub.Watch(pb.WatchRequest(cursor="1" * 5000)),
            stub.Watch(pb.WatchRequest(cursor="1.\0")),
            stub.Watch(pb.WatchRequest(cursor="\u0661.1")),
            stub.Due(pb.DueRequest(within={"seconds": -1})),
        ]
        for call in calls:
            with pytest.raises(grpc.RpcError) as failure:
                next(call)
            assert failure.value.code() is grpc.StatusCode.INVALID_ARGUMENT


@pytest.fixture
def hourly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Server, Client]]:
    """A server of a book with one text a day, at any moment, for two watchers."""
    book = write_book(tmp_path / "book", HOURLY)
    monkeypatch.setenv("TACT_WATCHERS", "2")
    with (
        serving(book, tmp_path / "tact.db", "--allow-simulated-now") as server,
        Client(server.target, timeout=60) as client,
    ):
        yield server, client


def at(moment: datetime, customer: str, **over: object) -> pb.DecideRequest:
    """A request of the moment."""
    return li_na(customer, now=moment, **over)


def test_who_becomes_due_is_listed_by_when(hourly: tuple[Server, Client]) -> None:
    """By the latest blocked decision, not by one that a contact, a placement or another decision has made of no matter."""
    _, client = hourly
    now = datetime.now(UTC).replace(microsecond=0)
    for number, name in enumerate(("ann", "bob", "cyd", "dot")):
        client.decide(at(now - timedelta(hours=20 + number), name))
        blocked = client.decide(at(now - timedelta(hours=2), name))
        assert blocked.outcome == pb.OUTCOME_BLOCKED
    client.decide(at(now - timedelta(hours=1), "bob"))  # blocked again, until the same moment
    client.decide(at(now + timedelta(hours=3), "cyd"))  # contacted meanwhile
    client.decide(at(now - timedelta(hours=1), "dot", placement="page"))  # seen, which is no message
    client.decide(at(now - timedelta(hours=40), "zoe", placement="page"))
    client.link(["zoe", "ann"])
    listed = list(client.due(timedelta(hours=24)))
    assert [(due.customer_id, due.person_id) for due in listed] == [
        ("dot", "dot"),
        ("bob", "bob"),
        ("ann", "zoe"),
    ]
    assert [due.next_allowed_at.ToDatetime(UTC) for due in listed] == [
        now + timedelta(hours=hours) for hours in (1, 3, 4)
    ]
    assert all(list(due.campaigns) == ["tea"] and list(due.blocked_by) == ["rest"] for due in listed)
    assert [due.customer_id for due in client.due(timedelta(hours=2))] == ["dot"]
    assert list(client.due()) == []
    late = client.due(since=now - timedelta(days=9), within=timedelta(hours=2))
    assert [due.customer_id for due in late] == ["dot"]


def test_each_is_told_at_their_moment(hourly: tuple[Server, Client]) -> None:
    """Those who were due since a moment at once, others as it comes, also when they are decided about meanwhile."""
    _, client = hourly
    now = datetime.now(UTC)
    client.decide(at(now - timedelta(hours=25), "past"))
    client.decide(at(now - timedelta(hours=2), "past"))
    followed = client.due(since=now - timedelta(hours=2), follow=True)
    assert next(followed).customer_id == "past"
    for name in ("soon", "next"):  # and none of them once more
        soon = datetime.now(UTC) + timedelta(seconds=2)
        client.decide(at(soon - timedelta(hours=24), name))
        assert client.decide(at(now, name)).outcome == pb.OUTCOME_BLOCKED
        due = next(followed)
        assert due.customer_id == name
        assert due.next_allowed_at.ToDatetime(UTC) <= datetime.now(UTC)
    followed.close()  # type: ignore[attr-defined]


def test_streams_are_bounded_and_end_with_the_server(hourly: tuple[Server, Client]) -> None:
    """One more than it holds is refused until one ends; a server that stops ends them, and says how to go on."""
    server, _client = hourly
    with grpc.insecure_channel(server.target) as channel:
        stub = DecisionsStub(channel)  # type: ignore[no-untyped-call]
        first, second = (stub.Watch(pb.WatchRequest()) for _ in range(2))
        next(first), next(second)
        with pytest.raises(grpc.RpcError) as failure:
            next(stub.Due(pb.DueRequest()))
        assert failure.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        second.cancel()
        until(lambda: _is_held(stub))
        ended: list[grpc.RpcError] = []

        def read() -> None:
            try:
                next(first)
            except grpc.RpcError as error:
                ended.append(error)

        reader = threading.Thread(target=read)
        reader.start()
        assert server.stop() == 0
        reader.join(60)
    assert ended[0].code() is grpc.StatusCode.UNAVAILABLE
    assert "cursor" in str(ended[0].details())


def _is_held(stub: Any) -> bool:
    try:
        return list(stub.Due(pb.DueRequest())) == []
    except grpc.RpcError:
        return False
