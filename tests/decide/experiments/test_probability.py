"""The selection probability against how often it happens."""

from collections import Counter
from collections.abc import Callable
from math import sqrt

import pytest

from engine.model.decision import Decision, Outcome, ReasonCode
from engine.model.request import Request
from tests.decide.arbitrate.shop import compiled_book, decided
from tests.decide.experiments.fixtures import LAB, by_sms, crowd, on_page

NUMBER = 6_000
MORE = """
holdouts:
  shops: {share: 20%, except: {campaign: soap}}
layers:
  tests: {salt: t, slots: {one: 0-40%, two: 40-100%}}
campaigns:
  first: {offer: parcel, tier: 5, channels: [sms], slot: tests/one, control: 30%}
  second:
    offer: parcel
    tier: 4
    channels: [sms]
    ramp: {from: 2026-03-01, start: 10%, full: 2026-03-31}
    variants:
      loud: {share: 2, content: {default: {title: Loud}}}
      low: {share: 1, content: {default: {title: Low}}}
      none: {share: 7, when: {profile.late: true}, content: {default: {title: None}}}
"""


def near(seen: int, total: int, probability: float) -> bool:
    """Whether so many of so many are within 4.5 standard deviations of the probability."""
    return abs(seen / total - probability) < 4.5 * sqrt(probability * (1 - probability) / total)


def happened(decision: Decision) -> tuple[str, ...]:
    """What chance decided: what was offered in which form, or what was withheld."""
    if decision.outcome is Outcome.OFFER:
        return ("offer", decision.offers[0].campaign, decision.offers[0].variant)
    assert decision.outcome is Outcome.CONTROL
    return ("control",)


@pytest.mark.parametrize(
    "request_of", [by_sms, lambda customer: on_page(customer, "bare")], ids=["sms", "page"]
)
def test_shares_controls_and_holdouts_come_as_often_as_logged(request_of: Callable[[str], Request]) -> None:
    """Over many customers each answer comes with the one probability that it always names."""
    compiled = compiled_book(LAB)
    answers = [decided(compiled, request_of(customer)) for customer in crowd(NUMBER)]
    seen = Counter(map(happened, answers))
    probabilities = {happened(decision): decision.selection_probability for decision in answers}
    assert len(seen) == 3
    assert sum(probabilities.values()) == pytest.approx(1)
    for what, probability in probabilities.items():
        assert {decision.selection_probability for decision in answers if happened(decision) == what} == {
            probability
        }
        assert near(seen[what], NUMBER, probability), what


def test_each_offer_of_a_row_has_its_own_probability() -> None:
    """Where a page shows two, each is there as often as it says, whatever became of the other."""
    compiled = compiled_book(LAB)
    answers = [decided(compiled, on_page(customer)) for customer in crowd(NUMBER)]
    shown = [offer for decision in answers for offer in decision.offers if offer.campaign]
    seen = Counter((offer.campaign, offer.variant) for offer in shown)
    probabilities = {(offer.campaign, offer.variant): offer.selection_probability for offer in shown}
    assert probabilities == {
        ("cream", "calm"): pytest.approx(0.9 * 0.75 / 4),
        ("cream", "bold"): pytest.approx(0.9 * 0.75 * 3 / 4),
        ("soap", ""): pytest.approx(0.9 * 0.5),
    }
    for what, probability in probabilities.items():
        assert near(seen[what], NUMBER, probability), what


def test_among_those_to_whom_the_same_is_open_it_is_right_too() -> None:
    """Slots and ramps part the customers; within each part the probabilities are right, and the parts are as large as said."""
    compiled = compiled_book(LAB, MORE)
    answers = [decided(compiled, by_sms(customer)) for customer in crowd(NUMBER)]
    parts: dict[tuple[str, ...], list[Decision]] = {}
    for decision in answers:
        shut = tuple(
            str(reason.code)
            for reason in decision.reasons
            if reason.code in (ReasonCode.OTHER_SLOT, ReasonCode.RAMPING)
        )
        parts.setdefault(shut, []).append(decision)
    reached = 0.1 + 0.9 * (9 * 24 + 10) / (30 * 24)  # ten o'clock of the tenth day
    assert set(parts) == {(), ("other_slot",), ("other_slot", "ramping")}
    assert near(len(parts[()]), NUMBER, 0.4)
    assert near(len(parts["other_slot",]), NUMBER, 0.6 * reached)
    for part in parts.values():
        seen = Counter(map(happened, part))
        probabilities = {happened(decision): decision.selection_probability for decision in part}
        assert sum(probabilities.values()) == pytest.approx(1)
        for what, probability in probabilities.items():
            assert near(seen[what], len(part), probability), what
