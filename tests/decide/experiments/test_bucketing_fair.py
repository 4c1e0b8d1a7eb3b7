"""Positions are uniform, and two draws are independent."""

from collections import Counter
from itertools import chain
from math import sqrt

from engine.decide.experiments.bucketing import identity, stable_fraction

MILLION = [f"customer-{number}" for number in range(1_000_000)]
CELLS = 20


def deviation(counts: Counter[object], cells: int) -> float:
    """Standard deviations of chi-square from its expectation (Wilson and Hilferty, 1931)."""
    freedom, expected = cells - 1, counts.total() / cells
    square = sum((count - expected) ** 2 / expected for count in counts.values())
    square += (cells - len(counts)) * expected
    spread = 2 / (9 * freedom)
    return float((square / freedom) ** (1 / 3) - (1 - spread)) / sqrt(spread)


def places(salt: str, purpose: str, name: str) -> list[float]:
    """The positions of the million customers."""
    drawn = identity(name)
    return [stable_fraction(identity(salt, purpose, person) + drawn) for person in MILLION]


def test_a_million_places_are_uniform_and_independent_across_salts() -> None:
    """Chi-square over 400 intervals, and over the pairs of positions with one salt and the next: within 4 deviations."""
    before, after = places("2026-h1", "holdout", "all"), places("2026-h2", "holdout", "all")
    for fractions in (before, after):
        assert abs(deviation(Counter(int(fraction * 400) for fraction in fractions), 400)) < 4
    pairs = ((int(a * CELLS), int(b * CELLS)) for a, b in zip(before, after, strict=True))
    assert abs(deviation(Counter(pairs), CELLS * CELLS)) < 4


def test_draws_for_different_things_are_independent() -> None:
    """A campaign's control is independent of another's, and of a holdout, a layer or a ramp with the same salt."""
    persons = MILLION[:100_000]
    drawn = {
        (purpose, name): [stable_fraction(identity("s", purpose, person, name)) for person in persons]
        for purpose, name in (
            ("control", "a"),
            ("control", "b"),
            ("holdout", "a"),
            ("layer", "a"),
            ("ramp", "a"),
        )
    }
    first, *others = drawn.values()
    for other in others:
        pairs = ((int(a * CELLS), int(b * CELLS)) for a, b in zip(first, other, strict=True))
        assert abs(deviation(Counter(pairs), CELLS * CELLS)) < 4


def test_the_measure_notices_what_is_not_fair() -> None:
    """A draw with a hundredth too many in one stretch, and a pair of draws that are one, are far beyond the bound."""
    fair = range(100_000)
    skewed = chain((number % 400 for number in fair), [0] * 1_000)
    assert deviation(Counter(skewed), 400) > 4
    assert deviation(Counter((number % CELLS, number % CELLS) for number in fair), CELLS * CELLS) > 4
