"""The life of a contact: what evidence and time make of it."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.decide.pressure.contact_state import (
    ContactStatus,
    Evidence,
    StatusChange,
    initial_status,
    status_after,
)
from engine.model.contact import ContactState
from engine.model.outcome import CONFIRMING, RELEASING, OutcomeType

HOLD, EARLY, LATE = 100, 50, 150
RESERVED, CONFIRMED = initial_status(HOLD), initial_status(None)
RELEASED = ContactStatus(ContactState.RELEASED, None)

types = st.sampled_from(OutcomeType)
evidence = st.lists(st.builds(Evidence, types, st.integers(0, 3)), max_size=6)


@pytest.mark.parametrize(
    ("reported", "counts"),
    [
        ([], True),
        (["delivered"], True),
        (["bounced"], False),
        (["bounced", "delivered"], True),
        (["delivered", "bounced"], False),
        (["cancelled", "opened"], True),
        (["subscribed"], True),
    ],
)
def test_the_latest_evidence_decides(reported: Sequence[str], counts: bool) -> None:
    """Of outcomes one after the other the last that says something of the contact is believed."""
    change = status_after(RESERVED, [Evidence(kind, at) for at, kind in enumerate(reported)], EARLY)
    assert change.status.counts(EARLY) is counts


def test_a_tie_confirms() -> None:
    """Of contradicting outcomes of one moment the stricter is believed: the customer was addressed."""
    for releasing in RELEASING:
        for confirming in CONFIRMING:
            assert (
                status_after(RESERVED, [Evidence(confirming, 7), Evidence(releasing, 7)], EARLY).status
                == CONFIRMED
            )


def test_without_word_the_hold_ends_it() -> None:
    """A reservation counts to the microsecond before its end; what is confirmed stays."""
    assert [RESERVED.counts(now) for now in (HOLD - 1, HOLD)] == [True, False]
    assert CONFIRMED.counts(10**18)


@pytest.mark.parametrize(
    ("before", "reported", "now", "stops", "resumes"),
    [
        (RESERVED, "bounced", EARLY, True, False),
        (RESERVED, "delivered", EARLY, False, False),
        (RESERVED, "delivered", LATE, False, True),
        (RESERVED, "bounced", LATE, False, False),
        (CONFIRMED, "bounced", LATE, True, False),
        (RELEASED, "delivered", LATE, False, True),
        (RELEASED, "bounced", LATE, False, False),
    ],
)
def test_what_is_given_back_and_taken_again(
    before: ContactStatus, reported: str, now: int, stops: bool, resumes: bool
) -> None:
    """A contact gives back what it took when it stops counting, and takes it again when it counts after all."""
    change = status_after(before, [Evidence(reported, now)], now)
    assert (change.stops, change.resumes) == (stops, resumes)


@given(evidence, st.randoms(use_true_random=False), st.sampled_from((EARLY, LATE)))
def test_the_order_of_arrival_does_not_matter(reported: list[Evidence], chance: object, now: int) -> None:
    """However evidence arrives, one by one or together, again or once, the contact comes to stand the same."""
    together = status_after(RESERVED, reported, now).status
    shuffled = [*reported, *reported]
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    status, known = RESERVED, list[Evidence]()
    for outcome in shuffled:
        known.append(outcome)
        status = status_after(status, known, now).status
    assert status == together


@given(st.lists(evidence, max_size=5), st.sampled_from((EARLY, LATE)))
def test_what_is_given_back_is_what_was_taken(steps: list[list[Evidence]], now: int) -> None:
    """Over any story at one moment takings and givings alternate, and their balance says whether the contact counts."""
    status, known, taken = RESERVED, list[Evidence](), int(RESERVED.counts(now))
    for step in steps:
        known += step
        change: StatusChange = status_after(status, known, now)
        taken += change.resumes - change.stops
        status = change.status
        assert taken == int(status.counts(now))


@given(evidence, st.integers(0, 200))
def test_a_shadow_stays_a_shadow(reported: list[Evidence], now: int) -> None:
    """What is reported of something that was withheld, by mistake or by whoever sends it, changes nothing: it counts."""
    shadow = ContactStatus(ContactState.SHADOW, None)
    assert status_after(shadow, reported, now) == StatusChange(shadow, stops=False, resumes=False)
    assert shadow.counts(now)
