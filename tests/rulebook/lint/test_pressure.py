"""Caps that others dominate, against the rules that decisions use; and nights that are open at midnight."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.model.contact import Facts
from engine.model.instant import SECOND, from_datetime
from engine.rulebook.lint.pressure import CountedRule, dominates
from engine.rulebook.model.book import Book, Channel, Kind
from engine.rulebook.model.policies import Cap, Selector
from tests.decide.pressure import strategies
from tests.decide.pressure.rules import look, rules
from tests.rulebook.lint.loading import lines_of, linted

BOOK = Book(
    "b",
    "v",
    ZoneInfo("UTC"),
    channels={
        "sms": Channel("sms", Kind.OUTBOUND),
        "wechat": Channel("wechat", Kind.OUTBOUND),
        "web": Channel("web", Kind.INBOUND),
    },
)
contacts = strategies.facts.map(lambda facts: facts._replace(kind=BOOK.channels[facts.channel].kind.value))


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Cap, Cap]:
    """A cap, and another that is like it in part."""
    loose = replace(draw(strategies.caps), name="loose")
    strict = replace(draw(strategies.caps), name="strict", limit=draw(st.integers(1, loose.limit)))
    if draw(st.booleans()):
        strict = replace(strict, window=loose.window)
    if draw(st.booleans()):
        strict = replace(strict, count=draw(st.sampled_from([loose.count, Selector()])))
    return strict, loose if draw(st.booleans()) else replace(loose, customer_limit=None)


@settings(max_examples=200, deadline=None)
@given(
    st.data(), pairs(), st.lists(contacts, min_size=1, max_size=3), strategies.moments, strategies.plausible
)
def test_a_dominated_cap_blocks_only_where_the_other_does(
    data: st.DataObject, pair: tuple[Cap, Cap], proposals: list[Facts], now: int, zones: tuple[ZoneInfo, ...]
) -> None:
    """Whatever the history and the customer's own limit, no proposal is blocked by the dominated cap alone."""
    strict, loose = pair
    if not dominates(CountedRule("", strict, ()), CountedRule("", loose, ()), proposals, BOOK):
        return
    history = [
        contact._replace(facts=contact.facts._replace(kind=BOOK.channels[contact.facts.channel].kind.value))
        for contact in data.draw(strategies.histories(now))
    ]
    attributes = data.draw(strategies.customer_limits)
    for facts in proposals:
        blocking = {
            rule.name
            for rule in rules(strict, loose, facts=facts)
            if look(rule, now, history, attributes, zones).blocks
        }
        assert blocking != {"loose"}


HEAD = """\
book: {name: example, timezone: Europe/Paris}
attributes: {profile.phone: {type: text}, profile.most: {type: integer}}
channels:
  web: {kind: inbound}
  sms: {kind: outbound, address: profile.phone, consent: sms, on_silence: confirm}
  mail: {kind: outbound, address: profile.phone, consent: mail, on_silence: confirm}
offers: {cream: {name: Cream, tags: [winter], content: {default: {text: A cream}}}}
campaigns: {cream: {offer: cream, channels: [sms, mail]}, news: {offer: cream, category: service, value: 3, channels: [mail]}}
pressure:
"""
FIRST = HEAD.count("\n") + 2
"""The line of the first rule below `caps:` or `quiet:`."""

