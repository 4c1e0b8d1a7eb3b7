"""Estimates for another policy: right on simulated logs, clustered by person, and refused where the log has no support."""

import numpy as np
import pytest

from engine.measure import OffPolicy, off_policy

BANDS = ("ips", "snips", "dr")


def logs(random: np.random.Generator, rows: int = 4_000, visits: int = 1) -> dict[str, np.ndarray]:
    """Three variants shown at 60, 30 and 10 %, with rates of 2, 4 and 8 %; persons who come several times have a taste."""
    action = random.choice(3, rows, p=(0.6, 0.3, 0.1))
    persons = np.arange(rows) // visits
    taste = random.choice((0.2, 1.8), rows)[persons] if visits > 1 else np.ones(rows)
    return {
        "action": action,
        "persons": persons,
        "logged": np.array((0.6, 0.3, 0.1))[action],
        "rewards": (random.random(rows) < np.array((0.02, 0.04, 0.08))[action] * taste).astype(float),
    }


TARGET = np.array((0.2, 0.3, 0.5))
TRUTH = float(TARGET @ (0.02, 0.04, 0.08))


def estimate(log: dict[str, np.ndarray], target: np.ndarray = TARGET, **options: object) -> OffPolicy:
    """The estimate of the target policy on the log."""
    shares = target[log["action"]]
    return off_policy(log["rewards"], log["logged"], shares, log["persons"], **options)  # type: ignore[arg-type] # options


def test_estimates_cover_the_truth() -> None:
    """IPS, SNIPS and DR hold the true value in 92–97 % of logs, and agree with each other."""
    random = np.random.default_rng(1)
    held = dict.fromkeys(BANDS, 0)
    for _ in range(400):
        result = estimate(logs(random))
        assert result.refused == ""
        for name in BANDS:
            value = getattr(result, name)
            held[name] += value.low <= TRUTH <= value.high
    assert all(0.92 <= count / 400 <= 0.975 for count in held.values()), held


def test_the_cluster_is_the_person() -> None:
    """Pitfall: rows are resampled, not persons. Ten visits a person of their own taste widen the interval; coverage stays."""
    random = np.random.default_rng(2)
    held, wider = 0, 0
    for _ in range(300):
        log = logs(random, visits=10)
        result = estimate(log)
        rows = off_policy(
            log["rewards"], log["logged"], TARGET[log["action"]], np.arange(len(log["rewards"]))
        )
        assert result.snips is not None
        assert rows.snips is not None
        assert result.persons == 400
        held += result.snips.low <= TRUTH <= result.snips.high
        wider += result.snips.error > rows.snips.error
    assert 0.92 <= held / 300 <= 0.975
    assert wider > 250


def test_persons_who_come_twice_alike_count_once() -> None:
    """Doubling every row under the same person changes no estimate and, but for G/(G−1), no error."""
    log = logs(np.random.default_rng(3))
    doubled = {name: np.tile(column, 2) for name, column in log.items()}
    plain, twice = estimate(log), estimate(doubled)
    for name in BANDS:
        assert getattr(twice, name).value == pytest.approx(getattr(plain, name).value, rel=1e-6)
        assert getattr(twice, name).error == pytest.approx(getattr(plain, name).error, rel=1e-6)


def test_the_denominator_of_snips_is_random_too() -> None:
    """Pitfall: the SNIPS denominator held fixed. Rewards of 1 throughout give exactly 1, with no error at all."""
    log = logs(np.random.default_rng(4))
    result = off_policy(np.ones(4_000), log["logged"], TARGET[log["action"]], log["persons"])
    assert result.snips is not None
    assert result.snips.value == pytest.approx(1)
    assert result.snips.error == pytest.approx(0, abs=1e-12)
    assert result.ips is not None
    assert result.ips.error > 0.01


def test_the_same_policy_has_the_mean_of_the_log() -> None:
    """With a target equal to the log all weights are 1, and so is the effective share."""
    log = logs(np.random.default_rng(5))
    result = estimate(log, np.array((0.6, 0.3, 0.1)))
    assert result.ess == pytest.approx(4_000)
    assert result.mean_weight is not None
    assert result.mean_weight.value == pytest.approx(1)
    for name in BANDS:
        assert getattr(result, name).value == pytest.approx(log["rewards"].mean())


