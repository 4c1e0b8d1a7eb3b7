"""A campaign made ready for arbitration: everything that does not depend on the customer, looked up once."""

from collections.abc import Mapping
from dataclasses import dataclass

from engine.arbitrate.content import Texts, texts_for
from engine.bucketing import identity
from engine.conditions.model import ALWAYS, Condition
from engine.instant import Microseconds
from engine.pressure.caps import Caps
from engine.pressure.contact import Facts
from engine.rulebook.model import (
    Book,
    Campaign,
    Cap,
    Channel,
    Content,
    Factor,
    Kind,
    Offer,
    OnSilence,
    Variant,
)


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
    always: bool
    """Whether it fits every customer."""


@dataclass(frozen=True, slots=True)
class Route:
    """One campaign on one channel."""

    channel: str
    forms: tuple[Form, ...]
    facts: Facts
    """What a contact on it is to pressure rules."""
    caps: tuple[Cap, ...]
    """Those that a proposal on it must pass."""
    held: Microseconds | None
    """How long a contact on it waits for word; None: it stays."""


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
    routes: Mapping[str, Route]
    """By channel."""


def plan(book: Book, campaign: Campaign, caps: Caps) -> Plan:
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
        routes={name: _route(book.channels[name], campaign, offer, caps) for name in reached},
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
    texts = texts_for(variant.content, channel)
    always = variant.when == ALWAYS and bool(texts) and not texts.needs
    return Form(variant.name, identity(variant.name), variant.when, variant.share, texts, always)


def _route(channel: Channel, campaign: Campaign, offer: Offer, caps: Caps) -> Route:
    facts = Facts(channel.name, channel.kind, campaign.name, offer.name, campaign.category, offer.tags)
    waits = channel.kind is Kind.OUTBOUND and channel.on_silence is OnSilence.RELEASE
    return Route(
        channel=channel.name,
        forms=_forms(campaign, offer, channel.name),
        facts=facts,
        caps=caps.applicable(facts),
        held=channel.hold if waits else None,
    )
