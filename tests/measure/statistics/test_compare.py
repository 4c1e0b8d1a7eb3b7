"""Comparison of two arms: verdicts agree with each other, units do not matter, and what cannot be said is refused."""

from math import isclose

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from engine.measure import (
    Arm,
    Comparison,
    PairedArm,
    always_valid,
    compare,
    compare_strata,
    effect_per,
    incremental_share,
)
from engine.measure.statistics import refusals

LEVELS = st.sampled_from((0.8, 0.9, 0.95, 0.99))


@st.composite
def proportions(draw: st.DrawFn) -> Arm:
    """An arm of persons who count 0 or 1."""
    persons = draw(st.integers(2, 5_000))
    events = draw(st.integers(0, persons))
    return Arm(persons, events, events)


def means() -> st.SearchStrategy[Arm]:
    """An arm of persons with values in whole units, most of them 0."""
    values = st.lists(st.sampled_from((0, 0, 0, 1, 2, 5, 20, -3)), min_size=5, max_size=60)
    return values.map(Arm.of)


@given(proportions(), proportions(), LEVELS)
def test_p_agrees_with_the_interval_of_proportions(treated: Arm, control: Arm, level: float) -> None:
    """The interval excludes 0 exactly where p lies below 1 − level."""
    _agree(compare(treated, control, "proportion", level))


@given(means(), means(), LEVELS, st.booleans())
def test_p_agrees_with_the_interval_of_means(
    treated: Arm, control: Arm, level: float, sequential: bool
) -> None:
    """The same of Welch's interval and of the always-valid one."""
    _agree(
        always_valid(treated, control, "mean", 100, level)
        if sequential
        else compare(treated, control, "mean", level)
    )


@given(proportions(), proportions(), LEVELS)
def test_difference_and_relative_effect_agree_for_proportions(
    treated: Arm, control: Arm, level: float
) -> None:
    """The relative interval excludes 0 exactly where the difference does."""
    _same_verdict(compare(treated, control, "proportion", level))
    _same_verdict(always_valid(treated, control, "proportion", 1000, level))


@given(means(), means(), LEVELS)
def test_difference_and_relative_effect_agree_for_means(treated: Arm, control: Arm, level: float) -> None:
    """The same with Welch's limits, whatever the spreads."""
    _same_verdict(compare(treated, control, "mean", level))


def test_difference_and_relative_effect_agree_where_another_product_contradicts_itself() -> None:
    """On GrowthBook's own test data: by its delta method the lift is -3.5 % to 145 % beside a difference above 0."""
    control, treated = Arm(3407, 1396.87, 52377.9767), Arm(3461, 2422.7, 134698.29)
    result = compare(treated, control, "mean")
    assert result.difference is not None
    assert result.relative is not None
    assert result.difference.low > 0
    assert result.relative.low > 0


@given(proportions(), proportions())
def test_arms_can_be_exchanged(treated: Arm, control: Arm) -> None:
    """Exchanging the arms turns the difference round and leaves p."""
    there, back = compare(treated, control), compare(control, treated)
    assert there.difference is not None
    assert back.difference is not None
    assert there.p == pytest.approx(back.p, rel=1e-9)
    assert there.difference.low == pytest.approx(-back.difference.high, abs=1e-12)
    assert there.difference.high == pytest.approx(-back.difference.low, abs=1e-12)


@given(proportions(), proportions())
def test_counting_the_others_turns_the_difference_round(treated: Arm, control: Arm) -> None:
    """Counting those who did not convert instead gives the same limits with the other sign."""
    plain, turned = (
        compare(treated, control).difference,
        compare(_others(treated), _others(control)).difference,
    )
    assert plain is not None
    assert turned is not None
    assert plain.low == pytest.approx(-turned.high, abs=1e-9)
    assert plain.high == pytest.approx(-turned.low, abs=1e-9)


