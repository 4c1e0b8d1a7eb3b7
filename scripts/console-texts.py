#!/usr/bin/env python3
"""Takes new texts of the console into its catalogues, engine/console/locale/*.po; with --check says what they lack, and fails.

Texts are those of `_(…)` and `ngettext(…)` in engine/console, its templates included, and the entries of the navigation.
"""

import sys
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from engine.console.table import PAGES
from engine.console.texts import LANGUAGES

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "engine" / "console"
METHODS = [("**.py", "python"), ("templates/**.html", "jinja2")]
OPTIONS = {"templates/**.html": {"trimmed": "false", "silent": "false"}}


def extracted() -> Catalog:
    """All texts, in the order of files, without line numbers: they would change with every edit."""
    catalogue = Catalog(charset="utf-8", fuzzy=False)
    texts = {(page.nav, "table.py") for page in PAGES if page.nav}
    for file, _line, message, _comments, _context in extract_from_dir(
        str(FOLDER), METHODS, OPTIONS, keywords={"_": None, "gettext": None, "ngettext": (1, 2)}
    ):
        texts.add((message, file))
    for message, file in sorted(texts, key=lambda text: (str(text[0]), text[1])):
        catalogue.add(message, locations=[(file, None)])
    return catalogue


def updated(language: str, template: Catalog) -> bytes:
    """The catalogue of the language with all texts of the template, and without those that are gone."""
    path = FOLDER / "locale" / f"{language}.po"
    kept = Catalog(locale=language)
    if path.exists():
        with path.open("rb") as file:
            kept = read_po(file, locale=language)
    catalogue = Catalog(locale=language, charset="utf-8", fuzzy=False)
    for message in template:
        if message.id:
            before = kept.get(message.id if isinstance(message.id, str) else message.id[0])
            text = (
                before.string if before is not None and before.pluralizable == message.pluralizable else None
            )
            catalogue.add(message.id, text, locations=message.locations, flags=message.flags)
    written = BytesIO()
    write_po(written, catalogue, width=120, omit_header=True, include_lineno=False)
    head = ("Content-Type: text/plain; charset=utf-8", f"Plural-Forms: {catalogue.plural_forms}")
    lines = ('msgid ""', 'msgstr ""', *(f'"{line}\\n"' for line in head), "", "")
    return "\n".join(lines).encode() + written.getvalue()


def lacking(language: str) -> list[str]:
    """The texts that the language has no words for."""
    with (FOLDER / "locale" / f"{language}.po").open("rb") as file:
        catalogue = read_po(file, locale=language)
    return [
        str(message.id)
        for message in catalogue
        if message.id
        and not all((message.string,) if isinstance(message.string, str) else message.string or ("",))
    ]


def main() -> int:
    """Writes the catalogues, or compares them."""
    template, check, wrong = extracted(), "--check" in sys.argv[1:], 0
    for language in LANGUAGES:
        if language == "en":
            continue
        path = FOLDER / "locale" / f"{language}.po"
        made = updated(language, template)
        if check and (not path.exists() or path.read_bytes() != made):
            sys.stderr.write(
                f"{path.relative_to(ROOT)} has not the texts of the pages: run scripts/console-texts.py\n"
            )
            wrong = 1
        elif not check:
            path.write_bytes(made)
        if path.exists():
            for text in lacking(language):
                sys.stderr.write(f"{language}: no words for {text!r}\n")
                wrong = 1
    return wrong


if __name__ == "__main__":
    sys.exit(main())
