"""The statistics keep their promises in simulated worlds whose truth is known. Seeded; bars are wide."""

import numpy as np
import pytest
from scipy.special import ndtr

from engine.measure import (
    Arm,
    PairedArm,
    always_valid,
    compare,
    compare_learned,
    cuped,
    heterogeneity,
    sample_ratio,
    sample_ratio_logged,
)
from engine.measure.statistics.off_policy import Floats


def test_thirty_looks_alarm_in_fewer_than_5_percent() -> None:
    """Without an effect, whoever looks 30 times and stops at the first alarm: 5 % at most; the fixed interval alarms often."""
    random = np.random.default_rng(1)
    experiments, looks, step = 400, 30, 400
    counts = random.binomial(step, 0.1, (2, experiments, looks)).cumsum(axis=2)
    alarms = {"fixed": 0, "always": 0}
    for experiment in range(experiments):
        arms = [
            (
                _counted(step * (look + 1), counts[0][experiment][look]),
                _counted(step * (look + 1), counts[1][experiment][look]),
            )
            for look in range(looks)
        ]
        alarms["fixed"] += any(_excludes(compare(*pair)) for pair in arms)
        alarms["always"] += any(_excludes(always_valid(*pair)) for pair in arms)
    assert alarms["always"] / experiments < 0.05
    assert alarms["fixed"] / experiments > 0.15


@pytest.mark.parametrize("planned", [500, 5_000, 50_000])
def test_always_valid_holds_for_every_plan(planned: int) -> None:
    """Pitfall: a fixed ρ. Whatever plan a book names beforehand, 30 looks alarm in 5 % at most."""
    random = np.random.default_rng(planned)
    experiments, looks, step = 300, 30, 200
    sums = random.normal(0, 1, (2, experiments, looks)) * np.sqrt(step)
    squares = random.chisquare(step, (2, experiments, looks))
    totals, spreads = sums.cumsum(axis=2), squares.cumsum(axis=2)
    alarms = 0
    for experiment in range(experiments):
        pairs = (
            tuple(
                Arm(step * (look + 1), totals[arm][experiment][look], spreads[arm][experiment][look])
                for arm in (0, 1)
            )
            for look in range(looks)
        )
        alarms += any(_excludes(always_valid(pair[0], pair[1], "mean", planned)) for pair in pairs)
    assert alarms / experiments < 0.05


def test_the_unit_is_the_person() -> None:
    """Pitfall: the unit is the impression. Eight decisions a person: by persons 4–7 % false alarms, by decisions many more."""
    random = np.random.default_rng(2)
    experiments, persons, decisions = 1_500, 250, 8
    taste = random.beta(0.5, 2, (2, experiments, persons))
    counts = random.binomial(decisions, taste)
    alarms = {"persons": 0, "decisions": 0}
    for experiment in range(experiments):
        arms = [counts[side][experiment] for side in (0, 1)]
        by_person = [Arm(persons, int(arm.sum()), int((arm * arm).sum())) for arm in arms]
        by_decision = [_counted(persons * decisions, arm.sum()) for arm in arms]
        alarms["persons"] += _excludes(compare(by_person[0], by_person[1], "mean"))
        alarms["decisions"] += _excludes(compare(by_decision[0], by_decision[1]))
    assert 0.04 <= alarms["persons"] / experiments <= 0.07
    assert alarms["decisions"] / experiments > 0.15


def test_rates_per_decision_are_clustered_by_person() -> None:
    """Clicks a contact with unequal numbers of contacts a person: 4–7 % false alarms."""
    random = np.random.default_rng(3)
    experiments, persons = 1_500, 300
    contacts = random.integers(1, 16, (2, experiments, persons))
    clicks = random.binomial(contacts, random.beta(0.5, 2, (2, experiments, persons)))
    alarms = sum(
        _excludes(
            compare(
                _paired(clicks[0][run], contacts[0][run]), _paired(clicks[1][run], contacts[1][run]), "ratio"
            )
        )
        for run in range(experiments)
    )
    assert 0.035 <= alarms / experiments <= 0.07


def test_the_sample_ratio_is_checked_by_persons() -> None:
    """Persons who come eight times: counted as persons it alarms rarely at p < 0.05, counted as decisions nearly always."""
    random = np.random.default_rng(4)
    experiments, persons = 1_000, 2_000
    alarms = {"persons": 0, "decisions": 0}
    for _ in range(experiments):
        treated = random.random(persons) < 0.5
        visits = random.geometric(1 / 8, persons)
        alarms["persons"] += sample_ratio((int(treated.sum()), int((~treated).sum()))).p < 0.05
        alarms["decisions"] += (
            sample_ratio((int(visits[treated].sum()), int(visits[~treated].sum()))).p < 0.05
        )
    assert 0.03 <= alarms["persons"] / experiments <= 0.07
    assert alarms["decisions"] / experiments > 0.3


