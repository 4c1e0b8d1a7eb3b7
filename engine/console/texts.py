"""The console's texts in German, French and English: the words of templates and pages, from one catalogue a language.

English stands in the templates and in the code; `locale/de.po` and `locale/fr.po` have the translations, which are read
once, when the console starts. `scripts/console-texts.py` takes new texts into them.
"""

from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from datetime import UTC, datetime, tzinfo
from functools import cache
from gettext import NullTranslations
from pathlib import Path

from babel import Locale
from babel.core import negotiate_locale
from babel.dates import format_datetime
from babel.messages.pofile import read_po
from babel.numbers import format_decimal, format_percent

LANGUAGES: Mapping[str, str] = {"en": "English", "de": "Deutsch", "fr": "Français"}
"""By tag, how each calls itself."""


LANGUAGE: ContextVar[str] = ContextVar("language", default="en")
"""Of the request that is answered."""


_FOLDER = Path(__file__).parent / "locale"


class Translations(NullTranslations):
    """The texts of a language, from its catalogue; English where a text has no translation."""

    def __init__(self, language: str) -> None:
        super().__init__()
        self._locale = Locale.parse(language)
        self._texts: dict[str, Sequence[str]] = {}
        if language == "en":
            return
        with (_FOLDER / f"{language}.po").open("rb") as file:
            catalogue = read_po(file, locale=language, abort_invalid=True)
        for message in catalogue:
            key = message.id if isinstance(message.id, str) else message.id[0]
            forms = (message.string,) if isinstance(message.string, str) else tuple(message.string or ())
            if key and all(forms) and not message.fuzzy:
                self._texts[key] = forms

    def gettext(self, message: str) -> str:
        """The text in the language."""
        return self._texts.get(message, (message,))[0]

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        """The text for so many."""
        forms = self._texts.get(msgid1)
        if forms is None:
            return msgid1 if n == 1 else msgid2
        return forms[0] if self._locale.plural_form(n) == "one" else forms[-1]


@cache
def translations(language: str) -> Translations:
    """The texts of one of LANGUAGES."""
    return Translations(language)


def _(message: str) -> str:
    """The text in the language of the request."""
    return translations(LANGUAGE.get()).gettext(message)


def ngettext(singular: str, plural: str, number: int) -> str:
    """The text for so many, in the language of the request."""
    return translations(LANGUAGE.get()).ngettext(singular, plural, number)


def chosen_language(wanted: str, accepted: str) -> str:
    """The language of a request. wanted: what the user has chosen. accepted: the header Accept-Language."""
    if wanted in LANGUAGES:
        return wanted
    weighed = []
    for part in accepted[:200].split(","):
        tag, _semicolon, weight = part.strip().partition(";q=")
        try:
            weighed.append((-float(weight or 1), tag))
        except ValueError:
            continue
    tags = [tag for _weight, tag in sorted(weighed, key=lambda pair: pair[0])]
    return negotiate_locale(tags, [*LANGUAGES], sep="-") or "en"


def number(value: float) -> str:
    """A number as the language writes it; a whole one without decimals."""
    return format_decimal(value, locale=LANGUAGE.get())


def percent(value: float) -> str:
    """A share, with one decimal."""
    pattern = format_percent(0, locale=LANGUAGE.get()).replace("0", "0.0")
    return format_percent(value, pattern, locale=LANGUAGE.get())


def moment(microseconds: int | None, zone: tzinfo = UTC) -> str:
    """A moment on the zone's clock, with the zone; empty for none."""
    if microseconds is None:
        return ""
    at = datetime.fromtimestamp(microseconds / 1e6, UTC)
    return format_datetime(at, "yyyy-MM-dd HH:mm:ss z", tzinfo=zone, locale=LANGUAGE.get())
