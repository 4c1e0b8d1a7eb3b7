"""Plans promise what simulated experiments then keep; corrections for many comparisons hold what they say."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import measure
from engine.measure import (
    Arm,
    always_valid,
    benjamini_hochberg,
    compare,
    compare_learned,
    holm,
    plan,
    sample_ratio,
)
from engine.measure.statistics.sequential import sequential_quantile


def test_a_plan_has_the_power_that_it_names() -> None:
    """With a control of 20 % and a power of 80 %, 77–83 % of experiments of the planned size see the effect."""
    random = np.random.default_rng(1)
    figures = plan(0.02, rate=0.1, ratio=4)
    assert figures.treated == pytest.approx(4 * figures.control, abs=4)
    treated = random.binomial(figures.treated, 0.12, 1_500).tolist()
    control = random.binomial(figures.control, 0.10, 1_500).tolist()
    seen = 0
    for pair in zip(treated, control, strict=True):
        arms = [Arm(figures.treated, pair[0], pair[0]), Arm(figures.control, pair[1], pair[1])]
        result = compare(arms[0], arms[1]).difference
        assert result is not None
        seen += result.low > 0
    assert 0.77 <= seen / 1_500 <= 0.83


def test_an_always_valid_plan_is_longer_by_the_square_of_its_width() -> None:
    """1.5486 times as wide at the planned end, so 1.5486² as many persons, which then see the effect with the power."""
    fixed, always = plan(0.3, variance=100.0), plan(0.3, variance=100.0, sequential=True)
    assert always.total / fixed.total == pytest.approx(1.5486**2, rel=1e-3)
    assert sequential_quantile(5_000, 5_000) / 1.959964 == pytest.approx(1.5486, abs=1e-4)
    persons = always.total // 2
    value = 0.3 + np.random.default_rng(2).normal(0, np.sqrt(200 / persons), 1_000)
    seen = 0
    for effect in value:
        arms = Arm(persons, persons * effect, persons * (effect**2 + 100)), Arm(persons, 0, persons * 100)
        result = always_valid(*arms, "mean", planned=always.total).difference
        assert result is not None
        seen += result.low > 0
    # the factor widens z for the power too, so that it is at least the power named
    assert 0.80 <= seen / 1_000 <= 0.93


@given(
    st.floats(0.001, 0.5),
    st.sampled_from((0.5, 1, 4, 19)),
    st.sampled_from((0.8, 0.9)),
    st.booleans(),
    st.floats(0.001, 0.2),
)
def test_the_smallest_effect_undoes_the_plan(
    rate: float, ratio: float, power: float, sequential: bool, effect: float
) -> None:
    """After as many persons as the plan asks for, the smallest effect is the one that was planned."""
    figures = plan(effect, rate=rate, ratio=ratio, power=power, sequential=sequential)
    if figures.control < 50 or figures.treated < 50:
        return  # rounding up to whole persons changes the effect
    assert figures.smallest_effect(figures.total) == pytest.approx(effect, rel=0.03)
    money = plan(effect, variance=1.0, ratio=ratio, power=power, sequential=sequential)
    assert money.smallest_effect(money.total) == pytest.approx(effect, rel=0.03)


def test_weeks_until_it_is_seen() -> None:
    """Weeks follow from new persons a week; smallest effects fall with the root of time."""
    figures = plan(0.1, rate=0.03, relative=True)
    assert figures.effect == pytest.approx(0.003)
    assert figures.weeks(10_000) == figures.total / 10_000
    assert figures.weeks(0) is None
    effects = plan(1, variance=50.0).smallest_effects(500)
    assert len(effects) == 12
    assert effects[0] is not None
    assert effects[3] is not None
    assert effects[3] == pytest.approx(effects[0] / 2)
    assert plan(0.01, rate=0.9).smallest_effects(4)[0] is None


@pytest.mark.parametrize(
    ("effect", "options", "message"),
    [
        (0, {"rate": 0.1}, "an effect of 0"),
        (0.1, {"variance": 1.0, "relative": True}, "a mean if it is relative"),
        (0.95, {"rate": 0.1}, "rates lie between 0 and 1"),
        (0.1, {}, "either the control's rate"),
        (0.1, {"rate": 0.1, "variance": 2.0}, "either the control's rate"),
        (0.1, {"rate": 0.0}, "either the control's rate"),
        (0.1, {"rate": 0.1, "power": 1.0}, "power and level"),
        (0.1, {"rate": 0.1, "ratio": 0.0}, "the ratio is above 0"),
    ],
)
def test_plans_that_make_no_sense_are_an_error(
    effect: float, options: dict[str, float], message: str
) -> None:
    """A mistake of the caller raises ValueError."""
    with pytest.raises(ValueError, match=message):
        plan(effect, **options)  # type: ignore[arg-type] # of the table


def test_holm_by_hand() -> None:
    """Holm's own steps: the smallest times three, then two, then one, never falling."""
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_corrections_keep_the_order_and_never_lower(values: list[float]) -> None:
    """Adjusted values lie at or above the given ones, in the same order; Holm's above Benjamini and Hochberg's."""
    strict, mild = holm(values), benjamini_hochberg(values)
    for index, value in enumerate(values):
        assert 1 >= strict[index] >= mild[index] - 1e-12
        assert mild[index] >= value - 1e-12
    order = sorted(range(len(values)), key=values.__getitem__)
    for adjusted in (strict, mild):
        assert [adjusted[index] for index in order] == sorted(adjusted)


