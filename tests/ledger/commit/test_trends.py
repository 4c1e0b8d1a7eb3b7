"""Events of all customers, counted by hours on both stores: exactly beside other servers, and each event once."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from engine.decide.compiled import CompiledBook
from engine.decide.evaluate import evaluate
from engine.ledger.commit.alarms import AlarmCommand
from engine.ledger.commit.books import KeepTrendsCommand
from engine.ledger.commit.decisions import DecideCommand
from engine.ledger.commit.events import RecordCommand
from engine.ledger.commit.group import commit_group
from engine.ledger.feed import START, read_feed
from engine.ledger.queries import trends
from engine.ledger.store.open import open_store
from engine.ledger.store.store import Store
from engine.model.decision import Decision
from engine.model.event import Event
from engine.model.instant import DAY, SECOND
from engine.model.request import Request
from engine.model.trends import HOUR, TrendAlert, TrendCounts, by_hour
from engine.model.values import Value
from tests.books import compiled_book
from tests.logs import Log
from tests.replays import assert_replays

NOW = 1_773_108_000_000_000  # 2026-03-10T02:00Z
SERIES = ("complaint", "product")
BOOK = """
book: {name: trends, timezone: UTC}
attributes: {profile.phone: {type: text}, profile.product: {type: text}}
events: {stored: true, newest: 3}
channels: {sms: {kind: outbound, address: profile.phone, consent: not_needed}}
offers:
  nougat: {name: Nougat, content: {default: {text: Nougat}}}
  sorry: {name: Sorry, content: {default: {text: Sorry}}}
campaigns:
  sell:
    offer: nougat
    channels: [sms]
    when: {none: [{trend: {event: complaint, by: product, value: {offer: name}, within: 2h, against: 7d, ratio: {gte: 3}}}]}
  apologise:
    offer: sorry
    channels: [sms]
    tier: 1
    when: {trend: {event: complaint, by: product, value: {attribute: profile.product}, within: 2h, ratio: {gte: 3}}}
"""


@pytest.fixture
def compiled(tmp_path: Path) -> CompiledBook:
    """The book that counts complaints."""
    return compiled_book(tmp_path / "book", BOOK)


def complaint(
    compiled: CompiledBook, name: str, at: int = NOW, product: Value | None = "nougat", customer: str = ""
) -> RecordCommand:
    """A complaint, of a customer of its own unless one is given."""
    fields = {} if product is None else {"product": product}
    return RecordCommand(compiled, customer or name, Event(name, "complaint", at, fields), NOW)


def cells(store: Store) -> dict[tuple[int, str], int]:
    """What is counted, by hours from now and value."""
    with store.transaction():
        read = trends.cells(store, {SERIES[0]: [SERIES[1]]}, 0)
    return {((cell.hour - NOW) // HOUR, cell.value): cell.number for cell in read}


def counts(store: Store, since: int = NOW - 30 * DAY) -> TrendCounts:
    """What a server has read."""
    source = TrendCounts()
    with store.transaction():
        read = by_hour(trends.cells(store, {SERIES[0]: [SERIES[1]]}, 0))
    source.take(read, {SERIES: since})
    return source


def record(store: Store, commands: Sequence[RecordCommand]) -> None:
    """Records the events in groups of ten."""
    for index in range(0, len(commands), 10):
        commit_group(store, commands[index : index + 10])


def test_servers_count_together(any_log: Log, compiled: CompiledBook) -> None:
    """Three servers at once count every event once, in the hour in which it happened, by value."""
    given = [
        [complaint(compiled, f"{server}-{n}", NOW - n % 3 * HOUR, f"p{n % 2}") for n in range(60)]
        for server in range(3)
    ]

    def serve(commands: Sequence[RecordCommand]) -> None:
        with closing(open_store(any_log.url)) as store:
            record(store, commands)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(serve, given))
    with closing(open_store(any_log.url)) as store:
        assert cells(store) == {(-hour, f"p{product}"): 30 for hour in range(3) for product in range(2)}


def test_an_event_counts_once(any_log: Log, compiled: CompiledBook) -> None:
    """Sent again, in one group, later, or after newer ones took its room, an event is not counted again."""
    events = [complaint(compiled, f"e{n}", NOW - n * HOUR, customer="ann") for n in range(5, 0, -1)]
    with closing(open_store(any_log.url)) as store:
        for event in events:
            commit_group(store, [event, event])
        commit_group(store, events)
        commit_group(store, events[:1])
        assert cells(store) == {(-n, "nougat"): 1 for n in range(1, 6)}


def test_what_is_no_value(any_log: Log, compiled: CompiledBook) -> None:
    """A missing or blank field counts nowhere, a long one or a list with the others, and so does what is before 36 days."""
    values: list[Value | None] = [None, " ", "x" * 201, ("a",), 3, True]
    commands = [complaint(compiled, f"e{n}", NOW, value) for n, value in enumerate(values)]
    commands.append(complaint(compiled, "old", NOW - trends.KEPT - HOUR))
    with closing(open_store(any_log.url)) as store:
        commit_group(store, commands)
        assert cells(store) == {(0, "*"): 2, (0, "3"): 1, (0, "true"): 1}


def test_an_hour_has_a_limit_of_values(
    any_log: Log, compiled: CompiledBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond it, new values count with the others, but for those that the book names."""
    monkeypatch.setattr(trends, "MOST_VALUES", 2)
    commands = [complaint(compiled, f"e{n}", NOW, f"p{n}") for n in range(4)]
    with closing(open_store(any_log.url)) as store:
        commit_group(store, commands[:1])
        commit_group(store, [*commands[1:], complaint(compiled, "named")])
        commit_group(store, [complaint(compiled, "again", NOW, "p0")])
        assert cells(store) == {(0, "p0"): 2, (0, "p1"): 1, (0, "*"): 2, (0, "nougat"): 1}


