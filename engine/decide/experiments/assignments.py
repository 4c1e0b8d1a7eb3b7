"""Assignments: a person's part in every experiment of a book."""

from collections.abc import Iterator
from typing import NamedTuple

from engine.decide.experiments.bucketing import identity, rendezvous_score, stable_fraction
from engine.decide.experiments.samples import (
    Sample,
    control_sample,
    holdout_sample,
    ramp_sample,
    trial_sample,
)
from engine.decide.experiments.subjects import NO_UNITS, DrawSubject, Units
from engine.model.instant import Instant
from engine.rulebook.model.book import Book, Campaign
from engine.rulebook.model.experiments import ConversionRamp, Layer


class Assignment(NamedTuple):
    """A person's part in one experiment."""

    kind: str
    """holdout, trial, control, layer, ramp or variant."""
    name: str
    """Of the holdout, the layer or the rule, else of the campaign."""
    salt: str
    """The salt that applies at the moment."""
    position: float | None
    """In (0, 1); None for variants, which are drawn by weights."""
    share: float | None
    """Size of the sample at the moment; None for layers and variants, and for ramps by conversions, which the log decides."""
    inside: bool | None
    """Whether the person is in the sample; None where `share` is."""
    drawn: tuple[str, ...] = ()
    """Of a layer, the person's slot, if any; of a ramp by conversions, from how many conversions on it reaches the person; of
    variants, their order for the person, who gets the first that fits."""
    unit: str = ""
    """The attribute by whose value it was drawn; empty: by the person, who may lack the attribute."""


def assignments(book: Book, person: str, now: Instant, units: Units = NO_UNITS) -> Iterator[Assignment]:
    """Holdouts, layers, trials of rules, then of each campaign the control, ramp and variants.

    person: the id under which the customer is stored.
    """
    subject = DrawSubject(person, units)
    for holdout in book.experiments.holdouts.values():
        yield _in_sample(holdout_sample(holdout), holdout.name, subject, now)
    for layer in book.experiments.layers.values():
        yield _in_layer(layer, subject, now)
    for name, trial in book.experiments.trials.items():
        yield _in_sample(trial_sample(name, trial), name, subject, now)
    for campaign in book.campaigns.values():
        for sample in (control_sample(campaign), ramp_sample(book, campaign)):
            if sample is not None:
                yield _in_sample(sample, campaign.name, subject, now)
        if len(campaign.variants) > 1:
            order = _variants(book, campaign, subject)
            unit = subject.unit(campaign.unit)
            yield Assignment("variant", campaign.name, book.salt, None, None, None, order, unit)


def _in_sample(sample: Sample, name: str, subject: DrawSubject, now: Instant) -> Assignment:
    salt, position, unit = sample.salts.at(now), sample.position(subject, now), subject.unit(sample.unit)
    if isinstance(sample.ramp, ConversionRamp):  # the conversions are in the log
        drawn = (f"from {sample.ramp.reaches(position)} conversions on",)
        return Assignment(sample.purpose, name, salt, position, None, None, drawn, unit)
    inside = sample.has(subject, now)
    return Assignment(sample.purpose, name, salt, position, sample.top(now), inside, unit=unit)


def _in_layer(layer: Layer, subject: DrawSubject, now: Instant) -> Assignment:
    salt = layer.salts.at(now)
    position = stable_fraction(identity(salt, "layer", *subject.key(layer.unit), layer.name))
    slots = tuple(slot.name for slot in layer.slots.values() if slot.low <= position < slot.high)
    return Assignment("layer", layer.name, salt, position, None, None, slots, subject.unit(layer.unit))


def _variants(book: Book, campaign: Campaign, subject: DrawSubject) -> tuple[str, ...]:
    key = identity(book.salt, "variant", *subject.key(campaign.unit), campaign.name)
    weights = {
        variant.name: rendezvous_score(variant.share, key + identity(variant.name))
        for variant in campaign.variants
    }
    return tuple(sorted(weights, key=lambda name: -weights[name]))
