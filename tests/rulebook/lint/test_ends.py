"""Campaigns that nothing ends for a customer, and stocks that page views use up: when they are noted."""

from pathlib import Path

import pytest

from tests.rulebook.lint.loading import lines_of, linted

HEAD = """\
book: {name: example, timezone: Europe/Paris}
attributes: {profile.phone: {type: text}, profile.tier: {type: text}}
channels:
  web: {kind: inbound}
  sms: {kind: outbound, address: profile.phone, consent: sms}
  mail: {kind: outbound, address: profile.phone, consent: mail}
placements: {hero: {channel: web}}
events: {stored: true}
offers:
  cream: {name: Cream, content: {default: {text: A cream}}}
  last: {name: Last, stock: 5, content: {default: {text: Last}}}
"""
LINE = len(HEAD.splitlines()) + 1


@pytest.mark.parametrize(
    ("campaign", "pressure", "is_noted"),
    [
        ("channels: [sms]", "", True),
        ("channels: [sms], category: service", "", False),
        ("placements: [hero]", "", False),
        ("channels: [sms], limits: {per_customer: {limit: 1, per: rolling 30d}}", "", False),
        ("channels: [sms], limits: {total: 100}", "", False),
        ("channels: [sms], stop: {converted: 30d}", "", False),
        ("channels: [sms], stop: {declined: 30d}", "", True),
        ("channels: [sms], when: {profile.tier: gold}", "", True),
        ("channels: [sms], when: {none: [{behaviour: {event: buy, count: {gte: 1}}}]}", "", False),
        ("channels: [sms]", "pauses: {p: {outcome: converted, for: 30d, scope: campaign}}", False),
        ("channels: [sms]", "pauses: {p: {outcome: complained, for: 30d, scope: campaign}}", True),
        ("channels: [sms]", "pauses: {p: {outcome: converted, for: 30d, except: {channel: sms}}}", True),
        ("channels: [sms]", "pauses: {p: {outcome: converted, for: 30d, when: {profile.tier: gold}}}", True),
        ("channels: [sms]", "caps: {c: {limit: 2, per: rolling 7d}}", False),
        ("channels: [sms]", "caps: {c: {limit: 2, per: calendar week, count: {channel: sms}}}", False),
        (
            "channels: [sms]",
            "caps: {c: {limit: 2, per: calendar month, count: {category: commercial}}}",
            False,
        ),
        ("channels: [sms, mail]", "caps: {c: {limit: 2, per: rolling 7d, count: {channel: sms}}}", True),
        ("channels: [sms]", "caps: {c: {limit: 1, per: calendar day}}", True),
        ("channels: [sms]", "caps: {c: {limit: 2, per: rolling 7d, except: {channel: sms}}}", True),
        ("channels: [sms]", "caps: {c: {limit: 2, per: rolling 7d, when: {profile.tier: gold}}}", True),
        ("channels: [sms]", "gaps: {g: {at_least: 7d}}", False),
        ("channels: [sms]", "gaps: {g: {at_least: 2d}}", True),
    ],
)
def test_a_campaign_that_nothing_ends(tmp_path: Path, campaign: str, pressure: str, is_noted: bool) -> None:
    """It is noted unless it is a service, or a limit, a purchase, an event, or a cap of a week ends or slows it."""
    book = f"{HEAD}campaigns: {{cream: {{offer: cream, {campaign}}}}}\n"
    book += f"pressure: {{{pressure}}}\n" if pressure else ""
    loaded = linted(tmp_path, book)
    assert loaded.book is not None
    assert lines_of(loaded, "no-end") == ([LINE] if is_noted else [])


@pytest.mark.parametrize(
    ("campaign", "pressure", "is_noted"),
    [
        ("offer: last, placements: [hero]", "", True),
        ("offer: cream, placements: [hero]", "", False),
        ("offer: last, channels: [sms]", "", False),
        ("offer: last, placements: [hero], limits: {per_customer: {limit: 1, per: rolling 1d}}", "", False),
        (
            "offer: last, channels: [sms], placements: [hero], limits: {per_customer: {limit: 1, per: rolling 1d}}",
            "",
            True,
        ),
        ("offer: last, placements: [hero]", "caps: {c: {limit: 1, per: rolling 7d}}", True),
        (
            "offer: last, placements: [hero]",
            "caps: {c: {limit: 1, per: rolling 7d, count: {kind: inbound}}}",
            False,
        ),
        (
            "offer: last, placements: [hero]",
            "caps: {c: {limit: 9, per: calendar day, count: {kind: inbound}}}",
            True,
        ),
    ],
)
def test_a_stock_that_page_views_use_up(tmp_path: Path, campaign: str, pressure: str, is_noted: bool) -> None:
    """It is noted where a page shows the offer, unless what one customer sees is counted."""
    book = f"{HEAD}campaigns: {{last: {{{campaign}}}}}\n"
    book += f"pressure: {{{pressure}}}\n" if pressure else ""
    loaded = linted(tmp_path, book)
    assert loaded.book is not None
    assert lines_of(loaded, "stock-by-views") == ([LINE] if is_noted else [])
