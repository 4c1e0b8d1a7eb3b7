"""Experiments as frozen values: holdouts, controls, layers and their slots, ramps, and learning."""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import ceil

from engine.model.instant import DAY, SECOND, Instant, Microseconds
from engine.rulebook.model.policies import Selector

MOST_CONVERSIONS = 10_000
"""Upper bound of `full_after`; conversions beyond it are not counted."""


class Reward(StrEnum):
    """What a campaign learns from."""

    CLICKED = "clicked"
    CONVERTED = "converted"
    VALUE = "value"
    """The value of the conversions of one contact, 0 without any."""


@dataclass(frozen=True, slots=True)
class Salts:
    """The salt of the hash that assigns persons, and the salts that replace it at later instants."""

    first: str
    later: tuple[tuple[Instant, str], ...] = ()
    """By instant, ascending."""

    def at(self, now: Instant) -> str:
        """The salt at the instant."""
        if not self.later:
            return self.first
        passed = bisect_right(self.later, now, key=lambda change: change[0])
        return self.later[passed - 1][1] if passed else self.first


@dataclass(frozen=True, slots=True)
class Holdout:
    """A share of all persons who get nothing, whatever the campaign."""

    name: str
    share: float
    """In (0, 1), as are all shares here."""
    salts: Salts
    except_: Selector | None = None
    """Contacts that they get all the same."""
    unit: str = ""
    """The attribute by whose values persons are drawn together, as a campaign's and a slot's; empty: one by one."""


@dataclass(frozen=True, slots=True)
class Control:
    """The share of a campaign's customers who do not get it."""

    share: float
    salts: Salts
    planned: int | None = None
    """Persons of both arms at which the always-valid limits of its effect are to be tightest; None: the default."""


@dataclass(frozen=True, slots=True)
class RuleTrial:
    """The share of all persons for whom a rule of contact pressure is lifted, to measure what it costs."""

    share: float
    salts: Salts


@dataclass(frozen=True, slots=True)
class Slot:
    """A stretch of a layer: the persons whose position in the layer is in [low, high)."""

    layer: str
    name: str
    low: float
    high: float
    salts: Salts
    unit: str = ""
    """Of the layer."""


@dataclass(frozen=True, slots=True)
class Layer:
    """All persons in a random order. Its slots do not overlap; layers are independent of each other."""

    name: str
    salts: Salts
    slots: Mapping[str, Slot]
    unit: str = ""
    """The attribute by whose values persons are drawn together; empty: one by one."""


@dataclass(frozen=True, slots=True)
class Ramp:
    """A share of all persons that grows with time."""

    since: Instant
    """Before it nobody is reached."""
    start: float
    full: Instant
    """From this instant on everybody is reached."""

    def share(self, now: Instant) -> float:
        """The share that is reached; it grows linearly with time, from `start` to 1."""
        if now < self.since:
            return 0.0
        if now >= self.full:
            return 1.0
        return self.start + (1.0 - self.start) * (now - self.since) / (self.full - self.since)

    def reaches(self, position: float) -> Instant:
        """The first full second at which a person at this position in [0, 1) is reached."""
        share = max(0.0, (position - self.start) / (1.0 - self.start))
        moment = self.since + int(share * (self.full - self.since)) + 1
        return -(-moment // SECOND) * SECOND


@dataclass(frozen=True, slots=True)
class ConversionRamp:
    """A share of all persons that grows with the conversions of the campaign."""

    start: float
    full_after: int
    """Number of decisions with a conversion at which everybody is reached."""

    def share(self, conversions: int) -> float:
        """The share that is reached; it grows linearly with conversions, from `start` to 1."""
        return self.start + (1.0 - self.start) * min(1.0, conversions / self.full_after)

    def reaches(self, position: float) -> int:
        """The number of conversions at which a person at this position in [0, 1) is reached."""
        number = max(0, ceil((position - self.start) / (1.0 - self.start) * self.full_after))
        return number if position < self.share(number) else number + 1


@dataclass(frozen=True, slots=True)
class Learn:
    """How a campaign learns which of its variants does best, and its propensity."""

    reward: Reward
    explore: float | None = 0.05
    """The share that all variants get in equal parts, whatever was learned; None if variants are not learned."""
    window: Microseconds = 14 * DAY
    """Age at which rewards stop counting."""
    delay: Microseconds = DAY
    """Time after a contact in which its reward can come; until then the contact does not count."""


class CreditModel(StrEnum):
    """How the credit for a conversion is given to the contacts before it."""

    LAST_TOUCH = "last_touch"
    """All of it to the latest."""
    LINEAR = "linear"
    """To all of them in equal parts."""


@dataclass(frozen=True, slots=True)
class Attribution:
    """To which contacts of a campaign conversions are attributed that name no decision. No decision depends on it."""

    window: Microseconds = 7 * DAY
    """Age of a contact, from its delivery, at which it no longer gets credit."""
    click: Microseconds = 30 * DAY
    """Age of a click at which its contact no longer gets credit for it."""
    model: CreditModel = CreditModel.LAST_TOUCH


@dataclass(frozen=True, slots=True)
class Experiments:
    """The sections `holdouts` and `layers`, and the trials of rules of contact pressure, by name."""

    holdouts: Mapping[str, Holdout] = field(default_factory=dict)
    layers: Mapping[str, Layer] = field(default_factory=dict)
    trials: Mapping[str, RuleTrial] = field(default_factory=dict)
    """By the name of the rule, as in answers: of the policy, or CAMPAIGN/per_customer."""
