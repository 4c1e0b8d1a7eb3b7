"""Capacities of places, on both stores: each dealer's calls are counted apart, whoever asks, and nobody counts otherwise."""

import random
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from engine.decide.compiled import CompiledBook
from engine.ledger.store.open import open_store
from engine.ledger.store.store import Store
from engine.model.decision import Decision, Outcome, Reason, ReasonCode
from engine.model.instant import DAY, SECOND, Instant
from engine.model.request import Mode, Request
from tests.books import compiled_book
from tests.ledger.commit.shared import NOW, assert_sound, outcome, settle
from tests.ledger.commit.test_quotas_together import at_once
from tests.logs import Log
from tests.replays import assert_replays

BOOK = """
book: {name: calls, timezone: UTC}
attributes:
  profile.phone: {type: text}
places: {dealers: {file: dealers.csv}}
channels:
  phone: {kind: outbound, address: profile.phone, consent: not_needed, hold: 20d, on_silence: release,
          capacity: {limit: 500, per: calendar day},
          capacity_each: {by: nearest.dealers.name, limit: calls, per: calendar day}}
offers: {talk: {name: Talk, content: {default: {text: Talk}}}}
campaigns: {talk: {offer: talk, channels: [phone]CONTROL}}
"""
VISITED = """
book: {name: visits, timezone: UTC}
places: {dealers: {file: dealers.csv}}
channels: {web: {kind: inbound, capacity_each: {by: nearest.dealers.name, limit: 1, per: calendar day}}}
placements: {hero: {channel: web, max_offers: 2}}
offers:
  talk: {name: Talk, content: {default: {text: Talk}}}
  more: {name: More, content: {default: {text: More}}}
campaigns: {talk: {offer: talk, placements: [hero]}, more: {offer: more, placements: [hero]}}
"""
DEALERS = {"Lyon / Est": (45.7, 4.9, 3), "Paris": (48.9, 2.3, 5), "Nice": (43.7, 7.3, 0)}
Books = Callable[..., CompiledBook]


@pytest.fixture
def book(tmp_path: Path) -> Books:
    """Makes a book with these calls a day, by dealer; others as in DEALERS."""

    def made(*, control: str = "", text: str = BOOK, **calls: int) -> CompiledBook:
        folder = tmp_path / f"book-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        rows = [
            f"{name},{latitude},{longitude},{calls.get(name, number)}"
            for name, (latitude, longitude, number) in DEALERS.items()
        ]
        table = "\n".join(["name,latitude,longitude,calls", *rows])
        (folder / "dealers.csv").write_text(f"{table}\n", encoding="utf-8")
        return compiled_book(folder, text.replace("CONTROL", f", control: {control}" if control else ""))

    return made


def near(dealer: str, name: object, now: Instant = NOW, mode: Mode = Mode.COMMIT) -> Request:
    """A customer near the dealer; near none where there is no such dealer."""
    attributes: dict[str, object] = {"profile.phone": "1"}
    if dealer in DEALERS:
        latitude, longitude, _ = DEALERS[dealer]
        attributes |= {"location.latitude": latitude + 0.1, "location.longitude": longitude}
    return Request(f"{dealer}-{name}", now, attributes, mode=mode)  # type: ignore[arg-type]


def asked(compiled: CompiledBook, store: Store, *requests: Request) -> list[Decision]:
    """The decisions."""
    return settle(compiled, store, requests)


def outcomes(decisions: list[Decision]) -> list[Outcome]:
    """What became of them."""
    return [decision.outcome for decision in decisions]


OFFER, BLOCKED = Outcome.OFFER, Outcome.BLOCKED


def test_each_dealer_has_a_number_of_its_own(any_log: Log, book: Books) -> None:
    """Who is near a dealer that has no call left waits for the next day, and another dealer's customers do not."""
    compiled = book()
    with closing(open_store(any_log.url)) as store:
        lyon = asked(compiled, store, *(near("Lyon / Est", at) for at in range(5)))
        assert outcomes(lyon) == [OFFER] * 3 + [BLOCKED] * 2
        assert lyon[3].reasons == (Reason(ReasonCode.OVER_CAPACITY, "phone/capacity_each"),)
        assert lyon[3].next_allowed_at == NOW - NOW % DAY + DAY
        assert (
            outcomes(asked(compiled, store, *(near("Paris", at) for at in range(7))))
            == [OFFER] * 5 + [BLOCKED] * 2
        )
        (nice,) = asked(compiled, store, near("Nice", 0))
        assert (nice.outcome, nice.next_allowed_at) == (BLOCKED, None)
        (preview,) = asked(compiled, store, near("Paris", "x", mode=Mode.PREVIEW))
        (reading,) = [own for own in preview.candidate_outcomes[0].readings if own.blocks]
        assert (reading.counted, reading.limit, reading.window) == (5, 5, "calendar day at Paris")
        assert outcomes(asked(compiled, store, near("Lyon / Est", 9, NOW + DAY))) == [OFFER]
    assert_sound(any_log)
    used = dict(any_log.rows("SELECT counter, sum(used) FROM counters GROUP BY 1"))
    assert used == {
        "phone/capacity": 9,
        "phone/capacity_each:Lyon | Est": 4,
        "phone/capacity_each:Paris": 5,
    }
    assert_replays(any_log.url)


