"""Settling, on both stores."""

import json
from pathlib import Path
from typing import Any

import pytest

from engine.decide.compiled import CompiledBook
from engine.decide.evaluate import evaluate
from engine.ledger.commit.decisions import DecideCommand
from engine.ledger.commit.group import commit_group
from engine.ledger.errors import DecisionFault, LedgerError, RequestIdTaken
from engine.ledger.store.store import Store
from engine.model.decision import Decision, Outcome, Reason, ReasonCode
from engine.model.request import Mode, Request
from tests.books import compiled_book
from tests.logs import Log

DAY = 86_400_000_000
NOW = 1_773_108_000_000_000  # 2026-03-10T10:00+08:00
LI_NA = Request(
    customer="li-na",
    now=NOW,
    attributes={
        "weather.temperature_c": 3.0,
        "weather.humidity_pct": 30.0,
        "profile.openid": "o-1",
        "profile.phone": "138",
        "profile.first_name": "Li Na",
    },
    consents=frozenset({"wechat", "sms"}),
)


@pytest.fixture
def compiled(tmp_path: Path) -> CompiledBook:
    """The book of these tests."""
    return compiled_book(tmp_path / "book")


def settle(compiled: CompiledBook, store: Store, *requests: Request) -> list[Decision]:
    """Settles the requests in one group and returns their decisions."""
    answers = settle_any(compiled, store, *requests)
    assert not [one for one in answers if isinstance(one, LedgerError)]
    return [one for one in answers if isinstance(one, Decision)]


def settle_any(compiled: CompiledBook, store: Store, *requests: Request) -> list[Decision | LedgerError]:
    """Settles the requests in one group."""
    return commit_group(store, [DecideCommand(evaluate(compiled, request)) for request in requests])


def test_the_cold_gets_the_rich_cream(compiled: CompiledBook, store: Store) -> None:
    """The campaign that fits is chosen, in the variant for dry air, on the first channel, with its text filled in."""
    (decision,) = settle(compiled, store, LI_NA)
    (offer,) = decision.offers
    assert decision.outcome is Outcome.OFFER
    assert (offer.campaign, offer.variant, offer.channel) == ("cream-cold", "dry", "wechat")
    assert offer.content == {"title": "Dry air, Li Na?"}
    assert offer.score == pytest.approx(10 * 0.5)
    assert decision.reasons == (Reason(ReasonCode.CHOSEN, "cream-cold"),)


def test_a_preferred_channel_goes_first(compiled: CompiledBook, store: Store) -> None:
    """The customer's preference goes before the campaign's order."""
    (decision,) = settle(compiled, store, LI_NA._replace(preferred_channels=("sms", "pigeon")))
    assert decision.offers[0].channel == "sms"


def test_the_third_contact_of_the_week_is_blocked_until_the_first_leaves(
    compiled: CompiledBook, store: Store
) -> None:
    """Two go, the third is blocked by name, with the exact moment at which it may go; then it goes."""
    first = settle(compiled, store, LI_NA)[0]
    assert settle(compiled, store, LI_NA._replace(now=NOW + 2 * DAY))[0].outcome is Outcome.OFFER
    third = settle(compiled, store, LI_NA._replace(now=NOW + 4 * DAY))[0]
    assert (third.outcome, third.next_allowed_at) == (Outcome.BLOCKED, first.at + 7 * DAY)
    assert third.blocked_by == ("weekly",)
    early = settle(compiled, store, LI_NA._replace(now=NOW + 7 * DAY - 1))[0]
    assert early.outcome is Outcome.BLOCKED
    assert settle(compiled, store, LI_NA._replace(now=NOW + 7 * DAY))[0].outcome is Outcome.OFFER


def test_a_cap_holds_inside_a_group(compiled: CompiledBook, store: Store, any_log: Log) -> None:
    """Ten requests for one customer in one transaction: two contacts, eight blocked, ten rows."""
    decisions = settle(compiled, store, *[LI_NA] * 10)
    assert [one.outcome for one in decisions] == [Outcome.OFFER] * 2 + [Outcome.BLOCKED] * 8
    assert any_log.rows("select outcome, count(*) from decisions group by 1 order by 1") == [
        ("blocked", 8),
        ("offer", 2),
    ]
    assert any_log.rows("select count(*) from contacts") == [(2,)]