CAPS = {
    "lower limit in a longer window": (["{limit: 2, per: rolling 7d}", "{limit: 3, per: rolling 7d}"], [1]),
    "the same rule twice": (["{limit: 2, per: rolling 7d}", "{limit: 2, per: rolling 7d}"], [1]),
    "a day in a month": (["{limit: 1, per: calendar month}", "{limit: 1, per: calendar day}"], [1]),
    "a day in a rolling week": (
        ["{limit: 1, per: rolling 7d}", "{limit: 1, per: calendar day, clock: book}"],
        [1],
    ),
    "a channel among all": (
        ["{limit: 1, per: rolling 7d}", "{limit: 1, per: rolling 1d, count: {channel: sms}}"],
        [1],
    ),
    "a customer's own limit": (
        ["{limit: 1, per: rolling 7d}", "{limit: {attribute: profile.most, default: 1}, per: rolling 7d}"],
        [0],
    ),
    "a customer may lower it below": (
        ["{limit: 1, per: rolling 7d}", "{limit: {attribute: profile.most, default: 5}, per: rolling 7d}"],
        [],
    ),
    "another clock": (["{limit: 1, per: calendar month, clock: book}", "{limit: 1, per: calendar day}"], []),
    "a week is not in a month": (["{limit: 1, per: calendar month}", "{limit: 1, per: calendar week}"], []),
    "a rolling window is in no period": (
        ["{limit: 1, per: calendar month}", "{limit: 1, per: rolling 1d}"],
        [],
    ),
    "a week longer than a rolling one": (
        ["{limit: 1, per: rolling 7d}", "{limit: 1, per: calendar week}"],
        [],
    ),
    "what the stricter lets pass": (
        ["{limit: 1, per: rolling 7d, except: {category: service}}", "{limit: 1, per: rolling 1d}"],
        [],
    ),
    "both let it pass": (
        [
            "{limit: 1, per: rolling 7d, except: {category: service}}",
            "{limit: 1, per: rolling 1d, except: {category: service}}",
        ],
        [1],
    ),
    "the stricter is lifted for some": (
        ["{limit: 2, per: rolling 7d, trial: 5%}", "{limit: 3, per: rolling 7d}"],
        [],
    ),
    "the looser is lifted for some": (
        ["{limit: 2, per: rolling 7d}", "{limit: 3, per: rolling 7d, trial: 5%}"],
        [1],
    ),
    "the stricter is for some": (
        ["{limit: 2, per: rolling 7d, when: {profile.most: 3}}", "{limit: 3, per: rolling 7d}"],
        [],
    ),
    "the looser is for some": (
        ["{limit: 2, per: rolling 7d}", "{limit: 3, per: rolling 7d, when: {profile.most: 3}}"],
        [1],
    ),
    "both are for the same": (
        [
            "{limit: 2, per: rolling 7d, when: {profile.most: 3}}",
            "{limit: 3, per: rolling 7d, when: {profile.most: 3}}",
        ],
        [1],
    ),
    "inbound contacts": (
        ["{limit: 1, per: rolling 7d}", "{limit: 1, per: rolling 1d, count: {channel: [sms, web]}}"],
        [],
    ),
    "a narrower selector": (
        ["{limit: 1, per: rolling 7d, count: {channel: sms}}", "{limit: 2, per: rolling 1d}"],
        [],
    ),
}


@pytest.mark.parametrize(("caps", "dominated"), CAPS.values(), ids=CAPS.keys())
def test_dominated_caps(caps: list[str], dominated: list[int], tmp_path: Path) -> None:
    """A cap is reported if a stricter one covers all that it does, and only then; of equal ones the second."""
    written = "".join(f"    cap-{index}: {cap}\n" for index, cap in enumerate(caps))
    loaded = linted(tmp_path, f"{HEAD}  caps:\n{written}")
    assert loaded.book is not None
    assert lines_of(loaded, "dominated") == [FIRST + index for index in dominated]


