"""What all customers share, on both stores: stock, totals, capacity."""

import json
from pathlib import Path

import pytest

from engine.decide.compiled import CompiledBook
from engine.decide.evaluate import evaluate
from engine.ledger.commit.decisions import DecideCommand
from engine.ledger.commit.events import RecordResult
from engine.ledger.commit.group import commit_group
from engine.ledger.commit.outcomes import ReportCommand
from engine.ledger.errors import RequestIdTaken
from engine.ledger.store.store import Store
from engine.model.decision import Decision, Outcome, Reason, ReasonCode, RuleKind
from engine.model.event import Event
from engine.model.instant import DAY, SECOND
from engine.model.request import Mode, Request
from tests.books import compiled_book
from tests.logs import Log

BOOK = """
book: {name: shop, timezone: Asia/Shanghai}
attributes:
  profile.phone: {type: text}
  profile.wants: {type: text}
channels:
  web:   {kind: inbound}
  app:   {kind: inbound, capacity: {limit: 3, per: calendar week}}
  sms:   {kind: outbound, address: profile.phone, consent: not_needed, hold: 1h, on_silence: release}
  phone: {kind: outbound, address: profile.phone, consent: not_needed, capacity: {limit: 2, per: calendar day}}
placements:
  hero: {channel: web, max_offers: 2}
  feed: {channel: app, max_offers: 4}
offers:
  rare:  {name: Rare, stock: 3, content: {default: {text: Rare}}}
  some:  {name: Some, stock: 8, content: {default: {text: Some}}}
  one:   {name: One, content: {default: {text: One}}}
  two:   {name: Two, content: {default: {text: Two}}}
  plain: {name: Plain, content: {default: {text: Plain}}}
campaigns:
  rare: {offer: rare, tier: 1, when: {profile.wants: rare}, channels: [sms], placements: [hero]}
  few:  {offer: plain, when: {profile.wants: few}, channels: [sms], placements: [hero], limits: {total: 2}}
  call: {offer: plain, when: {profile.wants: call}, channels: [phone, sms]}
  one:   {offer: one, when: {profile.wants: feed}, placements: [feed]}
  two:   {offer: two, when: {profile.wants: feed}, placements: [feed]}
  tried: {offer: some, when: {profile.wants: tried}, channels: [sms], control: 50%}
  shown: {offer: plain, when: {profile.wants: shown}, placements: [hero], limits: {total: 2}}
"""
NOW = 1_773_108_000_000_000  # 2026-03-10T10:00+08:00
HOUR = 3_600 * SECOND


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> CompiledBook:
    """The book of these tests."""
    return compiled_book(tmp_path_factory.mktemp("book"), BOOK)


def somebody(customer: object, wants: str, now: int = NOW, **over: object) -> Request:
    """A customer who wants something, and has a phone."""
    request = Request(str(customer), now, {"profile.phone": "138", "profile.wants": wants})
    return request._replace(**over)  # type: ignore[arg-type]


def settle(compiled: CompiledBook, store: Store, *requests: Request) -> list[Decision]:
    """Settles the requests in one group."""
    answers = commit_group(store, [DecideCommand(evaluate(compiled, request)) for request in requests])
    assert all(isinstance(one, Decision) for one in answers), answers
    return [one for one in answers if isinstance(one, Decision)]


def used(log: Log, counter: str) -> int:
    """What the counter's rows say together; none of them above its quota."""
    rows = log.rows(f"select used, quota, divided from counters where counter = '{counter}'")
    assert all(used <= quota for used, quota, _ in rows)
    assert sum(quota for _, quota, _ in rows) == max(rows[0][2], sum(used for used, _, _ in rows))
    return sum(used for used, _, _ in rows)


@pytest.mark.parametrize("size", [1, 2, 7])
def test_stock_is_given_exactly(compiled: CompiledBook, store: Store, any_log: Log, size: int) -> None:
    """Whatever the groups in which seven customers come, the first three get the offer and nobody else does."""
    asked = [somebody(n, "rare") for n in range(7)]
    answers = [
        one for start in range(0, 7, size) for one in settle(compiled, store, *asked[start : start + size])
    ]
    assert [one.outcome for one in answers] == [Outcome.OFFER] * 3 + [Outcome.BLOCKED] * 4
    last = answers[-1]
    assert (last.blocked_by, last.next_allowed_at) == (("rare/stock",), NOW + HOUR)  # when the holds end
    assert last.reasons == (Reason(ReasonCode.OUT_OF_STOCK, "rare/stock"),)
    assert used(any_log, "rare/stock") == 3
    assert any_log.rows("select count(*) from contacts") == [(3,)]


