"""The data of CLDR, by Babel: how numbers, money and dates are written, and which languages are near each other.

Results depend on these data and nothing else: neither on the process's locale nor on its environment. Digits are those of
ASCII in every language. Import this module inside of the functions that need it: reading the data takes 30 ms.
"""

from collections.abc import Mapping
from copy import copy
from datetime import date
from decimal import Context, Decimal, localcontext
from functools import cache, lru_cache
from math import isfinite

from babel import Locale, UnknownLocaleError
from babel.core import get_global
from babel.dates import format_date
from babel.numbers import NumberPattern, get_currency_precision

from engine.rulebook.model.book import FormatKind, ValueFormat

_MOST_NUMBER_DIGITS = 3
"""Of a number whose format names no digits, as the patterns of CLDR have it."""

_EXACT = Context(prec=400)
"""Room for all digits of the largest float."""

VERSION: str = str(get_global("cldr")["version"])
"""Of CLDR, such as `49`."""


@cache
def currencies() -> frozenset[str]:
    """The codes of ISO 4217, also of currencies that are no longer in use."""
    return frozenset(get_global("all_currencies"))


@lru_cache(maxsize=4096)
def written(value: float | date, value_format: ValueFormat, tag: str) -> str:
    """The number or the date in the format, in the language of the tag."""
    locale = _locale(tag)
    if isinstance(value, date):
        return format_date(value, value_format.style, locale)
    pattern, digits = _pattern(value_format, locale)
    currency = value_format.currency or None
    if not isfinite(value):
        return str(pattern.apply(value, locale, currency=currency))
    exact = Decimal(value) if isinstance(value, int) else Decimal(repr(value))
    with localcontext(_EXACT):
        places = digits + 2 if value_format.kind is FormatKind.PERCENT else digits
        rounded = exact.quantize(Decimal(1).scaleb(-places))
        rounded = rounded or abs(rounded)  # no -0
        return str(pattern.apply(rounded, locale, currency=currency, currency_digits=False))


@lru_cache(maxsize=1024)
def _pattern(value_format: ValueFormat, locale: Locale) -> tuple[NumberPattern, int]:
    """The pattern of CLDR with the format's digits, and the most digits behind the decimal sign."""
    if value_format.kind is FormatKind.NUMBER:
        pattern, least, most = copy(locale.decimal_formats[None]), 0, _MOST_NUMBER_DIGITS
    elif value_format.kind is FormatKind.PERCENT:
        pattern, least, most = copy(locale.percent_formats[None]), 0, 0
    else:
        pattern = copy(locale.currency_formats["standard"])
        least = most = get_currency_precision(value_format.currency)
    if value_format.digits is not None:
        least = most = value_format.digits
    pattern.frac_prec = (least, most)
    return pattern, most


@lru_cache(maxsize=1024)
def _locale(tag: str) -> Locale:
    """The data for the language tag or the nearest one of which there are any; those of English for all others."""
    for length in (3, 2, 1):
        parts = [part for part in tag.split("-")[:length] if len(part) > 1 and part.isalnum()]
        try:
            return Locale.parse("_".join(parts))
        except (UnknownLocaleError, ValueError):
            continue
    return Locale("en")


def likely_subtags() -> Mapping[str, str]:
    """By a tag with some of language, script and region (`pt`, `zh_TW`), the likeliest with all three (`zh_Hant_TW`)."""
    likely: Mapping[str, str] = get_global("likely_subtags")
    return likely


def language_aliases() -> Mapping[str, str]:
    """By a deprecated language (`iw`), the one that replaces it (`he`, or with a script `sr_Latn`)."""
    aliases: Mapping[str, str] = get_global("language_aliases")
    return aliases


def parents() -> Mapping[str, str]:
    """By tag, the one from which it inherits where that is not the tag without its end: `es_AR` from `es_419`."""
    exceptions: Mapping[str, str] = get_global("parent_exceptions")
    return exceptions
