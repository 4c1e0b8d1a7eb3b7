"""Record over a real channel: each event once, in time, on disk before the answer."""

import threading
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import grpc
import pytest
from google.rpc.status_pb2 import Status

from engine.api.v1 import decisions_pb2 as pb
from engine.client import Client, InvalidRequest, Recorded, TactError, outcome, recorded
from tests.books import write_book
from tests.ledger.memory.books import REMEMBERING
from tests.ledger.memory.calls import ACCEPTED, DUPLICATE, NOW, cart, codes, email, held, later, rows
from tests.servers import Server, serving, start_server


def test_record_counts_an_event_once(client: Client, ann: str, log: Path) -> None:
    """A second event of a name is a duplicate, in one call and in the next; another customer's of the same id is not."""
    first = cart(ann, event_id=f"{ann}-1")
    assert client.record([first, first], now=NOW) == [ACCEPTED, DUPLICATE]
    other = cart(f"{ann}-other", event_id=f"{ann}-1")
    assert client.record([first, other, other], now=NOW) == [DUPLICATE, ACCEPTED, DUPLICATE]
    assert rows(log, "select count(*) from events where person glob ?", f"{ann}*") == [(2,)]


def test_a_retry_does_not_hold_a_signal_longer(client: Client, ann: str) -> None:
    """Recording the same event once more a day later changes nothing."""
    event = cart(ann, event_id=f"{ann}-1")
    client.record([event], now=NOW)
    assert client.record([event], now=later(hours=23)) == [DUPLICATE]
    assert held(email(client, ann, later(hours=49))) == {}


def test_an_event_that_was_pushed_out_leads_to_nothing(client: Client, ann: str) -> None:
    """Recorded once more it is accepted, is pushed out again, and renews no signal."""
    first = cart(ann, event_id=f"{ann}-1")
    views = [recorded(ann, "view", later(minutes=one)) for one in range(1, 5)]
    client.record([first, *views, cart(ann, timedelta(minutes=-5))], now=later(minutes=10))
    assert client.record([first], now=later(hours=20)) == [ACCEPTED]
    assert held(email(client, ann, later(hours=49))) == {}


@pytest.mark.parametrize(
    ("event", "code", "field"),
    [
        (pb.RecordedEvent(event=cart("a").event), "INVALID_ARGUMENT", "events[0].customer.id"),
        (pb.RecordedEvent(event_id="x", customer=pb.Customer(id="a")), "INVALID_ARGUMENT", "events[0].event"),
        (cart("a", timedelta(days=10)), "INVALID_ARGUMENT", "events[0].event.at"),
        (cart("a", timedelta(days=-1, seconds=-1)), "INVALID_ARGUMENT", "events[0].event.at"),
        (cart("a", event_id="x" * 201), "INVALID_ARGUMENT", "events[0].event_id"),
        (cart("a", event_id="x\0"), "INVALID_ARGUMENT", "events[0].event_id"),
        (
            cart("a", attributes={f"n{n}": "x" * 4000 for n in range(5)}),
            "INVALID_ARGUMENT",
            "events[0].event",
        ),
        (
            pb.RecordedEvent(event_id="x", decision_id="d", event=cart("a").event),
            "INVALID_ARGUMENT",
            "'add_to_cart' is not an outcome",
        ),
        (outcome("d", "opend", NOW), "INVALID_ARGUMENT", "did you mean opened?"),
        (outcome("", "clicked", NOW), "INVALID_ARGUMENT", "events[0].customer.id"),
        (outcome("d", "clicked", later(hours=25)), "INVALID_ARGUMENT", "events[0].event.at"),
        (outcome("", "bounced", NOW, customer_id="a", channel="fax"), "INVALID_ARGUMENT", "not a channel"),
        (outcome("d", "unsubscribed", NOW), "FAILED_PRECONDITION", "name the customer"),
        (pb.RecordedEvent(event_id="x", decision_id="d"), "INVALID_ARGUMENT", "events[0].event: is required"),
        (
            pb.RecordedEvent(
                campaign="back", customer=pb.Customer(id="a"), event=cart("a", event_id="x").event
            ),
            "INVALID_ARGUMENT",
            "events[0].campaign: is for outcomes only",
        ),
    ],
)
def test_a_bad_event_is_its_own_error(
    client: Client, ann: str, event: pb.RecordedEvent, code: str, field: str
) -> None:
    """It is refused by name, and its neighbour is kept."""
    bad, good = client.record([event, cart(ann)], now=NOW)
    assert codes([bad, good]) == [code, ACCEPTED]
    assert isinstance(bad, Status)
    assert field in bad.message


