"""Pauses through the log, on both stores: reported outcomes silence, the log says why, linking joins them."""

from itertools import count
from pathlib import Path

import pytest

from engine.decide.compiled import CompiledBook
from engine.decide.evaluate import evaluate
from engine.decide.select import select
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
from tests.logs import Log

NOW = 1_773_108_000_000_000
BOOK = """
book: {name: pauses, timezone: UTC}
attributes: {profile.to: {type: text}}
channels:
  web: {kind: inbound}
  sms: {kind: outbound, address: profile.to, consent: not_needed}
  mail: {kind: outbound, address: profile.to, consent: not_needed}
placements: {page: {channel: web}}
offers:
  tea: {name: Tea, value: 2, content: {default: {text: Tea}}}
  cake: {name: Cake, content: {default: {text: Cake}}}
campaigns:
  tea: {offer: tea, channels: [sms, mail], placements: [page]}
  cake: {offer: cake, channels: [sms, mail], placements: [page]}
pressure:
  pauses:
    in-peace: {outcome: complained, for: 30d, scope: channel}
    had-it: {outcome: converted, for: 10d, scope: offer}
    tired: {outcome: ignored, times: 2, within: 7d, for: 5d}
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
    channel: str = "",
    *,
    name: str = "ann",
    placement: str = "",
    mode: Mode = Mode.COMMIT,
    aliases: tuple[str, ...] = (),
) -> Decision:
    """The decision for somebody who can be reached."""
    channels = (channel,) if channel else ()
    request = Request(
        name, at, {"profile.to": "1"}, channels=channels, placement=placement, mode=mode, aliases=aliases
    )
    (answer,) = commit_group(store, [DecideCommand(evaluate(compiled, request))])
    assert isinstance(answer, Decision)
    return answer


def happens(compiled: CompiledBook, store: Store, kind: str, at: int, of: Decision, name: str = "") -> None:
    """It happens to the decision, and is reported."""
    event = Event(f"e-{next(events)}", kind, at, {})
    assert commit_group(store, [ReportCommand(compiled, name, of.decision_id, event, at)]) == [
        RecordResult.ACCEPTED
    ]


def test_a_complaint_silences_its_channel(compiled: CompiledBook, store: Store) -> None:
    """By name, with the exact moment at which it is over; the next channel goes in its place."""
    sent = decide(compiled, store, NOW, "sms")
    happens(compiled, store, "complained", NOW + 5, sent)
    blocked = decide(compiled, store, NOW + DAY, "sms")
    assert (blocked.outcome, blocked.blocked_by) == (Outcome.BLOCKED, ("in-peace",))
    assert blocked.next_allowed_at == NOW + 5 + 30 * DAY
    assert [one.channel for one in decide(compiled, store, NOW + DAY).offers] == ["mail"]
    assert decide(compiled, store, NOW + 5 + 30 * DAY - 1, "sms").outcome is Outcome.BLOCKED
    assert decide(compiled, store, NOW + 5 + 30 * DAY, "sms").outcome is Outcome.OFFER


def test_what_was_bought_is_not_offered_again(compiled: CompiledBook, store: Store) -> None:
    """Of the scope offer: on a page too, where the other offer comes instead."""
    happens(compiled, store, "converted", NOW + 1, decide(compiled, store, NOW, "mail"))
    shown = decide(compiled, store, NOW + DAY, placement="page")
    assert [one.offer for one in shown.offers] == ["cake"]
    assert Reason(ReasonCode.PAUSED, "had-it") in shown.reasons


def test_a_preview_and_the_log_show_it(compiled: CompiledBook, store: Store) -> None:
    """Count, limit, length and end; and the log holds what is needed to judge once more."""
    for day in (0, 1):
        happens(compiled, store, "ignored", NOW + day * DAY, decide(compiled, store, NOW + day * DAY, "sms"))
    (fate, _) = decide(compiled, store, NOW + 2 * DAY, "sms", mode=Mode.PREVIEW).candidate_outcomes
    (reading,) = [one for one in fate.readings if one.rule == "tired"]
    assert (reading.kind, reading.counted, reading.limit) == (RuleKind.PAUSE, 2, 2)
    assert (reading.window, reading.next_allowed_at) == ("5d after 2 in 7d", NOW + 6 * DAY)
    decision = decide(compiled, store, NOW + 2 * DAY, "sms")
    with store.transaction(writes=False):
        row = decision_of(store, decision.decision_id)
    assert row is not None
    past = logged_state_of(row, compiled)
    again = select(evaluate(compiled, past.request), past.history, past.person, past.customer_state)
    assert (again.outcome, again.next_allowed_at) == (decision.outcome, decision.next_allowed_at)
    assert again.outcome is Outcome.BLOCKED


def test_linking_joins_what_happened(compiled: CompiledBook, store: Store) -> None:
    """One ignored message under each name are two of the person's; a preview of unlinked names knows it before."""
    for name in ("ann", "zoe"):
        happens(compiled, store, "ignored", NOW + 1, decide(compiled, store, NOW, "sms", name=name), name)
    assert decide(compiled, store, NOW + 2, "sms").outcome is Outcome.OFFER
    preview = decide(compiled, store, NOW + 2, "sms", mode=Mode.PREVIEW, aliases=("zoe",))
    assert preview.blocked_by == ("tired",)
    commit_group(store, [LinkCommand(("ann", "zoe"), NOW + 3)])
    assert decide(compiled, store, NOW + 4, "sms", name="zoe").blocked_by == ("tired",)


