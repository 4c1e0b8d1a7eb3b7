"""A campaign made ready for arbitration: everything that does not depend on the customer, looked up once."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from engine.conditions.model import ALWAYS, Condition
from engine.decide.arbitrate.content import CompiledTexts, lookup, texts_by_language, texts_for
from engine.decide.experiments import samples
from engine.decide.experiments.bucketing import identity
from engine.decide.experiments.samples import Sample
from engine.decide.pressure.consent import purpose_of
from engine.decide.pressure.policies import Pressure
from engine.decide.pressure.quotas import QuotaRule
from engine.decide.pressure.rule import PressureRule
from engine.model.contact import Facts
from engine.model.instant import Microseconds
from engine.rulebook.model.book import (
    Active,
    Book,
    Campaign,
    Channel,
    Confirm,
    Content,
    Factor,
    Kind,
    Offer,
    OnSilence,
    Variant,
)


@dataclass(frozen=True, slots=True)
class Creative:
    """One variant on one channel."""

    variant: str
    """Empty for the offer's own content."""
    identity: bytes
    """The variant's name, for hashing."""
    when: Condition
    share: float
    texts: CompiledTexts
    """What it says to customers of no language that it has."""
    spoken: Mapping[str, CompiledTexts]
    """What it says otherwise, by language tag in lower case."""
    always: bool
    """Whether it fits every customer."""

    def texts_in(self, language: object) -> CompiledTexts:
        """What it says to a customer of the language, a BCP 47 tag or nothing."""
        return (lookup(self.spoken, language) or self.texts) if self.spoken else self.texts


@dataclass(frozen=True, slots=True)
class CampaignChannel:
    """One campaign on one channel."""

    channel: str
    creatives: tuple[Creative, ...]
    facts: Facts
    """What a contact on it is to pressure rules."""
    rules: tuple[PressureRule, ...]
    """Of contact pressure: those that a proposal on it must pass, by the order of the funnel."""
    purpose: str
    """What the customer withdraws from who wants no more of it; empty on inbound channels."""
    quotas: tuple[QuotaRule, ...]
    """Those of the rules that count the contacts of all customers together."""
    held: Microseconds | None
    """How long a contact on it waits for word; None: it stays."""
    withholding: tuple[Sample, ...]
    """From whom it is withheld."""
    treated: float
    """The probability that chance does not withhold it."""


@dataclass(frozen=True, slots=True)
class Fallback:
    """What a placement shows when there is nothing better."""

    offer: Offer
    creative: Creative
    active: tuple[Active, ...]
    """Its offer's schedule; empty: it always runs."""


@dataclass(frozen=True, slots=True)
class CompiledCampaign:
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
    """value × propensity, where neither is learned or depends on the customer, and nothing boosts it."""
    placements: frozenset[str]
    campaign_channels: Mapping[str, CampaignChannel]
    """By channel."""
    active: tuple[Active, ...]
    """The schedules of the campaign and its offer, which must all run; empty: it always runs."""
    gates: tuple[Sample, ...]
    """The persons to whom it is open are in all of these; empty: it is open to everybody."""


def compile_campaign(book: Book, campaign: Campaign, pressure: Pressure) -> CompiledCampaign:
    """Makes one campaign ready."""
    offer = book.offers[campaign.offer]
    reached = dict.fromkeys(
        (*campaign.channels, *(book.placements[name].channel for name in campaign.placements))
    )
    value = campaign.value or Factor(offer.value)
    return CompiledCampaign(
        campaign=campaign,
        identity=identity(campaign.name),
        offer=offer,
        value=value,
        channels=campaign.channels,
        outbound=tuple(name for name in campaign.channels if book.channels[name].kind is Kind.OUTBOUND),
        score=_fixed_score(campaign, value),
        placements=frozenset(campaign.placements),
        campaign_channels={name: _route(book, book.channels[name], campaign, pressure) for name in reached},
        active=_schedules(campaign.active, offer.active),
        gates=samples.gates(book, campaign),
    )


def reweighed(
    one: CompiledCampaign, *, tier: int | None = None, value: float | None = None
) -> CompiledCampaign:
    """The campaign with another tier or value."""
    campaign = one.campaign if tier is None else replace(one.campaign, tier=tier)
    worth = one.value if value is None else Factor(value)
    return replace(one, campaign=campaign, value=worth, score=_fixed_score(campaign, worth))


def fallback(book: Book, placement: str) -> Fallback | None:
    """What the placement shows when there is nothing better; None where it shows nothing then."""
    slot = book.placements[placement]
    if slot.fallback is None:
        return None
    offer = book.offers[slot.fallback]
    return Fallback(
        offer, _own_form(offer, book.channels[slot.channel], book.locale), _schedules(offer.active)
    )


def _schedules(*several: Active) -> tuple[Active, ...]:
    return tuple(one for one in several if one != Active())


def _fixed_score(campaign: Campaign, value: Factor) -> float | None:
    propensity = campaign.propensity
    if value.attribute or propensity.attribute or propensity.learned or campaign.boosts:
        return None
    return value.number * propensity.number


def _forms(campaign: Campaign, offer: Offer, channel: Channel, locale: str) -> tuple[Creative, ...]:
    if campaign.variants:
        return tuple(_form(variant, channel, locale) for variant in campaign.variants)
    return (_own_form(offer, channel, locale),)


def _own_form(offer: Offer, channel: Channel, locale: str) -> Creative:
    return _form(Variant("", offer.content or Content(), ALWAYS), channel, locale)


def _form(variant: Variant, channel: Channel, locale: str) -> Creative:
    spoken = texts_by_language(variant.content, channel)
    texts = lookup(spoken, locale) or texts_for(variant.content, channel)
    needs = any(one.needs for one in (texts, *spoken.values()))
    return Creative(
        variant=variant.name,
        identity=identity(variant.name),
        when=variant.when,
        share=variant.share,
        texts=texts,
        spoken=spoken,
        always=variant.when == ALWAYS and bool(texts) and not needs,
    )


def _route(book: Book, channel: Channel, campaign: Campaign, pressure: Pressure) -> CampaignChannel:
    offer = book.offers[campaign.offer]
    facts = Facts(channel.name, channel.kind, campaign.name, offer.name, campaign.category, offer.tags)
    reported = channel.kind is Kind.OUTBOUND or channel.confirm is Confirm.ON_IMPRESSION
    waits = reported and channel.on_silence is OnSilence.RELEASE
    withholding = samples.withholding(book, campaign, facts)
    quotas = pressure.quotas_for(campaign, facts)
    return CampaignChannel(
        channel=channel.name,
        creatives=_forms(campaign, offer, channel, book.locale),
        facts=facts,
        rules=(*pressure.rules_for(campaign, facts), *quotas),
        quotas=quotas,
        purpose=purpose_of(channel),
        held=channel.hold if waits else None,
        withholding=withholding,
        treated=samples.treated(withholding),
    )
