"""Ramps that go by conversions, on both stores: exact, the same for all workers, and nobody leaves them."""

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from engine.decide.compiled import CompiledBook
from engine.decide.evaluate import evaluate
from engine.engine import Engine
from engine.explain.replay import explain_logged
from engine.ledger.commit.decisions import DecideCommand
from engine.ledger.commit.events import RecordResult
from engine.ledger.commit.group import commit_group
from engine.ledger.commit.outcomes import ReportCommand
from engine.ledger.ledger import Ledger
from engine.ledger.store.open import open_store
from engine.ledger.store.store import Store
from engine.model.decision import Decision, Outcome, Reason, ReasonCode
from engine.model.event import Event
from engine.model.request import Mode, Request
from engine.rulebook.model.experiments import ConversionRamp
from tests.decide.arbitrate.shop import compiled_book
from tests.decide.experiments.fixtures import NOW, by_sms, crowd
from tests.logs import Log, sqlite_log

BOOK = """
book: {name: ramp, timezone: UTC, salt: s}
attributes:
  profile.phone: {type: text}
  profile.late: {type: boolean}
channels:
  sms: {kind: outbound, address: profile.phone, consent: sms, on_silence: confirm}
offers:
  tea: {name: Tea, content: {default: {text: Tea}}}
campaigns:
  tea: {offer: tea, channels: [sms], ramp: {start: 20%, full_after: 8 conversions}}
"""
PEOPLE = [*crowd(60)]


@pytest.fixture(scope="module")
def compiled() -> CompiledBook:
    """The book of these tests."""
    return compiled_book(BOOK)


@pytest.fixture
def store(any_log: Log) -> Iterator[Store]:
    """A fresh log."""
    store = open_store(any_log.url)
    yield store
    store.close()


def decide(compiled: CompiledBook, store: Store, *requests: Request) -> list[Decision]:
    """The decisions, committed in one group."""
    results = commit_group(store, [DecideCommand(evaluate(compiled, request)) for request in requests])
    return [result for result in results if isinstance(result, Decision)]


def reached(compiled: CompiledBook, store: Store) -> dict[str, str]:
    """The persons who get the campaign, with the id of the decision; no campaign is open to the others."""
    decisions = decide(compiled, store, *map(by_sms, PEOPLE))
    for decision in decisions:
        shut = decision.reasons == (Reason(ReasonCode.RAMPING, "tea"),)
        assert (decision.outcome is Outcome.OFFER) is not shut
        assert decision.outcome is not Outcome.BLOCKED
    return {
        person: decision.decision_id
        for person, decision in zip(PEOPLE, decisions, strict=True)
        if decision.outcome is Outcome.OFFER
    }


def convert(compiled: CompiledBook, store: Store, *decision_ids: str, kind: str = "converted") -> None:
    """Report an outcome of the decisions."""
    events = [Event(f"{kind} {decision_id}", kind, NOW) for decision_id in decision_ids]
    commands = [
        ReportCommand(compiled, "", decision_id, event, NOW)
        for decision_id, event in zip(decision_ids, events, strict=True)
    ]
    assert commit_group(store, commands) == [RecordResult.ACCEPTED] * len(commands)


def test_it_grows_with_conversions_and_nobody_falls_out(compiled: CompiledBook, store: Store) -> None:
    """Each conversion reaches more, by the share that the ramp has then; after as many as it says everybody is reached."""
    first = reached(compiled, store)
    convert(compiled, store, *first.values(), kind="clicked")
    assert reached(compiled, store).keys() == first.keys()
    ramp, steps = ConversionRamp(0.2, 8), [set(first)]
    for number, decision_id in enumerate(sorted(first.values())[:8], 1):
        convert(compiled, store, decision_id)
        steps.append(set(reached(compiled, store)))
        assert len(steps[-1]) / len(PEOPLE) == pytest.approx(ramp.share(number), abs=0.15)
    assert all(before <= after for before, after in pairwise(steps))
    assert steps[-1] == set(PEOPLE)


def test_a_decision_converts_once(compiled: CompiledBook, store: Store, any_log: Log) -> None:
    """Several conversions of one decision are one; those of no decision of the campaign are none."""
    first = reached(compiled, store)
    decision_id = next(iter(first.values()))
    for number in range(20):
        event = Event(f"again {number}", "converted", NOW)
        commit_group(store, [ReportCommand(compiled, "", decision_id, event, NOW)])
        commit_group(
            store, [ReportCommand(compiled, "zoe", "", Event(f"own {number}", "converted", NOW), NOW)]
        )
    (decision,) = decide(compiled, store, by_sms("ann"))
    ((inputs,),) = any_log.rows(f"select inputs from decisions where decision_id = '{decision.decision_id}'")
    assert json.loads(inputs)["conversions"] == {"tea": 1}


def test_a_preview_says_the_same(compiled: CompiledBook, store: Store) -> None:
    """A preview is open to whom a decision is."""
    convert(compiled, store, *[*reached(compiled, store).values()][:3])
    previews = decide(compiled, store, *[by_sms(person)._replace(mode=Mode.PREVIEW) for person in PEOPLE])
    open_to = {
        person for person, preview in zip(PEOPLE, previews, strict=True) if preview.outcome is Outcome.OFFER
    }
    assert open_to == reached(compiled, store).keys()


async def test_a_past_decision_is_told_by_the_conversions_of_then(
    compiled: CompiledBook, any_log: Log, store: Store
) -> None:
    """Explained after the ramp has reached everybody, an earlier decision says that it had not reached the customer."""
    first = reached(compiled, store)
    (early,) = decide(compiled, store, by_sms(next(person for person in PEOPLE if person not in first)))
    convert(compiled, store, *sorted(first.values())[:8])
    assert reached(compiled, store).keys() == set(PEOPLE)
    ledger = Ledger(open_store(any_log.url))
    try:
        explained = await explain_logged(Engine(compiled, ledger), early.decision_id)
    finally:
        ledger.close()
    assert explained.notes == ()
    assert explained.campaigns[0].reason == Reason(ReasonCode.RAMPING, "tea")


@pytest.mark.parametrize("position", [0.0001, 0.19999, 0.2, 0.25, 0.3, 0.55, 0.9, 0.99999])
def test_from_how_many_on_a_place_is_reached(position: float) -> None:
    """With one conversion less it is not reached yet."""
    ramp = ConversionRamp(0.2, 8)
    number = ramp.reaches(position)
    assert position < ramp.share(number)
    assert number == 0 or position >= ramp.share(number - 1)


def test_counting_reads_conversions_only(tmp_path: Path) -> None:
    """They are found in an index that holds nothing else, in the order in which decisions are told apart."""
    log = sqlite_log(tmp_path)
    open_store(log.url).close()
    sql = "select distinct decision_id from outcomes where campaign = 'tea' and type = 'converted' limit 8"
    compiled_campaign = " ".join(str(row[-1]) for row in log.rows(f"explain query plan {sql}"))
    assert compiled_campaign.endswith("USING COVERING INDEX conversions_by_campaign (campaign=?)")
