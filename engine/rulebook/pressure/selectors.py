"""Selectors: which contacts a policy is about, every name in them known."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from engine.rulebook.declared import Declared
from engine.rulebook.model.book import Campaign, Channel, Offer
from engine.rulebook.model.policies import Selector
from engine.rulebook.report.diagnostics import Code, Severity, quote
from engine.rulebook.report.findings import Findings, Path
from engine.rulebook.shapes.pressure import SelectorShape

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SelectorReader:
    """Reads the selectors of one book, whose other sections are read already."""

    channels: Declared[Channel]
    offers: Declared[Offer]
    campaigns: Declared[Campaign]
    findings: Findings

    def read(self, shape: SelectorShape | None, path: Path) -> Selector | None:
        """The selector at the path; None where there is none."""
        if shape is None:
            return None
        return Selector(
            self.channel_names(shape.channel, (*path, "channel")),
            frozenset(_listed(shape.kind)),
            self._names(shape.campaign, (*path, "campaign"), self.campaigns),
            self._names(shape.offer, (*path, "offer"), self.offers),
            frozenset(_listed(shape.category)),
            self._tags(shape.tag, (*path, "tag")),
        )

    def channel_names(self, value: str | Sequence[str], path: Path) -> frozenset[str]:
        """The channels at the path."""
        return self._names(value, path, self.channels)

    def check_effect(self, selector: Selector, noun: str, path: Path) -> None:
        """Warn of a policy that no contact of the book can be about."""
        if self.channels.broken or self.channels.partial or (selector.channel - set(self.channels.found)):
            return
        fits = (
            (not selector.channel or channel.name in selector.channel)
            and (not selector.kind or channel.kind in selector.kind)
            for channel in self.channels.found.values()
        )
        if not any(fits):
            message = f"no channel of the book is counted by this {noun}"
            self.findings.remark(path, Code.NO_EFFECT, message, Severity.WARNING)

    def _names(self, value: str | Sequence[str], path: Path, declared: Declared[T]) -> frozenset[str]:
        for index, name in enumerate(_listed(value)):
            declared.get(name, (*path, index), self.findings, use=False)
        return frozenset(_listed(value))

    def _tags(self, value: str | Sequence[str], path: Path) -> frozenset[str]:
        known = frozenset(tag for offer in self.offers.found.values() for tag in offer.tags)
        for index, tag in enumerate(_listed(value)):
            if tag not in known and not self.offers.partial and not self.offers.broken:
                message = f"no offer has the tag {quote(tag)}"
                hint = self.findings.suggest(tag, known)
                self.findings.error((*path, index), Code.UNKNOWN, message, hint)
        return frozenset(_listed(value))


def _listed(value: str | Sequence[str]) -> list[str]:
    return [value] if isinstance(value, str) else list(value)
