"""Experiments as plain frozen values: which part of all persons is held out, kept as control, or reached already."""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import ceil

from engine.model.instant import DAY, SECOND, Instant, Microseconds
from engine.rulebook.model.policies import Selector

MOST_CONVERSIONS = 10_000
"""After which a ramp ends at the latest; so no more are ever counted."""


class Reward(StrEnum):
    """What a campaign learns from."""

    CLICKED = "clicked"
    CONVERTED = "converted"
    VALUE = "value"
    """The value of the conversions of one contact, 0 without any."""


@dataclass(frozen=True, slots=True)
class Salts:
    """What persons are drawn with: a word, and the words that take its place from some days on."""

    first: str
    later: tuple[tuple[Instant, str], ...] = ()
    """In order of time."""

    def at(self, now: Instant) -> str:
        """The word at the moment."""
        if not self.later:
            return self.first
        passed = bisect_right(self.later, now, key=lambda change: change[0])
        return self.later[passed - 1][1] if passed else self.first


@dataclass(frozen=True, slots=True)
class Holdout:
    """A part of all persons who get nothing, whatever the campaign."""

    name: str
    share: float
    """Above 0 and below 1, as are all shares here."""
    salts: Salts
    except_: Selector | None = None
    """What they get all the same."""


@dataclass(frozen=True, slots=True)
class Control:
    """A part of a campaign's customers who do not get it."""

    share: float
    salts: Salts


@dataclass(frozen=True, slots=True)
class Slot:
    """A stretch of a layer: the persons whose place in it is at `low` or above, and below `high`."""

    layer: str
    name: str
    low: float
    high: float
    salts: Salts


@dataclass(frozen=True, slots=True)
class Layer:
    """All persons in an order of chance. Its slots share nobody; two layers know nothing of each other."""

    name: str
    salts: Salts
    slots: Mapping[str, Slot]


@dataclass(frozen=True, slots=True)
class Ramp:
    """A growing part of all persons."""

    since: Instant
    """From then on; nobody is reached before."""
    start: float
    full: Instant
    """From then on everybody is reached."""

    def share(self, now: Instant) -> float:
        """The part that is reached: it grows evenly with time, from `start` to 1."""
        if now < self.since:
            return 0.0
        if now >= self.full:
            return 1.0
        return self.start + (1.0 - self.start) * (now - self.since) / (self.full - self.since)

    def reaches(self, position: float) -> Instant:
        """The first full second at which whoever is at the place is reached."""
        share = max(0.0, (position - self.start) / (1.0 - self.start))
        moment = self.since + int(share * (self.full - self.since)) + 1
        return -(-moment // SECOND) * SECOND


@dataclass(frozen=True, slots=True)
class ConversionRamp:
    """A part of all persons that grows with what the campaign's decisions led to."""

    start: float
    full_after: int
    """Everybody is reached when so many decisions have led to a conversion."""

    def share(self, conversions: int) -> float:
        """The part that is reached: it grows evenly with conversions, from `start` to 1."""
        return self.start + (1.0 - self.start) * min(1.0, conversions / self.full_after)

    def reaches(self, position: float) -> int:
        """After how many conversions whoever is at the place is reached."""
        number = max(0, ceil((position - self.start) / (1.0 - self.start) * self.full_after))
        return number if position < self.share(number) else number + 1


@dataclass(frozen=True, slots=True)
class Learn:
    """How a campaign learns which of its variants does best, and how likely it is taken."""

    reward: Reward
    explore: float | None = 0.05
    """The share that all variants have in equal parts, whatever is known; None: they compete by share."""
    window: Microseconds = 14 * DAY
    """What is older counts no more."""
    delay: Microseconds = DAY
    """How long after a contact its reward may come; before that it does not count at all."""


@dataclass(frozen=True, slots=True)
class Experiments:
    """The sections `holdouts` and `layers`, by name."""

    holdouts: Mapping[str, Holdout] = field(default_factory=dict)
    layers: Mapping[str, Layer] = field(default_factory=dict)