@given(means(), means(), st.sampled_from((1_000_000, 100, 3)))
def test_units_do_not_matter(treated: Arm, control: Arm, factor: int) -> None:
    """In micro-units, exactly: the difference is as many times as large; p and the relative effect are the same."""
    plain = compare(treated, control, "mean")
    scaled = compare(_times(treated, factor), _times(control, factor), "mean")
    assert scaled.refused == plain.refused
    assert scaled.p == (None if plain.p is None else pytest.approx(plain.p, rel=1e-9))
    if plain.difference is not None:
        assert scaled.difference == pytest.approx(plain.difference.times(factor), rel=1e-9, abs=1e-6)
    assert (scaled.relative is None) == (plain.relative is None)
    if plain.relative is not None and scaled.relative is not None:
        for after, before in zip(scaled.relative, plain.relative, strict=True):
            assert after == (None if before is None else pytest.approx(before, rel=1e-6, abs=1e-9))


@given(proportions(), proportions())
def test_limits_stay_within_what_is_possible(treated: Arm, control: Arm) -> None:
    """A difference of rates lies between -1 and 1, and its value between its limits."""
    result = compare(treated, control).difference
    assert result is not None
    assert -1 <= result.low <= result.value + 1e-12
    assert result.value - 1e-12 <= result.high <= 1


def test_money_in_micro_units_is_computed_with_exactly() -> None:
    """Sums beyond the digits of a float keep their spread."""
    micro = Arm.of([10**15 + yen for yen in (0, 1, 2, 3)])
    assert micro.variance == pytest.approx(5 / 3, rel=1e-12)


def test_arms_of_disjoint_persons_add_up() -> None:
    """The sum of two arms is the arm of all their persons."""
    assert Arm.of([1, 2]) + Arm.of([3]) == Arm.of([1, 2, 3])
    assert PairedArm.of([1, 2], [3, 4]) + PairedArm.of([5], [6]) == PairedArm.of([1, 2, 5], [3, 4, 6])


def test_strata_with_changed_shares_bias_nothing() -> None:
    """Control 5 % in a week of rate 2 %, 50 % in a week of rate 10 %: pooled it looks like harm, within weeks like nothing."""
    quiet = Arm(19_000, 380, 380), Arm(1_000, 20, 20)
    busy = Arm(10_000, 1_000, 1_000), Arm(10_000, 1_000, 1_000)
    pooled = compare(quiet[0] + busy[0], quiet[1] + busy[1])
    within = compare_strata([quiet, busy])
    assert pooled.difference is not None
    assert within.difference is not None
    assert pooled.difference.high < -0.03
    assert within.difference.value == pytest.approx(0, abs=1e-12)
    assert within.difference.low < 0 < within.difference.high
    assert within.p == pytest.approx(1, abs=1e-9)


def test_a_stratum_without_a_counterpart_is_left_out() -> None:
    """Persons of a stratum in which nobody was withheld cannot be compared."""
    whole = Arm(500, 50, 50), Arm(500, 40, 40)
    result = compare_strata([whole, (Arm(100, 90, 90), Arm(0, 0, 0))])
    assert result.persons == (500, 500)
    assert result.difference == compare(*whole).difference


def test_one_stratum_is_the_plain_comparison() -> None:
    """Two equal halves give the figures of the whole, to the digits that Wilson's limits of halves allow."""
    half = Arm(50_000, 2_500, 2_500), Arm(50_000, 2_300, 2_300)
    whole, halves = compare(half[0] + half[0], half[1] + half[1]), compare_strata([half, half])
    assert halves.difference is not None
    assert whole.difference == pytest.approx(halves.difference, rel=0.01)


def test_control_without_events_has_a_lower_limit_only() -> None:
    """Pitfall: another product prints lift 0.0, "not significant", and a standard error of 0 for a rate of 0."""
    result = compare(Arm(2_000, 50, 50), Arm(2_000, 0, 0))
    assert result.difference is not None
    assert result.difference.low > 0
    assert result.control is not None
    assert result.control.high > 0
    assert result.relative is not None
    assert result.relative.value is None
    assert result.relative.low > 0
    assert result.relative.high is None
    assert result.relative_refused == "control is not clear of 0: only a lower limit"
    assert result.p is not None
    assert result.p < 1e-6


