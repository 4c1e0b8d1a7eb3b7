"""Which campaigns shadow others and which tie, and what has passed; above all where nothing may be said."""

from itertools import product
from pathlib import Path

import pytest

from engine.decide.compiled import compile_book
from engine.decide.evaluate import evaluate
from engine.decide.select import select
from engine.model.instant import DAY
from engine.model.request import Request
from engine.model.values import Attributes
from tests.rulebook.lint.loading import NOW, lines_of, linted

HEAD = """\
book: {name: example, timezone: Europe/Paris}
attributes: {profile.phone: {type: text}, profile.name: {type: text}, profile.age: {type: integer, min: 0, max: 130}}
channels:
  web: {kind: inbound}
  sms: {kind: outbound, address: profile.phone, consent: sms, on_silence: confirm}
placements: {hero: {channel: web}, row: {channel: web, max_offers: 3}}
layers: {prices: {slots: {full: 0-50%, reduced: 50-100%}}}
offers:
  story: {name: Our story, value: 1, content: {default: {title: Our story}}}
  named: {name: Named, value: 1, content: {default: {title: "Hello {profile.name}"}}}
  limited: {name: Limited, value: 1, stock: 10, content: {default: {title: Ten of them}}}
  cream: {name: Cream, value: 12, content: {default: {title: A cream}}}
"""
VICTIM = "  cream: {offer: cream, placements: [hero], when: {profile.age: {gte: 18}}}\n"


def campaigns(*entries: str) -> str:
    """A book with these campaigns."""
    return f"{HEAD}campaigns:\n" + "".join(
        f"  campaign-{index}: {{{entry}}}\n" for index, entry in enumerate(entries)
    )


FIRST = HEAD.count("\n") + 2
CREAM = "offer: cream, placements: [hero]"
SHADOWING = {
    "higher tier": ("offer: story, placements: [hero], tier: 5", CREAM, ""),
    "higher score": ("offer: cream, placements: [hero], value: 13", CREAM, ""),
    "a condition that always holds": (
        "offer: story, placements: [hero], tier: 5, when: {now.hour: {gte: 0}}",
        CREAM,
        "",
    ),
    "by its channel": ("offer: story, channels: [web], tier: 5", "offer: cream, channels: [web]", ""),
    "a cap on messages": (
        "offer: story, placements: [hero], tier: 5",
        CREAM,
        "pressure: {caps: {c: {limit: 1, per: rolling 7d}}}",
    ),
}


@pytest.mark.parametrize(("first", "second", "more"), SHADOWING.values(), ids=SHADOWING.keys())
def test_campaigns_that_leave_no_room(first: str, second: str, more: str, tmp_path: Path) -> None:
    """A campaign for everybody that nothing blocks is reported, at itself, where it ranks before another everywhere."""
    loaded = linted(tmp_path, campaigns(first, second) + more)
    assert loaded.book is not None
    assert lines_of(loaded, "shadowed") == [FIRST]


