"""The probabilities of Thompson sampling, against other methods, and their floor."""

from math import exp, lgamma, log
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.decide.experiments.posteriors import ArmCounts, posteriors
from engine.decide.experiments.thompson import best_probabilities, probabilities
from engine.rulebook.model.experiments import Reward


def clicked(*counts: tuple[int, int]) -> list[ArmCounts]:
    """Arms by shown and rewarded."""
    return [ArmCounts(shown, rewarded) for shown, rewarded in counts]


def best(*counts: tuple[int, int]) -> tuple[float, ...]:
    """The probability of each to be the best."""
    return best_probabilities(posteriors(clicked(*counts), Reward.CLICKED))


def exact(first: tuple[int, int], second: tuple[int, int]) -> float:
    """The probability that the second is the better, by the closed form for two (Miller, "Bayesian A/B testing")."""
    (a, b), (c, d) = ((1 + rewarded, 1 + shown - rewarded) for shown, rewarded in (first, second))
    return sum(
        exp(_log_beta(a + i, b + d) - log(d + i) - _log_beta(1 + i, d) - _log_beta(a, b)) for i in range(c)
    )


def _log_beta(a: float, b: float) -> float:
    return lgamma(a) + lgamma(b) - lgamma(a + b)


COUNTS = st.integers(0, 2000).flatmap(lambda shown: st.tuples(st.just(shown), st.integers(0, shown)))


@settings(max_examples=50, deadline=None)
@given(COUNTS, COUNTS)
def test_two_arms_as_the_closed_form_says(first: tuple[int, int], second: tuple[int, int]) -> None:
    """Of two arms the integral is what the sum over integers gives."""
    assert best(first, second)[1] == pytest.approx(exact(first, second), abs=0.0005)


def test_arms_of_very_different_weight() -> None:
    """A million contacts beside none: a narrow posterior is not missed, nor a wide one cut off."""
    assert best((0, 0), (1_000_000, 50_000)) == pytest.approx((0.95, 0.05), abs=0.0005)
    assert best((10**6, 50_000), (10**6, 50_400))[1] == pytest.approx(0.9024, abs=0.0005)


def test_many_arms_as_drawing_from_the_beliefs_says() -> None:
    """Drawing from each posterior, each arm is the best as often as computed, within four standard errors."""
    arms, draws, random = clicked((50, 2), (80, 5), (20, 0), (400, 22)), 40_000, Random(1)
    wins = [0] * len(arms)
    for _ in range(draws):
        drawn = [random.betavariate(1 + arm.rewarded, 1 + arm.shown - arm.rewarded) for arm in arms]
        wins[drawn.index(max(drawn))] += 1
    computed = best_probabilities(posteriors(arms, Reward.CLICKED))
    for won, probability in zip(wins, computed, strict=True):
        assert abs(won / draws - probability) < 4 * (probability * (1 - probability) / draws) ** 0.5


def test_values_as_drawing_from_the_beliefs_says() -> None:
    """Of values too: Student's t with the moments of the normal-gamma prior, drawn as a normal over the root of a gamma."""
    random, draws = Random(2), 40_000
    paid = [[random.gauss(mean, 4.0) for _ in range(count)] for mean, count in ((10, 40), (11, 60), (9, 5))]
    arms = [
        ArmCounts(len(values), len(values), sum(values), sum(value * value for value in values))
        for values in paid
    ]
    every = [value for values in paid for value in values]
    mean = sum(every) / len(every)
    spread = sum(value * value for value in every) / len(every) - mean * mean
    wins = [0] * len(arms)
    for _ in range(draws):
        drawn = []
        for values in paid:
            n, own = len(values), sum(values) / len(values)
            rate = (
                spread + sum((value - own) ** 2 for value in values) / 2 + n * (own - mean) ** 2 / (n + 1) / 2
            )
            precision = random.gammavariate(1 + n / 2, 1 / rate)
            drawn.append(random.gauss((mean + sum(values)) / (n + 1), (1 / (precision * (n + 1))) ** 0.5))
        wins[drawn.index(max(drawn))] += 1
    computed = best_probabilities(posteriors(arms, Reward.VALUE))
    for won, probability in zip(wins, computed, strict=True):
        assert abs(won / draws - probability) < 4 * (probability * (1 - probability) / draws) ** 0.5 + 0.0005


@settings(max_examples=40, deadline=None)
@given(st.lists(COUNTS, min_size=1, max_size=6), st.floats(0, 1))
def test_they_add_up_and_no_arm_falls_below_its_floor(counts: list[tuple[int, int]], explore: float) -> None:
    """They add up to 1, each at least its equal share of `explore`; with an `explore` of 1 all are equal."""
    computed = probabilities(clicked(*counts), Reward.CLICKED, explore)
    assert sum(computed) == pytest.approx(1.0)
    assert min(computed) >= explore / len(counts) - 1e-12
    assert probabilities(clicked(*counts), Reward.CLICKED, 1.0) == pytest.approx(
        [1 / len(counts)] * len(counts)
    )


@settings(max_examples=40, deadline=None)
@given(st.lists(COUNTS, min_size=2, max_size=5), st.randoms(use_true_random=False))
def test_the_order_of_the_arms_does_not_matter(counts: list[tuple[int, int]], random: Random) -> None:
    """Whichever comes first, each arm has its own probability."""
    order = [*range(len(counts))]
    random.shuffle(order)
    computed, shuffled = best(*counts), best(*(counts[arm] for arm in order))
    assert [computed[arm] for arm in order] == pytest.approx(shuffled, abs=1e-9)


@pytest.mark.parametrize("reward", Reward)
def test_what_nobody_knows_is_shown_equally(reward: Reward) -> None:
    """Without any contact, and with contacts that brought nothing in equal number, all arms are alike."""
    for arm in (ArmCounts(), ArmCounts(100)):
        assert probabilities([arm] * 4, reward, 0.0) == pytest.approx([0.25] * 4, abs=1e-6)
