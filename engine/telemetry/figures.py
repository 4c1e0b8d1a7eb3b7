"""Figures: what is counted, as plain numbers. Each is written by one thread, and read by any."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias


class CannotObserve(Exception):
    """What was asked for cannot be shown."""


Labels: TypeAlias = tuple[str, ...]
"""The values of a figure's labels, in their order."""


@dataclass(frozen=True, slots=True)
class About:
    """What a figure is."""

    name: str
    help: str
    labels: tuple[str, ...] = ()
    unit: str = ""
    """`seconds`, or empty for plain numbers."""


@dataclass(slots=True)
class Tally:
    """Something that is counted; it only grows."""

    about: About
    counts: dict[Labels, float] = field(default_factory=dict)

    def add(self, labels: Labels = (), amount: float = 1) -> None:
        """Counts."""
        self.counts[labels] = self.counts.get(labels, 0) + amount

    def read(self) -> Mapping[Labels, float]:
        """The figures by labels, as they are now."""
        return dict(self.counts)


@dataclass(slots=True)
class GaugeReading:
    """Something that is looked up when somebody asks, by its labels; `grows` where it never decreases."""

    about: About
    look: Callable[[], Mapping[Labels, float]]
    grows: bool = False

    def read(self) -> Mapping[Labels, float]:
        """The figures by labels, as they are now."""
        return self.look()


@dataclass(frozen=True, slots=True)
class Spread:
    """How values are spread: how many lie up to each bound, and their sum."""

    counts: Sequence[int]
    """One for each bound, and one for what lies beyond the last."""
    total: float


@dataclass(slots=True)
class Histogram:
    """Values by size. bounds: upper bounds, ascending."""

    about: About
    bounds: Sequence[float]
    spreads: dict[Labels, tuple[list[int], list[float]]] = field(default_factory=dict)

    def add(self, value: float, labels: Labels = ()) -> None:
        """Counts a value."""
        found = self.spreads.get(labels)
        if found is None:
            found = self.spreads.setdefault(labels, ([0] * (len(self.bounds) + 1), [0.0]))
        counts, total = found
        counts[bisect_left(self.bounds, value)] += 1
        total[0] += value

    def read(self) -> Mapping[Labels, Spread]:
        """The spreads by labels, as they are now."""
        return {
            labels: Spread(tuple(counts), total[0]) for labels, (counts, total) in dict(self.spreads).items()
        }


Figure: TypeAlias = Tally | GaugeReading | Histogram


Figures: TypeAlias = Iterable[Figure]
