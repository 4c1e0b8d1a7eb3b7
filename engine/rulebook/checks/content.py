"""Check the content of a campaign on its channels: languages, missing values, format, and length of short messages."""

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from engine.conditions.dnf import Literal, clauses_of
from engine.conditions.model import Condition, Operator
from engine.rulebook.content import sms
from engine.rulebook.content.sms import longest
from engine.rulebook.model.book import (
    MAIL_HEAD,
    OFFER_PRICE,
    Attribute,
    AttributeType,
    Book,
    Channel,
    Content,
    Fields,
    Format,
    Offer,
    Placeholder,
    Template,
)
from engine.rulebook.report.diagnostics import Code, Severity, quote
from engine.rulebook.report.findings import Findings, Path
from engine.rulebook.symbols import SymbolTable

_HTML = re.compile(r"</?[a-z][a-z0-9]*[ />]|&(#[0-9]+|[a-z]+);")


class Field(NamedTuple):
    """A template, and where it is written."""

    template: Template
    path: Path

    @property
    def name(self) -> str:
        """The field's name."""
        return str(self.path[-1])

    @property
    def locale(self) -> str:
        """The language of `locales` that it stands in; empty if it stands in `content`."""
        key, name, *_ = self.path[4:] if self.path[0] == "campaigns" else self.path[2:]
        return str(name) if key == "locales" else ""


@dataclass(frozen=True, slots=True)
class ContentCheck:
    """Checks contents against the channels and attributes of one book."""

    channels: SymbolTable[Channel]
    attributes: SymbolTable[Attribute]
    locale: str
    """The book's language."""
    findings: Findings

    def check(
        self,
        content: Content,
        path: Path,
        reached: Iterable[str],
        missing: frozenset[str],
        offer: Offer | None,
    ) -> None:
        """Report what is wrong with the content at the path.

        reached: the channels it goes out on. missing: the attributes that none of its customers has. offer: what it is about;
        None if that is not known.
        """
        for name in reached:
            channel = self.channels.values[name]
            self._check_languages(content, path, name)
            for field in self._fields(content, path, name):
                self._check_values(field, missing)
                self._check_format(field, channel)
                if channel.format_of(field.name) is Format.SMS:
                    self._check_length(field, channel, offer)

    def _fields(self, content: Content, path: Path, channel: str) -> Iterator[Field]:
        """Every text of the channel, in any language."""
        yield from _located(content.on(channel), (*path, "content", _key(content, channel)))
        for locale in content.locales:
            inside = (*path, "locales", locale)
            key = _key(content.locales[locale], channel)
            deeper = (*inside, key) in self.findings.values
            yield from _located(content.changes_on(channel, locale), (*inside, key) if deeper else inside)

    def _check_languages(self, content: Content, path: Path, channel: str) -> None:
        for locale in content.locales:
            if content.on(channel) and not content.changes_on(channel, locale):
                message = f"nothing reads otherwise in {quote(locale)} on {quote(channel)}, which has fields of its own"
                self.findings.remark((*path, "locales", locale), Code.CONTENT, message)

    def _check_values(self, field: Field, missing: frozenset[str]) -> None:
        for name in _needed(field.template):
            if name in missing:
                message = (
                    f"{quote(name)} is never known of the customers who get this: `when` asks for its absence"
                )
                hint = f"add a fallback, {{{name}|…}}"
                self.findings.error(field.path, Code.TEMPLATE, message, hint)

    def _check_format(self, field: Field, channel: Channel) -> None:
        """Warn of a text that looks like HTML in a plain field whose format is not stated."""
        if channel.format_of(field.name) is Format.HTML or self._states_format(field, channel):
            return
        head = channel.format is Format.HTML and field.name in MAIL_HEAD
        fills = any(isinstance(part, Placeholder) for part in field.template.parts)
        if not fills and not head:
            return
        if _HTML.search("".join(part for part in field.template.parts if isinstance(part, str))):
            self._warn_of_html(field, channel, head=head)

    def _warn_of_html(self, field: Field, channel: Channel, *, head: bool) -> None:
        if not head:
            message = (
                f"looks like HTML, but on {quote(channel.name)} values are filled in as plain text: "
                "state the channel's `format`"
            )
            self.findings.remark(field.path, Code.CONTENT, message, Severity.WARNING)
            return
        message = (
            f"looks like HTML, but on {quote(channel.name)}, which is e-mail, a `{field.name}` is plain text"
        )
        hint = f"write it as plain text, or state `format: {{default: html, {field.name}: html}}`"
        location = self.findings.keys.get(field.path) or self.findings.location(field.path)
        self.findings.report(location, Code.CONTENT, message, hint, severity=Severity.WARNING)

    def _states_format(self, field: Field, channel: Channel) -> bool:
        path = ("channels", channel.name, "format")
        if (*path, field.name) in self.findings.keys:
            return True
        stated = path in self.findings.keys
        return stated and not (channel.format is Format.HTML and field.name in MAIL_HEAD)

    def _check_length(self, field: Field, channel: Channel, offer: Offer | None) -> None:
        price = None if offer is None else offer.price
        known = self.attributes.values
        if price is not None:
            one_of = frozenset((price,))
            known = {**known, OFFER_PRICE: Attribute(OFFER_PRICE, AttributeType.NUMBER, one_of=one_of)}
        text, unknown = longest(field.template, known, field.locale or self.locale)
        length = sms.length(text)
        limit = channel.max_segments
        over = limit is not None and length.segments > limit
        if length.segments == 1:
            return
        least = "at least " if unknown else ""
        most = f", of at most {limit}" if over else ""
        unit = "septets" if length.alphabet is sms.Alphabet.GSM_7 else "units"
        size = f"{length.units} {unit} in {length.alphabet}"
        message = f"{least}{length.segments} segments on {quote(channel.name)}{most}: {size}"
        if unknown:
            message += (
                f", without the values of {', '.join(map(quote, unknown))}, whose lengths are not known"
            )
        self.findings.remark(field.path, Code.SEGMENTS, message, Severity.WARNING if over else Severity.NOTE)


