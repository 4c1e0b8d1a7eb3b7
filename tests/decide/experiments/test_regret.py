"""Regret of learning in simulations whose true rates are known."""

from bench.learning import World, learn, open_bandit, picture


def test_the_best_arm_is_found() -> None:
    """Of four arms the best gets most contacts in the end, and all others no less than their floor, though rewards come late.

    The regret is far below that of equal shares.
    """
    world = World("", (0.04, 0.05, 0.06, 0.10), contacts=20_000, every=500, delay=1_000)
    for seed in ("one", "two", "three"):
        steps = [*learn(world, seed)]
        assert steps[-1].weights[3] > 0.9
        assert min(min(step.weights) for step in steps) > 0.012
        equal = world.contacts * (0.10 - 0.0625)
        assert steps[-1].regret < 0.4 * equal
        assert steps[0].weights == steps[1].weights == (0.25, 0.25, 0.25, 0.25)


def test_contacts_are_as_often_as_their_probabilities() -> None:
    """Regret adds up as it would if each contact were drawn by the weights of its step: within four standard errors."""
    world = World("", (0.0, 1.0), explore=0.3, contacts=5_000, every=5_000, delay=0)
    (step,) = learn(world, "fair")
    missed = step.regret / world.contacts
    assert abs(missed - 0.5) < 4 * (0.25 / world.contacts) ** 0.5


def test_open_bandit_is_learned() -> None:
    """Replayed from what a random policy logged, the items with most clicks gain weight, and less is missed than by chance."""
    rates = open_bandit()
    assert len(rates) == 34
    world = World("", rates, contacts=60_000, every=20_000, delay=0)
    steps = [*learn(world, "men")]
    equal = world.contacts * (world.best - sum(rates) / len(rates))
    assert steps[-1].regret < 0.85 * equal
    best = sorted(range(34), key=lambda arm: rates[arm])[-5:]
    assert sum(steps[-1].weights[arm] for arm in best) > 0.4


def test_the_picture_is_a_panel_a_world() -> None:
    """What is drawn is SVG with a line a run."""
    drawn = picture([World("tiny", (0.1, 0.2), contacts=200, every=100, delay=0)], ["a", "b"])
    assert drawn.count('stroke="#1b7837"') == 2
    assert "tiny" in drawn
