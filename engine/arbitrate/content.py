"""Content: the fields of a variant for a channel, with their placeholders filled."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import NamedTuple

from engine.conditions.model import Attributes, Value
from engine.rulebook.model import Content, Placeholder


class Texts(NamedTuple):
    """Fields made ready for rendering."""

    fixed: Mapping[str, str]
    """Those without placeholders, as they will always be."""
    filled: tuple[tuple[str, tuple[str | Placeholder, ...]], ...]
    """Those with placeholders."""
    needs: frozenset[str]
    """The attributes without which they cannot be rendered."""

    def __bool__(self) -> bool:
        """Whether there is anything to say."""
        return bool(self.fixed or self.filled)


def texts_for(content: Content, channel: str) -> Texts:
    """The channel's own fields, or else the default ones; none when the content does not serve the channel."""
    fields = content.channels.get(channel, content.default)
    placeholders = {
        name: [part for part in template.parts if isinstance(part, Placeholder)]
        for name, template in fields.items()
    }
    return Texts(
        fixed={
            name: "".join(map(str, fields[name].parts)) for name, found in placeholders.items() if not found
        },
        filled=tuple((name, fields[name].parts) for name, found in placeholders.items() if found),
        needs=frozenset(
            one.attribute for found in placeholders.values() for one in found if one.fallback is None
        ),
    )


def render(texts: Texts, attributes: Attributes) -> dict[str, str]:
    """The fields' texts; raises KeyError when a value is missing that has no fallback."""
    rendered = dict(texts.fixed)
    for name, parts in texts.filled:
        rendered[name] = "".join(
            [part if isinstance(part, str) else _filled(part, attributes) for part in parts]
        )
    return rendered


def _filled(placeholder: Placeholder, attributes: Attributes) -> str:
    value = attributes.get(placeholder.attribute)
    if isinstance(value, str):
        return value
    if value is not None:
        return as_text(value)
    if placeholder.fallback is None:
        raise KeyError(placeholder.attribute)
    return placeholder.fallback


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