def test_who_is_near_no_place_is_not_called(any_log: Log, book: Books) -> None:
    """Nobody there could make the call: silence, for as long as no place is known."""
    compiled = book()
    with closing(open_store(any_log.url)) as store:
        decision, preview = asked(compiled, store, near("", 0), near("", 1, mode=Mode.PREVIEW))
        assert (decision.outcome, decision.next_allowed_at) == (BLOCKED, None)
        (reading,) = [own for own in preview.candidate_outcomes[0].readings if own.blocks]
        assert (reading.counted, reading.limit) == (0, 0)
        assert reading.window == "calendar day, and no place is known"
    assert any_log.rows("SELECT counter FROM counters WHERE used > 0") == []
    assert_replays(any_log.url)


def test_what_is_given_back_is_given_again(any_log: Log, book: Books) -> None:
    """A call that was not made, or whose hold ends, is the same dealer's to make again."""
    compiled = book(Paris=1)
    with closing(open_store(any_log.url)) as store:
        (first,) = asked(compiled, store, near("Paris", 0))
        assert outcomes(asked(compiled, store, near("Paris", 1))) == [BLOCKED]
        settle(compiled, store, (), [outcome(compiled, first.decision_id, "not_sent", NOW, NOW, "n")])
        assert outcomes(asked(compiled, store, near("Paris", 2), near("Paris", 3))) == [OFFER, BLOCKED]
    assert_sound(any_log)


def test_a_hold_that_ends_is_given_back(any_log: Log, book: Books) -> None:
    """Of a contact of which nothing is reported the dealer has its call back, and the next moment says when."""
    text = BOOK.replace("hold: 20d", "hold: 2h").replace(
        "{limit: 500, per: calendar day}", "{limit: 5, per: calendar week}"
    )
    compiled = book(text=text, Paris=1)
    two_hours = DAY // 12
    with closing(open_store(any_log.url)) as store:
        assert outcomes(asked(compiled, store, near("Paris", 0))) == [OFFER]
        (blocked,) = asked(compiled, store, near("Paris", 1, NOW + SECOND))
        assert (blocked.outcome, blocked.next_allowed_at) == (BLOCKED, NOW + two_hours)
        late = [near("Paris", name, NOW + two_hours) for name in (2, 3)]
        assert outcomes(asked(compiled, store, *late)) == [OFFER, BLOCKED]
    assert_sound(any_log)
    assert_replays(any_log.url)


