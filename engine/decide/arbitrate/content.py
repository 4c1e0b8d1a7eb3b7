"""Content on a channel: the texts in a customer's language, and the placeholders filled in from their attributes."""

from collections.abc import Mapping, Sequence
from html import escape
from itertools import chain
from typing import NamedTuple, TypeVar

from engine.model.texts import as_text
from engine.model.values import Attributes, Value, is_blank
from engine.rulebook.content.formats import with_plain_spaces, written
from engine.rulebook.model.book import (
    OFFER_PRICE,
    Channel,
    Content,
    Fields,
    Format,
    Offer,
    Placeholder,
    ValueFormat,
)
from engine.rulebook.text.languages import accepted, nearest

T = TypeVar("T")


_LONGEST = 100
"""Characters; longer tags are not looked up."""


LANGUAGE, LANGUAGES, ACCEPT_LANGUAGE = "profile.language", "profile.languages", "profile.accept_language"
"""The attributes by which a language is chosen, in the order in which they count."""


def requested_languages(attributes: Attributes) -> Sequence[str]:
    """The tags of the languages that the customer reads, the preferred one first."""
    language, languages, header = map(attributes.get, (LANGUAGE, LANGUAGES, ACCEPT_LANGUAGE))
    requested: tuple[str, ...] = (language,) if isinstance(language, str) and language else ()
    if isinstance(languages, tuple):
        requested += tuple(tag for tag in languages if isinstance(tag, str))
    return requested + accepted(header) if isinstance(header, str) else requested


def lookup(by_tag: Mapping[str, T], tag: object) -> T | None:
    """The value for the language tag or the nearest more general one. Keys are in lower case; the tag's case is ignored.

    It chose the texts of decisions in earlier versions, which are made again with it; `nearest` does now.
    Method: RFC 4647, 3.4 (Lookup): the tag is shortened from its end until it is one of the keys.
    """
    if not isinstance(tag, str) or len(tag) > _LONGEST:
        return None
    rest = tag.lower()
    while rest:
        value = by_tag.get(rest)
        if value is not None:
            return value
        rest = rest.rpartition("-")[0]
        if rest[-2:-1] == "-":  # a single letter only introduces the subtag after it
            rest = rest[:-2]
    return None


class Constant(NamedTuple):
    """A part of a text whose value the book has: the offer's price."""

    value: Value
    format: ValueFormat


Part = str | Placeholder | Constant


class CompiledTexts(NamedTuple):
    """The fields of one content on one channel, ready for rendering."""

    fixed: Mapping[str, str]
    """By field, the texts without placeholders."""
    templates: tuple[tuple[str, tuple[Part, ...]], ...]
    """Field and parts of the texts with placeholders."""
    needs: frozenset[str]
    """The attributes that have to be known, and not blank, to render them."""
    html: frozenset[str] = frozenset()
    """The fields in which filled-in values are escaped; the templates' own text never is."""
    short: frozenset[str] = frozenset()
    """The fields that are short messages, in which no-break spaces would take the GSM alphabet away."""
    language: str = "en"
    """The tag of the language that they are written in."""
    is_formatted: bool = False
    """Whether any value is written as a language has it."""

    def lacking(self, attributes: Attributes) -> frozenset[str]:
        """The attributes without which they cannot be rendered, and whose values are missing or blank."""
        return frozenset(name for name in self.needs if is_blank(attributes.get(name)))

    def __bool__(self) -> bool:
        """Whether there is any field."""
        return bool(self.fixed or self.templates)


