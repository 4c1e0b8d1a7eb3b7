"""Capacities for each hour and minute, on both stores."""

from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from engine.decide.compiled import CompiledBook
from engine.decide.pressure.clock import span_of_clock
from engine.ledger.store.open import open_store
from engine.ledger.store.store import Store
from engine.model.decision import Decision, Outcome
from engine.model.instant import DAY, SECOND, Instant
from engine.model.request import Mode, Request
from tests.books import compiled_book
from tests.ledger.commit.shared import NOW, assert_sound, outcome, settle
from tests.ledger.commit.test_quotas_together import at_once
from tests.logs import Log
from tests.replays import assert_replays

MINUTE, HOUR = 60 * SECOND, 3600 * SECOND
BOOK = """
book: {name: rates, timezone: ZONE}
attributes: {profile.phone: {type: text}}
channels: {sms: {kind: outbound, address: profile.phone, consent: not_needed, hold: 20d, on_silence: release CAPACITY}}
offers: {tea: {name: Tea, content: {default: {text: Tea}}}}
campaigns: {tea: {offer: tea, channels: [sms]}}
"""
Books = Callable[..., CompiledBook]


@pytest.fixture
def book(tmp_path: Path) -> Books:
    """Makes a book whose channel has this capacity."""

    def made(limit: int, period: str, zone: str = "UTC") -> CompiledBook:
        capacity = f", capacity: {{limit: {limit}, per: calendar {period}}}" if limit else ""
        text = BOOK.replace("CAPACITY", capacity).replace("ZONE", zone)
        return compiled_book(tmp_path / f"{limit}-{period}-{zone.replace('/', '-')}", text)

    return made


def ask(
    compiled: CompiledBook, store: Store, now: Instant, name: object, mode: Mode = Mode.COMMIT
) -> Decision:
    """The decision for the customer."""
    (decision,) = settle(compiled, store, [Request(f"c-{name}", now, {"profile.phone": "1"}, mode=mode)])
    return decision


def sent(compiled: CompiledBook, store: Store, now: Instant, number: int) -> int:
    """How many of so many customers get the message."""
    requests = [Request(f"{now}-{n}", now, {"profile.phone": "1"}) for n in range(number)]
    return sum(decision.outcome is Outcome.OFFER for decision in settle(compiled, store, requests))


@pytest.mark.parametrize(("period", "length"), [("minute", MINUTE), ("hour", HOUR)])
def test_there_is_room_again_when_the_clock_shows_the_next(
    book: Books, any_log: Log, period: str, length: int
) -> None:
    """Five each minute or hour: the sixth is told when, which is the first moment at which it goes."""
    compiled = book(5, period)
    with closing(open_store(any_log.url)) as store:
        start = NOW + 7 * length // 10
        assert sent(compiled, store, start, 9) == 5
        refused = ask(compiled, store, start + SECOND, "late")
        assert (refused.outcome, refused.blocked_by) == (Outcome.BLOCKED, ("sms/capacity",))
        assert refused.next_allowed_at == NOW + length
        assert ask(compiled, store, NOW + length - 1, "late").outcome is Outcome.BLOCKED
        assert ask(compiled, store, NOW + length, "late").outcome is Outcome.OFFER
        (reading,) = ask(compiled, store, NOW + length, "x", Mode.PREVIEW).candidate_outcomes[0].readings
        assert (reading.window, reading.counted, reading.limit) == (f"calendar {period}", 1, 5)
    assert_sound(any_log)
    assert_replays(any_log.url)


def test_what_bounces_gives_room_in_its_own_minute_only(book: Books, any_log: Log) -> None:
    """A report within the minute frees a place; one that comes later changes nothing of the present minute."""
    compiled = book(2, "minute")
    with closing(open_store(any_log.url)) as store:
        first, second = (ask(compiled, store, NOW, n) for n in range(2))
        settle(compiled, store, [], [outcome(compiled, first.decision_id, "bounced", NOW, NOW, "b")])
        assert sent(compiled, store, NOW + SECOND, 3) == 1
        settle(
            compiled, store, [], [outcome(compiled, second.decision_id, "bounced", NOW, NOW + MINUTE, "b")]
        )
        assert sent(compiled, store, NOW + MINUTE, 3) == 2
    assert_sound(any_log)


