"""Totals are those of the log, whoever counts, however often, and whenever it ends."""

from collections import Counter
from threading import Thread

import pytest

from engine.ledger.queries.rollup import rollup_state, rollup_sums
from engine.ledger.store.open import open_store
from engine.measure import rollup
from engine.measure.replay import END
from engine.measure.rollup import Subject, roll_up
from tests.logs import Log
from tests.measure.counted import decide_some


def sums(log: Log, subject: Subject) -> dict[tuple[str, str], int]:
    """What is counted, by name and parts."""
    store = open_store(log.url)
    try:
        with store.transaction(writes=False):
            return {(row.name, row.part): row.number for row in rollup_sums(store, subject, 0, END)}
    finally:
        store.close()


def count(log: Log) -> bool:
    """Counts everything."""
    store = open_store(log.url)
    try:
        return roll_up(store)
    finally:
        store.close()


def test_every_decision_is_counted_once(any_log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """By two that count at the same time, in small steps, and again after that."""
    monkeypatch.setattr(rollup, "_ENOUGH", 3)
    decide_some(any_log, 40)
    for _again in range(2):
        threads = [Thread(target=count, args=(any_log,)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    rows = any_log.rows(
        "SELECT outcome, book_version, count(*) FROM decisions GROUP BY outcome, book_version"
    )
    assert sums(any_log, Subject.OUTCOME) == {
        (outcome, f'["{version}"]'): number for outcome, version, number in rows
    }
    offers = any_log.rows(
        "SELECT campaign, variant, channel, count(*) FROM decisions WHERE outcome = 'offer' GROUP BY 1, 2, 3"
    )
    expected = Counter(
        {(campaign, f'["{variant}","{channel}"]'): number for campaign, variant, channel, number in offers}
    )
    assert sums(any_log, Subject.OFFER) == expected


def test_what_comes_later_is_added(any_log: Log) -> None:
    """Counting goes on where it ended."""
    decide_some(any_log, 5)
    assert count(any_log)
    before = sum(sums(any_log, Subject.OUTCOME).values())
    decide_some(any_log, 7, first=5)
    assert count(any_log)
    assert (before, sum(sums(any_log, Subject.OUTCOME).values())) == (5, 12)


def test_a_count_that_fails_is_made_again(any_log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cells and cursor are kept together or not at all."""
    decide_some(any_log, 5)
    store = open_store(any_log.url)

    def fail(*_: object) -> None:
        raise RuntimeError("ended")

    keep = rollup.add_to_rollup
    try:
        monkeypatch.setattr(rollup, "add_to_rollup", lambda *words: (keep(*words), fail()))
        with pytest.raises(RuntimeError):
            roll_up(store)
        monkeypatch.setattr(rollup, "add_to_rollup", keep)
        with store.transaction(writes=False):
            assert rollup_state(store).counted_at == 0
        assert roll_up(store)
    finally:
        store.close()
    assert sum(sums(any_log, Subject.OUTCOME).values()) == 5