HARMLESS = {
    "same tier and score": ("offer: cream, placements: [hero]", CREAM, ""),
    "lower score": ("offer: story, placements: [hero]", f"{CREAM}, when: {{profile.age: 3}}", ""),
    "a score of the customer's": ("offer: cream, placements: [hero], value: profile.age", CREAM, ""),
    "a boost": (
        "offer: cream, placements: [hero], value: 13, boosts: [{when: {now.hour: 3}, by: 0.1}]",
        CREAM,
        "",
    ),
    "a condition": ("offer: story, placements: [hero], tier: 5, when: {profile.age: {gte: 0}}", CREAM, ""),
    "a schedule": ("offer: story, placements: [hero], tier: 5, active: {days: [mon]}", CREAM, ""),
    "a control": ("offer: story, placements: [hero], tier: 5, control: 10%", CREAM, ""),
    "a ramp": (
        "offer: story, placements: [hero], tier: 5, ramp: {start: 1%, full_after: 9 conversions}",
        CREAM,
        "",
    ),
    "a slot": ("offer: story, placements: [hero], tier: 5, slot: prices/full", CREAM, ""),
    "a limit": (
        "offer: story, placements: [hero], tier: 5, limits: {per_customer: {limit: 1, per: rolling 1d}}",
        CREAM,
        "",
    ),
    "a total": ("offer: story, placements: [hero], tier: 5, limits: {total: 9}", CREAM, ""),
    "a stock": ("offer: limited, placements: [hero], tier: 5", CREAM, ""),
    "a value that may be missing": ("offer: named, placements: [hero], tier: 5", CREAM, ""),
    "another placement": ("offer: story, placements: [row], tier: 5", CREAM, ""),
    "one of two placements": (
        "offer: story, placements: [hero], tier: 5",
        "offer: cream, placements: [hero, row]",
        "",
    ),
    "room for three": ("offer: story, placements: [row], tier: 5", "offer: cream, placements: [row]", ""),
    "an outbound channel": ("offer: story, channels: [sms], tier: 5", "offer: cream, channels: [sms]", ""),
    "a cap on pages": (
        "offer: story, placements: [hero], tier: 5",
        CREAM,
        "pressure: {caps: {c: {limit: 1, per: rolling 7d, count: {kind: inbound}}}}",
    ),
    "a quiet page": (
        "offer: story, placements: [hero], tier: 5",
        CREAM,
        "pressure: {quiet: {q: {channel: web, days: [sun]}}}",
    ),
    "a pause of the offer": (
        "offer: story, placements: [hero], tier: 5",
        CREAM,
        "pressure: {pauses: {p: {outcome: ignored, for: 1d, scope: offer}}}",
    ),
    "a holdout": ("offer: story, placements: [hero], tier: 5", CREAM, "holdouts: {h: {share: 5%}}"),
}


@pytest.mark.parametrize(("first", "second", "more"), HARMLESS.values(), ids=HARMLESS.keys())
def test_campaigns_that_something_may_block(first: str, second: str, more: str, tmp_path: Path) -> None:
    """Nothing is said of a campaign that may be blocked, withheld, outranked, or not fit, or that leaves room elsewhere."""
    loaded = linted(tmp_path, campaigns(first, second) + more)
    assert loaded.book is not None
    assert lines_of(loaded, "shadowed") == []


TIES = {
    "for everybody": ([CREAM, CREAM], [0]),
    "overlapping": (
        [f"{CREAM}, when: {{profile.age: {{gte: 18}}}}", f"{CREAM}, when: {{profile.age: {{lt: 30}}}}"],
        [0],
    ),
    "a note for three": ([CREAM, CREAM, CREAM], [0]),
    "two groups": (
        [
            f"{CREAM}, when: {{profile.age: {{gte: 18}}}}",
            f"{CREAM}, when: {{profile.age: {{lt: 18}}}}",
            f"{CREAM}, when: {{profile.age: {{gte: 60}}}}",
            f"{CREAM}, when: {{profile.age: {{lt: 6}}}}",
        ],
        [0, 1],
    ),
    "exclusive": (
        [f"{CREAM}, when: {{profile.age: {{gte: 18}}}}", f"{CREAM}, when: {{profile.age: {{lt: 18}}}}"],
        [],
    ),
    "undecided": (
        [
            f"{CREAM}, when: {{profile.name: {{matches: a.c}}}}",
            f"{CREAM}, when: {{profile.name: {{matches: b.d}}}}",
        ],
        [],
    ),
    "another tier": ([CREAM, f"{CREAM}, tier: 1"], []),
    "another value": ([CREAM, f"{CREAM}, value: 3"], []),
    "another placement": ([CREAM, "offer: cream, placements: [row]"], []),
    "slots of a layer": ([f"{CREAM}, slot: prices/full", f"{CREAM}, slot: prices/reduced"], []),
    "one after the other": (
        [f"{CREAM}, active: {{until: 2026-05-31}}", f"{CREAM}, active: {{from: 2026-06-01}}"],
        [],
    ),
    "on other days": ([f"{CREAM}, active: {{days: [mon]}}", f"{CREAM}, active: {{days: [tue]}}"], []),
    "one that is over": ([CREAM, f"{CREAM}, active: {{until: 2020-01-01}}"], []),
}


