"""Samples of persons: to whom a campaign is open, from whom it is withheld, and for whom a rule is lifted.

A person's position in (0, 1) is the stable fraction (engine.decide.experiments.bucketing) of salt, purpose, person and the
name of the holdout, campaign, layer or rule. It depends on nothing else, so that anybody can recompute it for any day.
Where a unit is drawn, such as a company, all of its persons are at the position of the unit.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import TypeAlias

from engine.decide.experiments.bucketing import identity, salted, stable_fraction
from engine.decide.experiments.subjects import DrawSubject
from engine.decide.pressure.rule import PressureRule
from engine.model.contact import Facts
from engine.model.customer import KeptDraw
from engine.model.decision import Reason, ReasonCode
from engine.model.instant import Instant
from engine.rulebook.model.book import Book, Campaign
from engine.rulebook.model.experiments import ConversionRamp, Holdout, Ramp, RuleTrial, Salts

Conversions: TypeAlias = Mapping[str, int]
"""By campaign, how many of its decisions have led to a conversion; only of campaigns whose ramp goes by conversions."""


NO_CONVERSIONS: Conversions = {}

CONTROL, TREATED = "control", "treated"
"""What is kept of the draw of a control."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The persons whose position is in [low, high)."""

    reason: Reason
    """Why a campaign is withheld from persons in a holdout or control, or closed to those not in a slot or ramp; of a trial
    only the name of the rule matters."""
    purpose: str
    """`holdout`, `control`, `layer`, `ramp` or `trial`."""
    salts: Salts
    identity: bytes
    """The name of the holdout, campaign, layer or rule, encoded for hashing."""
    low: float
    high: float
    unit: str = ""
    """The attribute by whose values persons are drawn together; empty: they are drawn one by one."""
    ramp: Ramp | ConversionRamp | None = None
    """Determines the upper bound in place of `high`."""
    stated: float | None = None
    """The position of every person, in scenarios that state an assignment; None: the hash is the position."""
    sticky: bool = False
    """Whether the first draw of a person is kept when the bounds change."""

    def position(self, subject: DrawSubject, now: Instant) -> float:
        """The person's position, in (0, 1); their unit's where they have one."""
        if self.stated is not None:
            return self.stated
        key = salted(self.salts.at(now), self.purpose) + identity(*subject.key(self.unit))
        return stable_fraction(key + self.identity)

    def top(self, now: Instant, conversions: Conversions = NO_CONVERSIONS) -> float:
        """The upper bound at the moment."""
        if self.ramp is None:
            return self.high
        if isinstance(self.ramp, ConversionRamp):
            return self.ramp.share(conversions.get(self.reason.name, 0))
        return self.ramp.share(now)

    def has(self, subject: DrawSubject, now: Instant, conversions: Conversions = NO_CONVERSIONS) -> bool:
        """Whether the person is in the sample at the moment."""
        kept = self.kept(subject, now)
        if kept is not None:
            return kept.drawn == CONTROL
        return self.low <= self.position(subject, now) < self.top(now, conversions)

    def kept(self, subject: DrawSubject, now: Instant) -> KeptDraw | None:
        """The draw of the person that is kept; None if there is none yet, or draws are not kept."""
        if not self.sticky or not subject.kept:
            return None
        draws = subject.kept_draws(self.reason.name, self.purpose, self.salts.at(now), self.unit)
        return next(draws, None)

    def bounds(
        self, subject: DrawSubject, now: Instant, conversions: Conversions = NO_CONVERSIONS
    ) -> tuple[float, float]:
        """The bounds by which the person was drawn: those of the moment, or of the draw that is kept."""
        kept = self.kept(subject, now)
        return (self.low, self.top(now, conversions)) if kept is None else (0.0, kept.share)


def gates(book: Book, campaign: Campaign) -> tuple[Sample, ...]:
    """The samples in all of which a person must be; empty if the campaign is open to everybody."""
    slot_and_ramp = (slot_sample(campaign), ramp_sample(book, campaign))
    return tuple(sample for sample in slot_and_ramp if sample is not None)


def withholding(book: Book, campaign: Campaign, facts: Facts) -> tuple[Sample, ...]:
    """The samples from whom a proposal with these facts is withheld: holdouts, then the campaign's control."""
    holdouts = [
        holdout_sample(holdout)
        for holdout in book.experiments.holdouts.values()
        if holdout.except_ is None or not holdout.except_.fits(facts)
    ]
    control = control_sample(campaign)
    return (*holdouts, *(() if control is None else (control,)))


def holdout_sample(holdout: Holdout) -> Sample:
    """The persons who are held out."""
    reason = Reason(ReasonCode.HELD_OUT, holdout.name)
    return Sample(reason, "holdout", holdout.salts, identity(holdout.name), 0.0, holdout.share, holdout.unit)


def control_sample(campaign: Campaign) -> Sample | None:
    """The campaign's control; None if it has none."""
    name, control = campaign.name, campaign.control
    if control is None:
        return None
    reason = Reason(ReasonCode.CONTROL, name)
    return Sample(
        reason,
        "control",
        control.salts,
        identity(name),
        0.0,
        control.share,
        campaign.unit,
        sticky=campaign.sticky,
    )


def slot_sample(campaign: Campaign) -> Sample | None:
    """The persons in the campaign's slot; None if it has none."""
    slot = campaign.slot
    if slot is None:
        return None
    reason = Reason(ReasonCode.OTHER_SLOT, slot.layer)
    return Sample(reason, "layer", slot.salts, identity(slot.layer), slot.low, slot.high, slot.unit)


def ramp_sample(book: Book, campaign: Campaign) -> Sample | None:
    """The persons whom the campaign's ramp reaches; None if it has none."""
    name, ramp = campaign.name, campaign.ramp
    if ramp is None:
        return None
    reason = Reason(ReasonCode.RAMPING, name)
    return Sample(reason, "ramp", Salts(book.salt), identity(name), 0.0, 1.0, campaign.unit, ramp)


def trial_samples(book: Book, rules: Iterable[PressureRule]) -> Mapping[str, Sample]:
    """The persons for whom rules are lifted, by the name of the rule; only of rules that have a trial."""
    trials = book.experiments.trials
    return {rule.name: trial_sample(rule.name, trials[rule.name]) for rule in rules if rule.name in trials}


def trial_sample(rule: str, trial: RuleTrial) -> Sample:
    """The persons for whom the rule is lifted, drawn one by one: what a rule costs is measured by person."""
    return Sample(Reason(ReasonCode.CHOSEN, rule), "trial", trial.salts, identity(rule), 0.0, trial.share)


def treated(samples: Iterable[Sample]) -> float:
    """Probability that a person is in none of the samples, which are independent of each other."""
    return prod(1.0 - (sample.high - sample.low) for sample in samples)


def treated_as_drawn(samples: Iterable[Sample], subject: DrawSubject, now: Instant) -> float:
    """The same, for draws that are kept with the probability that held when they were made."""
    bounds = (sample.bounds(subject, now) for sample in samples)
    return prod(1.0 - (high - low) for low, high in bounds)


def closed(
    gates: Sequence[Sample], subject: DrawSubject, now: Instant, conversions: Conversions
) -> Reason | None:
    """Why a campaign with these gates is not open to the person; None if it is."""
    return next((gate.reason for gate in gates if not gate.has(subject, now, conversions)), None)


def withheld(samples: Sequence[Sample], subject: DrawSubject, now: Instant) -> Reason | None:
    """Why the proposal is withheld from the person; None if it is not."""
    return next((sample.reason for sample in samples if sample.has(subject, now)), None)
