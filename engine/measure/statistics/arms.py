"""Arms of a comparison as sufficient statistics over persons, and the limits of each arm by itself.

The person is the unit: a person who was decided for eight times counts as one, with the sum of what they did.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import isfinite, sqrt
from typing import NamedTuple


class Interval(NamedTuple):
    """A figure and its limits, in the unit of the figure."""

    value: float
    low: float
    high: float

    def times(self, factor: float) -> "Interval":
        """The interval of the figure times a known factor, such as a number of persons."""
        low, high = sorted((self.low * factor, self.high * factor))
        return Interval(self.value * factor, low, high)


@dataclass(frozen=True, slots=True)
class Arm:
    """What the persons of one arm did: number of persons, Σy and Σy² over persons.

    y is 0 or 1 for a proportion (then Σy² = Σy), otherwise a sum or a count of a person, such as their net value. Totals
    given as int are computed with exactly, so money may be in micro-units. Arms of disjoint persons can be added.
    Raises ValueError for negative persons or squares and for numbers that are not finite.
    """

    persons: int
    total: float
    squares: float

    def __post_init__(self) -> None:
        _check(self.persons, (self.squares,), (self.total,))

    def __add__(self, other: "Arm") -> "Arm":
        """The arm of the persons of both."""
        return Arm(self.persons + other.persons, self.total + other.total, self.squares + other.squares)

    @classmethod
    def of(cls, values: Iterable[float]) -> "Arm":
        """The arm of these persons, one value a person."""
        figures = [*values]
        return cls(len(figures), sum(figures), sum(figure * figure for figure in figures))

    @property
    def mean(self) -> float:
        """Σy / n. Raises ZeroDivisionError without persons."""
        return self.total / self.persons

    @property
    def variance(self) -> float:
        """Sample variance with n − 1. Raises ZeroDivisionError below two persons."""
        spread = self.persons * self.squares - self.total * self.total
        return max(spread, 0) / (self.persons * (self.persons - 1))

    @property
    def error(self) -> float:
        """Standard error of the mean."""
        return sqrt(self.variance / self.persons)


@dataclass(frozen=True, slots=True)
class PairedArm:
    """Two values of each person of an arm: y with a second x, by n, Σy, Σy², Σx, Σx² and Σxy.

    x is the denominator of a ratio metric (clicks y over contacts x, value over orders), the covariate of CUPED, or what
    was spent on a person.
    """

    persons: int
    total: float
    squares: float
    second: float
    second_squares: float
    products: float

    def __post_init__(self) -> None:
        _check(self.persons, (self.squares, self.second_squares), (self.total, self.second, self.products))

    def __add__(self, other: "PairedArm") -> "PairedArm":
        """The arm of the persons of both."""
        return PairedArm(
            self.persons + other.persons,
            self.total + other.total,
            self.squares + other.squares,
            self.second + other.second,
            self.second_squares + other.second_squares,
            self.products + other.products,
        )

    @classmethod
    def of(cls, values: Iterable[float], seconds: Iterable[float]) -> "PairedArm":
        """The arm of these persons, one y and one x a person, in the same order."""
        pairs = [*zip(values, seconds, strict=True)]
        first, second = Arm.of(y for y, _ in pairs), Arm.of(x for _, x in pairs)
        return cls(
            *(first.persons, first.total, first.squares),
            *(second.total, second.squares, sum(y * x for y, x in pairs)),
        )

    @property
    def first_arm(self) -> Arm:
        """The arm of y alone."""
        return Arm(self.persons, self.total, self.squares)

    @property
    def second_arm(self) -> Arm:
        """The arm of x alone."""
        return Arm(self.persons, self.second, self.second_squares)

    @property
    def covariance(self) -> float:
        """Sample covariance of y and x with n − 1."""
        spread = self.persons * self.products - self.total * self.second
        return spread / (self.persons * (self.persons - 1))

    @property
    def mean(self) -> float:
        """The ratio R = Σy / Σx. Raises ZeroDivisionError where Σx is 0."""
        return self.total / self.second

    @property
    def error(self) -> float:
        """Standard error of R by the delta method, clustered by person: se² = Σ(y − Rx)² / ((n − 1) n x̄²)."""
        ratio, base = self.mean, self.second / self.persons
        residual = self.squares - 2 * ratio * self.products + ratio * ratio * self.second_squares
        return sqrt(max(residual, 0) / ((self.persons - 1) * self.persons)) / abs(base)


def wilson(events: float, persons: float, quantile: float) -> Interval:
    """Limits of a proportion by Wilson 1927 (score interval): exactly 0 at no events, exactly 1 at all events.

    persons: their number, or the effective number of weighted persons.
    """
    rate, weight = events / persons, quantile * quantile / persons
    centre = rate + weight / 2
    half = sqrt(weight * (rate * (1 - rate) + weight / 4))
    low = 0.0 if events == 0 else (centre - half) / (1 + weight)
    high = 1.0 if events == persons else (centre + half) / (1 + weight)
    return Interval(rate, low, high)


def symmetric(value: float, error: float, quantile: float) -> Interval:
    """Limits value ± quantile · standard error."""
    return Interval(value, value - quantile * error, value + quantile * error)


def _check(persons: int, squares: tuple[float, ...], totals: tuple[float, ...]) -> None:
    if persons < 0 or not all(isfinite(figure) for figure in (*squares, *totals)) or min(squares) < 0:
        raise ValueError(
            "an arm needs a number of persons and sums that are finite, with squares of at least 0"
        )
