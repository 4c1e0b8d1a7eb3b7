"""Languages: of what is said in several, what a customer gets.

RFC 4647, 3.4 (Lookup): the customer's tag is shortened from its end until it is one of those there are. Capitals do not
matter.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from html import escape
from typing import NamedTuple, TypeVar

from engine.model.values import Attributes, Value
from engine.rulebook.model.book import Channel, Content, Fields, Format, Placeholder

T = TypeVar("T")


_LONGEST = 100
"""Characters; no longer tag is looked up."""


def lookup(by_tag: Mapping[str, T], tag: object) -> T | None:
    """What there is for the language tag, or the nearest language around it; the keys are in lower case."""
    if not isinstance(tag, str) or len(tag) > _LONGEST:
        return None
    rest = tag.lower()
    while rest:
        found = by_tag.get(rest)
        if found is not None:
            return found
        rest = rest.rpartition("-")[0]
        if rest[-2:-1] == "-":  # a single letter announces what followed it
            rest = rest[:-2]
    return None


class CompiledTexts(NamedTuple):
    """Fields made ready for rendering."""

    fixed: Mapping[str, str]
    """Those without placeholders, as they will always be."""
    filled: tuple[tuple[str, tuple[str | Placeholder, ...]], ...]
    """Those with placeholders."""
    needs: frozenset[str]
    """The attributes without which they cannot be rendered."""
    html: bool = False
    """Whether values are escaped where they are filled in; the templates' own text never is."""

    def __bool__(self) -> bool:
        """Whether there is anything to say."""
        return bool(self.fixed or self.filled)


def texts_for(content: Content, channel: Channel) -> CompiledTexts:
    """What the content says on the channel where no language decides; nothing when it does not serve the channel."""
    return _ready(content.on(channel.name), channel)


def texts_by_language(content: Content, channel: Channel) -> dict[str, CompiledTexts]:
    """What it says on the channel by language tag in lower case; fields that do not change are the same in all."""
    found = {}
    for tag in content.locales:
        changed = content.changes_on(channel.name, tag)
        if changed:
            found[tag.lower()] = _ready({**content.on(channel.name), **changed}, channel)
    return found


def render(texts: CompiledTexts, attributes: Attributes) -> dict[str, str]:
    """The fields' texts; raises KeyError when a value is missing that has no fallback."""
    rendered = dict(texts.fixed)
    for name, parts in texts.filled:
        rendered[name] = "".join(
            [part if isinstance(part, str) else _filled(part, attributes, texts.html) for part in parts]
        )
    return rendered


def _ready(fields: Fields, channel: Channel) -> CompiledTexts:
    placeholders = {
        name: [part for part in template.parts if isinstance(part, Placeholder)]
        for name, template in fields.items()
    }
    return CompiledTexts(
        fixed={
            name: "".join(map(str, fields[name].parts)) for name, found in placeholders.items() if not found
        },
        filled=tuple((name, fields[name].parts) for name, found in placeholders.items() if found),
        needs=frozenset(
            one.attribute for found in placeholders.values() for one in found if one.fallback is None
        ),
        html=channel.format is Format.HTML,
    )


def _filled(placeholder: Placeholder, attributes: Attributes, html: bool) -> str:
    value = attributes.get(placeholder.attribute)
    if value is None:
        if placeholder.fallback is None:
            raise KeyError(placeholder.attribute)
        return placeholder.fallback
    text = value if isinstance(value, str) else as_text(value)
    return escape(text) if html and not text.isalnum() else text


def as_text(value: Value) -> str:
    """A value as content shows it: whole numbers without a point, true and false in lower case, days as ISO 8601."""
    match value:
        case bool():
            return "true" if value else "false"
        case datetime():
            return value.astimezone(UTC).isoformat()
        case date():
            return value.isoformat()
        case float() if value.is_integer():
            return str(int(value))
        case tuple():
            return ", ".join(map(as_text, value))
        case _:
            return str(value)
