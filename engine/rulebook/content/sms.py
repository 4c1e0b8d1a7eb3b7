"""Length of a text as a short message: the alphabet it needs, and the segments it takes.

After 3GPP TS 23.038 (the GSM 7 bit default alphabet, 6.2.1, with its extension table, 6.2.1.1, and UCS2, 6.2.3) and TS
23.040 (9.2.3.24.1: a concatenated message spends 6 octets of the 140 of each part on a header). National language
tables are not counted with: they must be agreed with the operator.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from enum import StrEnum
from typing import NamedTuple

from engine.model.texts import as_text
from engine.model.values import Value
from engine.rulebook.content.formats import with_plain_spaces, written
from engine.rulebook.model.book import Attribute, AttributeType, Placeholder, Template

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)

_EXTENSION = frozenset("\f^{}\\[~]|€")
"""Each takes two septets: an escape, and itself."""

_GSM_7 = _BASIC | _EXTENSION


class Alphabet(StrEnum):
    """Alphabet of a message; one character beyond GSM-7 makes the whole message UCS-2."""

    GSM_7 = "GSM-7"
    UCS_2 = "UCS-2"


_ROOM = {Alphabet.GSM_7: (160, 153), Alphabet.UCS_2: (70, 67)}
"""Septets (GSM-7) or units of 16 bits (UCS-2) in a message of one segment, and in each segment of a longer one."""


class Length(NamedTuple):
    """Length of a text as a short message."""

    alphabet: Alphabet
    units: int
    """Septets in GSM-7, units of 16 bits in UCS-2."""
    segments: int


def is_gsm_7(text: str) -> bool:
    """Whether the default alphabet and its extension have every character of the text."""
    return _GSM_7.issuperset(text)


def length(text: str) -> Length:
    """The length of a text; an empty one takes one segment. A character is never split between two parts."""
    alphabet = Alphabet.GSM_7 if is_gsm_7(text) else Alphabet.UCS_2
    whole, part = _ROOM[alphabet]
    if alphabet is Alphabet.GSM_7 and len(text) <= whole and _EXTENSION.isdisjoint(text):
        return Length(alphabet, len(text), 1)
    sizes = [_size(character, alphabet) for character in text]
    units = sum(sizes)
    return Length(alphabet, units, 1 if units <= whole else _parts(sizes, part))


def _size(character: str, alphabet: Alphabet) -> int:
    if alphabet is Alphabet.GSM_7:
        return 2 if character in _EXTENSION else 1
    return 2 if ord(character) > 0xFFFF else 1  # a surrogate pair


def _parts(sizes: Iterable[int], room: int) -> int:
    parts, used = 1, 0
    for size in sizes:
        if used + size > room:
            parts, used = parts + 1, 0
        used += size
    return parts


def longest(
    template: Template, attributes: Mapping[str, Attribute], tag: str = "en"
) -> tuple[str, tuple[str, ...]]:
    """The template with its longest known values, and the attributes whose values may be of any length.

    One value that needs UCS-2 makes the whole message UCS-2, so shorter values that need it are tried too. An attribute of
    unknown length counts as its fallback. tag: the language of formats.
    """
    choices = [_choices(part, attributes, tag) for part in template.parts]
    unknown = [
        part.attribute
        for part in template.parts
        if isinstance(part, Placeholder) and not _values(attributes.get(part.attribute))
    ]
    return max(_texts(choices), key=_longest_size), tuple(dict.fromkeys(unknown))


def _texts(choices: Sequence[Sequence[str]]) -> Iterator[str]:
    """The text with the longest values, and that text with each value that needs UCS-2 in turn."""
    best = [max(values, key=_longest_size) for values in choices]
    yield "".join(best)
    for index, values in enumerate(choices):
        for value in values:
            if not is_gsm_7(value):
                yield "".join([*best[:index], value, *best[index + 1 :]])


def _longest_size(text: str) -> tuple[int, int]:
    _, units, segments = length(text)
    return segments, units


def _choices(part: str | Placeholder, attributes: Mapping[str, Attribute], tag: str) -> tuple[str, ...]:
    """The texts that the part can become and that can be the longest; never empty."""
    if isinstance(part, str):
        return (part,)
    fallback = () if part.fallback is None else (part.fallback,)
    values = _values(attributes.get(part.attribute))
    return (*(_shown(value, part, tag) for value in values), *fallback) or ("",)


def _shown(value: Value, part: Placeholder, tag: str) -> str:
    """The value as a short message has it."""
    return as_text(value) if part.format is None else with_plain_spaces(written(value, part.format, tag))


_DATES = (date(2026, 3, 1), *(date(2026, month, day) for month in range(1, 13) for day in range(22, 29)))
"""Among them is the longest date of every style: all months, with all days of the week."""


def _values(attribute: Attribute | None) -> tuple[Value, ...]:
    """The known values of the attribute; none if they can be of any length."""
    if attribute is None:
        return ()
    if attribute.one_of is not None:
        return tuple(sorted(attribute.one_of, key=str))
    match attribute.type:
        case AttributeType.BOOLEAN:
            return (True, False)
        case AttributeType.DATE:
            return _DATES
        case AttributeType.INTEGER if attribute.minimum is not None and attribute.maximum is not None:
            return (round(attribute.minimum), round(attribute.maximum))
        case _:
            return ()
