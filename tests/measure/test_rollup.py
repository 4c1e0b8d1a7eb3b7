"""Totals are those of the log, whoever counts, however often, and whenever it ends."""

import asyncio
import json
from collections import Counter
from textwrap import dedent
from threading import Thread
from typing import Any

import pytest

from engine.decide.compiled import CompiledBook, compile_book
from engine.engine import Engine
from engine.ledger.ledger import Ledger
from engine.ledger.queries.rollup import add_to_rollup, rollup_state, rollup_sums
from engine.ledger.store.open import open_store
from engine.measure import rollup
from engine.measure.replay import END
from engine.measure.rollup import RollupSubject, roll_up
from engine.model.request import Request
from engine.rulebook.load import load_text
from tests.logs import Log
from tests.measure.test_diff import STARTED

_TEXT = """
    book: {name: few, timezone: UTC}
    attributes: {profile.phone: {type: text}}
    channels: {sms: {kind: outbound, address: profile.phone, consent: not_needed}}
    offers: {oil: {name: Oil, content: {default: {text: An oil}}}}
    campaigns:
      short: {offer: oil, channels: [sms], variants: {a: {content: {default: {text: A}}}, b: {content: {default: {text: B}}}}}
    pressure:
      caps: {weekly: {limit: 1, per: rolling 7d}}
"""


def book() -> CompiledBook:
    """A book with two variants and a cap."""
    loaded = load_text(json.dumps({"book.yaml": dedent(_TEXT)}))
    assert loaded.book is not None, loaded.diagnostics
    return compile_book(loaded.book)


def decide_some(log: Log, number: int, first: int = 0) -> None:
    """Decides twice about every other of so many persons, so that a cap blocks, and once about the others."""
    ledger, compiled = Ledger(open_store(log.url)), book()

    async def run() -> None:
        engine = Engine(compiled, ledger)
        for index in range(first, first + number):
            await engine.decide(
                Request(f"person-{index - index % 3 % 2}", STARTED + index, {"profile.phone": "+1"})
            )

    try:
        asyncio.run(run())
    finally:
        ledger.close()


def sums(log: Log, subject: RollupSubject) -> dict[tuple[str, str], int]:
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
    assert sums(any_log, RollupSubject.OUTCOME) == {
        (outcome, f'["{version}"]'): number for outcome, version, number in rows
    }
    offers = any_log.rows(
        "SELECT campaign, variant, channel, count(*) FROM decisions WHERE outcome = 'offer' GROUP BY 1, 2, 3"
    )
    expected = Counter(
        {(campaign, f'["{variant}","{channel}"]'): number for campaign, variant, channel, number in offers}
    )
    assert sums(any_log, RollupSubject.OFFER) == expected


def test_what_comes_later_is_added(any_log: Log) -> None:
    """Counting goes on where it ended."""
    decide_some(any_log, 5)
    assert count(any_log)
    before = sum(sums(any_log, RollupSubject.OUTCOME).values())
    decide_some(any_log, 7, first=5)
    assert count(any_log)
    assert (before, sum(sums(any_log, RollupSubject.OUTCOME).values())) == (5, 12)


def test_a_count_that_fails_is_made_again(any_log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cells and cursor are kept together or not at all."""
    decide_some(any_log, 5)
    store = open_store(any_log.url)

    def keep_and_fail(*words: Any) -> None:
        add_to_rollup(*words)
        raise RuntimeError("ended")

    try:
        with monkeypatch.context() as patched:
            patched.setattr("engine.measure.rollup.add_to_rollup", keep_and_fail)
            with pytest.raises(RuntimeError):
                roll_up(store)
        with store.transaction(writes=False):
            assert rollup_state(store).counted_at == 0
        assert roll_up(store)
    finally:
        store.close()
    assert sum(sums(any_log, RollupSubject.OUTCOME).values()) == 5