def test_a_changed_control_share_is_no_mismatch() -> None:
    """The control went from 5 to 20 %: against today's share it always alarms, against logged ones at the nominal rate."""
    random = np.random.default_rng(5)
    shares = np.repeat([0.95, 0.80], 2_000)
    alarms = {"today": 0, "logged": 0}
    for _ in range(1_000):
        treated = random.random(len(shares)) < shares
        counts = int(treated.sum()), int((~treated).sum())
        alarms["today"] += sample_ratio(counts, (0.80, 0.20)).p < 0.05
        logged = sample_ratio_logged(*counts, float(shares.sum()), float((shares * (1 - shares)).sum()))
        alarms["logged"] += logged.p < 0.05
    assert alarms["today"] == 1_000
    assert 0.03 <= alarms["logged"] / 1_000 <= 0.07


def test_equal_probabilities_give_the_chi_square() -> None:
    """z² against the same probability for everybody is χ² against the share."""
    plain = sample_ratio((815, 185), (0.8, 0.2))
    logged = sample_ratio_logged(815, 185, 800, 160)
    assert logged.statistic**2 == pytest.approx(plain.statistic)
    assert logged.p == pytest.approx(plain.p)
    assert not plain.alarms


@pytest.mark.parametrize(
    ("rate", "lift", "persons"), [(0.01, 0.5, 4_000), (0.1, 0.1, 4_000), (0.05, 0.0, 2_000)]
)
def test_the_relative_interval_covers_the_true_lift(rate: float, lift: float, persons: int) -> None:
    """In 93.5–96 % of experiments, also with few events."""
    random = np.random.default_rng(6)
    experiments = 3_000
    treated = random.binomial(persons, rate * (1 + lift), experiments)
    control = random.binomial(persons, rate, experiments)
    covered = 0
    for pair in zip(treated, control, strict=True):
        relative = compare(_counted(persons, pair[0]), _counted(persons, pair[1])).relative
        assert relative is not None
        covered += relative.low <= lift and (relative.high is None or lift <= relative.high)
    assert 0.935 <= covered / experiments <= 0.96


def test_the_relative_interval_of_spending_covers_the_true_lift() -> None:
    """Most persons spend nothing, some much: 93.5–96 %."""
    random = np.random.default_rng(7)
    experiments, persons, covered = 2_000, 3_000, 0
    for _ in range(experiments):
        spent = [random.exponential(50, random.binomial(persons, rate)) for rate in (0.06, 0.05)]
        arms = [Arm(persons, float(values.sum()), float((values * values).sum())) for values in spent]
        relative = compare(arms[0], arms[1], "mean").relative
        assert relative is not None
        assert relative.high is not None
        covered += relative.low <= 0.2 <= relative.high
    assert 0.935 <= covered / experiments <= 0.96


def test_absolute_and_relative_verdicts_never_contradict() -> None:
    """Pitfall: by the delta method the lift contradicts the difference in a large part of experiments with few events."""
    random = np.random.default_rng(8)
    treated, control = random.binomial(4_000, 0.0075, 1_000), random.binomial(4_000, 0.005, 1_000)
    contradictions = {"ours": 0, "delta": 0}
    for pair in zip(treated, control, strict=True):
        arms = [_counted(4_000, count) for count in pair]
        result = compare(arms[0], arms[1])
        assert result.difference is not None
        assert result.relative is not None
        contradictions["ours"] += (result.difference.low > 0) != (result.relative.low > 0)
        lift = (arms[0].mean - arms[1].mean) / arms[1].mean
        spread = np.hypot(arms[0].error, arms[1].error * (1 + lift)) / arms[1].mean
        plain = (arms[0].mean - arms[1].mean) / np.hypot(arms[0].error, arms[1].error)
        contradictions["delta"] += (plain > 1.96) != (lift > 1.96 * spread)
    assert contradictions["ours"] == 0
    assert contradictions["delta"] > 100


def test_cuped_keeps_its_level_and_is_narrower() -> None:
    """Pitfall: a variance that is too small. With a strong covariate 93.5–96 % of the relative intervals hold the truth."""
    random = np.random.default_rng(9)
    experiments, persons, covered, held = 1_500, 400, 0, 0
    ratios = []
    for _ in range(experiments):
        before = random.gamma(2, 5, (2, persons))
        after = before * 0.8 + random.gamma(2, 2, (2, persons))
        after[0] *= 1.05
        result = cuped(*_sides(after, before))
        ratios.append(result.variance_ratio)
        assert result.comparison is result.adjusted
        assert result.adjusted.relative is not None
        assert result.adjusted.relative.high is not None
        covered += result.adjusted.relative.low <= 0.05 <= result.adjusted.relative.high
        held += _excludes(result.adjusted)
    assert 0.935 <= covered / experiments <= 0.96
    assert max(ratios) < 0.5
    assert held / experiments > 0.3


