"""To whom a campaign is open: slots of a layer, and ramps."""

from collections import Counter
from itertools import pairwise

import pytest

from engine.decide.compiled import CompiledBook
from engine.decide.experiments.assignments import assignments
from engine.model.decision import Outcome, Reason, ReasonCode
from engine.model.instant import Instant
from tests.decide.arbitrate.shop import compiled_book, decided
from tests.decide.experiments.fixtures import DAY, LAB, by_sms, crowd, treated

MARCH: Instant = 1_772_294_400_000_000
"""2026-03-01T00:00+08:00"""
LAYERS = """
layers:
  prices: {salt: p, slots: {low: 0-40%, high: 40-80%}}
  words: {slots: {soft: 0-50%, hard: 50-100%}}
campaigns:
  low: {offer: parcel, tier: 5, channels: [sms], slot: prices/low}
  high: {offer: parcel, tier: 5, channels: [sms], slot: prices/high}
  soft: {offer: parcel, tier: 4, channels: [sms], slot: words/soft}
"""
RAMP = """
campaigns:
  slowly: {offer: parcel, tier: 5, channels: [sms], ramp: {from: 2026-03-01, start: 10%, full: 2026-03-11}}
"""


@pytest.fixture(scope="module")
def plain() -> str:
    """The book of these tests without its holdout."""
    return LAB.replace(
        "holdouts:\n  universal: {share: 10%, salt: 2026-h1, except: {category: service}}\n", ""
    )


def reached(compiled: CompiledBook, campaign: str, now: Instant, number: int = 1_000) -> set[str]:
    """The customers of a crowd to whom the campaign is open at the moment."""
    outcomes_seen = set()
    for person in crowd(number):
        candidate_outcomes = {
            outcome.campaign: outcome for outcome in decided(compiled, by_sms(person, now)).candidate_outcomes
        }
        if candidate_outcomes[campaign].reason.code is ReasonCode.CHOSEN:
            outcomes_seen.add(person)
    return outcomes_seen


def test_slots_of_a_layer_share_nobody_and_layers_are_independent(plain: str) -> None:
    """A person gets the campaign of their only slot; the slots of another layer divide each slot as they divide everybody."""
    compiled = compiled_book(plain, LAYERS)
    seen: Counter[tuple[tuple[str, ...], tuple[str, ...]]] = Counter()
    for person in crowd(4_000):
        drawn = {
            assignment.name: assignment.drawn
            for assignment in assignments(compiled.book, person, MARCH)
            if assignment.kind == "layer"
        }
        seen[drawn["prices"], drawn["words"]] += 1
        expected = drawn["prices"] or (("soft",) if drawn["words"] == ("soft",) else ())
        first = next(
            outcome for outcome in decided(compiled, by_sms(person)).candidate_outcomes if outcome.readings
        )
        assert (first.campaign,) == (expected or ("cream",))
    shares = {("low",): 0.4, ("high",): 0.4, (): 0.2}
    for prices, share in shares.items():
        for words in (("soft",), ("hard",)):
            assert seen[prices, words] / 4_000 == pytest.approx(share / 2, abs=0.03)


def test_a_campaign_that_is_not_open_gives_way_to_the_next(plain: str) -> None:
    """To others the campaign is not eligible, the reason says why, and it uses up no contact."""
    compiled = compiled_book(plain, RAMP)
    before = decided(compiled, by_sms(treated(compiled), MARCH - 1))
    assert (before.outcome, before.offers[0].campaign) == (Outcome.OFFER, "cream")
    assert before.reasons == (Reason(ReasonCode.RAMPING, "slowly"), Reason(ReasonCode.CHOSEN, "cream"))


def test_nothing_else_fits_where_nothing_is_open() -> None:
    """With no other campaign the outcome is NOTHING, not BLOCKED, and there is no next moment."""
    text = LAB.partition("holdouts:")[0]
    decision = decided(compiled_book(text, RAMP), by_sms("ann", MARCH - 1))
    assert (decision.outcome, decision.next_allowed_at) == (Outcome.NOTHING, None)
    assert decision.reasons == (Reason(ReasonCode.RAMPING, "slowly"),)


def test_a_ramp_grows_and_nobody_falls_out(plain: str) -> None:
    """Nobody before it, the first share from its first moment, evenly more day by day, everybody from the last."""
    compiled = compiled_book(plain, RAMP)
    days = [reached(compiled, "slowly", MARCH + day * DAY) for day in (0, 2, 5, 9, 10)]
    assert reached(compiled, "slowly", MARCH - 1) == set()
    for earlier, later in pairwise(days):
        assert earlier < later
    assert [len(persons) / 1_000 for persons in days] == pytest.approx([0.1, 0.28, 0.55, 0.91, 1.0], abs=0.05)