def _key(content: Content, channel: str) -> str:
    return channel if channel in content.channels else "default"


def _located(fields: Fields, path: Path) -> Iterator[Field]:
    return (Field(template, (*path, name)) for name, template in fields.items())


def _needed(template: Template) -> Iterator[str]:
    return (p.attribute for p in template.parts if isinstance(p, Placeholder) and p.fallback is None)


def check_price(content: Content, path: Path, offer: Offer | None, findings: Findings) -> None:
    """Report the texts at the path that need the offer's price, if it has none."""
    if offer is None or offer.price is not None:
        return
    for name in ("", *content.locales):
        here = (*path, "locales", name) if name else (*path, "content")
        own = content.locales[name] if name else content
        for key, fields in {"default": own.default, **own.channels}.items():
            deeper = (*here, key) in findings.values
            for field in _located(fields, (*here, key) if deeper else here):
                if OFFER_PRICE in _needed(field.template):
                    message = f"the offer {quote(offer.name)} has no `price`"
                    findings.error(field.path, Code.TEMPLATE, message, "give it one, or add a fallback")


def channels_without(content: Collection[str], channels: Iterable[str]) -> list[str]:
    """The channels for which content with these keys has no fields."""
    return [] if "default" in content else [name for name in channels if name not in content]


def never_known(condition: Condition) -> frozenset[str]:
    """The attributes that are missing whenever the condition holds; none if it has more alternatives than a DNF holds."""
    clauses = clauses_of(condition)
    if not clauses:
        return frozenset()
    return frozenset.intersection(*(frozenset(map(_absent, clause)) for clause in clauses)) - {""}


def _absent(literal: Literal) -> str:
    test = literal.test
    missing = test.operator is Operator.EXISTS and test.operand is not literal.positive
    return test.attribute if missing else ""


def check_named_formats(book: Book, findings: Findings) -> None:
    """Warn of formats of fields that no content has on the channel."""
    for channel in book.channels.values():
        path = ("channels", channel.name, "format")
        named = [name for name in channel.formats if (*path, name) in findings.keys]
        fields = _fields_on(book, channel.name) if named else frozenset()
        for name in named:
            if name not in fields:
                message = f"no content has a field {quote(name)} on {quote(channel.name)}"
                hint = findings.suggest(name, sorted(fields))
                location = findings.keys[*path, name]
                findings.report(location, Code.NO_EFFECT, message, hint, severity=Severity.WARNING)


def _fields_on(book: Book, channel: str) -> frozenset[str]:
    """The names of the fields of all contents on the channel."""
    contents = [offer.content for offer in book.offers.values() if offer.content]
    contents += [variant.content for campaign in book.campaigns.values() for variant in campaign.variants]
    return frozenset(name for content in contents for name in content.on(channel))
