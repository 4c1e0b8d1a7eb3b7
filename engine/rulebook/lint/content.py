"""Languages that some content has and other content beside it lacks."""

import re
from collections.abc import Iterable, Iterator

from engine.rulebook.model.book import Book, Content, Placement, Template
from engine.rulebook.report.diagnostics import Code, Severity, quote
from engine.rulebook.report.findings import Findings, Path
from engine.rulebook.text.languages import nearest

_WORDS = re.compile(r"[^\W\d_]+[,.!?:;]? +[^\W\d_]+")
"""Two words. One may be a code, an address or the name of a picture, which are the same in every language."""
_LETTER = re.compile(r"[^\W\d_]")


def check_languages(book: Book, findings: Findings) -> None:
    """Report fallbacks and variants without a language that their neighbours have, and texts that a language leaves out."""
    for placement in book.placements.values():
        _check_fallback(placement, book, findings)
    for name, campaign in book.campaigns.items():
        contents = [variant.content for variant in campaign.variants]
        for variant in campaign.variants:
            path: Path = ("campaigns", name, "variants", variant.name)
            _check_variant(variant.content, contents, path, book.locale, findings)
            _check_fields(variant.content, path, findings)
    for name, offer in book.offers.items():
        if offer.content:
            _check_fields(offer.content, ("offers", name), findings)


def _check_fallback(placement: Placement, book: Book, findings: Findings) -> None:
    lacking = languages_of_fallback(placement, book)
    if lacking:
        message = (
            f"the fallback {quote(placement.fallback or '')} has no {_listed(lacking)}, which campaigns of the placement "
            "have: their readers get it in the default language"
        )
        path = ("placements", placement.name, "fallback")
        hint = f"add `locales: {{{lacking[0]}: …}}` to the offer {quote(placement.fallback or '')}"
        findings.remark(path, Code.LOCALE_MISSING, message, Severity.WARNING, hint)


def languages_of_fallback(placement: Placement, book: Book) -> list[str]:
    """The languages that campaigns of the placement have and its fallback lacks."""
    content = book.offers[placement.fallback].content if placement.fallback else None
    if content is None:
        return []
    shown = [
        locale
        for campaign in book.campaigns.values()
        if placement.name in campaign.placements
        for other in _contents(campaign.name, book)
        for locale in _locales_on(other, placement.channel)
    ]
    return _lacking(_locales_on(content, placement.channel), shown, book.locale)


def _contents(campaign: str, book: Book) -> Iterator[Content]:
    variants = book.campaigns[campaign].variants
    yield from (variant.content for variant in variants)
    own = book.offers[book.campaigns[campaign].offer].content
    if not variants and own:
        yield own


def _locales_on(content: Content, channel: str) -> list[str]:
    """The languages that change anything on the channel."""
    return [locale for locale in content.locales if content.changes_on(channel, locale)]


def _check_variant(
    content: Content, contents: Iterable[Content], path: Path, default: str, findings: Findings
) -> None:
    lacking = languages_of_variant(content, contents, default)
    if lacking:
        message = f"the variant has no {_listed(lacking)}, which another variant of the campaign has"
        hint = "add the language under `locales`, or its readers get this variant in the default language"
        findings.remark(path, Code.LOCALE_MISSING, message, hint=hint)


def languages_of_variant(content: Content, contents: Iterable[Content], default: str) -> list[str]:
    """The languages that the contents of the campaign's variants have and this one lacks."""
    return _lacking(content.locales, [locale for other in contents for locale in other.locales], default)


def _lacking(own: Iterable[str], others: Iterable[str], default: str) -> list[str]:
    """The languages of others to which neither one of these nor the default language is near."""
    served = frozenset(locale.lower() for locale in (*own, default))
    return sorted(locale for locale in set(others) if nearest(served, locale) is None)


def _check_fields(content: Content, path: Path, findings: Findings) -> None:
    for locale in content.locales:
        for names in left_out(content, locale).values():
            message = (
                f"{quote(locale)} leaves out {_listed(names)}: its readers get that in the default language"
            )
            hint = "write it in that language too; what reads the same in both may be left out"
            findings.remark((*path, "locales", locale), Code.LOCALE_FIELD, message, hint=hint)


def left_out(content: Content, locale: str) -> dict[str, list[str]]:
    """The fields with words that the language leaves out, by channel or `default`; not of channels that it does not serve."""
    changed, fields_of = content.locales[locale], {}
    for key in ("default", *content.channels):
        fields = content.default if key == "default" else content.channels[key]
        own = changed.default if key == "default" else changed.channels.get(key, {})
        names = [name for name, template in fields.items() if own and name not in own and _is_prose(template)]
        if names:
            fields_of[key] = names
    return fields_of


def _is_prose(template: Template) -> bool:
    """Whether the text has words: two of them, or a letter of another script than the Latin one."""
    text = "".join(part for part in template.parts if isinstance(part, str))
    foreign = any(not character.isascii() and _LETTER.match(character) for character in text)
    return foreign or bool(_WORDS.search(text))


def _listed(names: list[str]) -> str:
    return ", ".join(map(quote, names))
