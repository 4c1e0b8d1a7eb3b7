"""Content on a channel: the texts in a customer's language, and the placeholders filled in from their attributes."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from html import escape
from itertools import chain
from typing import NamedTuple, TypeVar

from engine.model.texts import written_number
from engine.model.values import Attributes, Value, is_blank
from engine.rulebook.model.book import Channel, Content, Fields, Format, Placeholder

T = TypeVar("T")


_LONGEST = 100
"""Characters; longer tags are not looked up."""


def lookup(by_tag: Mapping[str, T], tag: object) -> T | None:
    """The value for the language tag or the nearest more general one. Keys are in lower case; the tag's case is ignored.

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


class CompiledTexts(NamedTuple):
    """The fields of one content on one channel, ready for rendering."""

    fixed: Mapping[str, str]
    """By field, the texts without placeholders."""
    templates: tuple[tuple[str, tuple[str | Placeholder, ...]], ...]
    """Field and parts of the texts with placeholders."""
    needs: frozenset[str]
    """The attributes that have to be known, and not blank, to render them."""
    html: frozenset[str] = frozenset()
    """The fields in which filled-in values are escaped; the templates' own text never is."""

    def lacking(self, attributes: Attributes) -> frozenset[str]:
        """The attributes without which they cannot be rendered, and whose values are missing or blank."""
        return frozenset(name for name in self.needs if is_blank(attributes.get(name)))

    def __bool__(self) -> bool:
        """Whether there is any field."""
        return bool(self.fixed or self.templates)


def texts_for(content: Content, channel: Channel) -> CompiledTexts:
    """The content's texts on the channel in its default language; empty if it does not serve the channel."""
    return _compiled(content.on(channel.name), channel)


def texts_by_language(content: Content, channel: Channel) -> dict[str, CompiledTexts]:
    """The content's texts on the channel by language tag in lower case; untranslated fields keep the default text."""
    by_tag = {}
    for tag in content.locales:
        changed = content.changes_on(channel.name, tag)
        if changed:
            by_tag[tag.lower()] = _compiled({**content.on(channel.name), **changed}, channel)
    return by_tag


def render(texts: CompiledTexts, attributes: Attributes) -> dict[str, str]:
    """The text of each field. Raises KeyError if a value is missing, or blank, whose placeholder has no fallback."""
    rendered = dict(texts.fixed)
    for name, parts in texts.templates:
        html = name in texts.html
        rendered[name] = "".join(
            [part if isinstance(part, str) else _filled(part, attributes, html) for part in parts]
        )
    return rendered


def _compiled(fields: Fields, channel: Channel) -> CompiledTexts:
    placeholders = {
        name: [part for part in template.parts if isinstance(part, Placeholder)]
        for name, template in fields.items()
    }
    return CompiledTexts(
        fixed={
            name: "".join(map(str, template.parts))
            for name, template in fields.items()
            if not placeholders[name]
        },
        templates=tuple((name, template.parts) for name, template in fields.items() if placeholders[name]),
        needs=frozenset(
            placeholder.attribute
            for placeholder in chain.from_iterable(placeholders.values())
            if placeholder.fallback is None
        ),
        html=frozenset(name for name in fields if channel.format_of(name) is Format.HTML),
    )


def _filled(placeholder: Placeholder, attributes: Attributes, html: bool) -> str:
    value = attributes.get(placeholder.attribute)
    if value is None or is_blank(value):
        if placeholder.fallback is None:
            raise KeyError(placeholder.attribute)
        return placeholder.fallback
    text = value if isinstance(value, str) else as_text(value)
    return escape(text) if html and not text.isalnum() else text


def as_text(value: Value) -> str:
    """A value as content shows it: numbers as people write them, booleans in lower case, dates in ISO 8601."""
    match value:
        case bool():
            return "true" if value else "false"
        case datetime():
            return value.astimezone(UTC).isoformat()
        case date():
            return value.isoformat()
        case float():
            return written_number(value)
        case tuple():
            return ", ".join(map(as_text, value))
        case _:
            return str(value)
