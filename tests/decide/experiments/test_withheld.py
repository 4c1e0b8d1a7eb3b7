"""What is withheld from controls and holdouts, on both stores: answers, shadow contacts, the log."""

import json
from collections.abc import Iterator

import pytest

from engine.decide.answer import from_json, to_json
from engine.decide.compiled import CompiledBook
from engine.decide.evaluate import evaluate
from engine.ledger.commit.decisions import DecideCommand
from engine.ledger.commit.events import RecordResult, WarnedResult
from engine.ledger.commit.group import commit_group
from engine.ledger.commit.identity import LinkCommand
from engine.ledger.commit.outcomes import ReportCommand
from engine.ledger.store.open import open_store
from engine.ledger.store.store import Store
from engine.model.decision import Decision, Outcome, Reason, ReasonCode
from engine.model.event import Event
from engine.model.request import Mode, Request
from tests.books import compiled_book
from tests.decide.experiments.fixtures import (
    DAY,
    LAB,
    NOW,
    by_sms,
    controlled,
    first_customer,
    held_out,
    on_page,
    treated,
)
from tests.logs import Log

CONTACTS = "select campaign, channel, state, expires_at from contacts order by at, position"


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> CompiledBook:
    """The book of these tests."""
    return compiled_book(tmp_path_factory.mktemp("lab"), LAB)


@pytest.fixture
def store(any_log: Log) -> Iterator[Store]:
    """A fresh log."""
    store = open_store(any_log.url)
    yield store
    store.close()


def settle(compiled: CompiledBook, store: Store, *requests: Request) -> list[Decision]:
    """The decisions, committed in one group."""
    answers = commit_group(store, [DecideCommand(evaluate(compiled, request)) for request in requests])
    decisions = [answer for answer in answers if isinstance(answer, Decision)]
    assert len(decisions) == len(requests), answers
    return decisions


def test_a_control_customer_gets_nothing_and_is_logged_with_what_he_would_have_got(
    compiled: CompiledBook, store: Store, any_log: Log
) -> None:
    """No offer, CONTROL with the campaign, a shadow contact, and campaign, variant and channel in the log."""
    person = controlled(compiled)
    (decision,) = settle(compiled, store, by_sms(person))
    assert (decision.outcome, decision.offers) == (Outcome.CONTROL, ())
    assert decision.reasons == (Reason(ReasonCode.CONTROL, "cream"),)
    assert decision.selection_probability == pytest.approx(1 - 0.9 * 0.75)
    assert any_log.rows(CONTACTS) == [("cream", "sms", "shadow", None)]
    columns = "select outcome, campaign, offer, channel, selection_probability, trace from decisions"
    ((*logged, trace),) = any_log.rows(columns)
    assert logged == ["control", "cream", "cream", "sms", pytest.approx(1 - 0.9 * 0.75)]
    assert json.loads(trace)["experiments"] == [
        ["cream", "holdout", "universal", "2026-h1", 0.0, 0.1, False],
        ["cream", "control", "cream", "s", 0.0, 0.25, True],
    ]


def test_who_is_held_out_gets_service_only(compiled: CompiledBook, store: Store, any_log: Log) -> None:
    """The holdout withholds what it does not except, and is named."""
    person = held_out(compiled)
    (decision,) = settle(compiled, store, by_sms(person))
    assert (decision.outcome, decision.reasons) == (
        Outcome.CONTROL,
        (Reason(ReasonCode.HELD_OUT, "universal"),),
    )
    (service,) = settle(compiled, store, by_sms(person, late=True))
    assert (service.outcome, service.offers[0].campaign) == (Outcome.OFFER, "parcel")
    assert service.selection_probability == 1.0
    assert [state for _, _, state, _ in any_log.rows(CONTACTS)] == ["shadow", "confirmed"]


def test_a_shadow_counts_for_the_same_customer_like_a_contact(compiled: CompiledBook, store: Store) -> None:
    """Control and treated customers are blocked for a week, to the same moment, be the next campaign withheld or not."""
    for person in (controlled(compiled), treated(compiled)):
        settle(compiled, store, by_sms(person))
        (second,) = settle(compiled, store, by_sms(person, NOW + DAY))
        assert (second.outcome, second.blocked_by) == (Outcome.BLOCKED, ("weekly",))
        assert second.next_allowed_at == NOW + 7 * DAY


def test_two_requests_of_one_group_see_the_shadow(compiled: CompiledBook, store: Store) -> None:
    """The second request of the same transaction is blocked by the shadow of the first."""
    first, second = settle(compiled, store, *2 * [by_sms(controlled(compiled))])
    assert (first.outcome, second.outcome) == (Outcome.CONTROL, Outcome.BLOCKED)


def test_a_page_shows_its_fallback_to_control_customers(compiled: CompiledBook, store: Store) -> None:
    """If everything is withheld a page shows its fallback, if it has one; the outcome is still CONTROL."""
    person = held_out(compiled)
    (hero,) = settle(compiled, store, on_page(person))
    assert (hero.outcome, [offer.offer for offer in hero.offers]) == (Outcome.CONTROL, ["story"])
    assert hero.reasons[-1] == Reason(ReasonCode.FALLBACK, "hero")
    (bare,) = settle(compiled, store, on_page(person, "bare"))
    assert (bare.outcome, bare.offers) == (Outcome.CONTROL, ())


