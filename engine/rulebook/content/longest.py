"""The longest text that a template can become, as a short message."""

from collections.abc import Iterator, Mapping, Sequence

from engine.rulebook.content import sms
from engine.rulebook.model.book import Attribute, AttributeType, Placeholder, Template


def longest(template: Template, attributes: Mapping[str, Attribute]) -> tuple[str, tuple[str, ...]]:
    """The template with its longest known values, and the attributes whose values may be of any length.

    One value that needs UCS-2 brings the whole message to it, so a shorter one that does is tried too. An attribute of
    unknown length counts as its fallback.
    """
    choices = [_choices(part, attributes) for part in template.parts]
    unknown = [
        part.attribute
        for part in template.parts
        if isinstance(part, Placeholder) and not _values(attributes.get(part.attribute))
    ]
    return max(_texts(choices), key=_size), tuple(dict.fromkeys(unknown))


def _texts(choices: Sequence[Sequence[str]]) -> Iterator[str]:
    """The text of the longest values, and that text with each value in turn that needs UCS-2."""
    best = [max(each, key=_size) for each in choices]
    yield "".join(best)
    for place, each in enumerate(choices):
        for one in each:
            if not sms.is_gsm_7(one):
                yield "".join([*best[:place], one, *best[place + 1 :]])


def _size(text: str) -> tuple[int, int]:
    found = sms.length(text)
    return found.segments, found.units


def _choices(part: str | Placeholder, attributes: Mapping[str, Attribute]) -> tuple[str, ...]:
    """All texts that may stand there and could be the longest; never empty."""
    if isinstance(part, str):
        return (part,)
    fallback = () if part.fallback is None else (part.fallback,)
    return (*_values(attributes.get(part.attribute)), *fallback) or ("",)


def _values(attribute: Attribute | None) -> tuple[str, ...]:
    """The attribute's values as content shows them, as far as they are known; none where they may be of any length."""
    if attribute is None:
        return ()
    if attribute.one_of is not None:
        return tuple(sorted(map(str, attribute.one_of)))
    match attribute.type:
        case AttributeType.BOOLEAN:
            return ("true", "false")
        case AttributeType.DATE:
            return ("2026-03-01",)
        case AttributeType.INTEGER if attribute.minimum is not None and attribute.maximum is not None:
            return (str(round(attribute.minimum)), str(round(attribute.maximum)))
        case _:
            return ()