NIGHTS = {
    "a minute": (['{from: "21:00", until: "23:59"}', '{from: "00:00", until: "08:00"}'], [0]),
    "after midnight": (['{from: "21:00", until: "24:00"}', '{from: "00:05", until: "08:00"}'], [0]),
    "no hole": (['{from: "21:00", until: "24:00"}', '{from: "00:00", until: "08:00"}'], []),
    "one rule": (['{from: "21:00", until: "08:00"}', '{from: "12:00", until: "13:00"}'], []),
    "an hour is meant": (['{from: "21:00", until: "23:00"}', '{from: "00:00", until: "08:00"}'], []),
    "other channels": (
        ['{channel: sms, from: "21:00", until: "23:59"}', '{channel: mail, from: "00:00", until: "08:00"}'],
        [],
    ),
    "other clocks": (['{from: "21:00", until: "23:59", clock: book}', '{from: "00:00", until: "08:00"}'], []),
    "one half is for some": (
        ['{from: "21:00", until: "23:59", when: {profile.most: 3}}', '{from: "00:00", until: "08:00"}'],
        [0],
    ),
    "a third rule": (
        [
            '{from: "21:00", until: "23:59"}',
            '{from: "00:00", until: "08:00"}',
            '{from: "23:50", until: "00:10"}',
        ],
        [],
    ),
    "the night of friday": (
        [
            '{days: [mon, tue, wed, thu, fri], from: "21:00", until: "24:00"}',
            '{days: [mon, tue, wed, thu, fri], from: "00:00", until: "08:00"}',
        ],
        [0],
    ),
    "saturday is quiet anyway": (
        [
            '{days: [mon, tue, wed, thu, fri], from: "21:00", until: "24:00"}',
            '{days: [mon, tue, wed, thu, fri], from: "00:00", until: "08:00"}',
            "{days: [sat]}",
        ],
        [],
    ),
    "the days on which nights end": (
        [
            '{days: [mon, tue, wed, thu, fri], from: "21:00", until: "24:00"}',
            '{days: [tue, wed, thu, fri, sat], from: "00:00", until: "08:00"}',
        ],
        [],
    ),
}


@pytest.mark.parametrize(("quiet", "holes"), NIGHTS.values(), ids=NIGHTS.keys())
def test_nights_that_are_open_at_midnight(quiet: list[str], holes: list[int], tmp_path: Path) -> None:
    """An evening and a morning that do not meet are reported at the evening, unless another rule closes the hole."""
    written = "".join(f"    rule-{index}: {rule}\n" for index, rule in enumerate(quiet))
    loaded = linted(tmp_path, f"{HEAD}  quiet:\n{written}")
    assert loaded.book is not None
    assert lines_of(loaded, "midnight-hole") == [FIRST + index for index in holes]


MONDAY = from_datetime(datetime(2026, 3, 2, tzinfo=ZoneInfo("Europe/Paris")))
MINUTE = 60 * SECOND
OF_OTHERS = ("other channels", "other clocks")
"""Nights that are open at midnight on a channel or a clock, since nobody meant one night."""


@pytest.mark.parametrize("case", [case for case in NIGHTS if case not in OF_OTHERS])
def test_holes_are_those_of_the_quiet_rules(case: str, tmp_path: Path) -> None:
    """On working days the rules that decisions use are quiet at 23:40 and open at midnight exactly where that is reported."""
    quiet, holes = NIGHTS[case]
    written = "".join(f"    rule-{index}: {rule}\n" for index, rule in enumerate(quiet))
    book = linted(tmp_path, f"{HEAD}  quiet:\n{written}").book
    assert book is not None
    zone = ZoneInfo("Europe/Paris")
    compiled = rules(*book.pressure.quiet.values(), zone=zone)

    def is_quiet(day: int, minute: int) -> bool:
        moment = MONDAY + (day * 1440 + minute) * MINUTE
        return any(look(rule, moment, zones=(zone,)).blocks for rule in compiled)

    half_nights = [
        day
        for day in range(5)
        if is_quiet(day, 1420) and not all(is_quiet(day, minute) for minute in (1439, 1440, 1444))
    ]
    assert bool(half_nights) is bool(holes)


@pytest.mark.parametrize("section", ["caps", "gaps", "quiet", "pauses"])
def test_a_rule_for_nobody(section: str, tmp_path: Path) -> None:
    """A `when` that never holds is reported where it is written, as in campaigns; one that always holds, too."""
    rule = {
        "caps": "limit: 2, per: rolling 7d",
        "gaps": "at_least: 2d",
        "quiet": "days: [sun]",
        "pauses": "outcome: ignored, for: 30d",
    }[section]
    conditions = (
        "{profile.most: {gt: 3, lt: 2}}",
        "{none: [{profile.most: {gt: 3, lt: 2}}]}",
        "{profile.most: 3}",
    )
    rules_ = "".join(f"    r{index}: {{{rule}, when: {when}}}\n" for index, when in enumerate(conditions))
    loaded = linted(tmp_path, f"{HEAD}  {section}:\n{rules_}")
    assert loaded.book is not None
    assert lines_of(loaded, "never-true") == [FIRST, FIRST + 1]
