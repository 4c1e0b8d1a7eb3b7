"""Customers who travel, on both stores: calendar caps count by the zone of then and by that of now."""

import json
import random
from pathlib import Path

import pytest

from engine.decide.compiled import CompiledBook
from engine.decide.evaluate import evaluate
from engine.engine import Engine
from engine.explain import explain_logged
from engine.ledger.commit.decisions import DecideCommand
from engine.ledger.commit.group import commit_group
from engine.ledger.ledger import Ledger
from engine.ledger.store.open import open_store
from engine.ledger.store.store import Store
from engine.model.decision import Decision, Outcome
from engine.model.instant import DAY, SECOND
from engine.model.request import Mode, Request
from tests.books import compiled_book
from tests.logs import Log

HOUR = 3600 * SECOND
NOW = 1_773_108_000_000_000  # 2026-03-10T02:00Z: in New York 22:00 of the day before
NEW_YORK, TOKYO, APIA = "America/New_York", "Asia/Tokyo", "Pacific/Apia"
BOOK = """
book: {name: travel, timezone: America/New_York}
attributes: {profile.to: {type: text}}
channels: {sms: {kind: outbound, address: profile.to, consent: not_needed, on_silence: confirm}}
offers: {tea: {name: Tea, content: {default: {text: Tea}}}}
campaigns: {tea: {offer: tea, channels: [sms]}}
pressure:
  caps:
    daily: {limit: 1, per: calendar day}
    weekly: {limit: 4, per: calendar week}
"""


@pytest.fixture
def compiled(tmp_path: Path) -> CompiledBook:
    """The book of these tests."""
    return compiled_book(tmp_path / "book", BOOK)


def decide(compiled: CompiledBook, store: Store, now: int, where: dict[str, str]) -> Decision:
    """The decision for a customer who is there."""
    request = Request("ann", now, {"profile.to": "1", **where})
    (decision,) = commit_group(store, [DecideCommand(evaluate(compiled, request))])
    assert isinstance(decision, Decision)
    return decision


def at(zone: str) -> dict[str, str]:
    """In the zone."""
    return {"profile.time_zone": zone}


def test_a_flight_over_midnight_empties_no_cap(compiled: CompiledBook, store: Store) -> None:
    """Contacted at 10 in New York and asked an hour later in Tokyo, past midnight there: the day in New York is not over."""
    ten = NOW + 12 * HOUR  # 2026-03-10, 10:00 in New York, 23:00 in Tokyo
    assert decide(compiled, store, ten, at(NEW_YORK)).outcome is Outcome.OFFER
    decision = decide(compiled, store, ten + HOUR, at(TOKYO))
    assert (decision.outcome, decision.blocked_by) == (Outcome.BLOCKED, ("daily",))
    assert decision.next_allowed_at == ten + 14 * HOUR  # midnight in New York
    assert decide(compiled, store, ten + 14 * HOUR - 1, at(TOKYO)).outcome is Outcome.BLOCKED
    assert decide(compiled, store, ten + 14 * HOUR, at(TOKYO)).outcome is Outcome.OFFER


def test_the_present_zone_counts_too(compiled: CompiledBook, store: Store) -> None:
    """Contacted at 23 in Tokyo, and in New York two hours later: in Tokyo it is another day, in New York the same."""
    assert decide(compiled, store, NOW + 12 * HOUR, at(TOKYO)).outcome is Outcome.OFFER
    decision = decide(compiled, store, NOW + 14 * HOUR, at(NEW_YORK))
    assert (decision.outcome, decision.next_allowed_at) == (Outcome.BLOCKED, NOW + 26 * HOUR)


@pytest.mark.parametrize("seed", range(2))
async def test_the_next_moment_is_exact_and_the_log_repeats_it(
    compiled: CompiledBook, store: Store, any_log: Log, seed: int
) -> None:
    """Wherever the customer was and is, known by zone, country or not at all: it passes then, and at no moment before."""
    chance, now, blocked = random.Random(seed), NOW, []
    places = ({}, {"location.country": "RU"}, {"location.country": "NZ"}, *map(at, (NEW_YORK, TOKYO, APIA)))
    for _ in range(24):
        now += chance.choice((1, HOUR, 5 * HOUR, 11 * HOUR, DAY))
        where = chance.choice(places)
        decision = decide(compiled, store, now, where)
        if decision.outcome is Outcome.BLOCKED:
            blocked.append(decision)
            opening = decision.next_allowed_at
            assert opening is not None
            moments = [now, *range(now - now % HOUR + HOUR, opening, 6 * HOUR), opening - 1, opening]
            previews = [
                Request("ann", moment, {"profile.to": "1", **where}, mode=Mode.PREVIEW) for moment in moments
            ]
            results = commit_group(
                store, [DecideCommand(evaluate(compiled, preview)) for preview in previews]
            )
            assert [isinstance(result, Decision) and result.outcome for result in results] == [
                *[Outcome.BLOCKED] * (len(moments) - 1),
                Outcome.OFFER,
            ]
    assert len(blocked) > 3
    ledger = Ledger(open_store(any_log.url))
    for decision in blocked:
        explained = await explain_logged(Engine(compiled, ledger), decision.decision_id)
        assert explained.notes == ()
        assert explained.decision.next_allowed_at == decision.next_allowed_at
    ledger.close()


def test_contacts_from_before_count_by_the_present_zone(
    compiled: CompiledBook, store: Store, any_log: Log
) -> None:
    """Of the contacts of an earlier log it is not known where they were decided."""
    decide(compiled, store, NOW + 12 * HOUR, at(NEW_YORK))
    ((zones, trace),) = any_log.rows(
        "select c.zones, d.trace from contacts c join decisions d using (decision_id)"
    )
    assert (zones, json.loads(trace)["contacts"]) == (NEW_YORK, [])
    any_log.execute("update contacts set zones = '', alike = ''")
    assert decide(compiled, store, NOW + 13 * HOUR, at(TOKYO)).outcome is Outcome.OFFER