THREE = BOOK.replace(
    "outcome: ignored, times: 2, within: 7d, for: 5d", "outcome: ignored, times: 3, within: 30d, for: 5d"
)


def test_three_reports_of_one_message_are_one_outcome(store: Store, any_log: Log, tmp_path: Path) -> None:
    """Each has an id of its own and is kept; the pause counts the message once, in one group and in several."""
    compiled = compiled_book(tmp_path / "three", THREE)
    sent = decide(compiled, store, NOW, "sms")
    for hour in range(3):
        happens(compiled, store, "ignored", NOW + hour, sent)
    together = [
        ReportCommand(
            compiled, "", sent.decision_id, Event(f"again-{number}", "ignored", NOW + 5, {}), NOW + 5
        )
        for number in range(3)
    ]
    assert commit_group(store, together) == [RecordResult.ACCEPTED] * 3
    assert any_log.rows("select count(*), count(distinct event_id) from outcomes") == [(6, 6)]
    preview = decide(compiled, store, NOW + DAY, "sms", mode=Mode.PREVIEW)
    (reading,) = [reading for reading in preview.candidate_outcomes[0].readings if reading.rule == "tired"]
    assert (reading.counted, reading.limit) == (1, 3)
    assert decide(compiled, store, NOW + DAY, "sms").outcome is Outcome.OFFER


def test_three_messages_are_three_outcomes(store: Store, tmp_path: Path) -> None:
    """However often each is reported: the third message begins the pause, and the log shows it again."""
    compiled = compiled_book(tmp_path / "three", THREE)
    for day in range(3):
        sent = decide(compiled, store, NOW + day * DAY, "sms")
        assert sent.outcome is Outcome.OFFER
        for _ in range(2):
            happens(compiled, store, "ignored", NOW + day * DAY + 1, sent)
    blocked = decide(compiled, store, NOW + 3 * DAY, "sms")
    assert (blocked.outcome, blocked.blocked_by) == (Outcome.BLOCKED, ("tired",))
    assert blocked.next_allowed_at == NOW + 2 * DAY + 1 + 5 * DAY
    with store.transaction(writes=False):
        row = decision_of(store, blocked.decision_id)
    assert row is not None
    past = logged_state_of(row, compiled)
    again = select(evaluate(compiled, past.request), past.history, past.person, past.customer_state)
    assert (again.outcome, again.next_allowed_at) == (Outcome.BLOCKED, blocked.next_allowed_at)
    assert decide(compiled, store, NOW + 7 * DAY + 1, "sms").outcome is Outcome.OFFER


def test_reports_of_two_names_that_are_linked_are_one_outcome(store: Store, tmp_path: Path) -> None:
    """Two messages, each reported three times under names that are linked later, do not begin a pause of three."""
    compiled = compiled_book(tmp_path / "three", THREE)
    for name in ("ann", "zoe"):
        sent = decide(compiled, store, NOW, "sms", name=name)
        for _ in range(3):
            happens(compiled, store, "ignored", NOW + 1, sent, name)
    commit_group(store, [LinkCommand(("ann", "zoe"), NOW + 2)])
    assert decide(compiled, store, NOW + 3, "sms").outcome is Outcome.OFFER