def test_a_message_of_which_nothing_is_heard_keeps_its_unit(
    tmp_path: Path, store: Store, any_log: Log
) -> None:
    """By default what was sent is gone for good, a year later too; a bounce gives it back."""
    book = compiled_book(tmp_path, BOOK.replace(", hold: 1h, on_silence: release", ""))
    sent = settle(book, store, *(somebody(n, "rare", NOW + n) for n in range(3)))
    (late,) = settle(book, store, somebody("late", "rare", NOW + 365 * DAY))
    assert (late.outcome, late.blocked_by) == (Outcome.BLOCKED, ("rare/stock",))
    assert used(any_log, "rare/stock") == 3
    report = ReportCommand(book, "", sent[0].decision_id, Event("b", "bounced", NOW + HOUR, {}), NOW + HOUR)
    assert commit_group(store, [report]) == [RecordResult.ACCEPTED]
    (later,) = settle(book, store, somebody("later", "rare", NOW + 366 * DAY))
    assert later.outcome is Outcome.OFFER


def test_a_hold_that_ends_gives_back(compiled: CompiledBook, store: Store, any_log: Log) -> None:
    """What was reserved and never delivered can be given again from the end of its hold on, and not before."""
    settle(compiled, store, *(somebody(n, "rare", NOW + n) for n in range(3)))
    early, first, second = settle(
        compiled,
        store,
        somebody("early", "rare", NOW + HOUR - 1),
        somebody("first", "rare", NOW + HOUR),
        somebody("second", "rare", NOW + HOUR),
    )
    assert [early.outcome, first.outcome, second.outcome] == [
        Outcome.BLOCKED,
        Outcome.OFFER,
        Outcome.BLOCKED,
    ]
    assert used(any_log, "rare/stock") == 3
    assert settle(compiled, store, somebody("third", "rare", NOW + HOUR + 2))[0].outcome is Outcome.OFFER
    assert any_log.rows("select count(*) from holdings where expires_at is not null") == [(2,)]
    assert any_log.rows("select count(*) from holdings where counted") == [(2,)]


def test_a_total_counts_what_its_limits_count(compiled: CompiledBook, store: Store, any_log: Log) -> None:
    """Of a campaign that goes out what a page shows is not counted; of one that does not, it is."""
    hero = [somebody(n, "few", placement="hero") for n in range(3)]
    assert {one.outcome for one in settle(compiled, store, *hero)} == {Outcome.OFFER}
    sent = settle(compiled, store, *(somebody(n, "few") for n in range(3)))
    assert [one.outcome for one in sent] == [Outcome.OFFER, Outcome.OFFER, Outcome.BLOCKED]
    assert sent[2].reasons == (Reason(ReasonCode.CAPPED, "few/total"),)
    shown = settle(compiled, store, *(somebody(n, "shown", placement="hero") for n in range(3)))
    assert [one.blocked_by for one in shown] == [(), (), ("shown/total",)]
    assert (used(any_log, "few/total"), used(any_log, "shown/total")) == (2, 2)


def test_capacity_ends_with_the_day_on_the_books_clock(compiled: CompiledBook, store: Store) -> None:
    """Two calls a day; the third goes by the next channel, or may go at midnight in Shanghai."""
    asked = [somebody(n, "call") for n in range(3)]
    assert [one.offers[0].channel for one in settle(compiled, store, *asked)] == ["phone", "phone", "sms"]
    midnight = NOW + 14 * HOUR
    by_phone = somebody("late", "call", midnight - 1, channels=("phone",))
    (late,) = settle(compiled, store, by_phone)
    assert (late.outcome, late.next_allowed_at) == (Outcome.BLOCKED, midnight)
    assert late.reasons == (Reason(ReasonCode.OVER_CAPACITY, "phone/capacity"),)
    assert settle(compiled, store, by_phone._replace(now=midnight))[0].outcome is Outcome.OFFER