def test_outcomes_of_a_decision_are_kept(client: Client, ann: str, log: Path) -> None:
    """What the e-mail's sender reports stands in the log with the decision's offer; sent again it is a duplicate."""
    client.record([cart(ann)], now=NOW)
    decision = email(client, ann, later(hours=1))
    events = [
        outcome(
            decision.decision_id, "converted", later(hours=3), value=9.5, currency="EUR", item="lip balm"
        ),
        outcome(decision.decision_id, "delivered", later(hours=2), event_id=f"{ann}-delivered"),
    ]
    assert client.record(events, now=later(hours=4)) == [ACCEPTED, ACCEPTED]
    assert client.record(events[1:], now=later(hours=5)) == [DUPLICATE]
    kept = "select type, campaign, offer, channel, value, currency, fields from outcomes where person = ? order by at"
    assert rows(log, kept, ann) == [
        ("delivered", "back", "back", "email", None, None, "{}"),
        ("converted", "back", "back", "email", 9.5, "EUR", '{"item":"lip balm"}'),
    ]
    assert rows(log, "select state from contacts where person = ?", ann) == [("confirmed",)]


def test_a_refund_is_kept_with_its_order(client: Client, ann: str, log: Path) -> None:
    """It needs an amount above 0, but no decision."""
    client.record([cart(ann)], now=NOW)
    decision = email(client, ann, later(hours=1))
    sale = outcome(
        decision.decision_id, "converted", later(hours=2), order=f"{ann}-7", value=9.5, currency="EUR"
    )
    refunds = [
        outcome("", "refunded", later(hours=3), customer_id=ann, order=f"{ann}-7", value=4.5, currency="EUR"),
        outcome(decision.decision_id, "refunded", later(hours=4), value=5),
        outcome("", "refunded", later(hours=3), customer_id=ann),
        outcome("", "refunded", later(hours=3), customer_id=ann, value=-1.0),
        outcome("", "converted", later(hours=3), customer_id=ann, value=-1.0),
    ]
    results = client.record([refunds[1], sale, refunds[0], *refunds[2:]], now=later(hours=5))
    assert codes(results) == [ACCEPTED] * 3 + ["INVALID_ARGUMENT"] * 2 + [ACCEPTED]
    assert not results.warnings
    kept = "select type, order_id, campaign, value from outcomes where person = ? order by at, value"
    assert rows(log, kept, ann) == [
        ("converted", f"{ann}-7", "back", 9.5),
        ("converted", None, "", -1.0),
        ("refunded", f"{ann}-7", "", 4.5),
        ("refunded", None, "back", 5.0),
    ]


def test_an_order_is_of_outcomes_only(client: Client, ann: str) -> None:
    """An event that is no outcome belongs to no order."""
    event = cart(ann)
    event.order = "7"
    (refused,) = client.record([event], now=NOW)
    assert isinstance(refused, Status)
    assert "order: is for outcomes only" in refused.message


def test_an_event_without_a_name_is_refused(server: Server, ann: str) -> None:
    """A caller that names none would count it twice by trying again; the name may stand in either place."""
    with grpc.insecure_channel(server.target) as channel:
        call = channel.unary_unary(
            "/tact.v1.Decisions/Record",
            request_serializer=pb.RecordRequest.SerializeToString,
            response_deserializer=pb.RecordResponse.FromString,
        )
        inner = cart(ann)
        inner.event.event_id = f"{ann}-inner"
        message = pb.RecordRequest(events=[cart(ann), inner])
        message.now.FromDatetime(NOW)
        refused, taken = call(message).results
    assert "event_id: is required" in refused.error.message
    assert (taken.event_id, taken.accepted) == (f"{ann}-inner", True)


def test_too_many_events_are_refused(client: Client, ann: str) -> None:
    """More than 1,000 in one call are a violation of the call, and 1,000 are not."""
    with pytest.raises(InvalidRequest):
        client.record([cart(ann)] * 1001, now=NOW)
    assert set(client.record([cart(ann) for _ in range(1000)], now=NOW)) == {ACCEPTED}


def test_concurrent_duplicates_count_once(server: Server, ann: str, log: Path) -> None:
    """Eight callers record the same events at once: each is accepted exactly once."""
    events = [recorded(ann, "view", NOW, event_id=f"{ann}-{number}") for number in range(5)]
    answers: list[list[Recorded | Status]] = []

    def call() -> None:
        with Client(server.target, timeout=30) as client:
            answers.append(client.record(events, now=NOW))

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    accepted = [[one is ACCEPTED for one in results] for results in answers]
    assert [sum(column) for column in zip(*accepted, strict=True)] == [1] * 5
    assert rows(log, "select count(*) from events where person = ?", ann) == [(5,)]