def test_a_model_never_sees_the_person_whom_it_predicts() -> None:
    """The doubly robust estimate is cross-fitted: the persons of a fold are predicted by a model of the other folds."""
    log = logs(np.random.default_rng(6), visits=4)
    masks: list[np.ndarray] = []

    def model(learn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        masks.append(learn)
        rates = np.array([log["rewards"][learn & (log["action"] == action)].mean() for action in range(3)])
        return rates[log["action"]], np.full(4_000, TARGET @ rates)

    result = estimate(log, model=model)
    assert result.dr is not None
    assert result.snips is not None
    assert len(masks) == 5
    held_out = np.sum([~mask for mask in masks], axis=0)
    assert (held_out == 1).all()
    for mask in masks:
        assert not set(log["persons"][mask]) & set(log["persons"][~mask])
    assert result.dr.low < TRUTH < result.dr.high
    assert result.dr.value == pytest.approx(result.snips.value, abs=3 * result.snips.error)


def test_folds_do_not_depend_on_the_order_of_rows() -> None:
    """Persons are hashed, so a shuffled log gives the same estimate."""
    log = logs(np.random.default_rng(7), visits=4)
    order = np.random.default_rng(8).permutation(4_000)
    plain, shuffled = estimate(log), estimate({name: column[order] for name, column in log.items()})
    assert plain.dr is not None
    assert shuffled.dr is not None
    assert shuffled.dr.value == pytest.approx(plain.dr.value, rel=1e-12)


def test_a_model_that_knows_makes_it_narrower() -> None:
    """With the true rates as predictions DR is narrower than IPS, and right although its weights are wrong nowhere."""
    log = logs(np.random.default_rng(9))
    rates = np.array((0.02, 0.04, 0.08))
    result = estimate(log, model=lambda _: (rates[log["action"]], TRUTH))
    assert result.dr is not None
    assert result.ips is not None
    assert result.dr.error < result.ips.error


def test_decisions_without_support_are_bounded() -> None:
    """Pitfall: no check of support. With 2 % of decisions unsupported there is no estimate, but bounds, and the cure."""
    log = logs(np.random.default_rng(10))
    supported = np.arange(4_000) % 50 != 0
    result = estimate(log, supported=supported)
    assert (result.ips, result.snips, result.dr) == (None, None, None)
    assert result.support == pytest.approx(0.98)
    assert result.refused.startswith("the log supports 98.0% of the decisions, less than 99 %")
    assert "explore" in result.refused
    low, high = result.bounds
    inside = estimate(log).snips
    assert inside is not None
    assert low < inside.low * 0.99
    assert high > inside.high * 0.98
    narrow = estimate(log, supported=supported, ceiling=0.1).bounds
    assert narrow[1] == pytest.approx(high - 0.02 * 0.9)


def test_a_policy_that_was_never_shown_is_refused() -> None:
    """Nothing that the target policy does is in the log: only 0 and the ceiling bound it."""
    result = off_policy([1, 0, 1], [0.5, 0.5, 0.5], [0, 0, 0], ["a", "b", "c"])
    assert result.refused == "the target policy does nothing that was logged"
    assert result.bounds == (0.0, 1.0)
    unlogged = off_policy([1, 0, 1], [0, 0, float("nan")], [0.5, 0.5, 0.5], ["a", "b", "c"])
    assert unlogged.support == 0
    assert unlogged.refused.startswith("the log supports 0.0%")


def test_too_small_an_effective_size_is_refused() -> None:
    """Below 100 decisions of effective size."""
    log = logs(np.random.default_rng(11), rows=120)
    result = estimate(log)
    assert result.ess < 100
    assert result.refused == f"the effective sample size is {result.ess:.0f} decisions, less than 100"


def test_a_decision_that_carries_all_is_refused() -> None:
    """More than 5 % of the weight in a row."""
    logged = np.full(2_000, 0.5)
    logged[0] = 0.5 / 127
    result = off_policy(np.zeros(2_000), logged, np.full(2_000, 0.5), np.arange(2_000))
    assert result.refused.startswith("a single decision carries 6.0% of the weight")


def test_wrong_probabilities_are_refused() -> None:
    """Weights that average far from 1 betray that the logged probabilities are not those that were used."""
    log = logs(np.random.default_rng(12))
    result = off_policy(log["rewards"], log["logged"] / 2, TARGET[log["action"]], log["persons"])
    assert "more than 3 standard errors from 1" in result.refused


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (([], [], [], []), "columns of the same rows"),
        (([1], [0.5, 0.5], [0.5], [1]), "columns of the same rows"),
        (([1], [0.5], [0.5], [1, 2]), "persons are a column"),
        (([1], [1.5], [0.5], [1]), "probabilities lie between"),
        (([1], [0.5], [-0.5], [1]), "probabilities lie between"),
        (([float("nan")], [0.5], [0.5], [1]), "rewards are finite"),
    ],
)
def test_rows_that_do_not_fit_are_an_error(columns: tuple[list[float], ...], message: str) -> None:
    """A mistake of the caller raises ValueError."""
    with pytest.raises(ValueError, match=message):
        off_policy(*columns)