def test_several_at_once_fill_every_minute_exactly(book: Books, any_log: Log) -> None:
    """Four at a time, each asking for more than there is: no minute has more than its limit, and none has less."""
    compiled = book(7, "minute")

    def work(worker: int) -> None:
        with closing(open_store(any_log.url, busy_timeout=60)) as store:
            for minute in range(4):
                now = NOW + minute * MINUTE + worker * SECOND
                settle(
                    compiled,
                    store,
                    [Request(f"{worker}-{minute}-{n}", now, {"profile.phone": "1"}) for n in range(5)],
                )

    at_once(work)
    assert_sound(any_log)
    by_minute = Counter((at - NOW) // MINUTE for (at,) in any_log.rows("select at from contacts"))
    assert by_minute == dict.fromkeys(range(4), 7)


def test_books_without_the_rule_count_in_each_minute(book: Books, any_log: Log) -> None:
    """Once the log has the counter, what another book sends takes from the minute in which it is sent."""
    limited, free = book(3, "minute"), book(0, "minute")
    with closing(open_store(any_log.url)) as first, closing(open_store(any_log.url)) as second:
        assert sent(free, second, NOW, 2) == 2
        assert sent(limited, first, NOW + SECOND, 5) == 1  # what was sent before the rule counts
        for minute in range(1, 4):
            now = NOW + minute * MINUTE
            assert sent(free, second, now, 2) == 2
            assert sent(limited, first, now + SECOND, 5) == 1
    assert_sound(any_log)


def test_minutes_of_earlier_days_are_purged(book: Books, any_log: Log) -> None:
    """The rows do not grow without bound; a report about a contact of a purged minute does no harm."""
    compiled = book(2, "minute")
    with closing(open_store(any_log.url)) as store:
        old = ask(compiled, store, NOW, "old")
        for minute in range(1, 5):
            sent(compiled, store, NOW + minute * MINUTE, 1)
        later = NOW + 2 * DAY
        assert sent(compiled, store, later, 1) == 1
        assert sent(compiled, store, later + MINUTE, 1) == 1
        periods = {period for (period,) in any_log.rows("select period from counters")}
        assert periods == {later, later + MINUTE}
        settle(compiled, store, [], [outcome(compiled, old.decision_id, "bounced", NOW, later, "b")])
        assert {period for (period,) in any_log.rows("select period from counters")} == periods
        assert sent(compiled, store, later + MINUTE, 3) == 1
    assert len(store.counters) < 3
    assert_sound(any_log)


def test_a_capacity_that_counts_in_another_period_begins_with_its_contacts(book: Books, any_log: Log) -> None:
    """A day, a week and a month that begin together are counters apart, and each has all contacts of its own period."""
    monday = NOW - DAY  # 2026-03-09
    daily, weekly = book(2, "day"), book(6, "week")
    with closing(open_store(any_log.url)) as store:
        assert sent(daily, store, monday, 3) == 2
        assert sent(daily, store, monday + DAY, 3) == 2
        assert sent(weekly, store, monday + DAY + HOUR, 9) == 2  # of Monday two, of Tuesday two
        assert sent(daily, store, monday + DAY + 2 * HOUR, 3) == 0
    counters = dict(any_log.rows("select period, cast(sum(used) as integer) from counters group by period"))
    assert counters == {monday: 2, monday + 1: 6, monday + DAY: 2}


@pytest.mark.parametrize(
    ("zone", "at", "length", "span"),
    [
        ("UTC", NOW + 90 * SECOND, HOUR, (0, HOUR)),
        ("UTC", NOW + 90 * SECOND, MINUTE, (MINUTE, 2 * MINUTE)),
        ("Asia/Kolkata", NOW + 90 * SECOND, HOUR, (-HOUR // 2, HOUR // 2)),
    ],
)
def test_the_hour_that_the_clock_shows(zone: str, at: Instant, length: int, span: tuple[int, int]) -> None:
    """Full hours are those of the zone."""
    assert span_of_clock(ZoneInfo(zone), at, length) == (NOW + span[0], NOW + span[1])


@pytest.mark.parametrize(
    ("zone", "changes_at"),
    [
        ("Europe/Paris", 1_774_746_000_000_000),  # 2026-03-29 01:00Z, forward
        ("Europe/Paris", 1_792_890_000_000_000),  # 2026-10-25 01:00Z, back: an hour twice
        ("Australia/Lord_Howe", 1_775_314_800_000_000),  # 2026-04-05 02:00 becomes 01:30
        ("Australia/Lord_Howe", 1_791_041_400_000_000),  # 2026-10-04 02:00 becomes 02:30
    ],
)
def test_hours_follow_each_other_without_gap_where_clocks_change(zone: str, changes_at: Instant) -> None:
    """Each begins when the one before it ends, none is longer than an hour, and a change of clocks begins a new one."""
    at = changes_at - 3 * HOUR
    starts: list[Instant] = []
    while at < changes_at + 3 * HOUR:
        start, end = span_of_clock(ZoneInfo(zone), at, HOUR)
        assert start <= at < end <= start + HOUR
        assert not starts or start == at
        assert span_of_clock(ZoneInfo(zone), end - 1, HOUR) == (start, end)
        starts.append(start)
        at = end
    assert changes_at in starts
