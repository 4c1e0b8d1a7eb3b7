"""Experiments made ready: to whom a campaign is open, and from whom it is withheld, by hashes of salt and person.

A person's place is one of [0, 1), by engine.decide.experiments.bucketing from salt, purpose, person and the name of
what is drawn for. It
depends on nothing else, so that anybody can recompute it for any day.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import TypeAlias

from engine.decide.experiments.bucketing import identity, stable_fraction
from engine.decide.pressure.selectors import fits
from engine.model.contact import Facts
from engine.model.decision import Reason, ReasonCode
from engine.model.instant import Instant
from engine.rulebook.model.book import Book, Campaign
from engine.rulebook.model.experiments import ConversionRamp, Holdout, Ramp, Salts

Conversions: TypeAlias = Mapping[str, int]
"""How many decisions for a campaign have led to a conversion, by campaign; of those whose ramp goes by it."""


NO_CONVERSIONS: Conversions = {}


@dataclass(frozen=True, slots=True)
class Sample:
    """A part of all persons: those whose place is at `low` or above, and below `high`."""

    reason: Reason
    """What becomes of those whom it decides about: who is in a holdout or a control, who is not in a slot or a ramp."""
    purpose: str
    """`holdout`, `control`, `layer` or `ramp`."""
    salts: Salts
    of: bytes
    """The identity of what is drawn for: the holdout, the campaign, the layer."""
    low: float
    high: float
    ramp: Ramp | ConversionRamp | None = None
    """Where there is one it says how high."""

    def place(self, person: str, now: Instant) -> float:
        """Where the person is, in (0, 1)."""
        return stable_fraction(identity(self.salts.at(now), self.purpose, person) + self.of)

    def top(self, now: Instant, conversions: Conversions = NO_CONVERSIONS) -> float:
        """How high it reaches at the moment."""
        if self.ramp is None:
            return self.high
        if isinstance(self.ramp, ConversionRamp):
            return self.ramp.share(conversions.get(self.reason.name, 0))
        return self.ramp.share(now)

    def has(self, person: str, now: Instant, conversions: Conversions = NO_CONVERSIONS) -> bool:
        """Whether the person is among them at the moment."""
        return self.low <= self.place(person, now) < self.top(now, conversions)


def gates(book: Book, campaign: Campaign) -> tuple[Sample, ...]:
    """The samples in all of which a person has to be for the campaign to be open to him; none: it is open to all."""
    both = (slot_sample(campaign), ramp_sample(book, campaign))
    return tuple(one for one in both if one is not None)


def withholding(book: Book, campaign: Campaign, facts: Facts) -> tuple[Sample, ...]:
    """The samples from whom a proposal with these facts is withheld: holdouts, then the campaign's control."""
    held = [
        holdout_sample(one)
        for one in book.experiments.holdouts.values()
        if one.except_ is None or not fits(one.except_, facts)
    ]
    control = control_sample(campaign)
    return (*held, *(() if control is None else (control,)))


def holdout_sample(one: Holdout) -> Sample:
    """Who is held out."""
    return Sample(
        Reason(ReasonCode.HELD_OUT, one.name), "holdout", one.salts, identity(one.name), 0.0, one.share
    )


def control_sample(campaign: Campaign) -> Sample | None:
    """Who is the campaign's control; None where it has none."""
    name, control = campaign.name, campaign.control
    if control is None:
        return None
    reason = Reason(ReasonCode.CONTROL, name)
    return Sample(reason, "control", control.salts, identity(name), 0.0, control.share)


def slot_sample(campaign: Campaign) -> Sample | None:
    """Who is in the campaign's slot; None where it has none."""
    slot = campaign.slot
    if slot is None:
        return None
    reason = Reason(ReasonCode.OTHER_SLOT, slot.layer)
    return Sample(reason, "layer", slot.salts, identity(slot.layer), slot.low, slot.high)


def ramp_sample(book: Book, campaign: Campaign) -> Sample | None:
    """Whom the campaign's ramp reaches; None where it has none."""
    name, ramp = campaign.name, campaign.ramp
    if ramp is None:
        return None
    reason = Reason(ReasonCode.RAMPING, name)
    return Sample(reason, "ramp", Salts(book.salt), identity(name), 0.0, 1.0, ramp)


def treated(samples: Iterable[Sample]) -> float:
    """The probability that nothing is withheld by the samples, which are independent of one another."""
    return prod(1.0 - (one.high - one.low) for one in samples)


def closed(gates: Sequence[Sample], person: str, now: Instant, conversions: Conversions) -> Reason | None:
    """Why a campaign with the gates is not open to the person; None where it is."""
    return next((one.reason for one in gates if not one.has(person, now, conversions)), None)


def withheld(samples: Sequence[Sample], person: str, now: Instant) -> Reason | None:
    """Why the proposal is withheld from the person; None where it is not."""
    return next((one.reason for one in samples if one.has(person, now)), None)