def test_a_reservation_ends_with_its_hold(compiled: CompiledBook, store: Store) -> None:
    """An SMS without word of delivery stops counting after the channel's hold."""
    by_sms = LI_NA._replace(channels=("sms",))
    first = settle(compiled, store, by_sms)[0]
    assert first.offers[0].expires_at == NOW + DAY
    blocked = settle(compiled, store, by_sms._replace(now=NOW + DAY - 1))[0]
    assert (blocked.outcome, blocked.next_allowed_at) == (Outcome.BLOCKED, NOW + DAY)
    assert settle(compiled, store, by_sms._replace(now=NOW + DAY))[0].outcome is Outcome.OFFER


def test_the_next_channel_is_tried_before_the_next_campaign(compiled: CompiledBook, store: Store) -> None:
    """With WeChat out of reach the same campaign goes by SMS, and the reason says so."""
    reachable = LI_NA._replace(
        attributes={**LI_NA.attributes, "weather.humidity_pct": 60.0}, consents=frozenset({"sms"})
    )
    (decision,) = settle(compiled, store, reachable)
    assert (decision.offers[0].campaign, decision.offers[0].channel) == ("cream-cold", "sms")
    assert Reason(ReasonCode.NO_CONSENT, "wechat") in decision.reasons


@pytest.mark.parametrize(
    ("over", "reason"),
    [
        ({"consents": frozenset()}, Reason(ReasonCode.NO_CONSENT, "wechat")),
        (
            {"attributes": {"weather.temperature_c": 3.0, "profile.openid": ""}},
            Reason(ReasonCode.UNREACHABLE, "wechat"),
        ),
    ],
)
def test_no_consent_and_no_address_block(
    compiled: CompiledBook, store: Store, over: dict[str, object], reason: Reason
) -> None:
    """Missing consent is no, an empty address is none; time does not help, so no next moment is named."""
    (decision,) = settle(compiled, store, LI_NA._replace(channels=("wechat",), **over))  # type: ignore[arg-type]
    assert decision.outcome is Outcome.BLOCKED
    assert decision.next_allowed_at is None
    assert decision.reasons == (reason,)


def test_a_service_message_passes_the_cap(compiled: CompiledBook, store: Store) -> None:
    """`except` lets the service campaign go when the commercial ones are held back."""
    member = LI_NA._replace(attributes={**LI_NA.attributes, "profile.member": True})
    decisions = settle(compiled, store, *[member._replace(channels=("sms",))] * 3)
    assert [one.offers[0].campaign for one in decisions] == ["cream-cold", "points-expire", "points-expire"]


def test_nothing_fits(compiled: CompiledBook, store: Store, any_log: Log) -> None:
    """No eligible campaign is an outcome with a reason, and it is logged."""
    (decision,) = settle(compiled, store, Request(customer="nobody", now=NOW, attributes={}))
    assert decision.outcome is Outcome.NOTHING
    assert decision.reasons == (Reason(ReasonCode.NOT_ELIGIBLE, ""),)
    assert any_log.rows("select outcome from decisions") == [("nothing",)]


def test_a_placement_without_a_better_offer_shows_its_fallback(compiled: CompiledBook, store: Store) -> None:
    """The fallback answers, and reserves no contact."""
    (decision,) = settle(
        compiled, store, Request(customer="nobody", now=NOW, attributes={}, placement="hero")
    )
    (offer,) = decision.offers
    assert (decision.outcome, offer.offer, offer.campaign) == (Outcome.FALLBACK, "brand", "")
    assert offer.content == {"title": "Our story"}


def test_a_placement_without_a_fallback_stays_silent(compiled: CompiledBook, store: Store) -> None:
    """Where there is no fallback there is nothing."""
    (decision,) = settle(
        compiled, store, Request(customer="nobody", now=NOW, attributes={}, placement="corner")
    )
    assert decision.outcome is Outcome.NOTHING


def test_several_offers_are_different_offers(compiled: CompiledBook, store: Store) -> None:
    """Two slots take the two best campaigns, the better one first, and inbound contacts need no consent."""
    both = LI_NA._replace(
        placement="hero",
        max_offers=2,
        consents=frozenset(),
        attributes={**LI_NA.attributes, "profile.interests": ("lotion",)},
    )
    (decision,) = settle(compiled, store, both)
    assert [one.campaign for one in decision.offers] == ["lotion-mild", "cream-cold"]
    assert decision.offers[1].expires_at is None


