"""Campaigns: their conditions, channels, content, limits and exclusion groups."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from engine.conditions.dnf import CLAUSE_LIMIT, clauses_of
from engine.conditions.model import ALWAYS, All, Condition
from engine.rulebook.checks.content import ContentCheck, channels_without, check_price, never_known
from engine.rulebook.checks.promises import check_promises, check_unpersonalised
from engine.rulebook.conditions.grammar import Grammar
from engine.rulebook.content.fields import ContentReader
from engine.rulebook.model.book import (
    Boost,
    Campaign,
    Category,
    Channel,
    Factor,
    Kind,
    Offer,
    Placement,
    Variant,
)
from engine.rulebook.model.experiments import Attribution, Layer
from engine.rulebook.model.policies import Cap, Quota
from engine.rulebook.report.diagnostics import Code, Severity, Suggestion, quote
from engine.rulebook.report.findings import Findings, Path
from engine.rulebook.sections import scores
from engine.rulebook.sections.budgets import BudgetReader
from engine.rulebook.sections.caps import WindowReader, limits
from engine.rulebook.sections.experiments import ExperimentReader, attribution
from engine.rulebook.sections.offers import ActiveReader
from engine.rulebook.sections.pressure import stops
from engine.rulebook.shapes.experiments import LearnedShape
from engine.rulebook.shapes.faults import shaped
from engine.rulebook.shapes.sections import BoostShape, CampaignShape, VariantShape
from engine.rulebook.symbols import SymbolTable
from engine.rulebook.text.merge import check_name
from engine.rulebook.text.nodes import PlainData

MAX_CAMPAIGNS = 20_000


@dataclass(frozen=True, slots=True)
class CampaignReader:
    """Reads the campaigns of one book, whose other sections are read already."""

    channels: SymbolTable[Channel]
    placements: SymbolTable[Placement]
    offers: SymbolTable[Offer]
    grammar: Grammar
    contents: ContentReader
    periods: ActiveReader
    windows: WindowReader
    budgets: BudgetReader
    experiments: ExperimentReader
    layers: SymbolTable[Layer]
    attribution: Attribution
    """Of campaigns that do not say otherwise."""
    findings: Findings

    def read(self, data: Mapping[str, PlainData], *, partial: bool) -> SymbolTable[Campaign]:
        """The section `campaigns`; errors go to the findings."""
        campaigns: SymbolTable[Campaign] = SymbolTable("campaign", partial=partial)
        for count, (name, value) in enumerate(data.items()):
            path = ("campaigns", name)
            if count == MAX_CAMPAIGNS:
                message = f"a book has at most {MAX_CAMPAIGNS:,} campaigns"
                self.findings.key_error(path, Code.TOO_LARGE, message)
                campaigns.partial = True
                break
            shape = shaped(CampaignShape, value, path, self.findings)
            campaign = self._campaign(name, shape, path) if shape else None
            campaigns.add(name, campaign, sound=path not in self.findings.recovered)
        if not campaigns.partial and not campaigns.broken:
            check_groups(campaigns.values, self.findings)
        return campaigns

    def _campaign(self, name: str, shape: CampaignShape, path: Path) -> Campaign:
        attribute_scope, findings = self.grammar.attribute_scope, self.findings
        offer = self.offers.get(shape.offer, (*path, "offer"), findings)
        value = None
        if shape.value is not None:
            otherwise = offer.value if offer else 1.0
            value = scores.value(shape.value, otherwise, (*path, "value"), attribute_scope, findings)
        reached = self._check_reach(shape, offer, path)
        if shape.group is not None:
            check_name(shape.group, (*path, "group"), findings)
            findings.use(("groups", shape.group), (*path, "group"))
        learned = scores.learned_propensity(shape, path, findings)
        campaign = Campaign(
            name,
            shape.offer,
            shape.description,
            Category(shape.category),
            self.periods.read(shape.active, (*path, "active")),
            self._indexed(self._condition(shape.when, (*path, "when")), (*path, "when")),
            tuple(shape.channels),
            tuple(shape.placements),
            shape.tier,
            value,
            self._propensity(shape, learned, (*path, "propensity")),
            tuple(self._boost(boost, (*path, "boosts", i)) for i, boost in enumerate(shape.boosts)),
            tuple(
                self._variant(key, variant, (*path, "variants", key))
                for key, variant in shape.variants.items()
            ),
            shape.group or "",
            *self._limits(name, shape, (*path, "limits")),
            self.experiments.control(shape.control, (*path, "control")),
            self.experiments.slot(shape.slot, self.layers, (*path, "slot")),
            self.experiments.ramp(shape.ramp, (*path, "ramp")),
            scores.read(shape, learned, path, findings),
            attribution(shape.attribution, self.attribution, (*path, "attribution"), findings),
            self.experiments.unit(shape.unit, path),
            shape.sticky,
            stops(name, shape.stop or {}, (*path, "stop"), findings),
            self._budget(name, shape, reached, (*path, "budget")),
            shape.personalised,
        )
        check_unpersonalised(campaign, offer, path, findings)
        if campaign.sticky and campaign.learn is not None and campaign.learn.explore is not None:
            message = "`sticky` beside `learn`: learned shares draw a variant anew every day"
            findings.key_error((*path, "sticky"), Code.VALUE, message, "leave out one of the two")
        self._check_content(campaign, offer, reached, path)
        check_promises(campaign, offer, path, findings)
        scores.check_finite(campaign, offer.value if offer else 1.0, path, attribute_scope, findings)
        return campaign

    def _propensity(self, shape: CampaignShape, learned: LearnedShape | None, path: Path) -> Factor:
        if learned is not None or isinstance(shape.propensity, dict):
            return Factor((learned or LearnedShape()).prior, learned=True)
        return scores.propensity(shape.propensity, path, self.grammar.attribute_scope, self.findings)

    def _limits(self, name: str, shape: CampaignShape, path: Path) -> tuple[Cap | None, Quota | None]:
        """The limit per customer, and the limit over all customers."""
        if shape.limits is None:
            return None, None
        channels = map(self.channels.values.get, shape.channels)
        outbound = any(channel is not None and channel.kind is Kind.OUTBOUND for channel in channels)
        addresses = (channel.address for channel in self.channels.values.values())
        windows = replace(self.windows, addresses=frozenset(filter(None, addresses)))
        return limits(name, outbound, shape.limits, path, windows)

    def _budget(self, name: str, shape: CampaignShape, reached: list[str], path: Path) -> Quota | None:
        if shape.budget is None:
            return None
        channels = [self.channels.values[channel] for channel in reached if channel in self.channels.values]
        return self.budgets.read(f"{name}/campaign_budget", shape.budget, path, channels)

    def _condition(self, data: Mapping[str, PlainData] | None, path: Path) -> Condition:
        return ALWAYS if data is None else self.grammar.parse(dict(data), path) or ALWAYS

    def _indexed(self, condition: Condition, path: Path) -> Condition:
        """The condition, after a note if the index cannot hold it."""
        if clauses_of(condition) is None:
            message = f"more than {CLAUSE_LIMIT} alternatives: evaluated by itself at every decision, not by the index"
            self.findings.remark(path, Code.TOO_LARGE, message)
        return condition

    def _boost(self, shape: BoostShape, path: Path) -> Boost:
        return Boost(self._condition(shape.when, (*path, "when")), shape.by)

    def _variant(self, name: str, shape: VariantShape, path: Path) -> Variant:
        check_name(name, path, self.findings)
        content = self.contents.read(shape.content, shape.locales, path)
        if shape.promise is not None:
            check_name(shape.promise, (*path, "promise"), self.findings)
        when = self._condition(shape.when, (*path, "when"))
        return Variant(name, content, when, shape.share, shape.promise or "")

    def _check_reach(self, shape: CampaignShape, offer: Offer | None, path: Path) -> list[str]:
        """The channels that it uses; reports a campaign without channels, and channels without content."""
        reached = self._reached(shape, path)
        given = any((*path, key) in self.findings.poisoned for key in ("channels", "placements"))
        if not shape.channels and not shape.placements and not given:
            message = "a campaign needs `channels` or `placements`"
            self.findings.key_error(path, Code.MISSING, message)
        for name, variant in shape.variants.items():
            here = (*path, "variants", name, "content")
            self._report_missing_content(
                channels_without(variant.content, reached), f"the variant {quote(name)}", here
            )
        if not shape.variants and offer and (*path, "variants") not in self.findings.poisoned:
            where = (*path, "offer")
            label = f"the offer {quote(offer.name)}"
            if offer.content is None:
                message = f"there are no variants, and {label} has no content of its own"
                self.findings.error(where, Code.CONTENT, message)
            elif not offer.content.default:
                self._report_missing_content(channels_without(offer.content.channels, reached), label, where)
        return reached

    def _check_content(self, campaign: Campaign, offer: Offer | None, reached: list[str], path: Path) -> None:
        declared = self.grammar.attribute_scope.declared
        check = ContentCheck(self.channels, declared, self.contents.locale, self.findings)
        for variant in campaign.variants:
            never = never_known(All((campaign.when, variant.when)))
            here = (*path, "variants", variant.name)
            check.check(variant.content, here, reached, never, offer)
            check_price(variant.content, here, offer, self.findings)
        if offer and offer.content and not campaign.variants:
            check.check(offer.content, ("offers", offer.name), reached, never_known(campaign.when), offer)

    def _reached(self, shape: CampaignShape, path: Path) -> list[str]:
        """The channels that the campaign uses, directly or by its placements."""
        reached: dict[str, None] = {}
        for index, name in enumerate(shape.channels):
            here = (*path, "channels", index)
            if name in shape.channels[:index]:
                self.findings.error(here, Code.DUPLICATE, f"the channel {quote(name)} is here a second time")
            elif self.channels.get(name, here, self.findings):
                reached[name] = None
        for index, name in enumerate(shape.placements):
            here = (*path, "placements", index)
            placement = self.placements.get(name, here, self.findings)
            if name in shape.placements[:index]:
                self.findings.error(
                    here, Code.DUPLICATE, f"the placement {quote(name)} is here a second time"
                )
            elif placement and placement.channel in self.channels.values:
                reached[placement.channel] = None
        return list(reached)

    def _report_missing_content(self, missing: list[str], label: str, path: Path) -> None:
        if missing:
            channels = ", ".join(map(quote, missing))
            hint = "add `default`, or fields for each channel"
            self.findings.error(path, Code.CONTENT, f"{label} has no content for {channels}", hint)


def check_groups(campaigns: Mapping[str, Campaign], findings: Findings) -> None:
    """Warn of exclusion groups with a single campaign: they exclude nothing, and the name may be misspelt."""
    members: dict[str, list[str]] = {}
    for campaign in campaigns.values():
        if campaign.group:
            members.setdefault(campaign.group, []).append(campaign.name)
    for group, names in members.items():
        if len(names) == 1:
            others = [other for other in members if other != group]
            hint = findings.suggest(group, others)
            message = f"no other campaign is in the group {quote(group)}" + (f"; {hint}" if hint else "")
            meant = Suggestion("", hint.word, hint.replacement) if isinstance(hint, Suggestion) else ""
            findings.remark(
                ("campaigns", names[0], "group"), Code.NO_EFFECT, message, Severity.WARNING, meant
            )
