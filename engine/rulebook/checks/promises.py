"""Promises of offers and variants: the variants of a campaign promise the same, and nearly equal names are reported."""

import difflib
from collections.abc import Iterable, Iterator

from engine.rulebook.model.book import Campaign, Offer
from engine.rulebook.report.diagnostics import Code, Severity, quote
from engine.rulebook.report.findings import Findings, Path

_MOST = 1_000
"""Promises of a book up to which names are compared."""

_ALIKE = 0.8
"""From which likeness on two names may be one that is misspelt."""


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
            findings.remark(paths[0], Code.UNKNOWN, message, Severity.WARNING)


def _uses(offers: Iterable[Offer], campaigns: Iterable[Campaign]) -> Iterator[tuple[str, Path]]:
    for offer in offers:
        if offer.promise:
            yield offer.promise, ("offers", offer.name, "promise")
    for campaign in campaigns:
        for variant in campaign.variants:
            if variant.promise:
                yield variant.promise, ("campaigns", campaign.name, "variants", variant.name, "promise")
