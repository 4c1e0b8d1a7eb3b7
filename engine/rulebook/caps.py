"""Caps: at most so many contacts of one customer in a window."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from engine.rulebook.channels import span
from engine.rulebook.declared import Declared
from engine.rulebook.diagnostics import Code, Severity, quote
from engine.rulebook.faults import shaped
from engine.rulebook.findings import Findings, Path
from engine.rulebook.model import Campaign, Cap, Channel, Kind, Offer, Selector
from engine.rulebook.nodes import Plain
from engine.rulebook.shapes import CapShape, SelectorShape

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class CapReader:
    """Reads the caps of one book, whose other sections are read already."""

    channels: Declared[Channel]
    offers: Declared[Offer]
    campaigns: Declared[Campaign]
    findings: Findings
    tags: frozenset[str]
    """The tags of all offers."""

    def read(self, data: Mapping[str, Plain]) -> dict[str, Cap]:
        """All caps; what is wrong with them goes to the findings."""
        caps = {name: self._cap(name, value, ("pressure", "caps", name)) for name, value in data.items()}
        return {name: cap for name, cap in caps.items() if cap}

    def _cap(self, name: str, value: Plain, path: Path) -> Cap | None:
        if isinstance(value, dict) and type(value.get("limit")) is int and value["limit"] == 0:
            hint = "to send nothing on a channel, leave the channel out of the campaigns"
            self.findings.error((*path, "limit"), Code.VALUE, "a cap of 0 would let nothing through", hint)
            self.findings.spoil((*path, "limit"))
        shape = shaped(CapShape, value, path, self.findings)
        if shape is None:
            return None
        count = self._selector(shape.count, (*path, "count")) if shape.count else Selector()
        except_ = self._selector(shape.except_, (*path, "except")) if shape.except_ else None
        self._check_effect(count, path)
        return Cap(name, shape.limit, self._window(shape.per, (*path, "per")), count, except_)

    def _window(self, text: str, path: Path) -> int:
        word, _, rest = text.partition(" ")
        if word != "rolling":
            self.findings.error(path, Code.VALUE, f"{quote(text)} is not a window", "for example: rolling 7d")
            return 1
        return span(path, rest.strip(), self.findings)

    def _selector(self, shape: SelectorShape, path: Path) -> Selector:
        return Selector(
            self._names(shape.channel, (*path, "channel"), self.channels),
            frozenset(Kind(each) for each in _listed(shape.kind)),
            self._names(shape.campaign, (*path, "campaign"), self.campaigns),
            self._names(shape.offer, (*path, "offer"), self.offers),
            frozenset(_listed(shape.category)),
            self._tags(shape.tag, (*path, "tag")),
        )

    def _names(self, value: str | Sequence[str], path: Path, declared: Declared[T]) -> frozenset[str]:
        for index, name in enumerate(_listed(value)):
            declared.get(name, (*path, index), self.findings, use=False)
        return frozenset(_listed(value))

    def _tags(self, value: str | Sequence[str], path: Path) -> frozenset[str]:
        for index, tag in enumerate(_listed(value)):
            if tag not in self.tags and not self.offers.partial and not self.offers.broken:
                message = f"no offer has the tag {quote(tag)}"
                hint = self.findings.suggest(tag, self.tags)
                self.findings.error((*path, index), Code.UNKNOWN, message, hint)
        return frozenset(_listed(value))

    def _check_effect(self, count: Selector, path: Path) -> None:
        """Warn of a cap that counts nothing."""
        if self.channels.broken or self.channels.partial or (count.channel - set(self.channels.found)):
            return
        fits = (
            (not count.channel or channel.name in count.channel)
            and (not count.kind or channel.kind in count.kind)
            for channel in self.channels.found.values()
        )
        if not any(fits):
            message = "no channel of the book is counted by this cap"
            self.findings.remark(path, Code.NO_EFFECT, message, Severity.WARNING)


def _listed(value: str | Sequence[str]) -> list[str]:
    return [value] if isinstance(value, str) else list(value)
