"""Content: the fields of a variant for a channel, with their placeholders filled."""

from datetime import UTC, date, datetime

from engine.conditions.model import Attributes, Value
from engine.rulebook.model import Content, Fields, Placeholder


def fields_for(content: Content, channel: str) -> Fields:
    """The channel's own fields, or else the default ones; empty when the content does not serve the channel."""
    return content.channels.get(channel, content.default)


def needed_attributes(fields: Fields) -> frozenset[str]:
    """The attributes without which the fields cannot be rendered."""
    return frozenset(
        part.attribute
        for template in fields.values()
        for part in template.parts
        if isinstance(part, Placeholder) and part.fallback is None
    )


def render(fields: Fields, attributes: Attributes) -> dict[str, str]:
    """The fields' texts; raises KeyError when a value is missing that has no fallback."""
    return {
        name: "".join(part if isinstance(part, str) else _filled(part, attributes) for part in template.parts)
        for name, template in fields.items()
    }


def _filled(placeholder: Placeholder, attributes: Attributes) -> str:
    value = attributes.get(placeholder.attribute)
    if value is None:
        if placeholder.fallback is None:
            raise KeyError(placeholder.attribute)
        return placeholder.fallback
    return as_text(value)


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
