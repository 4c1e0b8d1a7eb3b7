"""Draws the regret of learning, on simulated arms and on those of Open Bandit.

`python -m bench.learning` writes the picture; it takes some minutes.

Contacts come one after the other; their outcomes are known `delay` contacts later, and the posteriors are updated after
every `every` contacts. Draws use the engine's stable hash, so that a run is the same on every machine.
"""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.decide.experiments.bucketing import identity, stable_fraction
from engine.decide.experiments.posteriors import ArmCounts
from engine.decide.experiments.thompson import probabilities
from engine.rulebook.model.experiments import Reward

DATA = Path(__file__).parent / "data" / "open-bandit-men-random.csv"
PICTURE = Path(__file__).parents[1] / "docs" / "learning.svg"


@dataclass(frozen=True, slots=True)
class World:
    """Arms with rates that the learner does not know."""

    name: str
    rates: tuple[float, ...]
    explore: float = 0.05
    contacts: int = 40_000
    every: int = 1_000
    delay: int = 2_000

    @property
    def best(self) -> float:
        """The rate of the best arm."""
        return max(self.rates)


@dataclass(frozen=True, slots=True)
class Step:
    """The state of learning after so many contacts."""

    contacts: int
    regret: float
    """Expected rewards missed so far, compared with always showing the best arm."""
    weights: tuple[float, ...]
    """The probability of each arm in this step."""


def learn(world: World, seed: str) -> Iterator[Step]:
    """Learns in the world, step by step."""
    known = [ArmCounts()] * len(world.rates)
    waiting: list[tuple[int, bool]] = []
    regret, begun = 0.0, 0
    while begun < world.contacts:
        weights = probabilities(known, Reward.CLICKED, world.explore)
        for contact in range(begun, begun + world.every):
            arm = _drawn(weights, seed, contact)
            regret += world.best - world.rates[arm]
            waiting.append((arm, _fraction(seed, "reward", contact) < world.rates[arm]))
        begun += world.every
        ripe = max(0, len(waiting) - world.delay)
        for arm, rewarded in waiting[:ripe]:
            known[arm] = ArmCounts(known[arm].shown + 1, known[arm].rewarded + rewarded)
        del waiting[:ripe]
        yield Step(begun, regret, weights)


def open_bandit() -> tuple[float, ...]:
    """Click rates of the items that a random policy showed: replaying its rows at random, with replacement.

    (Mary, Preux and Nicol, "Improving offline evaluation of contextual bandit algorithms via bootstrapping", ICML 2014.)
    """
    with DATA.open(encoding="utf-8") as file:
        return tuple(int(row["clicked"]) / int(row["shown"]) for row in csv.DictReader(file))


WORLDS = (
    World("four simulated arms: 4, 5, 6 and 8 %", (0.04, 0.05, 0.06, 0.08)),
    World("34 items of Open Bandit, replayed", open_bandit(), contacts=200_000, every=10_000, delay=10_000),
)


def _drawn(weights: Sequence[float], seed: str, contact: int) -> int:
    draw = _fraction(seed, "arm", contact)
    for arm, weight in enumerate(weights):
        draw -= weight
        if draw < 0.0:
            return arm
    return len(weights) - 1


def _fraction(seed: str, what: str, contact: int) -> float:
    return stable_fraction(identity(seed, what, str(contact)))


def picture(worlds: Sequence[World], seeds: Sequence[str]) -> str:
    """The regret of learning against that of equal shares, a panel a world, as SVG."""
    panels = [_panel(column, world, seeds) for column, world in enumerate(worlds)]
    size = f'width="{_WIDE * len(worlds)}" height="{_HIGH}"'
    style = 'font-family="sans-serif" font-size="12"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}>\n' + "\n".join(panels) + "\n</svg>\n"


_WIDE, _HIGH, _EDGE = 460, 300, 50


def _panel(column: int, world: World, seeds: Sequence[str]) -> str:
    uniform = world.best - sum(world.rates) / len(world.rates)
    top = uniform * world.contacts

    def at(contacts: float, regret: float) -> str:
        x = _EDGE + (_WIDE - 2 * _EDGE) * contacts / world.contacts
        return f"{column * _WIDE + x:.1f},{_HIGH - _EDGE - (_HIGH - 2 * _EDGE) * regret / top:.1f}"

    runs = [[at(0, 0), *(at(step.contacts, step.regret) for step in learn(world, seed))] for seed in seeds]
    lines = [f'<polyline points="{" ".join(run)}" fill="none" stroke="#1b7837"/>' for run in runs]
    left, low = column * _WIDE + _EDGE, _HIGH - _EDGE
    return "\n".join(
        (
            f'<text x="{left}" y="20" font-weight="bold">{world.name}</text>',
            f'<text x="{left}" y="38" fill="#888">equal shares: {top:,.0f} missed</text>',
            f'<polyline points="{at(0, top)} {at(0, 0)} {at(world.contacts, 0)}" fill="none" stroke="#888"/>',
            f'<polyline points="{at(0, 0)} {at(world.contacts, top)}" fill="none" stroke="#888" stroke-dasharray="4"/>',
            *lines,
            f'<text x="{left}" y="{low + 20}">0</text>',
            f'<text x="{left + _WIDE - 2 * _EDGE}" y="{low + 20}" text-anchor="end">{world.contacts:,} contacts</text>',
            f'<text x="{left}" y="{low + 38}" fill="#1b7837">learning, {len(seeds)} runs: expected rewards missed</text>',
        )
    )


if __name__ == "__main__":
    PICTURE.write_text(picture(WORLDS, [f"run {number}" for number in range(1, 6)]), encoding="utf-8")
