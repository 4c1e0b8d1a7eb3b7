"""A campaign made ready for arbitration: everything that does not depend on the customer, looked up once."""

from collections.abc import Mapping
from dataclasses import dataclass

from engine.arbitrate.content import fields_for, needed_attributes
from engine.conditions.model import ALWAYS, Condition
from engine.pressure.contact import Facts
from engine.rulebook.model import Book, Campaign, Content, Factor, Fields, Offer, Variant


@dataclass(frozen=True, slots=True)
class Form:
    """One variant on one channel."""

    variant: str
    """Empty for the offer's own content."""
    when: Condition
    share: float
    fields: Fields
    needs: frozenset[str]
    """Attributes without which it cannot be rendered."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One campaign."""

    campaign: Campaign
    offer: Offer
    value: Factor
    channels: tuple[str, ...]
    """Without a placement: in the campaign's order of preference."""
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
    return Plan(
        campaign=campaign,
        offer=offer,
        value=campaign.value or Factor(offer.value),
        channels=campaign.channels,
        placements=frozenset(campaign.placements),
        forms={channel: _forms(campaign, offer, channel) for channel in reached},
        facts={channel: _facts(book, campaign, offer, channel) for channel in reached},
    )


def fallback_fields(book: Book, placement: str) -> Fields | None:
    """The fields of a placement's fallback; None where it has none."""
    slot = book.placements[placement]
    content = None if slot.fallback is None else book.offers[slot.fallback].content
    return None if content is None else fields_for(content, slot.channel)


def _forms(campaign: Campaign, offer: Offer, channel: str) -> tuple[Form, ...]:
    if campaign.variants:
        return tuple(_form(variant, channel) for variant in campaign.variants)
    return (_form(Variant("", offer.content or Content(), ALWAYS), channel),)


def _form(variant: Variant, channel: str) -> Form:
    fields = fields_for(variant.content, channel)
    return Form(variant.name, variant.when, variant.share, fields, needed_attributes(fields))


def _facts(book: Book, campaign: Campaign, offer: Offer, channel: str) -> Facts:
    return Facts(
        channel=channel,
        kind=book.channels[channel].kind,
        campaign=campaign.name,
        offer=offer.name,
        category=campaign.category,
        tags=offer.tags,
    )