def test_two_offers_of_one_answer_take_two(compiled: CompiledBook, store: Store, any_log: Log) -> None:
    """What is chosen for the first slot is gone for the second, and a preview sees the same and takes nothing."""
    feed = somebody("li-na", "feed", placement="feed", max_offers=4)
    first, seen, second = settle(compiled, store, feed, feed._replace(mode=Mode.PREVIEW), feed)
    assert [[one.campaign for one in each.offers] for each in (first, seen, second)] == [
        ["one", "two"],
        ["one"],
        ["one"],
    ]
    assert Reason(ReasonCode.OVER_CAPACITY, "app/capacity") in second.reasons
    assert used(any_log, "app/capacity") == 3


def test_what_is_withheld_takes_nothing(compiled: CompiledBook, store: Store, any_log: Log) -> None:
    """A shadow contact counts for its person alone; all of the stock goes to those who get it."""
    answers = [settle(compiled, store, somebody(n, "tried"))[0].outcome for n in range(40)]
    assert answers.count(Outcome.OFFER) == used(any_log, "some/stock") == 8
    assert answers.count(Outcome.CONTROL) > 0
    assert any_log.rows("select count(*) from holdings") == [(8,)]


def test_a_preview_shows_what_counts_and_takes_nothing(
    compiled: CompiledBook, store: Store, any_log: Log
) -> None:
    """Count, limit, window and verdict, before and after, in the group of the others and in one of its own."""
    look = somebody("li-na", "rare", mode=Mode.PREVIEW)
    before, *_, after = settle(compiled, store, look, *(somebody(n, "rare") for n in range(3)), look)
    (reading,) = before.candidate_outcomes[0].readings
    assert (reading.rule, reading.kind, reading.window) == ("rare/stock", RuleKind.STOCK, "")
    for decision, counted in ((before, 0), (after, 3), (settle(compiled, store, look)[0], 3)):
        (reading,) = decision.candidate_outcomes[0].readings
        assert (reading.counted, reading.limit, reading.blocks) == (counted, 3, counted == 3)
    (reading,) = settle(compiled, store, look._replace(now=NOW + HOUR))[0].candidate_outcomes[0].readings
    assert (reading.counted, reading.blocks) == (0, False)
    (call,) = (
        settle(compiled, store, somebody("x", "call", mode=Mode.PREVIEW))[0].candidate_outcomes[0].readings
    )
    assert (call.kind, call.counted, call.window, call.zones) == (
        RuleKind.CAPACITY,
        0,
        "calendar day",
        ("Asia/Shanghai",),
    )
    assert used(any_log, "rare/stock") == 3


def test_the_log_says_what_was_counted(compiled: CompiledBook, store: Store, any_log: Log) -> None:
    """The row of a decision has the count that it saw, when it blocks the moment that it named, and for which proposal."""
    for n in range(4):
        settle(compiled, store, somebody(n, "rare"))
    traces = [
        json.loads(trace) for (trace,) in any_log.rows("select trace from decisions order by decision_id")
    ]
    *passing, blocked = [trace["counters"] for trace in traces]
    proposal = ["rare", "sms"]
    assert passing == [[["rare/stock", n, 3, False, None, *proposal]] for n in range(3)]
    assert blocked == [["rare/stock", 3, 3, True, NOW + HOUR, *proposal]]


def test_a_retry_takes_nothing(compiled: CompiledBook, store: Store, any_log: Log) -> None:
    """The same request_id gets the same answer and holds one."""
    named = somebody("li-na", "rare", request_id="r-1")
    first, again = settle(compiled, store, named, named)
    assert first == again == settle(compiled, store, named)[0]
    assert used(any_log, "rare/stock") == 1


def test_the_limit_is_that_of_the_live_book(
    compiled: CompiledBook, store: Store, any_log: Log, tmp_path: Path
) -> None:
    """More in the book's stock is more to give from then on; less than was given gives nothing."""
    settle(compiled, store, *(somebody(n, "rare") for n in range(4)))
    more = compiled_book(tmp_path / "more", BOOK.replace("stock: 3", "stock: 5"))
    answers = settle(more, store, *(somebody(f"more-{n}", "rare") for n in range(3)))
    assert [one.outcome for one in answers] == [Outcome.OFFER] * 2 + [Outcome.BLOCKED]
    less = compiled_book(tmp_path / "less", BOOK.replace("stock: 3", "stock: 1"))
    assert settle(less, store, somebody("less", "rare"))[0].outcome is Outcome.BLOCKED
    assert used(any_log, "rare/stock") == 5
    both = [
        DecideCommand(evaluate(more, somebody("a", "rare"))),
        DecideCommand(evaluate(less, somebody("b", "rare"))),
    ]
    assert [one.blocked_by for one in commit_group(store, both) if isinstance(one, Decision)] == [
        ("rare/stock",)
    ] * 2