def test_a_dealer_that_is_gone(any_log: Log, book: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its customers are the next dealer's from then on, and a contact of its own is still given back."""
    compiled = book(Paris=1)
    with closing(open_store(any_log.url)) as store:
        lyon = asked(compiled, store, *(near("Lyon / Est", at) for at in range(3)))
        (last,) = asked(compiled, store, near("Paris", 0))
        monkeypatch.delitem(DEALERS, "Lyon / Est")
        without = book(Paris=2)
        of_lyon = Request(
            "x", NOW, {"profile.phone": "1", "location.latitude": 46.5, "location.longitude": 4.0}
        )
        others = [of_lyon._replace(customer=f"x{at}") for at in range(2)]
        assert outcomes(asked(without, store, *others)) == [OFFER, BLOCKED], "Paris has one left"
        reports = [outcome(without, own.decision_id, "not_sent", NOW, NOW, "n") for own in (lyon[0], last)]
        settle(without, store, (), reports)
        assert outcomes(asked(without, store, *(own._replace(customer="y") for own in others))) == [
            OFFER,
            BLOCKED,
        ]
    used = dict(any_log.rows("SELECT counter, sum(used) FROM counters GROUP BY 1"))
    assert used["phone/capacity_each:Lyon | Est"] == 2
    assert used["phone/capacity_each:Paris"] == 2
    assert_sound(any_log)


@pytest.mark.parametrize(
    "name", ["\U0001f697" * 200, "a|b:c", "x'; DROP TABLE counters; --", "phone/capacity_each/hour"]
)
def test_any_name_that_a_table_may_have(
    any_log: Log, book: Books, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The longest and the oddest names count as others do."""
    monkeypatch.setitem(DEALERS, name, (60.0, 10.0, 1))
    compiled = book()
    with closing(open_store(any_log.url)) as store:
        decided = asked(compiled, store, near(name, 0), near(name, 1), near("Paris", 0))
        assert outcomes(decided) == [OFFER, BLOCKED, OFFER]
        assert decided[1].reasons == (Reason(ReasonCode.OVER_CAPACITY, "phone/capacity_each"),)
    assert_sound(any_log)
    assert_replays(any_log.url)


def test_a_control_takes_no_call(any_log: Log, book: Books) -> None:
    """A customer of the control group leaves the dealer's calls to others."""
    compiled = book(control="{share: 50%, salt: c}")
    with closing(open_store(any_log.url)) as store:
        decided = Counter(outcomes(asked(compiled, store, *(near("Paris", at) for at in range(40)))))
    assert decided[OFFER] == 5
    assert decided[Outcome.CONTROL] > 0
    assert any_log.rows("SELECT sum(used) FROM counters WHERE counter LIKE '%Paris'") == [(5,)]


def test_another_table_counts_on(any_log: Log, book: Books) -> None:
    """A dealer with more, or fewer, calls from now on keeps what was counted, also where the rule is away for a while."""
    with closing(open_store(any_log.url)) as store:
        assert outcomes(asked(book(), store, *(near("Paris", at) for at in range(5)))) == [OFFER] * 5
        assert outcomes(asked(book(Paris=7), store, *(near("Paris", at) for at in range(10, 13)))) == [
            OFFER
        ] * 2 + [BLOCKED]
        assert outcomes(asked(book(Paris=2), store, near("Paris", 20))) == [BLOCKED]
        without = book(
            text=BOOK.replace(
                "capacity_each: {by: nearest.dealers.name, limit: calls, per: calendar day}", "cost: 1"
            )
        )
        assert outcomes(asked(without, store, near("Paris", 30))) == [OFFER]
        assert outcomes(asked(book(Paris=8), store, near("Paris", 40), near("Paris", 41))) == [OFFER, BLOCKED]
    assert_sound(any_log)


def test_a_number_for_every_place_by_the_hour(any_log: Log, book: Books) -> None:
    """`limit` may be a number, and the period an hour, which begins anew with each."""
    compiled = book(text=BOOK.replace("limit: calls, per: calendar day", "limit: 1, per: calendar hour"))
    hour = DAY // 24
    with closing(open_store(any_log.url)) as store:
        for at in range(3):
            now = NOW + at * hour
            requests = (near(dealer, f"{at}-{number}", now) for dealer in DEALERS for number in range(2))
            assert outcomes(asked(compiled, store, *requests)) == [OFFER, BLOCKED] * 3
    assert_replays(any_log.url)


def test_two_offers_of_one_answer_take_from_the_same_place(any_log: Log, book: Books) -> None:
    """What an answer has taken counts for the rest of it; an inbound channel may have a capacity of places, too."""
    compiled = book(text=VISITED)
    visits = [near(dealer, "v")._replace(placement="hero", max_offers=2) for dealer in ("Paris", "Nice")]
    with closing(open_store(any_log.url)) as store:
        decided = asked(compiled, store, *visits)
    assert [len(own.offers) for own in decided] == [1, 1]
    assert Reason(ReasonCode.OVER_CAPACITY, "web/capacity_each") in decided[0].reasons
    assert_sound(any_log)
    assert_replays(any_log.url)


def test_several_at_once_exceed_no_dealer(any_log: Log, book: Books) -> None:
    """Four processes' worth of decisions, some given back: each dealer makes exactly the calls it has."""
    compiled = book(**{"Paris": 40, "Lyon / Est": 25})

    def give(worker: int) -> None:
        rng, step, refused = random.Random(worker), 0, 0
        with closing(open_store(any_log.url, busy_timeout=60)) as store:
            while refused < 8:
                step += 1
                now = NOW + step * SECOND
                dealers = rng.choices(["Paris", "Lyon / Est", "Nice"], k=rng.randrange(1, 8))
                requests = [near(dealer, f"{worker}-{step}-{at}", now) for at, dealer in enumerate(dealers)]
                given = [own for own in settle(compiled, store, requests) if own.outcome is OFFER]
                refused = 0 if given else refused + 1
                lost = rng.sample(given, len(given) // 4)
                settle(
                    compiled,
                    store,
                    (),
                    [outcome(compiled, own.decision_id, "bounced", now, now, "b") for own in lost],
                )

    at_once(give)
    assert_sound(any_log)
    calls = Counter(
        person.partition("-")[0]
        for (person,) in any_log.rows("SELECT person FROM contacts WHERE state NOT IN ('released', 'shadow')")
    )
    assert calls == {"Paris": 40, "Lyon / Est": 25}
