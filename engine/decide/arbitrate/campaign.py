"""Compiled campaigns: everything about a campaign that does not depend on the customer, looked up once."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from engine.conditions.model import ALWAYS, Condition
from engine.decide.arbitrate.content import CompiledTexts, lookup, texts_by_language, texts_for
from engine.decide.experiments import samples
from engine.decide.experiments.bucketing import identity
from engine.decide.experiments.samples import Sample
from engine.decide.pressure.consent import purposes_of
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
    """A variant on one channel."""

    variant: str
    """Empty for the offer's own content."""
    identity: bytes
    """The variant's name, encoded for hashing."""
    when: Condition
    share: float
    texts: CompiledTexts
    """The texts for customers whose language is not in `by_language`."""
    by_language: Mapping[str, CompiledTexts]
    """By language tag in lower case."""
    always: bool
    """Whether it fits every customer."""

    def texts_in(self, language: object) -> CompiledTexts:
        """The texts for a customer's language, a BCP 47 tag; for anything else, the default texts."""
        return (lookup(self.by_language, language) or self.texts) if self.by_language else self.texts


@dataclass(frozen=True, slots=True)
class CampaignChannel:
    """A campaign on one channel."""

    channel: str
    creatives: tuple[Creative, ...]
    facts: Facts
    """By which pressure rules select its contacts."""
    rules: tuple[PressureRule, ...]
    """The pressure rules that a proposal on it must pass, in the order of the funnel."""
    purposes: tuple[str, ...]
    """The purposes from none of which the customer may have withdrawn; empty on inbound channels."""
    quotas: tuple[QuotaRule, ...]
    """Those of the rules that count the contacts of all customers together."""
    unruled: tuple[str, ...]
    """The counters over all customers for which the book has no rule; another version of it may have one."""
    counted_by: str | None
    """The attribute whose value its contacts keep; None if the campaign's limit counts by none."""
    held: Microseconds | None
    """How long an unconfirmed contact on it counts; None if it never expires."""
    withholding: tuple[Sample, ...]
    """The samples from whom it is withheld: holdouts, then the campaign's control."""
    treated: float
    """Probability that it is not withheld, in [0, 1]."""
    trials: Mapping[str, Sample]
    """The persons for whom a rule is lifted, by the name of the rule; empty if none has a trial."""


@dataclass(frozen=True, slots=True)
class Fallback:
    """What a placement shows if no campaign is selected."""

    offer: Offer
    creative: Creative
    active: tuple[Active, ...]
    """The offer's schedule; empty if it always runs."""


@dataclass(frozen=True, slots=True)
class CompiledCampaign:
    """A campaign with its offer, channels, schedules and samples."""

    campaign: Campaign
    identity: bytes
    """The campaign's name, encoded for hashing."""
    offer: Offer
    value: Factor
    channels: tuple[str, ...]
    """The channels for requests without a placement, in the campaign's order of preference."""
    outbound: tuple[str, ...]
    """Those of them that serve requests without channels."""
    score: float | None
    """value × propensity; None if one of them is learned or depends on the customer, or if there are boosts."""
    placements: frozenset[str]
    campaign_channels: Mapping[str, CampaignChannel]
    """By channel, including the channels of its placements."""
    active: tuple[Active, ...]
    """The schedules of the campaign and its offer, all of which must run; empty if it always runs."""
    gates: tuple[Sample, ...]
    """The samples in all of which a person must be; empty if the campaign is open to everybody."""


def compile_campaign(book: Book, campaign: Campaign, pressure: Pressure) -> CompiledCampaign:
    """Compile one campaign."""
    offer = book.offers[campaign.offer]
    channels = dict.fromkeys(
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
        campaign_channels={
            name: _campaign_channel(book, book.channels[name], campaign, pressure) for name in channels
        },
        active=_schedules(campaign.active, offer.active),
        gates=samples.gates(book, campaign),
    )


def with_rank(
    compiled_campaign: CompiledCampaign, *, tier: int | None = None, value: float | None = None
) -> CompiledCampaign:
    """The campaign with another tier or value, as a counterfactual."""
    campaign = compiled_campaign.campaign if tier is None else replace(compiled_campaign.campaign, tier=tier)
    factor = compiled_campaign.value if value is None else Factor(value)
    return replace(compiled_campaign, campaign=campaign, value=factor, score=_fixed_score(campaign, factor))


def fallback(book: Book, placement: str) -> Fallback | None:
    """The placement's fallback; None if it has none."""
    declared = book.placements[placement]
    if declared.fallback is None:
        return None
    offer = book.offers[declared.fallback]
    creative = _own_creative(offer, book.channels[declared.channel], book.locale)
    return Fallback(offer, creative, _schedules(offer.active))


def _schedules(*schedules: Active) -> tuple[Active, ...]:
    """The schedules that restrict anything."""
    return tuple(schedule for schedule in schedules if schedule != Active())


def _fixed_score(campaign: Campaign, value: Factor) -> float | None:
    propensity = campaign.propensity
    if value.attribute or propensity.attribute or propensity.learned or campaign.boosts:
        return None
    return value.number * propensity.number


def _creatives(campaign: Campaign, offer: Offer, channel: Channel, locale: str) -> tuple[Creative, ...]:
    if campaign.variants:
        return tuple(_creative(variant, channel, locale) for variant in campaign.variants)
    return (_own_creative(offer, channel, locale),)


def _own_creative(offer: Offer, channel: Channel, locale: str) -> Creative:
    return _creative(Variant("", offer.content or Content(), ALWAYS), channel, locale)


def _creative(variant: Variant, channel: Channel, locale: str) -> Creative:
    by_language = texts_by_language(variant.content, channel)
    texts = lookup(by_language, locale) or texts_for(variant.content, channel)
    has_needs = any(compiled.needs for compiled in (texts, *by_language.values()))
    return Creative(
        variant=variant.name,
        identity=identity(variant.name),
        when=variant.when,
        share=variant.share,
        texts=texts,
        by_language=by_language,
        always=variant.when == ALWAYS and bool(texts) and not has_needs,
    )


def _campaign_channel(
    book: Book, channel: Channel, campaign: Campaign, pressure: Pressure
) -> CampaignChannel:
    offer = book.offers[campaign.offer]
    facts = Facts(channel.name, channel.kind, campaign.name, offer.name, campaign.category, offer.tags)
    reported = channel.kind is Kind.OUTBOUND or channel.confirm is Confirm.ON_IMPRESSION
    expires = reported and channel.on_silence is OnSilence.RELEASE
    withholding = samples.withholding(book, campaign, facts)
    quotas = pressure.quotas_for(campaign, facts)
    rules = pressure.rules_for(campaign, facts)
    return CampaignChannel(
        channel=channel.name,
        creatives=_creatives(campaign, offer, channel, book.locale),
        facts=facts,
        rules=(*rules, *quotas),
        quotas=quotas,
        unruled=pressure.unruled_for(campaign, facts),
        purposes=purposes_of(channel),
        counted_by=campaign.per_customer.by if campaign.per_customer else None,
        held=channel.hold if expires else None,
        withholding=withholding,
        treated=samples.treated(withholding),
        trials=samples.trial_samples(book, rules),
    )