@pytest.mark.parametrize(("entries", "noted"), TIES.values(), ids=TIES.keys())
def test_ties(entries: list[str], noted: list[int], tmp_path: Path) -> None:
    """Campaigns of equal merit that surely may fit one customer are noted, once a group, at the first of them."""
    loaded = linted(tmp_path, campaigns(*entries))
    assert loaded.book is not None
    assert lines_of(loaded, "tie") == [FIRST + index for index in noted]


def test_a_large_book_of_exclusive_campaigns_is_given_up(tmp_path: Path) -> None:
    """A thousand campaigns of equal merit are not compared a million times; the note on the first group comes."""
    entries = [f"{CREAM}, when: {{profile.age: {index % 100}}}" for index in range(1000)]
    loaded = linted(tmp_path, campaigns(*entries))
    assert FIRST in lines_of(loaded, "tie")


PAST = {
    "over": ("active: {until: 2026-03-02}", 0),
    "over today at eleven": ('active: {until: "2026-03-03T11:00"}', 0),
    "to the end of today": ("active: {until: 2026-03-03}", None),
    "somewhere still yesterday": ("active: {until: 2026-03-02, clock: customer}", None),
    "everywhere over": ("active: {until: 2026-03-01, clock: customer}", 0),
    "days that were": ("when: {now.date: {between: [2025-01-01, 2025-02-01]}}", 0),
    "days to come": ("when: {now.date: {between: [2025-01-01, 2027-02-01]}}", None),
    "days that were, or nobody": ("when: {any: [{now.date: 2025-01-01}, {profile.age: 3}]}", None),
}


@pytest.mark.parametrize(("entry", "noted"), PAST.values(), ids=PAST.keys())
def test_what_has_passed(entry: str, noted: int | None, tmp_path: Path) -> None:
    """Schedules and conditions are noted once no customer can be in them any more, by the clock that is passed in."""
    book = campaigns(f"{CREAM}, {entry}")
    assert lines_of(linted(tmp_path, book), "past") == ([] if noted is None else [FIRST])
    assert lines_of(linted(tmp_path, book, NOW - 1000 * DAY), "past") == []


def test_quiet_days_that_have_passed(tmp_path: Path) -> None:
    """A quiet rule of single days is noted after the last of them; with holidays or weekdays it goes on."""
    rules = (
        "pressure:\n  quiet:\n    old: {dates: [2025-12-24]}\n    more: {dates: [2025-12-24], days: [sun]}\n"
    )
    assert lines_of(linted(tmp_path, campaigns(CREAM) + rules), "past") == [FIRST + 3]


@pytest.mark.parametrize(("first", "second", "more"), SHADOWING.values(), ids=SHADOWING.keys())
def test_a_shadowed_campaign_is_never_decided(first: str, second: str, more: str, tmp_path: Path) -> None:
    """No customer, known or unknown, gets the campaign for which there is said to be no room."""
    book = linted(tmp_path, campaigns(first, second) + more).book
    assert book is not None
    compiled = compile_book(book)
    contexts: list[Attributes] = [{}, {"profile.age": 30, "profile.phone": "1", "profile.language": "fr"}]
    for number, attributes, placement in product(range(20), contexts, (True, False)):
        request = Request(
            f"customer-{number}",
            NOW,
            attributes,
            consents=frozenset(("sms",)),
            preferred_channels=(),
            channels=() if placement else ("web", "sms"),
            placement="hero" if placement else "",
            max_offers=1,
        )
        selection = select(evaluate(compiled, request), (), request.customer)
        chosen = [selected.proposal.compiled_campaign.campaign.name for selected in selection.chosen]
        assert "campaign-1" not in chosen
        assert chosen or placement is ("channels" in first)
    compiled.close()