@pytest.mark.parametrize("mode", [Mode.PREVIEW, Mode.COMMIT])
def test_a_simulated_future_gives_back_nothing(
    compiled: CompiledBook, store: Store, any_log: Log, mode: Mode
) -> None:
    """In a group with a commit, before or after it, a simulated `now` after every hold frees nothing for the others."""
    settle(compiled, store, *(somebody(n, "rare") for n in range(3)))
    future = somebody("later", "rare", NOW + DAY, mode=mode, clock=NOW + 1)
    for turn in range(3):
        present = somebody(f"now-{turn}", "rare", NOW + 1)
        simulated, blocked, again = settle(compiled, store, future, present, future)
        assert blocked.outcome is Outcome.BLOCKED
        expected = Outcome.OFFER if mode is Mode.PREVIEW else Outcome.BLOCKED
        assert simulated.outcome is again.outcome is expected
    assert used(any_log, "rare/stock") == 3
    assert any_log.rows("select count(*) from holdings where counted") == [(3,)]


def test_a_hold_that_ends_within_a_batch_is_given_back(
    compiled: CompiledBook, store: Store, any_log: Log
) -> None:
    """Simulated moments of the past: the same answers in one batch as one by one, and the counter as exact."""
    requests = [somebody(n, "rare", NOW + n * HOUR // 2, clock=NOW + DAY) for n in range(9)]
    crowd = [somebody(f"crowd-{n}", "rare", NOW + 8 * HOUR // 2, clock=NOW + DAY) for n in range(4)]
    answers = settle(compiled, store, *requests, *crowd)
    assert [answer.outcome for answer in answers] == [Outcome.OFFER] * 10 + [Outcome.BLOCKED] * 3
    assert used(any_log, "rare/stock") == 3
    assert any_log.rows("select count(*) from holdings where counted") == [(3,)]


def test_many_holds_that_end_at_once_are_given_back(
    compiled: CompiledBook, store: Store, any_log: Log, tmp_path: Path
) -> None:
    """A night's holds do not have to be given back by one group, and what they held can be given all the same."""
    big = compiled_book(tmp_path / "big", BOOK.replace("stock: 3", "stock: 2500"))
    for start in range(0, 2500, 500):
        settle(big, store, *(somebody(f"{start}-{n}", "rare") for n in range(500)))
    assert settle(big, store, somebody("x", "rare"))[0].outcome is Outcome.BLOCKED
    later = NOW + DAY
    assert settle(compiled, store, somebody("small", "rare", later))[0].outcome is Outcome.OFFER
    assert used(any_log, "rare/stock") == 1


def test_a_request_id_of_another_question_is_refused(compiled: CompiledBook, store: Store) -> None:
    """In the same group and later, also by a preview; another context is a retry."""
    first = somebody("li-na", "few", request_id="r-1", placement="hero", max_offers=2)
    others = [
        first._replace(placement=""),
        first._replace(channels=("web",)),
        first._replace(max_offers=1),
        first._replace(mode=Mode.PREVIEW),
        first._replace(customer="zoe", mode=Mode.PREVIEW),
    ]
    commands = [DecideCommand(evaluate(compiled, request)) for request in (first, *others)]
    for results in (commit_group(store, commands), commit_group(store, commands)):
        assert isinstance(results[0], Decision)
        assert [type(result) for result in results[1:]] == [RequestIdTaken] * 5
    retry = first._replace(attributes={"profile.phone": "139", "profile.wants": "rare"})
    assert settle(compiled, store, retry) == [results[0]]


def test_a_preview_uses_no_request_id_up(compiled: CompiledBook, store: Store) -> None:
    """A preview's id may be that of a later preview, and of the decision that follows it; once that is made, it is used."""
    request = somebody("li-na", "few", request_id="r-1")
    preview = request._replace(mode=Mode.PREVIEW)
    questions = (preview, preview, request, preview, request)
    before, again, committed, *after = commit_group(
        store,
        [DecideCommand(evaluate(compiled, question)) for question in questions],
    )
    assert isinstance(before, Decision)
    assert isinstance(committed, Decision)
    assert before == again
    assert (before.decision_id, before.outcome, before.request_id) == ("", Outcome.OFFER, "r-1")
    assert committed.decision_id
    assert isinstance(after[0], RequestIdTaken)
    assert after[1] == committed