def test_cuped_drops_what_does_not_help_and_warns_of_imbalance() -> None:
    """A useless covariate, a late one and one without spread are dropped with a word; one that differs between arms warns."""
    random = np.random.default_rng(10)
    noise, outcome = random.normal(0, 1, (2, 1_000)), random.normal(5, 1, (2, 1_000))
    useless = cuped(*_sides(outcome, noise))
    assert useless.dropped == "the covariate saves less than 2 % of the variance: unadjusted"
    assert useless.comparison is useless.unadjusted
    assert useless.warning == ""
    late = cuped(*_sides(outcome, outcome + noise), late=3)
    assert late.dropped == "the covariate is dated after exposure for 3 persons: unadjusted"
    flat = cuped(*_sides(outcome, np.zeros((2, 1_000))))
    assert flat.dropped == "the covariate has no spread: unadjusted"
    uneven = cuped(*_sides(outcome, outcome + np.array([[0.0], [0.5]])))
    assert uneven.warning == "the arms differed in the covariate before exposure"


def test_heterogeneity_alarms_at_its_nominal_rate() -> None:
    """Equal effects in five weeks: Q is significant in about 5 %; unequal effects are seen."""
    random = np.random.default_rng(11)
    alarms = 0
    for _ in range(1_000):
        counts = random.binomial(2_000, [[0.12] * 5, [0.10] * 5])
        result = heterogeneity([(_counted(2_000, a), _counted(2_000, b)) for a, b in counts.T])
        assert result is not None
        alarms += result.p < 0.05
    assert 0.03 <= alarms / 1_000 <= 0.07
    rising = heterogeneity([(_counted(2_000, 200 + 40 * week), _counted(2_000, 200)) for week in range(5)])
    assert rising is not None
    assert rising.p < 0.001
    assert heterogeneity([(_counted(2_000, 200), _counted(2_000, 200))]) is None


@pytest.mark.parametrize("drifting", [False, True])
def test_learned_variants_are_compared_within_states(drifting: bool) -> None:
    """Two equal variants under a learner: 3–7 % false alarms; where the base rate drifts pooled means alarm mostly."""
    random = np.random.default_rng(12)
    experiments = 700
    alarms = {"within": 0, "pooled": 0}
    for _ in range(experiments):
        rewards, first, chance, states = _learning(random, drifting=drifting)
        persons = np.arange(len(rewards))
        result = compare_learned(rewards, first, ~first, (chance, 1 - chance), states, persons)
        assert result.p is not None
        alarms["within"] += result.p < 0.05
        alarms["pooled"] += _excludes(
            compare(
                _counted(first.sum(), rewards[first].sum()), _counted((~first).sum(), rewards[~first].sum())
            )
        )
    assert 0.03 <= alarms["within"] / experiments <= 0.07
    if drifting:
        assert alarms["pooled"] / experiments > 0.5


def _learning(random: np.random.Generator, *, drifting: bool) -> tuple[Floats, np.ndarray, Floats, list[int]]:
    """Ten states of 400 decisions by a learner with a floor of 5 %; both variants have the same rate at any time.

    The share of the first is the probability that it is the better, from normal posteriors.
    """
    shown, rewarded = np.ones(2), np.full(2, 0.5)
    rewards, firsts, chances, states = [], [], [], []
    for state in range(10):
        rate = 0.05 + 0.04 * state if drifting else 0.2
        means = rewarded / shown
        best = float(ndtr((means[0] - means[1]) / np.sqrt((means * (1 - means) / shown).sum())))
        share = 0.05 + 0.9 * best
        first, reward = random.random(400) < share, random.random(400) < rate
        shown += first.sum(), (~first).sum()
        rewarded += reward[first].sum(), reward[~first].sum()
        rewards.append(reward)
        firsts.append(first)
        chances.append(np.full(400, share))
        states += [state] * 400
    return np.concatenate(rewards).astype(float), np.concatenate(firsts), np.concatenate(chances), states


def _counted(persons: int, events: int) -> Arm:
    return Arm(int(persons), int(events), int(events))


def _paired(values: np.ndarray, seconds: np.ndarray) -> PairedArm:
    sums = (
        values.sum(),
        (values * values).sum(),
        seconds.sum(),
        (seconds * seconds).sum(),
        (values * seconds).sum(),
    )
    return PairedArm(len(values), *(float(figure) for figure in sums))


def _sides(values: np.ndarray, seconds: np.ndarray) -> tuple[PairedArm, PairedArm]:
    """Treated and control, from the two rows of each."""
    return _paired(values[0], seconds[0]), _paired(values[1], seconds[1])


def _excludes(result: object) -> bool:
    """Whether the difference excludes 0; none at all excludes nothing."""
    difference = getattr(result, "difference", None)
    return difference is not None and not difference.low <= 0 <= difference.high
