"""The book that the demo serves."""

from demo.server import book_folder
from engine.rulebook.load import load
from engine.rulebook.model.book import Category, Content, OnSilence, Placeholder
from engine.rulebook.report.diagnostics import render

LOADED = load(book_folder())


def test_the_book_loads() -> None:
    """rules/cosmetics-cn has no diagnostics, not even a warning."""
    assert render(LOADED.diagnostics) == ""
    assert LOADED.book is not None


def test_every_placeholder_has_a_fallback() -> None:
    """No text of the book lacks words for a customer of whom a value is unknown."""
    assert LOADED.book is not None
    contents: list[Content | None] = [each.content for each in LOADED.book.offers.values()]
    contents += [variant.content for each in LOADED.book.campaigns.values() for variant in each.variants]
    fields = [f for c in contents if c for f in (c.default, *c.channels.values())]
    placeholders = [
        part
        for each in fields
        for text in each.values()
        for part in text.parts
        if isinstance(part, Placeholder)
    ]
    assert len(placeholders) > 10
    assert [each.attribute for each in placeholders if each.fallback is None] == []


def test_messages_count_without_word_of_delivery() -> None:
    """Both outbound channels keep a contact when nobody reports its delivery, since nothing can report it yet."""
    assert LOADED.book is not None
    silent = {name: each.on_silence for name, each in LOADED.book.channels.items() if each.address}
    assert silent == {"wechat": OnSilence.CONFIRM, "sms": OnSilence.CONFIRM}


def test_only_service_is_exempt() -> None:
    """One campaign is service, and the weekly cap lets only that category pass."""
    assert LOADED.book is not None
    service = [each.name for each in LOADED.book.campaigns.values() if each.category is Category.SERVICE]
    weekly = LOADED.book.pressure.caps["weekly-outbound"]
    assert service == ["club-points"]
    assert weekly.limit == 2
    assert weekly.except_ is not None
    assert weekly.except_.category == {Category.SERVICE}
