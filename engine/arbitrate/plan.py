"""A campaign made ready for arbitration: everything that does not depend on the customer, looked up once."""

from collections.abc import Mapping
from dataclasses import dataclass

from engine.arbitrate.content import Texts, texts_for
from engine.bucketing import identity
from engine.conditions.model import ALWAYS, Condition
from engine.pressure.contact import Facts
from engine.rulebook.model import Book, Campaign, Content, Factor, Kind, Offer, Variant


@dataclass(frozen=True, slots=True)
class Form:
    """One variant on one channel."""

    variant: str
    """Empty for the offer's own content."""
    identity: bytes
    """The variant's name, for hashing."""
    when: Condition
    share: float
    texts: Texts


@dataclass(frozen=True, slots=True)
class Plan:
    """One campaign."""

    campaign: Campaign
    identity: bytes
    """The campaign's name, for hashing."""
    offer: Offer
    value: Factor
    channels: tuple[str, ...]
    """Without a placement: in the campaign's order of preference."""
    outbound: tuple[str, ...]
    """Those of them that serve a call which names no channel."""
    score: float | None
    """value × propensity, where neither depends on the customer and nothing boosts it."""
    placements: frozenset[str]
    forms: Mapping[str, tuple[Form, ...]]
    """By channel."""
    facts: Mapping[str, Facts]
    """By channel: what a contact of this campaign is to pressure rules."""


def plan(book: Book, campaign: Campaign) -> Plan:
    """Makes one campaign ready."""
    offer = book.offers[campaign.offer]
    reached = dict.fromkeys(
        (*campaign.channels, *(book.placements[name].channel for name in campaign.placements))
    )
    value = campaign.value or Factor(offer.value)
    return Plan(
        campaign=campaign,
        identity=identity(campaign.name),
        offer=offer,
        value=value,
        channels=campaign.channels,
        outbound=tuple(name for name in campaign.channels if book.channels[name].kind is Kind.OUTBOUND),
        score=_fixed_score(campaign, value),
        placements=frozenset(campaign.placements),
        forms={channel: _forms(campaign, offer, channel) for channel in reached},
        facts={channel: _facts(book, campaign, offer, channel) for channel in reached},
    )


def fallback_texts(book: Book, placement: str) -> Texts | None:
    """What a placement's fallback says; None where it has none."""
    slot = book.placements[placement]
    content = None if slot.fallback is None else book.offers[slot.fallback].content
    return None if content is None else texts_for(content, slot.channel)


def _fixed_score(campaign: Campaign, value: Factor) -> float | None:
    if value.attribute or campaign.propensity.attribute or campaign.boosts:
        return None
    return value.number * campaign.propensity.number


def _forms(campaign: Campaign, offer: Offer, channel: str) -> tuple[Form, ...]:
    if campaign.variants:
        return tuple(_form(variant, channel) for variant in campaign.variants)
    return (_form(Variant("", offer.content or Content(), ALWAYS), channel),)


def _form(variant: Variant, channel: str) -> Form:
    return Form(
        variant.name, identity(variant.name), variant.when, variant.share, texts_for(variant.content, channel)
    )


def _facts(book: Book, campaign: Campaign, offer: Offer, channel: str) -> Facts:
    return Facts(
        channel=channel,
        kind=book.channels[channel].kind,
        campaign=campaign.name,
        offer=offer.name,
        category=campaign.category,
        tags=offer.tags,
    )