class TextCompiler(NamedTuple):
    """Compiles the contents of one offer on one channel."""

    channel: Channel
    offer: Offer
    locale: str
    """The book's language, in which contents are written but for their locales."""

    def texts(self, content: Content) -> CompiledTexts:
        """The texts in the content's default language; empty if it does not serve the channel."""
        return self._compiled(content.on(self.channel.name), self.locale)

    def texts_by_language(self, content: Content) -> dict[str, CompiledTexts]:
        """The texts by language tag in lower case; untranslated fields keep the default text."""
        name, by_tag = self.channel.name, {}
        for tag in content.locales:
            changed = content.changes_on(name, tag)
            if changed:
                by_tag[tag.lower()] = self._compiled({**content.on(name), **changed}, tag)
        return by_tag

    def _compiled(self, fields: Fields, language: str) -> CompiledTexts:
        parts = {name: _joined([*map(self._part, template.parts)]) for name, template in fields.items()}
        all_parts = [*chain.from_iterable(parts.values())]
        needs = (
            part.attribute for part in all_parts if isinstance(part, Placeholder) and part.fallback is None
        )
        by_format = {
            wanted: frozenset(name for name in fields if self.channel.format_of(name) is wanted)
            for wanted in Format
        }
        return CompiledTexts(
            fixed={name: "".join(map(str, own)) for name, own in parts.items() if _is_fixed(own)},
            templates=tuple((name, own) for name, own in parts.items() if not _is_fixed(own)),
            needs=frozenset(needs),
            html=by_format[Format.HTML],
            short=by_format[Format.SMS],
            language=language,
            is_formatted=any(not isinstance(part, str) and part.format is not None for part in all_parts),
        )

    def _part(self, part: str | Placeholder) -> Part:
        """The part with the offer's price put in."""
        if isinstance(part, str) or part.attribute != OFFER_PRICE:
            return part
        price = self.offer.price
        if price is None:
            return part if part.fallback is None else part.fallback
        return as_text(price) if part.format is None else Constant(price, part.format)


def render(texts: CompiledTexts, attributes: Attributes) -> dict[str, str]:
    """The text of each field. Raises KeyError if a value is missing, or blank, whose placeholder has no fallback."""
    rendered = dict(texts.fixed)
    tag = _format_tag(texts, attributes) if texts.is_formatted else ""
    for name, parts in texts.templates:
        html = name in texts.html
        rendered[name] = "".join(
            [
                part
                if isinstance(part, str)
                else _filled(part, attributes, html)
                if part.format is None
                else _formatted(part, part.format, attributes, (tag, html, name in texts.short))
                for part in parts
            ]
        )
    return rendered


def _format_tag(texts: CompiledTexts, attributes: Attributes) -> str:
    """The customer's own tag if the texts are in that language (de-CH of texts in de), else that of the texts."""
    own = frozenset((texts.language.lower(),))
    tags = (tag for tag in requested_languages(attributes) if nearest(own, tag))
    return next(tags, texts.language)


def _is_fixed(parts: Sequence[Part]) -> bool:
    return all(isinstance(part, str) for part in parts)


def _joined(parts: Sequence[Part]) -> tuple[Part, ...]:
    """The parts; a single text if all of them are texts."""
    return ("".join(map(str, parts)),) if parts and _is_fixed(parts) else tuple(parts)


def _filled(part: Placeholder | Constant, attributes: Attributes, html: bool) -> str:
    value = attributes.get(part.attribute) if isinstance(part, Placeholder) else part.value
    if value is None or (type(value) is str and not value.strip()):
        return _fallback(part)
    text = value if isinstance(value, str) else as_text(value)
    return escape(text) if html and not text.isalnum() else text


def _formatted(
    part: Placeholder | Constant,
    value_format: ValueFormat,
    attributes: Attributes,
    how: tuple[str, bool, bool],
) -> str:
    """how: the language, whether the field is in HTML, and whether it is a short message."""
    tag, html, short = how
    value = attributes.get(part.attribute) if isinstance(part, Placeholder) else part.value
    if value is None or is_blank(value):
        return _fallback(part)
    text = written(value, value_format, tag)
    text = with_plain_spaces(text) if short else text
    return escape(text) if html and not text.isalnum() else text


def _fallback(part: Placeholder | Constant) -> str:
    if isinstance(part, Constant) or part.fallback is None:
        raise KeyError(OFFER_PRICE if isinstance(part, Constant) else part.attribute)
    return part.fallback
