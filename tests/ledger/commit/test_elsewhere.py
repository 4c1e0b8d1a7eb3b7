"""Contacts made elsewhere, on both stores: rules count them like any other, and each report once."""

from pathlib import Path

import pytest

from engine.decide.compiled import CompiledBook
from engine.decide.evaluate import evaluate
from engine.ledger.commit.decisions import DecideCommand
from engine.ledger.commit.events import RecordResult
from engine.ledger.commit.group import commit_group
from engine.ledger.commit.identity import LinkCommand
from engine.ledger.commit.outcomes import ReportCommand
from engine.ledger.store.store import Store
from engine.model.decision import Decision, Outcome
from engine.model.event import Event
from engine.model.instant import DAY
from engine.model.request import Request
from engine.model.values import Value
from tests.books import compiled_book
from tests.logs import Log

NOW = 1_773_108_000_000_000
HOUR = DAY // 24
BOOK = """
book: {name: elsewhere, timezone: UTC}
attributes: {profile.to: {type: text}}
channels:
  phone: {kind: outbound, address: profile.to, consent: not_needed}
offers:
  tea: {name: Tea, tags: [hot], stock: 9, content: {default: {text: Tea}}}
campaigns:
  tea: {offer: tea, channels: [phone]}
"""
RULES = {
    "caps: {weekly: {limit: 1, per: rolling 7d}}": 7 * DAY,
    "caps: {hot: {limit: 1, per: rolling 7d, count: {tag: hot, campaign: tea, category: commercial}}}": 7
    * DAY,
    "gaps: {breath: {at_least: 48h, count: {channel: phone}}}": 2 * DAY,
    "pauses: {rest: {outcome: contacted, for: 3d}}": 3 * DAY,
}


def book_with(folder: Path, rules: str) -> CompiledBook:
    """The book with a section `pressure`."""
    return compiled_book(folder / "book", f"{BOOK}pressure: {{{rules}}}\n" if rules else BOOK)


def decide(compiled: CompiledBook, store: Store, at: int = NOW, name: str = "ann") -> Decision:
    """The decision for somebody who has a telephone."""
    (answer,) = commit_group(
        store, [DecideCommand(evaluate(compiled, Request(name, at, {"profile.to": "1"})))]
    )
    assert isinstance(answer, Decision)
    return answer


def called(
    compiled: CompiledBook,
    at: int,
    name: str = "ann",
    event_id: str = "",
    campaign: str = "",
    **fields: Value,
) -> ReportCommand:
    """The report that somebody was called."""
    event = Event(event_id or f"call-{name}-{at}", "contacted", at, {"by": "crm", **fields})
    return ReportCommand(compiled, name, "", event, at, "phone", campaign)


@pytest.mark.parametrize(("rules", "length"), RULES.items())
def test_rules_count_it(tmp_path: Path, store: Store, rules: str, length: int) -> None:
    """From its moment on, up to the microsecond, and only for the person who was called."""
    compiled = book_with(tmp_path, rules)
    assert commit_group(store, [called(compiled, NOW, campaign="tea")]) == [RecordResult.ACCEPTED]
    blocked = decide(compiled, store, NOW + 1)
    assert (blocked.outcome, blocked.next_allowed_at) == (Outcome.BLOCKED, NOW + length)
    assert decide(compiled, store, NOW + 1, "zoe").outcome is Outcome.OFFER
    assert decide(compiled, store, NOW + length).outcome is Outcome.OFFER


def test_a_decision_of_the_same_group_sees_it(tmp_path: Path, store: Store) -> None:
    """Reports are applied before decisions."""
    compiled = book_with(tmp_path, "caps: {weekly: {limit: 1, per: rolling 7d}}")
    asked = DecideCommand(evaluate(compiled, Request("ann", NOW, {"profile.to": "1"})))
    answer, result = commit_group(store, [asked, called(compiled, NOW)])
    assert isinstance(answer, Decision)
    assert (answer.outcome, result) == (Outcome.BLOCKED, RecordResult.ACCEPTED)


def test_a_repeated_report_counts_once(tmp_path: Path, store: Store, any_log: Log) -> None:
    """By its event_id, in one group and in the next, and after the names were linked."""
    compiled = book_with(tmp_path, "caps: {weekly: {limit: 2, per: rolling 7d}}")
    report = called(compiled, NOW, event_id="call-1")
    assert commit_group(store, [report, report]) == [RecordResult.ACCEPTED, RecordResult.DUPLICATE]
    commit_group(store, [LinkCommand(("zoe", "ann"), NOW)])
    again = called(compiled, NOW, "zoe", "call-1")
    assert commit_group(store, [again]) == [RecordResult.DUPLICATE]
    rows = any_log.rows(
        "select state, kind, channel, campaign, offer, category, tags, position from contacts"
    )
    assert rows == [("confirmed", "outbound", "phone", "", "", "", "[]", -1)]
    assert decide(compiled, store, NOW + 1, "zoe").outcome is Outcome.OFFER
    assert decide(compiled, store, NOW + 2).outcome is Outcome.BLOCKED


def test_what_it_was_comes_from_the_campaign_or_the_report(
    tmp_path: Path, store: Store, any_log: Log
) -> None:
    """Category and tags of a campaign of the book; without a campaign those that are reported."""
    compiled = book_with(tmp_path, "")
    commit_group(
        store,
        [
            called(compiled, NOW, campaign="tea"),
            called(compiled, NOW + 1, category="service", tags=("cold", "ad")),
        ],
    )
    assert any_log.rows("select campaign, offer, category, tags from contacts order by at") == [
        ("tea", "", "commercial", '["hot"]'),
        ("", "", "service", '["ad","cold"]'),
    ]


@pytest.mark.parametrize("per", ["day", "hour"])
@pytest.mark.parametrize("before", [True, False])
def test_a_capacity_counts_it(tmp_path: Path, store: Store, any_log: Log, per: str, before: bool) -> None:
    """Whether the call came before the first decision, which makes the counter, or after it; no stock is used up."""
    text = BOOK.replace(
        "consent: not_needed", f"consent: not_needed, capacity: {{limit: 2, per: calendar {per}}}"
    )
    compiled = compiled_book(tmp_path / "book", text)
    if before:
        commit_group(store, [called(compiled, NOW, campaign="tea")])
        assert decide(compiled, store, NOW + 1).outcome is Outcome.OFFER
    else:
        assert decide(compiled, store, NOW).outcome is Outcome.OFFER
        commit_group(store, [called(compiled, NOW + 1, campaign="tea")])
    blocked = decide(compiled, store, NOW + 2, "zoe")
    assert blocked.blocked_by == ("phone/capacity",)
    assert decide(compiled, store, NOW + DAY, "zoe").outcome is Outcome.OFFER
    assert any_log.rows("select sum(used) from counters where counter = 'tea/stock'") == [(2,)]


def test_calls_above_the_capacity_are_counted_all_the_same(tmp_path: Path, store: Store) -> None:
    """They happened: the count exceeds the limit, and nothing goes in this period."""
    text = BOOK.replace("consent: not_needed", "consent: not_needed, capacity: {limit: 1, per: calendar day}")
    compiled = compiled_book(tmp_path / "book", text)
    assert decide(compiled, store, NOW).outcome is Outcome.OFFER
    reports = [called(compiled, NOW + number, f"p{number}") for number in range(3)]
    assert commit_group(store, reports) == [RecordResult.ACCEPTED] * 3
    assert decide(compiled, store, NOW + HOUR, "zoe").blocked_by == ("phone/capacity",)
