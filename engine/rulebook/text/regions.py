"""Country codes after ISO 3166-1, and language tags of the shape of BCP 47.

The codes are those of the file iso3166.tab of the tz database, which the package `tzdata` brings.
"""

import difflib
import re
from collections.abc import Mapping
from functools import cache, lru_cache
from importlib.resources import files

from engine.rulebook.report.diagnostics import Suggestion
from engine.rulebook.report.findings import ParseError

_TAG = re.compile(
    r"(?P<language>[A-Za-z]{2,3}(?:-[A-Za-z]{3}){0,3})(?:-(?P<script>[A-Za-z]{4}))?(?:-(?P<region>[A-Za-z]{2}|[0-9]{3}))?"
    r"(?:-(?:[A-Za-z0-9]{5,8}|[0-9][A-Za-z0-9]{3}))*(?:-[0-9A-WY-Za-wy-z](?:-[A-Za-z0-9]{2,8})+)*(?:-x(?:-[A-Za-z0-9]{1,8})+)?"
)
"""A tag of RFC 5646, section 2.1, without the grandfathered ones."""

_EXAMPLES = "a BCP 47 tag, for example zh-CN or fr"
_LONGEST = 35


def _pairs(text: str) -> dict[str, str]:
    """Words and what they stand for, from `word=code, …`."""
    return dict(pair.strip().split("=") for pair in text.split(","))


_ALIASES = _pairs(
    "uk=GB, england=GB, scotland=GB, great britain=GB, united kingdom=GB, el=GR, usa=US, america=US, holland=NL,"
    "czechia=CZ, korea=KR, deutschland=DE, españa=ES, italia=IT, polska=PL, österreich=AT, schweiz=CH, suisse=CH,"
    "norge=NO, sverige=SE, danmark=DK, suomi=FI, nederland=NL, belgique=BE"
)
_LANGUAGES = _pairs(
    "arabic=ar, bulgarian=bg, catalan=ca, chinese=zh, croatian=hr, czech=cs, danish=da, dutch=nl, english=en,"
    "estonian=et, finnish=fi, french=fr, german=de, greek=el, hebrew=he, hindi=hi, hungarian=hu, indonesian=id,"
    "irish=ga, italian=it, japanese=ja, korean=ko, latvian=lv, lithuanian=lt, norwegian=nb, persian=fa, polish=pl,"
    "portuguese=pt, romanian=ro, russian=ru, serbian=sr, slovak=sk, slovenian=sl, spanish=es, swedish=sv, thai=th,"
    "turkish=tr, ukrainian=uk, vietnamese=vi, deutsch=de, español=es, français=fr, francais=fr, italiano=it,"
    "nederlands=nl, polski=pl, svenska=sv"
)
_TWO_LETTERS = (
    "aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz ee "
    "el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik in io "
    "is it iu iw ja ji jv jw ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk "
    "ml mn mo mr ms mt my na nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc "
    "sd se sg sh si sk sl sm sn so sq sr ss st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve "
    "vi vo wa wo xh yi yo za zh zu"
)
"""The languages of two letters in the registry of BCP 47 (IANA, Language Subtag Registry), deprecated ones included. Those of
three letters, of which there are thousands, are not checked."""

_MISTAKEN = _pairs(
    "al=sq, at=de, cn=zh, cz=cs, dk=da, ge=ka, gb=en, gr=el, il=he, ir=fa, jp=ja, kz=kk, rs=sr, ua=uk, us=en, vn=vi"
)
"""Codes of countries that are no languages, and the languages that are meant."""

_ASSIGNED_BY_USERS = re.compile("AA|Q[M-Z]|X[A-Z]|ZZ")
"""Codes that ISO 3166-1 leaves to its users; XK is Kosovo in practice."""

_UNIONS = ("EU", "EZ", "UN")
"""Region subtags of tags that are no countries."""


@cache
def countries() -> Mapping[str, str]:
    """The names of countries in English, by ISO 3166-1 alpha-2 code."""
    table = (files("tzdata") / "zoneinfo" / "iso3166.tab").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in table.splitlines() if line and not line.startswith("#"))
    return {code: name for code, name, *_ in rows}


def country_meant(text: str) -> str:
    """The code of the country that a text which is no code was meant as; empty if there is no likely guess."""
    lowered = text.strip().lower()
    if lowered in _ALIASES:
        return _ALIASES[lowered]
    if text.isascii() and text.upper() in countries():
        return text.upper()
    codes = {name.lower(): code for code, name in countries().items()}
    matches = difflib.get_close_matches(lowered, codes, n=1, cutoff=0.8) if 3 < len(lowered) < 60 else []
    return codes[matches[0]] if matches else ""


def country_hint(text: str) -> str:
    """The hint for a text that is no code of a country."""
    code = country_meant(text)
    return Suggestion(f"did you mean '{code}' ({countries()[code]})?", text, code) if code else ""


def country_of(text: str) -> str:
    """The country's code in capitals; raises ParseError for what is no code."""
    code = text.upper() if text.isascii() else ""  # ß is SS in capitals, which is South Sudan
    if code in countries() or _ASSIGNED_BY_USERS.fullmatch(code):
        return code
    hint = country_hint(text) or "a code of two letters, such as CN"
    raise ParseError("not a country of ISO 3166-1", hint)


@lru_cache(maxsize=4096)
def language_of(text: str) -> str:
    """The language tag in the form of RFC 5646 (`zh-Hant-TW`), from any case and with `_` too; raises ParseError."""
    tag = re.split("[.@]", text, maxsplit=1)[0].replace("_", "-")
    wrong = wrong_tag(tag)
    if wrong:
        raise ParseError(wrong[0].removeprefix("is "), wrong[1])
    parts = tag.lower().split("-")
    single = next((index for index, part in enumerate(parts) if len(part) == 1), len(parts))
    for index in range(1, single):
        if len(parts[index]) == 2:
            parts[index] = parts[index].upper()
        elif len(parts[index]) == 4 and parts[index].isalpha():
            parts[index] = parts[index].capitalize()
    return "-".join(parts)


def wrong_tag(tag: str, *, registered: bool = True) -> tuple[str, str] | None:
    """What is wrong with a language tag, and a hint; None if it is of the right shape and its country exists.

    registered: whether a language of two letters must exist too.
    """
    match = _TAG.fullmatch(tag) if len(tag) <= _LONGEST else None
    if match is None:
        return "is not a language", _tag_hint(tag)
    language, region = match["language"].partition("-")[0], match["region"]
    if registered and len(language) == 2 and language.lower() not in _TWO_LETTERS.split():
        return f"names no language: there is no {language}", _tag_hint(tag)
    known = not region or region.isdecimal() or region.upper() in countries()
    known = known or region.upper() in _UNIONS or bool(_ASSIGNED_BY_USERS.fullmatch(region.upper()))
    if region and not known:
        code = country_meant(region)
        meant = tag.replace(f"-{region}", f"-{code}", 1)
        hint = Suggestion(f"did you mean '{meant}'?", tag, meant) if code else _EXAMPLES
        return f"names no country: there is no {region}", hint
    return None


def _tag_hint(tag: str) -> str:
    dashed = tag.replace("_", "-").partition(".")[0]
    language, _, rest = dashed.partition("-")
    named = _LANGUAGES.get(language.lower()) or _MISTAKEN.get(language.lower())
    meant = f"{named or language}{'-' + rest if rest else ''}"
    if meant != tag and _TAG.fullmatch(meant):
        return Suggestion(f"did you mean '{meant}'?", tag, meant)
    return _EXAMPLES
