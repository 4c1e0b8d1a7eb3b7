"""What campaigns promise: one thing in all variants, by names that are not misspelt; or to use nothing of the customer."""

import difflib
from collections.abc import Iterable, Iterator

from engine.conditions.model import attributes_of
from engine.rulebook.model.book import Campaign, Content, Offer, Placeholder
from engine.rulebook.report.diagnostics import Code, Severity, Suggestion, quote
from engine.rulebook.report.findings import Findings, Path

_MOST = 1_000
"""Promises of a book up to which names are compared."""

_ALIKE = 0.8
"""From which likeness on two names may be one that is misspelt."""

_OF_NOBODY = "now."
"""What attributes begin with that are the same for every customer, but for their clock."""


def check_promises(campaign: Campaign, offer: Offer | None, path: Path, findings: Findings) -> None:
    """Report variants that promise something else than the campaign's offer, or than the first variant that promises."""
    stated: tuple[str, str, Path] | None = None
    if offer is not None and offer.promise:
        stated = (offer.promise, f"the offer {quote(offer.name)}", ("offers", offer.name, "promise"))
    for variant in campaign.variants:
        here = (*path, "variants", variant.name, "promise")
        if not variant.promise or here in findings.poisoned:
            continue
        if stated is None:
            stated = (variant.promise, f"the variant {quote(variant.name)}", here)
        elif variant.promise != stated[0]:
            file, line, _ = findings.location(stated[2])
            message = (
                f"the variant promises {quote(variant.promise)}, and {stated[1]} ({file}, line {line}) "
                f"promises {quote(stated[0])}: variants of one campaign may not contradict each other"
            )
            hint = (
                findings.suggest(variant.promise, [stated[0]]) or "make it a campaign and an offer of its own"
            )
            findings.error(here, Code.PROMISE, message, hint)


def warn_of_alike(offers: Iterable[Offer], campaigns: Iterable[Campaign], findings: Findings) -> None:
    """Warn of a promise that is named once, and nearly as another one is: it may be misspelt."""
    uses: dict[str, list[Path]] = {}
    for name, path in _uses(offers, campaigns):
        uses.setdefault(name, []).append(path)
    if len(uses) > _MOST:
        return
    for name, paths in uses.items():
        others = [other for other in uses if other != name and len(uses[other]) > 1]
        close = difflib.get_close_matches(name, others, n=1, cutoff=_ALIKE)
        if len(paths) == 1 and close:
            message = f"the promise {quote(name)} is named here only; did you mean {quote(close[0])}?"
            findings.remark(paths[0], Code.UNKNOWN, message, Severity.WARNING, Suggestion("", name, close[0]))


def _uses(offers: Iterable[Offer], campaigns: Iterable[Campaign]) -> Iterator[tuple[str, Path]]:
    for offer in offers:
        if offer.promise:
            yield offer.promise, ("offers", offer.name, "promise")
    for campaign in campaigns:
        for variant in campaign.variants:
            if variant.promise:
                yield variant.promise, ("campaigns", campaign.name, "variants", variant.name, "promise")


def check_unpersonalised(campaign: Campaign, offer: Offer | None, path: Path, findings: Findings) -> None:
    """Reports what a campaign with `personalised: false` uses of the customer: attributes, signals, and what was learned."""
    if campaign.personalised:
        return
    hint = "leave it out, or leave out `personalised: false`"
    for where, name in _names(campaign, offer, path):
        if not name.startswith(_OF_NOBODY):
            message = f"`personalised: false`, and yet it depends on {quote(name)}"
            findings.key_error(where, Code.VALUE, message, hint)
    if campaign.learn is not None or campaign.propensity.learned:
        message = "`personalised: false` beside what is learned"
        findings.key_error((*path, "personalised"), Code.VALUE, message, hint)


def could_be_unpersonalised(campaign: Campaign, offer: Offer) -> bool:
    """Whether `personalised: false` would hold of the campaign as it is."""
    learns = campaign.learn is not None or campaign.propensity.learned
    return not learns and all(name.startswith(_OF_NOBODY) for _, name in _names(campaign, offer, ()))


def _names(campaign: Campaign, offer: Offer | None, path: Path) -> Iterator[tuple[Path, str]]:
    """The attributes that the campaign depends on, each with its place."""
    for name in sorted(attributes_of(campaign.when)):
        yield (*path, "when"), name
    for key, factor in (("value", campaign.value), ("propensity", campaign.propensity)):
        if factor is not None and factor.attribute:
            yield (*path, key), factor.attribute
    for index, boost in enumerate(campaign.boosts):
        for name in sorted(attributes_of(boost.when)):
            yield (*path, "boosts", index), name
    for variant in campaign.variants:
        here = (*path, "variants", variant.name)
        for name in sorted(attributes_of(variant.when) | _placeholders(variant.content)):
            yield here, name
    if not campaign.variants and offer is not None and offer.content is not None:
        for name in sorted(_placeholders(offer.content)):
            yield (*path, "offer"), name


def _placeholders(content: Content) -> set[str]:
    """The attributes whose values stand in the texts, in whatever language."""
    fields = [content.default, *content.channels.values()]
    names = {
        part.attribute
        for texts in fields
        for template in texts.values()
        for part in template.parts
        if isinstance(part, Placeholder)
    }
    return names.union(*(_placeholders(own) for own in content.locales.values()))
