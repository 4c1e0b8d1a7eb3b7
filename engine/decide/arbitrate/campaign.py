"""Compiled campaigns: everything about a campaign that does not depend on the customer, looked up once."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from engine.conditions.model import ALWAYS, Condition
from engine.decide.arbitrate.content import LANGUAGE, CompiledTexts, TextCompiler, lookup, requested_languages
from engine.decide.experiments import samples
from engine.decide.experiments.bucketing import identity
from engine.decide.experiments.samples import Sample
from engine.decide.pressure.consent import objections_of, purposes_of
from engine.decide.pressure.policies import Pressure
from engine.decide.pressure.quotas import PlaceQuotas, QuotaRule
from engine.decide.pressure.rule import PressureRule
from engine.model.contact import Facts
from engine.model.instant import Microseconds
from engine.model.values import Attributes, LookupTag
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
from engine.rulebook.text.languages import nearest


class LanguageMatch(NamedTuple):
    """A language that the customer reads, and the content's that is nearest to it."""

    requested: str
    tag: str
    """In lower case."""


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
    offered: frozenset[str]
    """The tags of `by_language`, and the book's own."""
    always: bool
    """Whether it fits every customer."""
    texts_by_lookup: CompiledTexts
    """The texts for customers whose language is not in `by_language`, as earlier versions chose them."""

    def texts_for(self, attributes: Attributes) -> CompiledTexts:
        """The texts for the customer's languages; the default texts for customers none of whose languages there is."""
        if not self.by_language:
            return self.texts
        language = attributes.get(LANGUAGE)
        if type(language) is str:
            texts = self.by_language.get(language.lower())
            if texts is not None:  # the tag itself always wins
                return texts
        elif type(language) is LookupTag:
            return lookup(self.by_language, language) or self.texts_by_lookup
        match = self.language_match(attributes)
        return self.by_language.get(match.tag) or self.texts if match else self.texts

    def language_match(self, attributes: Attributes) -> LanguageMatch | None:
        """The first of the customer's languages to which one of the content's is near; None if there is none."""
        for requested in requested_languages(attributes):
            tag = nearest(self.offered, requested)
            if tag is not None:
                return LanguageMatch(requested, tag)
        return None


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
    """The purposes from none of which the customer may have withdrawn; empty on inbound channels without consent."""
    objections: tuple[str, ...]
    """The objections to being profiled of which the customer may have none; empty of a campaign that is not personalised."""
    quotas: tuple[QuotaRule, ...]
    """Those of the rules that count the contacts of all customers together."""
    unruled: Mapping[str, int]
    """What a contact takes of the counters for which the book has no rule; another version of it may have one."""
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
    places: PlaceQuotas | None = None
    """The capacity of each place, of which one is among the rules of each customer; see `at`."""
    by_place: dict[str, "CampaignChannel"] = field(default_factory=dict, compare=False, repr=False)
    """What `at` gave, by place."""

    def at(self, attributes: Attributes) -> "CampaignChannel":
        """With the capacity of the customer's nearest place among its rules; itself if it has none of places."""
        if self.places is None:
            return self
        rule = self.places.of(attributes)
        at_place = self.by_place.get(rule.site)
        if at_place is None:
            rules, quotas = (*self.rules, rule), (*self.quotas, rule)
            at_place = replace(self, rules=rules, quotas=quotas, places=None, by_place={})
            self.by_place[rule.site] = at_place
        return at_place


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
        compiler = TextCompiler(channel, offer, locale)
        return tuple(_creative(variant, compiler) for variant in campaign.variants)
    return (_own_creative(offer, channel, locale),)


def _own_creative(offer: Offer, channel: Channel, locale: str) -> Creative:
    return _creative(Variant("", offer.content or Content(), ALWAYS), TextCompiler(channel, offer, locale))


def _creative(variant: Variant, compiler: TextCompiler) -> Creative:
    by_language = compiler.texts_by_language(variant.content)
    locale = compiler.locale.lower()
    own, default = nearest(frozenset(by_language), locale), compiler.texts(variant.content)
    texts = by_language[own] if own else default
    has_needs = any(compiled.needs for compiled in (texts, *by_language.values()))
    return Creative(
        variant=variant.name,
        identity=identity(variant.name),
        when=variant.when,
        share=variant.share,
        texts=texts,
        by_language=by_language,
        offered=frozenset((*by_language, locale)),
        always=variant.when == ALWAYS and bool(texts) and not has_needs,
        texts_by_lookup=lookup(by_language, locale) or default,
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
        objections=objections_of(channel) if campaign.personalised else (),
        counted_by=campaign.per_customer.by if campaign.per_customer else None,
        held=channel.hold if expires else None,
        withholding=withholding,
        treated=samples.treated(withholding),
        trials=samples.trial_samples(book, rules),
        places=pressure.places.get(channel.name),
    )