def test_two_processes_count_an_event_once(tmp_path: Path) -> None:
    """Two servers on one log, asked at once for the same events, accept each once, and both know the signal."""
    book, log = write_book(tmp_path / "book", REMEMBERING), tmp_path / "tact.db"
    events = [
        [cart(f"ann-{writer_lock}", event_id=f"{writer_lock}-{n}") for n in range(5)]
        for writer_lock in range(20)
    ]
    found: list[list[Recorded | Status]] = []

    def record_all(target: str) -> None:
        with Client(target, timeout=30) as client:
            found.append([one for some in events for one in client.record(some, now=NOW)])

    with (
        serving(book, log, "--allow-simulated-now") as one,
        serving(book, log, "--allow-simulated-now") as two,
    ):
        threads = [threading.Thread(target=record_all, args=(each.target,)) for each in (one, two)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with Client(one.target, timeout=30) as first, Client(two.target, timeout=30) as second:
            assert "cart-abandoned" in held(email(first, "ann-7", later(hours=40)))
            assert "cart-abandoned" in held(email(second, "ann-7", later(hours=41)))
    assert [sorted(pair) for pair in zip(*found, strict=True)] == [[ACCEPTED, DUPLICATE]] * 100


def test_acknowledged_events_and_signals_survive_kill_9(tmp_path: Path) -> None:
    """Killed while recording: whatever was acknowledged is there with its signal, and records again as a duplicate."""
    book, log = write_book(tmp_path / "book", REMEMBERING), tmp_path / "tact.db"
    acknowledged: list[str] = []
    for kill in range(5):
        server = start_server(book, log, "--allow-simulated-now")
        enough = threading.Event()
        caller = threading.Thread(target=_record_until_dead, args=(server, kill, acknowledged, enough))
        caller.start()
        assert enough.wait(30)
        server.kill()
        caller.join()
    with serving(book, log, "--allow-simulated-now") as server, Client(server.target, timeout=30) as client:
        again = client.record([cart(name, event_id=name) for name in acknowledged[:1000]], now=NOW)
        assert set(again) == {DUPLICATE}
        assert all(
            "cart-abandoned" in held(email(client, name, later(hours=40))) for name in acknowledged[::7]
        )
    assert rows(log, "select count(*) from events where person not in (select person from signals)") == [(0,)]


def _record_until_dead(server: Server, kill: int, acknowledged: list[str], enough: threading.Event) -> None:
    """Records event after event, each of a customer of its own, until nobody answers."""
    with Client(server.target, timeout=60, attempts=1) as client:
        for number in count():
            name = f"{kill}-{number}"
            try:
                client.record([cart(name, event_id=name)], now=NOW)
            except TactError:  # the server is dead
                return
            acknowledged.append(name)
            if number == 20:
                enough.set()


def test_a_book_that_keeps_no_events_refuses_them(tmp_path: Path) -> None:
    """Where nothing would be kept nothing is accepted."""
    with (
        serving(write_book(tmp_path / "book"), tmp_path / "tact.db") as running,
        Client(running.target) as client,
    ):
        assert codes(client.record([recorded("ann", "view", datetime.now(UTC))])) == ["FAILED_PRECONDITION"]
        with pytest.raises(InvalidRequest, match="simulate"):
            client.record([], now=NOW)


@pytest.mark.parametrize(
    ("type_", "meant"),
    [
        ("unsubscribe", "unsubscribed"),
        ("Unsubscribed", "unsubscribed"),
        ("opt-out", "unsubscribed"),
        ("complaint", "complained"),
        ("bounce", "bounced"),
        ("open", "opened"),
        ("unsubscribbed", "unsubscribed"),
        ("Soft Bounce", "bounced"),
        ("spam", "complained"),
        ("DELIVERED", "delivered"),
        ("not-sent", "not_sent"),
        ("opt_in", "subscribed"),
        ("conversion", "converted"),
        ("opens", "opened"),
        ("clicks", "clicked"),
        ("bounces", "bounced"),
        ("complaints", "complained"),
        ("deliveries", "delivered"),
        ("undelivered", "bounced"),
        ("resubscribe", "subscribed"),
        ("clikced", "clicked"),
        ("bonuced", "bounced"),
        ("cancellation", "cancelled"),
        ("unsubscription", "unsubscribed"),
        ("Spam complaint", "complained"),
    ],
)
@pytest.mark.parametrize("decision_id", ["", "d-1"])
def test_misspelt_outcomes_are_refused(
    client: Client, ann: str, type_: str, meant: str, decision_id: str
) -> None:
    """A word that is nearly an outcome's is refused with the word that was meant, with or without a decision."""
    (result,) = client.record([outcome(decision_id, type_, NOW, customer_id=ann)], now=NOW)
    assert isinstance(result, Status)
    assert codes([result]) == ["INVALID_ARGUMENT"]
    assert f"did you mean {meant}?" in result.message


def test_what_is_like_no_outcome_is_refused_with_a_decision_only(client: Client, ann: str) -> None:
    """Of a decision every type is an outcome, and the refusal lists them; without one it is an event."""
    refused, accepted = client.record(
        [outcome("d-1", "order", NOW, customer_id=ann), outcome("", "order", NOW, customer_id=ann)], now=NOW
    )
    assert isinstance(refused, Status)
    assert "outcomes are bounced, cancelled, clicked" in refused.message
    assert accepted is Recorded.ACCEPTED


@pytest.mark.parametrize("type_", ["page_opened", "order", "delivery_chosen", "subscription", "checked"])
def test_other_types_pass(client: Client, ann: str, type_: str) -> None:
    """Types that are not nearly an outcome's are events."""
    assert client.record([recorded(ann, type_, NOW)], now=NOW) == [ACCEPTED]
