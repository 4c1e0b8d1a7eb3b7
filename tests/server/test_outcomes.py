"""Outcomes over two servers on one log: what one of them is told, the other knows at once, on both stores."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import pytest
from google.rpc.status_pb2 import Status

from engine.api.v1 import decisions_pb2 as pb
from engine.client import Client, Recorded, outcome, request
from tests.books import write_book
from tests.logs import Log, sqlite_log
from tests.postgres import PostgresServer
from tests.servers import serving
from tests.waiting import HANGS

NOW = datetime(2026, 3, 10, 10, tzinfo=UTC)
BOOK = """
book: {name: told, timezone: UTC}
attributes: {profile.phone: {type: text}}
channels: {sms: {kind: outbound, address: profile.phone, consent: ads, hold: 24h, on_silence: release}}
offers: {tea: {name: Tea, content: {default: {text: Tea}}}}
campaigns: {tea: {offer: tea, channels: [sms], stop: {declined: 20d}}}
pressure:
  caps: {weekly: {limit: 1, per: rolling 7d}}
  pauses: {peace: {outcome: complained, for: 30d}}
"""


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def log(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Log:
    """A log on each store in turn, for all tests of this file."""
    if request.param == "sqlite":
        return sqlite_log(tmp_path_factory.mktemp("log"))
    server: PostgresServer = request.getfixturevalue("postgres_server")
    return Log(server.create_database("outcomes", template="empty"))


@pytest.fixture(scope="module")
def clients(log: Log, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Client, Client]]:
    """A client of each of the servers."""
    book = write_book(tmp_path_factory.mktemp("book"), BOOK)
    with pytest.MonkeyPatch.context() as environment, ExitStack() as stack:
        environment.setenv("TACT_BUSY_TIMEOUT", str(HANGS))
        servers = [stack.enter_context(serving(book, log, "--allow-simulated-now")) for _ in range(2)]
        first, second = (stack.enter_context(Client(server.target, timeout=HANGS)) for server in servers)
        yield first, second


def decide(tact: Client, name: str, hours: float = 0, mode: str = "commit") -> pb.DecideResponse:
    """The answer for somebody who can be reached and has agreed, as far as the caller knows."""
    at = NOW + timedelta(hours=hours)
    return tact.decide(request(name, profile={"phone": "1"}, consents=["ads"], now=at, mode=mode))


def tell(tact: Client, hours: float, *events: pb.RecordedEvent) -> list[Recorded | Status]:
    """What became of the events."""
    return tact.record(events, now=NOW + timedelta(hours=hours))


def happened(answer: pb.DecideResponse, kind: str, hours: float, event_id: str = "") -> pb.RecordedEvent:
    """It happened to the decision."""
    at = NOW + timedelta(hours=hours)
    return outcome(answer.decision_id, kind, at, event_id=event_id or None)


def test_a_contact_made_elsewhere_counts_on_every_server(clients: tuple[Client, Client]) -> None:
    """A message that another system sent uses up the cap; one that rules could not tell apart is refused."""
    first, second = clients
    message = outcome("", "contacted", NOW, customer_id="ivy", channel="sms", event_id="crm-1", page="crm")
    assert tell(first, 0, message) == [Recorded.ACCEPTED]
    assert tell(second, 1, message) == [Recorded.DUPLICATE]
    blocked = decide(second, "ivy", 1)
    assert list(blocked.blocked_by) == ["weekly"]
    assert blocked.next_allowed_at.ToDatetime(tzinfo=UTC) == NOW + timedelta(days=7)
    refused = tell(
        first,
        1,
        outcome("", "contacted", NOW, customer_id="ivy"),
        outcome("", "contacted", NOW, customer_id="ivy", channel="sms", campaign="te"),
        outcome("", "contacted", NOW, customer_id="ivy", channel="sms", category="srvice"),
        outcome("", "contacted", NOW, customer_id="ivy", channel="sms", attributes={"tags": "ad"}),
        outcome(blocked.decision_id, "contacted", NOW, channel="sms"),
    )
    assert [status.message for status in refused if isinstance(status, Status)] == [
        "events[0].channel: is required for `contacted`",
        "events[1].campaign: 'te' is not a campaign of the live book; did you mean 'tea'?",
        "events[2].event.category: 'srvice' is not a category of campaigns (commercial, service); did you mean 'service'?",
        "events[3].event.attributes.tags: must be a list of texts",
        "events[4].decision_id: must be empty for `contacted`: what was decided is a contact already",
    ]


def test_a_campaign_stops_after_a_no_on_every_server(clients: tuple[Client, Client]) -> None:
    """A preview of the other server shows the kind of rule, and until when it holds."""
    first, second = clients
    sent = decide(first, "una")
    assert tell(first, 1, happened(sent, "declined", 1)) == [Recorded.ACCEPTED]
    blocked = decide(second, "una", 24 * 10, "preview")
    assert list(blocked.blocked_by) == ["tea/stop/declined"]
    assert [
        (reading.rule, reading.kind, reading.window) for reading in blocked.pressure if reading.blocks
    ] == [("tea/stop/declined", pb.PRESSURE_KIND_STOP, "after declined for 20d")]
    assert decide(second, "una", 24 * 20 + 1, "preview").outcome == pb.OUTCOME_OFFER


def test_what_one_server_is_told_the_other_knows(clients: tuple[Client, Client]) -> None:
    """A bounce gives back, a late delivery counts again, a complaint silences, an unsubscribe bars: at once."""
    here, there = clients
    first = decide(here, "ann")
    assert decide(there, "ann", 1).blocked_by == ["weekly"]
    tell(here, 2, happened(first, "bounced", 2))
    second = decide(there, "ann", 3)
    assert second.outcome == pb.OUTCOME_OFFER
    tell(here, 30, happened(second, "delivered", 30))
    assert decide(there, "ann", 31).next_allowed_at.ToDatetime(UTC) == NOW + timedelta(hours=3, days=7)
    tell(there, 32, happened(second, "complained", 32))
    assert decide(here, "ann", 33).blocked_by == ["weekly", "peace"]
    tell(there, 34, happened(second, "unsubscribed", 34))
    last = decide(here, "ann", 24 * 60)
    assert (last.outcome, last.reasons[0].code) == (pb.OUTCOME_BLOCKED, pb.REASON_CODE_NO_CONSENT)
    preview = decide(there, "ann", 24 * 60, mode="preview")
    (reading,) = preview.pressure
    assert (reading.kind, reading.rule) == (pb.PRESSURE_KIND_CONSENT, "ads")
    assert reading.window == "withdrawn 2026-03-11T20:00:00+00:00"


def test_a_delivery_of_what_was_not_offered_is_warned_of(clients: tuple[Client, Client]) -> None:
    """A report of a decision that offered nothing is kept, with a warning by its index; the report of an offer has none."""
    here, there = clients
    offered, blocked = decide(here, "wanda"), decide(here, "wanda", 1)
    assert blocked.outcome == pb.OUTCOME_BLOCKED
    reports = [
        happened(offered, "delivered", 2),
        happened(blocked, "delivered", 2),
        happened(blocked, "converted", 2),
        outcome("no-such-decision", "opened", NOW),
    ]
    results = there.record(reports, now=NOW + timedelta(hours=3))
    assert results == [Recorded.ACCEPTED] * 4
    assert results.warnings == {
        1: "the decision's outcome was BLOCKED: it offered nothing that could be delivered",
        3: "the decision is not in the log: opened is kept, and changes no contact",
    }
    assert results.raise_for_errors() is results


def test_what_lapsed_is_in_the_pressure_of_a_preview(clients: tuple[Client, Client]) -> None:
    """A day without a report later the cap names the contact that it no longer counts; a report makes it count again."""
    here, there = clients
    first = decide(here, "lea")
    (held,) = [rule for rule in decide(there, "lea", 23, mode="preview").pressure if rule.rule == "weekly"]
    assert (held.counted, held.HasField("lapsed")) == (1, False)
    (reading,) = [rule for rule in decide(there, "lea", 24, mode="preview").pressure if rule.rule == "weekly"]
    assert (reading.blocks, reading.counted, reading.lapsed.contacts) == (False, 0, 1)
    assert reading.lapsed.contacted_at.ToDatetime(UTC) == NOW
    assert reading.lapsed.lapsed_at.ToDatetime(UTC) == NOW + timedelta(hours=24)
    tell(here, 25, happened(first, "delivered", 25))
    (counted,) = [rule for rule in decide(there, "lea", 26, mode="preview").pressure if rule.rule == "weekly"]
    assert (counted.counted, counted.HasField("lapsed")) == (1, False)


def test_callers_who_report_the_same_are_told_once(clients: tuple[Client, Client], log: Log) -> None:
    """Six callers report the same to both servers at once: each outcome is accepted once, and the latest holds."""
    answers = [decide(clients[0], f"p-{number}") for number in range(10)]
    events = [
        event
        for number, answer in enumerate(answers)
        for event in (
            happened(answer, "delivered", 1, f"d-{number}"),
            happened(answer, "bounced", 2, f"b-{number}"),
        )
    ]
    reports: list[list[Recorded | Status]] = []

    def report(caller: int) -> None:
        order = events if caller % 2 else events[::-1]
        results = {
            event.event_id: result for event in order for result in tell(clients[caller % 2], 3, event)
        }
        reports.append([results[event.event_id] for event in events])

    callers = [threading.Thread(target=report, args=(caller,)) for caller in range(6)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    accepted = [[result is Recorded.ACCEPTED for result in report] for report in reports]
    assert [sum(callers) for callers in zip(*accepted, strict=True)] == [1] * 20
    assert log.rows("select distinct state from contacts where person like 'p-%'") == [("released",)]
    assert log.rows("select count(*) from outcomes where person like 'p-%'") == [(20,)]