def test_what_is_withheld_keeps_its_place_on_a_page(
    compiled: CompiledBook, store: Store, any_log: Log
) -> None:
    """Of two offers one is withheld: the other is shown as it would be, and no other campaign is shown instead."""
    (decision,) = settle(compiled, store, on_page(controlled(compiled)))
    assert (decision.outcome, [offer.campaign for offer in decision.offers]) == (Outcome.OFFER, ["soap"])
    assert decision.reasons == (Reason(ReasonCode.CONTROL, "cream"), Reason(ReasonCode.CHOSEN, "soap"))
    assert [row[::2] for row in any_log.rows(CONTACTS)] == [("cream", "shadow"), ("soap", "confirmed")]


def test_a_retry_and_a_preview_say_the_same(compiled: CompiledBook, store: Store, any_log: Log) -> None:
    """A preview says CONTROL and keeps nothing; a retry reads the same answer from the log, probability included."""
    request = by_sms(controlled(compiled))._replace(request_id="r-1")
    (preview,) = settle(compiled, store, request._replace(mode=Mode.PREVIEW))
    assert any_log.rows(CONTACTS) == []
    assert (preview.outcome, preview.candidate_outcomes[0].reason) == (
        Outcome.CONTROL,
        Reason(ReasonCode.CONTROL, "cream"),
    )
    (first,) = settle(compiled, store, request)
    assert settle(compiled, store, request) == [first]
    assert len(any_log.rows(CONTACTS)) == 1


def test_a_control_customer_converts_by_himself(compiled: CompiledBook, store: Store, any_log: Log) -> None:
    """A controlled customer's conversion is stored but counts for no campaign; a delivery leaves the shadow as it is."""
    (decision,) = settle(compiled, store, by_sms(controlled(compiled)))
    commands = [
        ReportCommand(
            compiled, "", decision.decision_id, Event(f"e-{kind}", kind, NOW), NOW, campaign=campaign
        )
        for kind, campaign in (("converted", "cream"), ("bounced", ""))
    ]
    warning = "the decision's outcome was CONTROL: it offered nothing that could be bounced"
    assert commit_group(store, commands) == [
        RecordResult.ACCEPTED,
        WarnedResult(RecordResult.ACCEPTED, warning),
    ]
    retried = commit_group(store, commands)
    assert retried == [RecordResult.DUPLICATE, WarnedResult(RecordResult.DUPLICATE, warning)]
    kept = any_log.rows("select type, campaign, decision_id from outcomes order by type")
    assert kept == [("bounced", "", decision.decision_id), ("converted", "", decision.decision_id)]
    assert any_log.rows(CONTACTS) == [("cream", "sms", "shadow", None)]


def test_a_click_on_what_was_withheld_is_warned_of(compiled: CompiledBook, store: Store) -> None:
    """A click on the withheld one of two offers is kept with a warning; one on the other, or a conversion, without."""
    (decision,) = settle(compiled, store, on_page(controlled(compiled)))
    assert [offer.campaign for offer in decision.offers] == ["soap"]
    commands = [
        ReportCommand(
            compiled, "", decision.decision_id, Event(f"{kind}-{campaign}", kind, NOW), NOW, campaign=campaign
        )
        for kind, campaign in (("clicked", "cream"), ("clicked", "soap"), ("converted", "cream"))
    ]
    warning = "the decision withheld the offer of cream: there was nothing that could be clicked"
    accepted = RecordResult.ACCEPTED
    assert commit_group(store, commands) == [WarnedResult(accepted, warning), accepted, accepted]


def test_all_names_of_a_person_are_in_one_group(compiled: CompiledBook, store: Store) -> None:
    """Experiments hash the id under which a person is stored: a linked id has the same assignments."""
    person = controlled(compiled)
    other = first_customer(
        compiled,
        lambda drawn: not drawn["control", "cream"].inside and not drawn["holdout", "universal"].inside,
    )
    settle(compiled, store, by_sms(person))
    commit_group(store, [LinkCommand((person, other), NOW)])
    (decision,) = settle(compiled, store, by_sms(other, NOW + 8 * DAY))
    assert decision.reasons == (Reason(ReasonCode.CONTROL, "cream"),)


def test_answers_of_an_earlier_form_are_still_read(compiled: CompiledBook, store: Store) -> None:
    """An answer logged before probabilities were part of it has a probability of 1; one before the next moment, none."""
    (decision,) = settle(compiled, store, by_sms(treated(compiled)))
    document = json.loads(to_json(decision))
    assert from_json(json.dumps(document[:11])) == decision
    for length, signals in ((10, decision.signals), (9, ())):
        earlier = from_json(json.dumps(document[:length]))
        assert (earlier.selection_probability, earlier.signals) == (1.0, signals)
