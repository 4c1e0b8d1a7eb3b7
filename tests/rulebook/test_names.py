"""Names of attributes and fields: words with letters of any script."""

import unicodedata

import pytest

from engine.decide.compiled import compile_book
from engine.model.request import Request
from engine.rulebook.load import load_files
from engine.rulebook.report.diagnostics import render
from engine.rulebook.text.merge import as_words, is_words
from tests.decide.arbitrate.shop import NOW, decided


@pytest.mark.parametrize(
    "text", ["age", "a1", "first_name", "scores.tea", "größe", "名前", "имя", "हिन्दी", "x_"]
)
def test_a_word_has_letters_of_any_script(text: str) -> None:
    """Letters without capitals, their marks, digits and _; words are joined by dots."""
    assert is_words(text)
    assert as_words(text) == text


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("Age", "age"),
        ("Größe", "größe"),
        ("first-name", "first_name"),
        ("first name", "first_name"),
        (unicodedata.normalize("NFD", "Größe"), "größe"),
        ("1a", ""),
        ("_a", ""),
        ("a..b", ""),
        ("", ""),
        ("a.", ""),
        ("a\u200b", ""),
        ("a!", ""),
        ("\u0301a", ""),
        ("a" * 101, ""),
    ],
)
def test_what_is_no_word_may_be_meant_as_one(text: str, meant: str) -> None:
    """Capitals, blanks and hyphens have an obvious mend; anything else has none."""
    assert not is_words(text)
    assert as_words(text) == meant


def test_a_name_in_another_form_is_the_same() -> None:
    """A book may write a name in Unicode's form NFC or NFD, in keys and in texts."""
    text = """
    book: {name: names, timezone: UTC}
    attributes: {profile.größe: {type: integer}}
    channels: {web: {kind: inbound}}
    placements: {top: {channel: web}}
    offers: {shoes: {name: Shoes}}
    campaigns:
      shoes:
        offer: shoes
        placements: [top]
        when: {profile.größe: {gte: 30}}
        variants: {a: {content: {default: {títel: "Size NAME"}}}}
    """
    written = text.replace("NAME", unicodedata.normalize("NFD", "{profile.größe}"))
    loaded = load_files({"book.yaml": written.encode()})
    assert loaded.book is not None, render(loaded.diagnostics)
    assert loaded.diagnostics == ()
    decision = decided(compile_book(loaded.book), Request("ann", NOW, {"profile.größe": 38}, placement="top"))
    assert decision.offers[0].content == {"títel": "Size 38"}
