"""Stops of campaigns through the log, on both stores: after a yes or a no a campaign does not go on for the person."""

from itertools import count
from pathlib import Path

import pytest

from engine.decide.compiled import CompiledBook
from engine.decide.evaluate import evaluate
from engine.decide.select import select
from engine.explain.words import rule_in_words
from engine.ledger.commit.decisions import DecideCommand
from engine.ledger.commit.events import RecordResult
from engine.ledger.commit.group import commit_group
from engine.ledger.commit.identity import LinkCommand
from engine.ledger.commit.outcomes import ReportCommand
from engine.ledger.commit.replay import logged_state_of
from engine.ledger.queries.decisions import decision_of
from engine.ledger.store.store import Store
from engine.model.decision import Decision, Outcome, Reason, ReasonCode, RuleKind
from engine.model.event import Event
from engine.model.instant import DAY
from engine.model.request import Mode, Request
from tests.books import compiled_book

NOW = 1_773_108_000_000_000
BOOK = """
book: {name: stops, timezone: UTC}
attributes: {profile.to: {type: text}}
channels:
  web: {kind: inbound}
  sms: {kind: outbound, address: profile.to, consent: not_needed}
placements: {page: {channel: web}}
offers:
  tea: {name: Tea, value: 2, content: {default: {text: Tea}}}
campaigns:
  tea: {offer: tea, channels: [sms], placements: [page], tier: 1, stop: {converted: 30d, declined: 60d}}
  more: {offer: tea, channels: [sms], placements: [page]}
"""
events = count()


@pytest.fixture
def compiled(tmp_path: Path) -> CompiledBook:
    """The book of these tests."""
    return compiled_book(tmp_path / "book", BOOK)


def decide(
    compiled: CompiledBook,
    store: Store,
    at: int,
    *,
    name: str = "ann",
    placement: str = "",
    mode: Mode = Mode.COMMIT,
) -> Decision:
    """The decision for somebody who can be reached."""
    request = Request(
        name,
        at,
        {"profile.to": "1"},
        channels=() if placement else ("sms",),
        placement=placement,
        mode=mode,
    )
    (answer,) = commit_group(store, [DecideCommand(evaluate(compiled, request))])
    assert isinstance(answer, Decision)
    return answer


def report(compiled: CompiledBook, store: Store, kind: str, at: int, of: str, name: str = "") -> None:
    """Report an outcome of the decision."""
    event = Event(f"e-{next(events)}", kind, at, {})
    assert commit_group(store, [ReportCommand(compiled, name, of, event, at)]) == [RecordResult.ACCEPTED]


def campaigns(decision: Decision) -> list[str]:
    """The campaigns that made its offers."""
    return [offer.campaign for offer in decision.offers]


def test_a_campaign_does_not_go_on_after_a_purchase(compiled: CompiledBook, store: Store) -> None:
    """On its channels and its pages, up to the microsecond; another campaign with the same offer does."""
    sent = decide(compiled, store, NOW)
    assert campaigns(sent) == ["tea"]
    report(compiled, store, "converted", NOW + 5, sent.decision_id)
    end = NOW + 5 + 30 * DAY
    for placement in ("", "page"):
        preview = decide(compiled, store, end - 1, placement=placement, mode=Mode.PREVIEW)
        assert campaigns(preview) == ["more"]
        assert Reason(ReasonCode.PAUSED, "tea/stop/converted") in preview.reasons
        assert campaigns(decide(compiled, store, end, placement=placement, mode=Mode.PREVIEW)) == ["tea"]


def test_outcomes_of_other_campaigns_do_not_stop_it(compiled: CompiledBook, store: Store) -> None:
    """Nor one that names no campaign, nor one of another type."""
    sent = decide(compiled, store, NOW)
    report(compiled, store, "declined", NOW + 1, sent.decision_id)
    other = decide(compiled, store, NOW + 2)
    assert campaigns(other) == ["more"]
    later = NOW + 1 + 60 * DAY
    report(compiled, store, "declined", later, other.decision_id)
    report(compiled, store, "converted", later, "", "ann")
    report(compiled, store, "clicked", later, sent.decision_id)
    assert campaigns(decide(compiled, store, later)) == ["tea"]


ALONE = BOOK.replace("  more: {offer: tea, channels: [sms], placements: [page]}\n", "")


@pytest.fixture
def alone(tmp_path: Path) -> CompiledBook:
    """The book with one campaign."""
    return compiled_book(tmp_path / "alone", ALONE)


def test_the_last_stop_to_end_decides(alone: CompiledBook, store: Store) -> None:
    """A no of day 1 lasts longer than a yes of day 2; a preview says so, and a replay of the log decides the same."""
    sent = decide(alone, store, NOW)
    report(alone, store, "declined", NOW + DAY, sent.decision_id)
    report(alone, store, "converted", NOW + 2 * DAY, sent.decision_id)
    (fate,) = decide(alone, store, NOW + 3 * DAY, mode=Mode.PREVIEW).candidate_outcomes
    words = {reading.rule: rule_in_words(reading, alone.book.timezone) for reading in fate.readings}
    assert words == {
        "tea/stop/converted": "stops after converted for 30d, until 2026-04-11T02:00+00:00",
        "tea/stop/declined": "stops after declined for 60d, until 2026-05-10T02:00+00:00",
    }
    assert {(reading.kind, reading.counted, reading.limit) for reading in fate.readings} == {
        (RuleKind.STOP, 1, 1)
    }
    decision = decide(alone, store, NOW + 3 * DAY)
    assert decision.outcome is Outcome.BLOCKED
    assert decision.blocked_by == ("tea/stop/converted", "tea/stop/declined")
    assert decision.next_allowed_at == NOW + 61 * DAY
    with store.transaction(writes=False):
        row = decision_of(store, decision.decision_id)
    assert row is not None
    past = logged_state_of(row, alone)
    again = select(evaluate(alone, past.request), past.history, past.person, past.customer_state)
    assert (again.outcome, again.next_allowed_at) == (decision.outcome, decision.next_allowed_at)


def test_what_happened_under_another_name_stops_it(alone: CompiledBook, store: Store) -> None:
    """Once the names are linked; and a group that has the report before the decision sees it."""
    sent = decide(alone, store, NOW, name="zoe")
    report(alone, store, "declined", NOW + 1, sent.decision_id)
    assert decide(alone, store, NOW + 2).outcome is Outcome.OFFER
    commit_group(store, [LinkCommand(("ann", "zoe"), NOW + 3)])
    assert decide(alone, store, NOW + 4).blocked_by == ("tea/stop/declined",)


def test_a_stop_is_found_below_many_outcomes(alone: CompiledBook, store: Store) -> None:
    """40 later outcomes of the same types, of no campaign, do not hide it."""
    sent = decide(alone, store, NOW)
    report(alone, store, "converted", NOW + 1, sent.decision_id)
    for number in range(40):
        report(alone, store, "converted", NOW + 2 + number, "", "ann")
    blocked = decide(alone, store, NOW + DAY)
    assert (blocked.blocked_by, blocked.next_allowed_at) == (("tea/stop/converted",), NOW + 1 + 30 * DAY)