@pytest.mark.parametrize("correct", [holm, benjamini_hochberg])
def test_what_is_no_p_value_is_an_error(correct: object) -> None:
    """Values outside 0 to 1 raise ValueError, NaN too."""
    for value in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="between 0 and 1"):
            correct([0.5, value])  # type: ignore[operator] # either function


@pytest.mark.parametrize(
    ("observed", "shares"), [((5,), None), ((0, 0), None), ((5, 5), (1,)), ((5, -5), None), ((5, 5), (1, 0))]
)
def test_sample_ratios_need_persons_and_shares(
    observed: tuple[int, ...], shares: tuple[float, ...] | None
) -> None:
    """A mistake of the caller raises ValueError."""
    with pytest.raises(ValueError, match=r"a sample-ratio check needs|shares of arms"):
        sample_ratio(observed, shares)


def test_learned_variants_without_states_are_refused() -> None:
    """Rows from before states were logged cannot be compared, nor can variants that are never shown together."""
    rewards, first = np.ones(4), np.array([True, False, True, False])
    chance = np.full(4, 0.5)
    result = compare_learned(rewards, first, ~first, (chance, chance), ["a", "a", None, "b"], [1, 2, 3, 4])
    assert result.difference is None
    assert result.refused == "the states of learning are not logged: no comparison of learned variants"
    alone = compare_learned(rewards, first, ~first, (chance * 0, chance), ["a"] * 4, [1, 2, 3, 4])
    assert alone.refused == "no state of learning shows both variants: no comparison"


def test_small_states_are_merged_with_the_next() -> None:
    """States with fewer than 20 expected rows of the rarer variant join the next one, and the last joins the one before."""
    random = np.random.default_rng(3)
    first = random.random(300) < 0.5
    chance = np.full(300, 0.5)
    rewards = (random.random(300) < 0.3).astype(float)
    states = [0] * 30 + [1] * 30 + [2] * 200 + [3] * 40
    result = compare_learned(rewards, first, ~first, (chance, chance), states, np.arange(300))
    assert result.states == 3  # 0 and 1 together, 2, 3
    last = compare_learned(rewards, first, ~first, (chance, chance), [0] * 290 + [1] * 10, np.arange(300))
    assert last.states == 1
    assert last.difference is not None
    assert last.difference.value == pytest.approx(rewards[first].mean() - rewards[~first].mean())
    assert last.levels is not None
    assert last.levels[0].value == pytest.approx(rewards[first].mean())


def test_names_are_imported_when_they_are_used() -> None:
    """Naming the package loads neither numpy nor scipy, and no name of it needs scipy.stats; an unknown name is an error."""
    script = (
        "import sys, engine.measure as m; assert not {'numpy', 'scipy'} & set(sys.modules);"
        "[getattr(m, name) for name in m.__all__];"
        "assert 'scipy.special' in sys.modules and 'scipy.stats' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
    with pytest.raises(AttributeError, match="no attribute 'median'"):
        measure.median  # noqa: B018 - the access is what is tried
