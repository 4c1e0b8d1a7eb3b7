"""The book that the demo serves."""

from demo.outcomes import CAMPAIGN
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
    contents: list[Content | None] = [offer.content for offer in LOADED.book.offers.values()]
    contents += [
        variant.content for campaign in LOADED.book.campaigns.values() for variant in campaign.variants
    ]
    fields = [f for c in contents if c for f in (c.default, *c.channels.values())]
    placeholders = [
        part
        for texts in fields
        for text in texts.values()
        for part in text.parts
        if isinstance(part, Placeholder)
    ]
    assert len(placeholders) > 10
    assert [placeholder.attribute for placeholder in placeholders if placeholder.fallback is None] == []


def test_messages_count_without_a_report_of_delivery() -> None:
    """All outbound channels keep a contact whose delivery is not reported, since nothing can report it yet."""
    assert LOADED.book is not None
    silent = {name: channel.on_silence for name, channel in LOADED.book.channels.items() if channel.address}
    assert silent == dict.fromkeys(("wechat", "weibo", "sms"), OnSilence.CONFIRM)


def test_only_service_is_exempt() -> None:
    """One campaign is service, and the weekly cap lets only that category pass."""
    assert LOADED.book is not None
    service = [
        campaign.name for campaign in LOADED.book.campaigns.values() if campaign.category is Category.SERVICE
    ]
    weekly = LOADED.book.pressure.caps["weekly-outbound"]
    assert service == ["club-points"]
    assert weekly.limit == 2
    assert weekly.except_ is not None
    assert weekly.except_.category == {Category.SERVICE}


def test_one_campaign_has_a_control() -> None:
    """That of the rich cream, which the demo's model gives an effect: `demo.outcomes` takes every control for its."""
    assert LOADED.book is not None
    controls = [campaign.name for campaign in LOADED.book.campaigns.values() if campaign.control is not None]
    assert controls == [CAMPAIGN]
