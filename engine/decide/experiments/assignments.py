"""Memberships: where chance has put a person, for everything in a book that is left to chance."""

from collections.abc import Iterator
from typing import NamedTuple

from engine.decide.experiments.bucketing import identity, rendezvous_score, stable_fraction
from engine.decide.experiments.samples import Sample, control_sample, holdout_sample, ramp_sample
from engine.model.instant import Instant
from engine.rulebook.model.book import Book, Campaign
from engine.rulebook.model.experiments import ConversionRamp, Layer


class Assignment(NamedTuple):
    """Where a person is in one draw."""

    kind: str
    """holdout, control, layer, ramp or variant."""
    name: str
    """The holdout's or the layer's; else the campaign's."""
    salt: str
    """What it is drawn with at the moment."""
    place: float | None
    """In (0, 1); None for variants, which are drawn by weights."""
    share: float | None
    """How large the part is, at the moment; None where that is not the question, or only the log can say."""
    inside: bool | None
    """Whether the person is in that part; None as of `share`."""
    drawn: tuple[str, ...] = ()
    """What else there is to say: the layer's slot, none beyond them; from when on a ramp by conversions reaches the person;
    the variants in the order in which he gets them: the first that fits."""


def assignments(book: Book, person: str, now: Instant) -> Iterator[Assignment]:
    """All of them: holdouts, layers, then the campaigns' in the book's order. person: the name under which he is kept."""
    for holdout in book.experiments.holdouts.values():
        yield _of(holdout_sample(holdout), holdout.name, person, now)
    for layer in book.experiments.layers.values():
        yield _in_layer(layer, person, now)
    for campaign in book.campaigns.values():
        for sample in (control_sample(campaign), ramp_sample(book, campaign)):
            if sample is not None:
                yield _of(sample, campaign.name, person, now)
        if len(campaign.variants) > 1:
            yield Assignment(
                "variant", campaign.name, book.salt, None, None, None, _variants(book, campaign, person)
            )


def _of(sample: Sample, name: str, person: str, now: Instant) -> Assignment:
    salt, share = sample.salts.at(now), sample.top(now)
    if isinstance(sample.ramp, ConversionRamp):  # whom it has reached is in the log, not in the book
        place = sample.place(person, now)
        drawn = (f"from {sample.ramp.reaches(place)} conversions on",)
        return Assignment(sample.purpose, name, salt, place, None, None, drawn)
    return Assignment(sample.purpose, name, salt, sample.place(person, now), share, sample.has(person, now))


def _in_layer(layer: Layer, person: str, now: Instant) -> Assignment:
    salt = layer.salts.at(now)
    place = stable_fraction(identity(salt, "layer", person, layer.name))
    slots = tuple(one.name for one in layer.slots.values() if one.low <= place < one.high)
    return Assignment("layer", layer.name, salt, place, None, None, slots)


def _variants(book: Book, campaign: Campaign, person: str) -> tuple[str, ...]:
    drawn_by = identity(book.salt, "variant", person, campaign.name)
    weights = {
        one.name: rendezvous_score(one.share, drawn_by + identity(one.name)) for one in campaign.variants
    }
    return tuple(sorted(weights, key=lambda name: -weights[name]))