def test_since_when_it_is_counted(any_log: Log, compiled: CompiledBook) -> None:
    """The first server's moment stays; after a day on which none counted, counting begins anew; old cells are deleted."""
    with closing(open_store(any_log.url)) as store:
        commit_group(store, [complaint(compiled, "old", NOW - 35 * DAY), complaint(compiled, "new")])
        for at, since in ((NOW, NOW), (NOW + DAY, NOW), (NOW + 3 * DAY, NOW + 3 * DAY)):
            commit_group(store, [KeepTrendsCommand(compiled, at)])
            with store.transaction():
                assert trends.series(store) == {SERIES: since}
        assert cells(store) == {(0, "nougat"): 1}


def decide(store: Store, compiled: CompiledBook, name: str, source: TrendCounts) -> str:
    """The campaign that is chosen for somebody who has nougat."""
    attributes = {"profile.phone": "1", "profile.product": "nougat"}
    request = Request(name, NOW + HOUR, attributes, trends=source)
    (answer,) = commit_group(store, [DecideCommand(evaluate(compiled, request))])
    assert isinstance(answer, Decision)
    return answer.offers[0].campaign


def test_a_trend_pauses_campaigns(any_log: Log, compiled: CompiledBook) -> None:
    """Complaints of a product end what sells it and begin what makes up for it; the log makes each decision again."""
    usual = [complaint(compiled, f"u{n}", NOW - n * 12 * HOUR) for n in range(1, 12)]
    with closing(open_store(any_log.url)) as store:
        record(store, usual)
        assert decide(store, compiled, "ann", counts(store)) == "sell"
        record(store, [complaint(compiled, f"n{n}") for n in range(5)])
        assert decide(store, compiled, "bob", counts(store)) == "apologise"
        assert decide(store, compiled, "cid", counts(store, since=NOW - DAY // 2)) == "sell"
        assert decide(store, compiled, "dee", TrendCounts()) == "sell"
    assert assert_replays(any_log.url) == 4


def test_a_beginning_is_told_once(any_log: Log, compiled: CompiledBook) -> None:
    """Servers that look at once tell of a trend once; it has to end before it is told again, whatever clock is behind."""
    with closing(open_store(any_log.url)) as store:
        commit_group(store, [KeepTrendsCommand(compiled, NOW - 8 * DAY)])
        record(store, [complaint(compiled, f"n{n}") for n in range(5)])

    def look(at: int) -> list[TrendAlert]:
        with closing(open_store(any_log.url)) as store:
            (alerts,) = commit_group(store, [AlarmCommand(compiled, at)])
        assert isinstance(alerts, list)
        return alerts

    with ThreadPoolExecutor(3) as pool:
        told = [alert for alerts in pool.map(look, [NOW + 1] * 6) for alert in alerts]
    beginning = TrendAlert("complaint", "product", "nougat", 5, 0.0, NOW + 1)
    assert told == [beginning]  # also where two conditions need the same
    assert look(NOW + 2 * HOUR) == []
    assert look(NOW + 3 * HOUR) == []
    assert look(NOW + 3 * HOUR - SECOND) == []
    with closing(open_store(any_log.url)) as store:
        with store.transaction(writes=False):
            entries = [entry.row for entry in read_feed(store, START).entries]
        assert [row for row in entries if isinstance(row, TrendAlert)] == told
        record(store, [complaint(compiled, f"later{n}", NOW + 9 * HOUR) for n in range(7)])
    assert [alert.number for alert in look(NOW + 9 * HOUR)] == [7]
