"""A stock, a total and a capacity count the contacts from before the book had them, on both stores."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

from engine.decide.compiled import CompiledBook
from engine.ledger.queries import new_counters as queries
from engine.ledger.store.open import open_store
from engine.ledger.store.sqlite import SqliteStore, _select_sql
from engine.ledger.store.store import Store
from engine.model.decision import Outcome
from engine.model.instant import DAY, SECOND, to_datetime
from engine.model.request import Request
from tests.books import compiled_book
from tests.ledger.commit.shared import NOW, assert_sound, outcome, settle
from tests.logs import Log, sqlite_log

HOUR = 3600 * SECOND
BOOK = """
book: {{name: shop, timezone: UTC}}
attributes:
  profile.phone: {{type: text}}
  profile.wants: {{type: text}}
channels:
  page:  {{kind: inbound}}
  sms:   {{kind: outbound, address: profile.phone, consent: not_needed, hold: 1h, on_silence: release}}
  phone: {{kind: outbound, address: profile.phone, consent: not_needed, on_silence: confirm{capacity}}}
placements: {{home: {{channel: page}}}}
offers:
  rare:  {{name: Rare{stock}, content: {{default: {{title: Rare, text: Rare}}}}}}
campaigns:
  rare: {{offer: rare, when: {{profile.wants: rare}}, channels: [sms]{total}}}
  call: {{offer: rare, when: {{profile.wants: call}}, channels: [phone], placements: [home]{call}}}
"""
PLAIN = {"stock": "", "total": "", "capacity": "", "call": ""}
RULES = {
    "stock": ", stock: 5",
    "total": ", limits: {total: 4}",
    "capacity": ", capacity: {limit: 3, per: calendar day}",
    "call": ", control: 50%",
}


def book(folder: Path, *names: str) -> CompiledBook:
    """The book with these of its rules."""
    rules = {**PLAIN, **{name: RULES[name] for name in names}}
    return compiled_book(folder / "-".join(("book", *names)), BOOK.format(**rules))


def ask(
    compiled: CompiledBook, store: Store, wants: str, customers: range, now: int, **fields: str
) -> list[Outcome]:
    """What is decided for the customers, one by one."""
    outcomes = []
    for customer in customers:
        attributes = {"profile.phone": "1", "profile.wants": wants}
        (decision,) = settle(compiled, store, [Request(f"c-{customer}", now, attributes, **fields)])  # type: ignore[arg-type]
        outcomes.append(decision.outcome)
    return outcomes


def counts(log: Log) -> dict[str, int]:
    """What is counted, by rule."""
    assert_sound(log)
    return dict(log.rows("select counter, cast(sum(used) as integer) from counters group by counter"))


def test_a_stock_counts_what_was_given_before_it(store: Store, any_log: Log, tmp_path: Path) -> None:
    """What is held and what is confirmed counts; what expired, bounced, or was withheld does not; reports go on to matter."""
    plain, control, stocked = book(tmp_path), book(tmp_path, "call"), book(tmp_path, "stock")
    early = settle(plain, store, [Request("c-0", NOW, {"profile.phone": "1", "profile.wants": "rare"})])[0]
    ask(control, store, "call", range(100, 104), NOW)
    withheld = any_log.rows("select count(*) from contacts where state = 'shadow'")[0][0]
    assert 0 < withheld < 4
    later = [
        settle(
            plain,
            store,
            [Request(f"c-{number}", NOW + HOUR, {"profile.phone": "1", "profile.wants": "rare"})],
        )[0]
        for number in (1, 2)
    ]
    settle(plain, store, [], [outcome(plain, later[1].decision_id, "bounced", NOW + HOUR, NOW + HOUR, 1)])
    given = 1 + 4 - withheld
    now = NOW + HOUR + 60 * SECOND
    assert ask(stocked, store, "rare", range(10, 16), now).count(Outcome.OFFER) == 5 - given
    assert counts(any_log) == {"rare/stock": 5}
    settle(stocked, store, [], [outcome(stocked, early.decision_id, "delivered", now, now, 2)])
    settle(stocked, store, [], [outcome(stocked, later[1].decision_id, "delivered", now + 1, now + 1, 3)])
    assert counts(any_log) == {"rare/stock": 7}
    settle(stocked, store, [], [outcome(stocked, later[0].decision_id, "not_sent", now + 2, now + 2, 4)])
    assert counts(any_log) == {"rare/stock": 6}


def test_what_is_taken_out_and_put_back_has_lost_nothing(store: Store, any_log: Log, tmp_path: Path) -> None:
    """Contacts by a version of the book without the rules count for them, as soon as any version has had them."""
    plain, ruled = book(tmp_path), book(tmp_path, "stock", "total", "capacity")
    assert ask(ruled, store, "rare", range(1), NOW) == [Outcome.OFFER]
    assert ask(ruled, store, "call", range(1, 2), NOW) == [Outcome.OFFER]
    assert ask(plain, store, "call", range(2, 3), NOW + HOUR // 2) == [Outcome.OFFER]
    assert ask(plain, store, "call", range(3, 4), NOW + HOUR // 2, placement="home") == [Outcome.OFFER]
    assert counts(any_log) == {"rare/stock": 4, "rare/total": 1, "phone/capacity": 2}
    assert ask(ruled, store, "call", range(4, 6), NOW + HOUR // 2) == [Outcome.OFFER, Outcome.BLOCKED]
    # the first message was held for an hour, and what it took is given back
    assert ask(ruled, store, "rare", range(6, 8), NOW + HOUR) == [Outcome.OFFER, Outcome.BLOCKED]


def test_a_capacity_counts_its_period_and_a_total_what_goes_out(
    store: Store, any_log: Log, tmp_path: Path
) -> None:
    """Calls of the day before, and pages for a campaign that goes out, take nothing."""
    plain, ruled = book(tmp_path), book(tmp_path, "total", "capacity")
    ask(plain, store, "call", range(3), NOW - 1)
    ask(plain, store, "call", range(3, 5), NOW)
    ask(plain, store, "call", range(5, 7), NOW, placement="home")
    assert ask(ruled, store, "call", range(10, 12), NOW + 1) == [Outcome.OFFER, Outcome.BLOCKED]
    assert ask(ruled, store, "call", range(20, 24), NOW + DAY) == [*[Outcome.OFFER] * 3, Outcome.BLOCKED]
    assert counts(any_log)["phone/capacity"] == 6


def test_a_capacity_is_put_back_in_a_later_period(store: Store, tmp_path: Path) -> None:
    """Contacts by a version without it, on a day that has no counter, count for that day as soon as it is back."""
    plain, ruled = book(tmp_path), book(tmp_path, "capacity")
    assert ask(ruled, store, "call", range(1), NOW) == [Outcome.OFFER]
    assert ask(plain, store, "call", range(1, 3), NOW + DAY) == [Outcome.OFFER] * 2
    assert ask(ruled, store, "call", range(3, 5), NOW + DAY) == [Outcome.OFFER, Outcome.BLOCKED]


def test_a_simulated_future_takes_nothing_of_today(store: Store, tmp_path: Path) -> None:
    """Contacts that a version without the capacity makes at a simulated moment are not today's."""
    plain, ruled = book(tmp_path), book(tmp_path, "capacity")
    assert ask(ruled, store, "call", range(1), NOW) == [Outcome.OFFER]
    future = [
        Request(f"s-{n}", NOW + 3 * DAY, {"profile.phone": "1", "profile.wants": "call"}, clock=NOW)
        for n in range(2)
    ]
    assert [decision.outcome for decision in settle(plain, store, future)] == [Outcome.OFFER] * 2
    assert ask(ruled, store, "call", range(10, 13), NOW) == [*[Outcome.OFFER] * 2, Outcome.BLOCKED]