def test_a_negative_control_has_no_relative_effect() -> None:
    """Pitfall: another product had the sign of lifts over negative baselines wrong."""
    result = compare(Arm(1_000, -1_000, 50_000), Arm(1_000, -2_000, 50_000), "mean")
    assert result.difference is not None
    assert result.difference.value == 1
    assert result.relative is None
    assert result.relative_refused == "control is not above 0: absolute only"


def test_a_control_that_is_not_clear_of_0_has_no_upper_limit() -> None:
    """Few large orders in the control: the difference stands, the lift has at most a lower limit."""
    result = compare(Arm(1_000, 9_000, 300_000), Arm(1_000, 30, 900), "mean")
    assert result.relative is not None
    assert result.relative.low > 0
    assert result.relative.high is None
    unclear = compare(Arm(1_000, 40, 1_600), Arm(1_000, 30, 900), "mean")
    assert unclear.relative is None
    assert unclear.relative_refused == "control is not clear of 0: absolute only"


@pytest.mark.parametrize(
    ("treated", "control", "kind", "sentence"),
    [
        (Arm(1_000, 19, 19), Arm(1_000, 40, 40), "proportion", "fewer than 20 events in an arm: counts only"),
        (Arm(1_000, 20, 20), Arm(1_000, 40, 40), "proportion", ""),
        (Arm(99, 99, 150), Arm(500, 40, 90), "mean", "fewer than 100 persons in an arm: counts only"),
        (Arm(100, 99, 150), Arm(500, 40, 90), "mean", ""),
    ],
)
def test_few_events_are_shown_as_counts(treated: Arm, control: Arm, kind: str, sentence: str) -> None:
    """Below 20 events, of means 100 persons, in either arm a page shows counts only, and says so."""
    results = compare(treated, control, kind), always_valid(treated, control, kind)  # type: ignore[arg-type] # table
    for result in results:
        assert result.few == sentence
        assert result.difference is not None
        assert result.guarded().refused == sentence
        assert (result.guarded().difference is None) == bool(sentence)
        assert (result.guarded().p is None) == bool(sentence)


@pytest.mark.parametrize(
    ("treated", "control", "sentence"),
    [
        (Arm(0, 0, 0), Arm(5, 3, 3), "an arm has no persons: nothing to compare"),
        (Arm(1, 2, 4), Arm(5, 3, 3), "an arm has fewer than 2 persons: its spread is unknown"),
        (Arm(5, 5, 5), Arm(5, 5, 5), "all persons have the same value: no spread to compare by"),
    ],
)
def test_what_cannot_be_computed_is_refused(treated: Arm, control: Arm, sentence: str) -> None:
    """There is no difference and no p, and the sentence says why."""
    for result in (compare(treated, control, "mean"), always_valid(treated, control, "mean")):
        assert (result.difference, result.relative, result.p) == (None, None, None)
        assert result.refused == sentence


def test_a_ratio_needs_a_denominator() -> None:
    """Clicks a contact without contacts are refused."""
    arm = PairedArm.of([0, 0, 1], [0, 0, 0])
    assert compare(arm, arm, "ratio").refused == "the denominator is 0 in an arm: no ratio"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((Arm(10, 3, 4), Arm(10, 3, 3)), "a person counts 0 or 1"),
        ((Arm(10, 11, 11), Arm(10, 3, 3)), "a person counts 0 or 1"),
        ((Arm(10, 3, 3), Arm(10, 3, 3), "median"), "a proportion, a mean or a ratio"),
        ((Arm(10, 3, 3), Arm(10, 3, 3), "ratio"), "PairedArm"),
        ((Arm(10, 3, 3), Arm(10, 3, 3), "mean", 95), "between 0 and 1"),
    ],
)
def test_arms_that_do_not_fit_are_an_error(arguments: tuple[object, ...], message: str) -> None:
    """A mistake of the caller raises ValueError."""
    with pytest.raises(ValueError, match=message):
        compare(*arguments)  # type: ignore[arg-type] # mistakes


