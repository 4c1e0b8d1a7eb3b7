"""What is remembered of persons, on both stores."""

import random
from collections import Counter
from collections.abc import Iterator

import pytest

from engine.ledger.errors import DataRefused
from engine.ledger.queries import persons
from engine.ledger.store.open import open_store
from engine.ledger.store.rows import EventRow, PersonRow, SignalRow
from engine.ledger.store.store import Store
from engine.model.customer import Recalled, RecallQuery
from tests.logs import Log


@pytest.fixture
def store(any_log: Log) -> Iterator[Store]:
    """A log that knows ada, who viewed and bought."""
    store = open_store(any_log.url)
    with store.transaction():
        persons.know(store, [PersonRow("ada", 5), PersonRow("ada", 6)])
        views = [EventRow("ada", at, 0, f"view-{at}", "view", '{"item":"é"}') for at in range(10, 16)]
        buys = [EventRow("ada", 12, n, f"buy-{n}", "buy", f'{{"value":{n}.5}}') for n in (1, 2)]
        persons.keep_events(store, [*views, *buys])
    yield store
    store.close()


def recalled(store: Store, *wanted: RecallQuery) -> list[Recalled]:
    """What a reader finds, beside the writer."""
    reader = store.another()
    with reader.transaction(writes=False):
        found = persons.recall(reader, wanted)
    reader.close()
    return found


def names(store: Store, person: str = "ada") -> list[str]:
    """The ids of a person's events, in order."""
    (found,) = recalled(store, RecallQuery(person, ("buy", "view")))
    return [event_id for _, _, event_id, *_ in found.events]


def test_events_are_recalled_in_order_by_type_and_moment(store: Store) -> None:
    """Each gets the types and the time that were asked for, in order, with its fields; who is unknown gets nothing."""
    wanted = [
        RecallQuery("ada", ("buy", "view"), 11, is_known=True),
        RecallQuery("bob", ("view",), is_known=True),
    ]
    ada, bob, buys = recalled(store, *wanted, RecallQuery("ada", ("buy",)))
    assert [event_id for _, _, event_id, *_ in ada.events] == [
        "view-12", "buy-1", "buy-2", "view-13", "view-14", "view-15"
    ]  # fmt: skip
    assert (ada.is_known, bob) == (True, Recalled([], (), False))
    assert [list(one) for one in buys.events] == [
        [12, 1, "buy-1", "buy", {"value": 1.5}],
        [12, 2, "buy-2", "buy", {"value": 2.5}],
    ]
    assert buys.is_known is None


def test_an_event_is_found_by_person_and_id(store: Store) -> None:
    """Also the last position of a moment."""
    with store.transaction():
        keys = [("ada", "buy-1"), ("ada", "buy-9"), ("bob", "buy-1")]
        assert persons.kept_events(store, keys) == {("ada", "buy-1")}
        assert persons.last_positions(store, [("ada", 12), ("ada", 13), ("bob", 12)]) == {
            ("ada", 12): 2,
            ("ada", 13): 0,
        }


def test_old_events_and_those_beyond_the_newest_go(store: Store) -> None:
    """Up to the moment all go, and then all but the newest."""
    with store.transaction():
        persons.trim_events(store, "ada", until=11, newest=100)
    assert names(store) == ["view-12", "buy-1", "buy-2", "view-13", "view-14", "view-15"]
    with store.transaction():
        persons.trim_events(store, "ada", until=0, newest=4)
    assert names(store) == ["buy-2", "view-13", "view-14", "view-15"]


def test_the_newest_of_each_type_stay(store: Store) -> None:
    """Views push out views only; the types that are not named share what is left, however many of another come."""
    with store.transaction():
        persons.trim_events(store, "ada", until=0, newest=1, newest_of={"view": 2, "never": 7})
    assert names(store) == ["buy-2", "view-14", "view-15"]
    with store.transaction():
        persons.trim_events(store, "ada", until=0, newest=1, newest_of={"buy": 1, "view": 1})
    assert names(store) == ["buy-2", "view-15"]


def test_what_stays_is_what_counting_says(store: Store) -> None:
    """Of events of four types at colliding moments stay those that a plain count by type, newest first, has room for."""
    chance = random.Random(12)
    newest_of = {"a": 3, "b": 1}
    for round_ in range(20):
        person = f"p-{round_}"
        keys = sorted({(chance.randrange(9), chance.randrange(3)) for _ in range(chance.randrange(1, 25))})
        rows = [
            EventRow(person, at, position, f"{person}-{at}-{position}", chance.choice("abcd"), "{}")
            for at, position in keys
        ]
        room = Counter({"a": 3, "b": 1, "": 4})
        stay = []
        for row in reversed(rows):
            pool = row.type if row.type in newest_of else ""
            room[pool] -= 1
            if room[pool] >= 0:
                stay.append(row.event_id)
        with store.transaction():
            persons.keep_events(store, rows)
            persons.trim_events(store, person, until=-1, newest=4, newest_of=newest_of)
        (found,) = recalled(store, RecallQuery(person, tuple("abcd"), -1))
        assert [event_id for _, _, event_id, *_ in found.events] == stay[::-1]


def test_a_signal_keeps_its_beginning_while_it_holds(store: Store) -> None:
    """Renewed before its end it holds since the earlier beginning, after it since the new one; forgotten it is gone."""
    wanted = RecallQuery("ada", signals=True)
    for since, expires_at, begins in ((100, 200, 100), (150, 250, 100), (120, 260, 100), (260, 300, 260)):
        with store.transaction():
            persons.remember(store, [SignalRow("ada", "late", since, expires_at, "{}")])
        assert [list(one) for one in recalled(store, wanted)[0].signals] == [["late", begins, expires_at, {}]]
    for end, left in ((299, 1), (300, 0)):
        with store.transaction():
            persons.forget(store, [("ada", "late", end), ("bob", "late", end)])
        assert len(recalled(store, wanted)[0].signals) == left


def test_rows_of_a_statement_that_fails_are_kept_no_more_than_those_after_it(store: Store) -> None:
    """Of many rows one of which is there already, those that went in before it are undone with all of the transaction."""
    rows = [PersonRow(name, 7) for name in ("abe", "ben", "ada", "cy")]
    with pytest.raises(DataRefused), store.transaction():
        store.insert(PersonRow, rows)
    asked = [RecallQuery(name, ("view",), is_known=True) for name in ("abe", "ben", "cy", "ada")]
    assert [found.is_known for found in recalled(store, *asked)] == [False, False, False, True]
