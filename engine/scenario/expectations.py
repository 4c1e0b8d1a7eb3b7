"""Reads what a scenario expects, and checks it against the book: every name must be one that a decision could have."""

from collections.abc import Collection, Iterator
from typing import Any

from engine.decide.compiled import CompiledBook
from engine.decide.pressure.registry import PRESSURE
from engine.model.decision import ReasonCode
from engine.rulebook.model.book import Book, Content
from engine.rulebook.report.diagnostics import Code, quote
from engine.rulebook.report.findings import Findings, Path, SourcePlace
from engine.rulebook.shapes.faults import shaped
from engine.scenario.contexts import moment
from engine.scenario.model import Expected, ExpectedValue
from engine.scenario.shapes import ExpectShape, NotShape

_CAMPAIGNS, _CHANNELS, _RULES = "campaign", "channel", "by"


NAMED_BY = {
    **dict.fromkeys(PRESSURE, _RULES),
    ReasonCode.NO_CONSENT: _CHANNELS,
    ReasonCode.OBJECTED: _CHANNELS,
    ReasonCode.UNREACHABLE: _CHANNELS,
    ReasonCode.NO_VARIANT: _CHANNELS,
    ReasonCode.NOT_WORTH_IT: _CHANNELS,
    ReasonCode.CHOSEN: _CAMPAIGNS,
    ReasonCode.FALLBACK: "placement",
    ReasonCode.NOT_ELIGIBLE: "",
    ReasonCode.CONTROL: _CAMPAIGNS,
    ReasonCode.HELD_OUT: "holdout",
    ReasonCode.RAMPING: _CAMPAIGNS,
    ReasonCode.OTHER_SLOT: "layer",
}
"""The reasons that a decision gives, and the key whose names each may carry."""


_SYNONYMS = {"blocked_by": "by"}


class ExpectationReader:
    """Reads expectations against one live book."""

    def __init__(self, compiled: CompiledBook, findings: Findings) -> None:
        self._findings, self._zone = findings, compiled.book.timezone
        self._names = _names(compiled.book)
        self._variants = {
            name: {variant.name for variant in campaign.variants}
            for name, campaign in compiled.book.campaigns.items()
        }

    def read(self, data: Any, path: Path) -> tuple[Expected, ...]:
        """The expectations at the path; reports what is wrong with them."""
        shape = shaped(ExpectShape, data, path, self._findings)
        if shape is None:
            return ()
        expectations = list(self._expectations(data, path, negated=False))
        if shape.not_ is not None and shaped(NotShape, shape.not_, (*path, "not"), self._findings):
            expectations += self._expectations(shape.not_, (*path, "not"), negated=True)
        self._check_variants(expectations, path)
        return tuple(expectations)

    def _expectations(self, data: dict[str, Any], path: Path, *, negated: bool) -> Iterator[Expected]:
        for key, value in data.items():
            here = (*path, key)
            if key == "not" or here in self._findings.poisoned:
                continue
            if key == "content":
                yield from self._content(value, here)
                continue
            key = _SYNONYMS.get(key, key)  # noqa: PLW2901 -- the same key by its other name
            wanted = self._value(key, value, here)
            if wanted is not None:
                yield Expected(key, wanted, self._source(here), negated)

    def _content(self, fields: dict[str, str], path: Path) -> Iterator[Expected]:
        for field, text in fields.items():
            if (*path, field) in self._findings.poisoned:
                continue
            self._known(field, "content", (*path, field), at_key=True)
            yield Expected(f"content.{field}", text, self._source((*path, field)))

    def _value(self, key: str, value: Any, path: Path) -> ExpectedValue | None:
        if key in ("next_allowed_at", "next_any_at"):
            return moment(value, self._zone, path, self._findings)
        if key in ("score", "outcome"):
            return value if isinstance(value, str) else float(value)
        for index, name in enumerate(value if isinstance(value, list) else [value]):
            where = (*path, index) if isinstance(value, list) else path
            self._reason(name, where) if key == "reasons" else self._known(name, key, where)
        several = isinstance(value, list) or key in ("by", "reasons", "signals")
        return tuple([value] if isinstance(value, str) else value) if several else str(value)

    def _known(self, name: str, key: str, path: Path, *, at_key: bool = False) -> None:
        noun, names = self._names[key]
        if name in names:
            return
        hint = self._findings.suggest(name, names)
        report = self._findings.key_error if at_key else self._findings.error
        report(path, Code.UNKNOWN, f"the book has no {noun} {quote(name)}", hint or _listed(names))

    def _reason(self, text: str, path: Path) -> None:
        """Check a reason: a code, or a code and the name that it carries."""
        codes = [*NAMED_BY]
        word, _, name = text.partition(" ")
        if word not in codes:
            hint = self._findings.suggest(word, codes) or _listed(codes)
            self._findings.error(path, Code.UNKNOWN, f"no answer gives the reason {quote(word)}", hint)
        elif name:
            key = NAMED_BY[ReasonCode(word)]
            if key:
                self._known(name, key, path)

    def _check_variants(self, expectations: list[Expected], path: Path) -> None:
        """Report a variant that is not one of the campaign expected with it."""
        values = {expected.key: expected.wanted for expected in expectations if not expected.negated}
        campaign, variant = values.get("campaign"), values.get("variant")
        own = self._variants.get(str(campaign))
        if own is None or variant is None or variant in own or variant not in self._names["variant"][1]:
            return
        message = f"the campaign {quote(str(campaign))} has no variant {quote(str(variant))}"
        hint = self._findings.suggest(str(variant), own) or _listed(own)
        self._findings.error((*path, "variant"), Code.UNKNOWN, message, hint)

    def _source(self, path: Path) -> SourcePlace:
        return self._findings.values[path]


def _listed(names: Collection[str]) -> str:
    return f"there are: {', '.join(sorted(names))}" if names else "there are none"


def _names(book: Book) -> dict[str, tuple[str, Collection[str]]]:
    """For each key the noun of its names, and all of them."""
    variants = [variant for campaign in book.campaigns.values() for variant in campaign.variants]
    contents = [variant.content for variant in variants]
    contents += [offer.content for offer in book.offers.values() if offer.content is not None]
    return {
        "campaign": ("campaign", book.campaigns),
        "campaigns": ("campaign", book.campaigns),
        "offer": ("offer", book.offers),
        "variant": ("variant", {variant.name for variant in variants}),
        "channel": ("channel", book.channels),
        "placement": ("placement", book.placements),
        "by": ("pressure rule", book.rules),
        "holdout": ("holdout", book.experiments.holdouts),
        "layer": ("layer", book.experiments.layers),
        "signals": ("signal", book.derived.signals),
        "content": ("field of content", {name for content in contents for name in _fields(content)}),
    }


def _fields(content: Content) -> set[str]:
    return set(content.default).union(*content.channels.values())
