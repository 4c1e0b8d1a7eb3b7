"""Formats of placeholders: numbers, percentages, money, dates and parts of links, written in a customer's language."""

import re
from collections.abc import Callable, Collection, Mapping
from datetime import date
from typing import NamedTuple
from urllib.parse import quote as percent_encoded

from engine.model.texts import as_text
from engine.model.values import Value
from engine.rulebook.model.book import AttributeType, FormatKind, ValueFormat
from engine.rulebook.report.diagnostics import Suggestion, quote

_NUMBERS = frozenset((AttributeType.INTEGER, AttributeType.NUMBER))
_STYLES = ("short", "medium", "long", "full")
_MOST_DIGITS = 6
_DIGITS = re.compile(rf"[0-{_MOST_DIGITS}]")
FITTING: Mapping[FormatKind, frozenset[AttributeType]] = {
    FormatKind.NUMBER: _NUMBERS,
    FormatKind.PERCENT: _NUMBERS,
    FormatKind.MONEY: _NUMBERS,
    FormatKind.DATE: frozenset((AttributeType.DATE,)),
    FormatKind.URL: frozenset(
        (
            AttributeType.TEXT,
            AttributeType.BOOLEAN,
            AttributeType.DATE,
            AttributeType.INTEGER,
            AttributeType.NUMBER,
            AttributeType.VERSION,
            AttributeType.IP,
        )
    ),
}
"""The types of attributes that each format can write."""

EXAMPLES = "number, number 2, percent, money EUR, date long, url"


class FormatError(NamedTuple):
    """What is wrong with the text of a format."""

    message: str
    hint: str
    is_unknown: bool
    """Whether it names a format, a currency or a style that does not exist."""


def parse_format(text: str, suggest: Callable[[str, Collection[str]], str]) -> ValueFormat | FormatError:
    """The format that stands behind the colon of a placeholder: `number 2`, `money EUR`, `date long`.

    suggest: the hint that names the candidate most like a word; empty for none.
    """
    name, *arguments = text.split() or [""]
    kind = next((kind for kind in FormatKind if kind.value == name), None)
    if kind is None:
        hint = suggest(name, list(FormatKind)) or f"one of: {EXAMPLES}"
        return FormatError(
            f"there is no format {quote(name)}" if name else "a colon without a format", hint, True
        )
    if kind is FormatKind.MONEY:
        return _money(arguments, suggest)
    return _date(arguments, suggest) if kind is FormatKind.DATE else _plain(kind, arguments)


def _plain(kind: FormatKind, arguments: list[str]) -> ValueFormat | FormatError:
    if not arguments:
        return ValueFormat(kind)
    if kind is FormatKind.URL or len(arguments) > 1 or not _DIGITS.fullmatch(arguments[0]):
        digits = (
            ""
            if kind is FormatKind.URL
            else f", or {kind} and the digits behind the decimal sign, 0 to {_MOST_DIGITS}"
        )
        return FormatError(
            f"{quote(' '.join(arguments))} says nothing of `{kind}`", f"write {kind}{digits}", False
        )
    return ValueFormat(kind, int(arguments[0]))


def _money(arguments: list[str], suggest: Callable[[str, Collection[str]], str]) -> ValueFormat | FormatError:
    if not arguments:
        return FormatError("`money` does not say in which currency", "for example money EUR", False)
    from engine.rulebook.text import cldr  # noqa: PLC0415 `tact --help` loads no Babel

    currency, rest, currencies = arguments[0], arguments[1:], cldr.currencies()
    if currency not in currencies:
        meant = currency.upper()
        alike = [code for code in currencies if code[0] == meant[0]]
        known = Suggestion(f"did you mean '{meant}'?", currency, meant) if meant in currencies else ""
        hint = known or suggest(meant, alike)
        message = f"there is no currency {quote(currency)}"
        return FormatError(message, hint or "a code of ISO 4217, such as EUR", True)
    digits = _plain(FormatKind.MONEY, rest)
    return digits if isinstance(digits, FormatError) else digits._replace(currency=currency)


def _date(arguments: list[str], suggest: Callable[[str, Collection[str]], str]) -> ValueFormat | FormatError:
    style = " ".join(arguments) or ValueFormat(FormatKind.DATE).style
    if style not in _STYLES:
        hint = suggest(style, _STYLES) or f"one of: {', '.join(_STYLES)}"
        return FormatError(f"there is no style {quote(style)} of dates", hint, True)
    return ValueFormat(FormatKind.DATE, style=style)


def written(value: Value, value_format: ValueFormat, tag: str) -> str:
    """The value in the format, in the language of the tag. Values of other types than the format's are written as they are."""
    if value_format.kind is FormatKind.URL:
        return percent_encoded(as_text(value), safe="")
    if isinstance(value, bool) or not isinstance(value, int | float | date):
        return as_text(value)
    from engine.rulebook.text import cldr  # noqa: PLC0415 `tact --help` loads no Babel

    return cldr.written(value, value_format, tag)


def with_plain_spaces(text: str) -> str:
    """The text with blanks for no-break spaces, which the GSM alphabet of short messages lacks."""
    return text.replace("\u00a0", " ").replace("\u202f", " ")