@pytest.mark.parametrize("sums", [(-1, 0, 0), (1, float("nan"), 0), (1, 0, -1), (1, 0, float("inf"))])
def test_sums_that_are_none_are_an_error(sums: tuple[int, float, float]) -> None:
    """An arm is made of counts and finite sums."""
    with pytest.raises(ValueError, match="an arm needs"):
        Arm(*sums)


def test_conversions_that_are_not_reported_are_noticed() -> None:
    """None in the control where more than 10 are to be expected."""
    assert refusals.unreported(Arm(1_000, 50, 50), Arm(300, 0, 0)) == "control's conversions are not reported"
    assert refusals.unreported(Arm(1_000, 50, 50), Arm(200, 0, 0)) == ""
    assert refusals.unreported(Arm(1_000, 50, 50), Arm(300, 1, 1)) == ""


def test_windows_that_are_not_over_are_noticed() -> None:
    """More than half of the persons are still within their window."""
    assert refusals.maturing(40, 100).startswith("the window is not over")
    assert refusals.maturing(50, 100) == ""


def test_effect_per_cost_needs_a_cost() -> None:
    """Return on cost: a margin of 2 a person at a cost of 1 gives 2; without cost nothing is divided."""
    treated, control = PairedArm.of([3, 5] * 500, [1, 1] * 500), Arm.of([1, 3] * 500)
    result = effect_per(treated, control)
    assert result is not None
    assert result.value == pytest.approx(2)
    assert result.low < 2 < result.high
    assert effect_per(PairedArm.of([3, 5], [0, 0]), control) is None


def test_effect_on_those_whom_it_reached() -> None:
    """Half of the treated are reached, so the effect on them is twice that on all; both verdicts are the same."""
    values, reached = [1] * 80 + [0] * 920, [1] * 500 + [0] * 500
    treated, control = PairedArm.of(values, reached), Arm(1_000, 50, 50)
    result = effect_per(treated, control)
    assert result is not None
    assert result.value == pytest.approx(0.06)
    plain = compare(treated.first_arm, control, "mean").difference
    assert plain is not None
    assert (result.low > 0) == (plain.low > 0)


def test_share_of_credit_that_would_not_have_come() -> None:
    """Of 100 attributed orders 50 would not have come if the control's ghosts get half the rate."""
    share = incremental_share(compare(Arm(10_000, 400, 400), Arm(10_000, 200, 200)))
    assert share is not None
    assert share.value == pytest.approx(0.5)
    assert 0.4 < share.low < 0.5 < share.high < 0.6
    assert incremental_share(compare(Arm(100, 0, 0), Arm(100, 0, 0))) is None


def _agree(result: Comparison) -> None:
    if result.difference is None:
        return
    assert result.p is not None
    assume(not isclose(result.p, 1 - result.level, rel_tol=1e-6))
    assert (result.p < 1 - result.level) == (not result.difference.low <= 0 <= result.difference.high)


def _same_verdict(result: Comparison) -> None:
    if result.difference is None or result.relative is None:
        return
    difference, relative = result.difference, result.relative
    assume(min(abs(difference.low), abs(difference.high)) > 1e-9)
    assert (relative.low > 0) == (difference.low > 0)
    assert (relative.high is not None and relative.high < 0) == (difference.high < 0)


def _others(arm: Arm) -> Arm:
    return Arm(arm.persons, arm.persons - arm.total, arm.persons - arm.total)


def _times(arm: Arm, factor: int) -> Arm:
    return Arm(arm.persons, arm.total * factor, arm.squares * factor * factor)
