"""Record and what is remembered, over a real channel."""

import sqlite3
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import grpc
import pytest
from google.rpc.status_pb2 import Status

from engine.api.v1 import decisions_pb2 as pb
from engine.client import Client, InvalidRequest, Recorded, TactError, recorded, request
from tests.books import write_book
from tests.memory.books import REMEMBERING
from tests.servers import Server, serving, start_server

NOW = datetime(2026, 3, 10, 10, tzinfo=UTC)
_CUSTOMERS = count()
ACCEPTED, DUPLICATE = Recorded.ACCEPTED, Recorded.DUPLICATE


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the module's server logs."""
    return tmp_path_factory.mktemp("log") / "tact.db"


@pytest.fixture(scope="module")
def server(log: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with the book that remembers."""
    book = write_book(tmp_path_factory.mktemp("book"), REMEMBERING)
    with serving(book, log, "--allow-simulated-now") as running:
        yield running


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[Client]:
    """A client of it."""
    with Client(server.target, timeout=20) as client:
        yield client


@pytest.fixture
def ann() -> str:
    """A customer of whom nothing is known."""
    return f"ann-{next(_CUSTOMERS)}"


def cart(customer: str, ago: timedelta = timedelta(0), **over: object) -> pb.RecordedEvent:
    """A lip balm put into the cart."""
    return recorded(customer, "add_to_cart", NOW - ago, **{"item": "lip balm", **over})  # type: ignore[arg-type]


def later(**span: float) -> datetime:
    """So much later."""
    return NOW + timedelta(**span)


def web(client: Client, customer: str, now: datetime = NOW, **given: object) -> pb.DecideResponse:
    """What the website would show."""
    return client.decide(request(customer, placement="hero", max_offers=5, now=now, **given))  # type: ignore[arg-type]


def email(client: Client, customer: str, now: datetime) -> pb.DecideResponse:
    """What would be sent."""
    profile, consents = {"email": "a@example.org"}, ["email"]
    return client.decide(request(customer, profile=profile, consents=consents, now=now))


def held(answer: pb.DecideResponse) -> dict[str, datetime]:
    """The signals that held, and since when."""
    return {one.name: one.since.ToDatetime(UTC) for one in answer.signals}


def codes(results: list[Recorded | Status]) -> list[object]:
    """What became of each event, errors by their code."""
    names = {code.value[0]: code.name for code in grpc.StatusCode}
    return [names[one.code] if isinstance(one, Status) else one for one in results]


def test_seen_on_the_web_spoken_to_by_email(client: Client, ann: str) -> None:
    """What was recorded two days ago raised a signal then; tomorrow's e-mail knows it and its item, without any event."""
    assert client.record([cart(ann)], now=NOW) == [ACCEPTED]
    answer = email(client, ann, later(hours=47))
    (offer,) = answer.offers
    assert (offer.channel, dict(offer.content)) == ("email", {"title": "Your lip balm"})
    assert held(answer)["cart-abandoned"] == NOW


def test_events_of_a_request_raise_a_signal_too(client: Client, ann: str) -> None:
    """Raised on the web by a decision, held two days for every channel."""
    message = request(ann, placement="hero", now=NOW)
    message.context.events.append(cart(ann).event)
    client.decide(message)
    assert [one.campaign for one in email(client, ann, later(hours=47)).offers] == ["back"]


def test_it_ends_to_the_second(client: Client, ann: str) -> None:
    """A second before its time is over the signal holds, and then no longer."""
    client.record([cart(ann)], now=NOW)
    assert "cart-abandoned" in held(email(client, ann, later(hours=47, minutes=59, seconds=59)))
    assert "cart-abandoned" not in held(email(client, ann, later(hours=48)))


def test_concluded_anew_it_keeps_since_and_lasts(client: Client, ann: str) -> None:
    """While the pattern holds each request renews the time, and since stays the first."""
    client.record([cart(ann)], now=NOW)
    web(client, ann, later(hours=20))
    assert held(email(client, ann, later(hours=67)))["cart-abandoned"] == NOW
    assert held(email(client, ann, later(hours=68))) == {}


def test_until_ends_it(client: Client, ann: str) -> None:
    """A purchase that is recorded drops the signal at once, and what raised it cannot raise it again."""
    client.record([cart(ann), cart(ann, item="soap")], now=NOW)
    assert "cart-abandoned" in held(web(client, ann, later(hours=1)))
    client.record([recorded(ann, "purchase", later(hours=2), item="soap")], now=later(hours=2))
    assert held(web(client, ann, later(hours=3))) == {}


def test_a_signal_that_needs_the_profile_waits_for_it(client: Client, ann: str) -> None:
    """`none: gold` says nothing where events are recorded; the next request that tells the tier decides."""
    client.record([cart(ann)], now=NOW)
    assert list(held(web(client, ann, profile={"tier": "gold"}))) == ["cart-abandoned"]
    assert list(held(web(client, ann))) == ["cart-abandoned", "hesitant"]


def test_record_counts_an_event_once(client: Client, ann: str, log: Path) -> None:
    """A second event of a name is a duplicate, in one call and in the next; another customer's is refused."""
    first = cart(ann, event_id=f"{ann}-1")
    assert client.record([first, first], now=NOW) == [ACCEPTED, DUPLICATE]
    other = cart(f"{ann}-other", event_id=f"{ann}-1")
    assert codes(client.record([first, other], now=NOW)) == [DUPLICATE, "ALREADY_EXISTS"]
    assert rows(log, "select count(*) from events where person glob ?", f"{ann}*") == [(1,)]


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
        (recorded("a", "clicked", NOW), "UNIMPLEMENTED", ""),
        (pb.RecordedEvent(event_id="x", decision_id="d", event=cart("a").event), "UNIMPLEMENTED", ""),
        (pb.RecordedEvent(event_id="x", customer=pb.Customer(id="a", aliases=["b"])), "UNIMPLEMENTED", ""),
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


def test_previews_and_explanations_change_nothing(client: Client, ann: str, log: Path) -> None:
    """They see what is remembered, write no signal and leave a new customer new."""
    message = request(ann, placement="hero", max_offers=5, now=NOW, mode="preview")
    message.context.events.append(cart(ann).event)
    assert list(held(client.decide(message))) == ["cart-abandoned", "hesitant"]
    assert [one.name for one in client.explain(message).signals] == ["cart-abandoned", "hesitant"]
    assert rows(log, "select * from signals where person = ?", ann) == []
    assert rows(log, "select * from persons where person = ?", ann) == []


def test_explain_says_what_led_to_a_signal(client: Client, ann: str) -> None:
    """One is concluded from another; one that is remembered says so, and that its condition does not hold now."""
    client.record([cart(ann)], now=NOW)
    abandoned, hesitant = client.explain(request(ann, placement="hero", now=later(hours=30))).signals
    assert (abandoned.remembered, list(abandoned.led_by)) == (True, [])
    assert abandoned.expires_at.ToDatetime(UTC) == later(hours=48)
    assert abandoned.condition.verdict == pb.VERDICT_UNKNOWN
    assert (hesitant.remembered, list(hesitant.led_by)) == (False, ["cart-abandoned"])


def test_a_customer_is_new_once(client: Client, ann: str) -> None:
    """Until a decision or an event is kept; a retry of the first request gets the first answer."""
    first = request(ann, placement="hero", now=NOW, request_id=f"{ann}-first")
    assert [one.campaign for one in client.decide(first).offers] == ["hello"]
    assert list(web(client, ann).offers) == []
    assert [one.campaign for one in client.decide(first).offers] == ["hello"]
    bob = f"{ann}-bob"
    client.record([recorded(bob, "view", NOW)], now=NOW)
    assert list(web(client, bob).offers) == []


def test_the_log_says_what_was_remembered(client: Client, ann: str, log: Path) -> None:
    """Inputs name the signals with their times, and hold what was derived from recalled events."""
    client.record([cart(ann)], now=NOW)
    answer = web(client, ann)
    sql = "select json_extract(inputs, ?) from decisions where decision_id = ?"
    (signals,), (item,), (events,) = (
        rows(log, sql, path, answer.decision_id)[0]
        for path in ("$.signals[0][0]", '$.attributes."signal.cart-abandoned.item"', "$.recalled_events")
    )
    assert (signals, item, events) == ("cart-abandoned", "lip balm", 1)


def test_a_retried_decision_names_its_signals(client: Client, ann: str) -> None:
    """The answer from the log has the signals of the first answer."""
    client.record([cart(ann)], now=NOW)
    message = request(ann, placement="hero", now=NOW, request_id=f"{ann}-again")
    assert held(client.decide(message)) == held(client.decide(message)) != {}


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
    events = [[cart(f"ann-{turn}", event_id=f"{turn}-{n}") for n in range(5)] for turn in range(20)]
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
    with Client(server.target, timeout=5, attempts=1) as client:
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


def rows(log: Path, sql: str, *parameters: str) -> list[tuple[object, ...]]:
    """What another program reads from the log."""
    with sqlite3.connect(log) as connection:
        return connection.execute(sql, parameters).fetchall()