def test_a_capacity_gets_another_period(store: Store, tmp_path: Path) -> None:
    """A week that began before the change counts its days so far, and gives back what they held."""
    daily = book(tmp_path, "capacity")
    held = BOOK.replace("on_silence: confirm{capacity}", "hold: 1h, on_silence: release{capacity}")
    week = {**PLAIN, "capacity": ", capacity: {limit: 3, per: calendar week}"}
    weekly = compiled_book(tmp_path / "weekly", BOOK.format(**week))
    weekly_held = compiled_book(tmp_path / "weekly-held", held.format(**week))
    daily_held = compiled_book(
        tmp_path / "daily-held", held.format(**{**week, "capacity": RULES["capacity"]})
    )
    tuesday = NOW + (1 - to_datetime(NOW).weekday()) % 7 * DAY
    assert ask(daily, store, "call", range(1), tuesday) == [Outcome.OFFER]
    assert ask(daily_held, store, "call", range(1, 2), tuesday + DAY) == [Outcome.OFFER]
    assert ask(weekly, store, "call", range(2, 4), tuesday + DAY) == [Outcome.OFFER, Outcome.BLOCKED]
    assert ask(weekly_held, store, "call", range(4, 6), tuesday + DAY + HOUR) == [
        Outcome.OFFER,
        Outcome.BLOCKED,
    ]


def test_servers_with_and_without_the_rule_count_the_same(postgres_log: Log, tmp_path: Path) -> None:
    """While three servers get the stock one after the other, none of their contacts is lost or counted twice."""
    plain, stocked = book(tmp_path), book(tmp_path, "stock", "capacity")
    barrier = threading.Barrier(3)

    def serve(server: int) -> int:
        with closing(open_store(postgres_log.url, busy_timeout=60)) as store:
            barrier.wait()
            for turn in range(30):
                compiled = stocked if turn > 8 * server else plain
                requests = [
                    Request(f"c-{server}-{turn}-{n}", NOW, {"profile.phone": "1", "profile.wants": "call"})
                    for n in range(3)
                ]
                settle(compiled, store, requests)
        return server

    with ThreadPoolExecutor(3) as threads:
        assert list(threads.map(serve, range(3))) == [0, 1, 2]
    ((made,),) = postgres_log.rows("select count(*) from contacts")
    assert made >= 3 * 17  # servers that did not have the stock yet went on
    assert counts(postgres_log) == {"rare/stock": made, "phone/capacity": made}


def test_contacts_are_counted_by_the_index(tmp_path: Path) -> None:
    """A new counter goes from group to group of contacts, and counts those of its own, without reading others."""
    log = sqlite_log(tmp_path)
    open_store(log.url).close()
    with closing(SqliteStore(log.url)) as store:
        for statement, marks, how in (
            (queries._OFFERS, 0, "(offer>?)"),
            (queries._CAMPAIGNS, 1, "(offer=? AND campaign>?)"),
            (queries._CHANNELS, 1, "(offer=? AND campaign=? AND channel>?)"),
            (queries._COUNT, 6, "(offer=? AND campaign=? AND channel=? AND at>? AND at<?)"),
        ):
            plan = [
                row[3]
                for row in store.open().execute(
                    f"EXPLAIN QUERY PLAN {_select_sql(statement)}", [None] * marks
                )
            ]
            assert not [step for step in plan if "TEMP B-TREE" in step]
            assert any(step.endswith(f"contacts_by_offer {how}") for step in plan), plan