def test_a_retry_gets_the_same_answer(compiled: CompiledBook, store: Store, any_log: Log) -> None:
    """The same request_id, in the same group or later, reserves nothing and returns the same decision."""
    named = LI_NA._replace(request_id="r-1")
    first, second = settle(compiled, store, named, named)
    later = settle(compiled, store, named._replace(now=NOW + DAY))[0]
    assert first == second == later
    assert any_log.rows("select count(*) from decisions") == [(1,)]
    assert any_log.rows("select count(*) from contacts") == [(1,)]


def test_a_request_id_belongs_to_one_customer(compiled: CompiledBook, store: Store) -> None:
    """Another customer's decision is not handed out, whatever the request_id."""
    settle(compiled, store, LI_NA._replace(request_id="r-1"))
    (error,) = settle_any(compiled, store, LI_NA._replace(request_id="r-1", customer="wang-wei"))
    assert isinstance(error, RequestIdTaken)


def test_a_preview_keeps_nothing(compiled: CompiledBook, store: Store, any_log: Log) -> None:
    """A preview sees what is reserved, reserves nothing, logs nothing, and does not use up its request_id."""
    preview = LI_NA._replace(mode=Mode.PREVIEW, request_id="r-1")
    for _ in range(5):
        assert settle(compiled, store, preview)[0].outcome is Outcome.OFFER
    assert any_log.rows("select count(*) from decisions") == [(0,)]
    assert settle(compiled, store, LI_NA._replace(request_id="r-1"))[0].decision_id
    later = preview._replace(request_id="r-2")
    assert settle(compiled, store, LI_NA, later)[1].outcome is Outcome.BLOCKED


def test_sensitive_values_and_addresses_are_not_logged(
    compiled: CompiledBook, store: Store, any_log: Log
) -> None:
    """The log names what it leaves out; it holds neither the value nor the address."""
    ill = LI_NA._replace(
        attributes={**LI_NA.attributes, "profile.allergy": "nuts", "profile.phone": "13800138000"}
    )
    settle(compiled, store, ill)
    ((inputs, trace, answer),) = any_log.rows("select inputs, trace, answer from decisions")
    for text in (inputs, trace, answer):
        assert "nuts" not in str(text)
        assert "13800138000" not in str(text)
    assert json.loads(str(inputs))["masked"] == ["profile.allergy", "profile.openid", "profile.phone"]


def test_a_fault_in_one_request_spares_its_neighbours(
    compiled: CompiledBook, store: Store, any_log: Log
) -> None:
    """A request that cannot be decided gets an error of its own; the rest of its group is settled."""
    unreadable: Any = object()
    broken = LI_NA._replace(
        customer="broken", attributes={**LI_NA.attributes, "profile.first_name": unreadable}
    )
    good, bad, other = settle_any(compiled, store, LI_NA, broken, LI_NA._replace(customer="wang-wei"))
    assert isinstance(bad, DecisionFault)
    assert isinstance(good, Decision)
    assert isinstance(other, Decision)
    assert any_log.rows("select person from decisions order by 1") == [("li-na",), ("wang-wei",)]


def test_a_logged_decision_can_be_decided_again(compiled: CompiledBook, store: Store, any_log: Log) -> None:
    """From the row alone (inputs, contacts read) the same procedure gives the same answer."""
    settle(compiled, store, LI_NA)
    settle(compiled, store, LI_NA._replace(now=NOW + DAY))
    blocked = settle(compiled, store, LI_NA._replace(now=NOW + 2 * DAY))[0]
    ((person, at, inputs, trace),) = any_log.rows(
        "select person, at, inputs, trace from decisions where outcome = 'blocked'"
    )
    logged, read = json.loads(str(inputs)), json.loads(str(trace))
    again = Request(
        customer=str(person),
        now=int(str(at)),
        attributes={**logged["attributes"], **dict.fromkeys(logged["masked"], "present")},
        consents=frozenset(logged["consents"]),
        preferred_channels=tuple(logged["preferred_channels"]),
        channels=tuple(logged["channels"]),
        max_offers=logged["max_offers"],
        mode=Mode.PREVIEW,
    )
    decided = settle(compiled, store, again)[0]
    assert (decided.outcome, decided.reasons, decided.next_allowed_at) == (
        blocked.outcome,
        blocked.reasons,
        blocked.next_allowed_at,
    )
    assert [one[0] for one in read["contacts"]] == [NOW, NOW + DAY]
    assert ["weekly", 2, 2, True] in [row[:4] for row in read["counters"]]
