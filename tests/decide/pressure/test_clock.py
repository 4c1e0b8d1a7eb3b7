"""Wall clocks against the standard library, and what they suppose of the time zone database."""

import struct
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from engine.decide.pressure.clock import day_at, first_instant, offset, pieces
from engine.model.instant import DAY, SECOND, to_datetime
from tests.decide.pressure.strategies import moments, zones

MINUTE = 60 * SECOND
EPOCH = date(1970, 1, 1)


def changes_of(name: str) -> list[int]:
    """The moments since 1970, in seconds, at which a zone's clocks change, from its file (RFC 8536, version 2)."""
    data = files("tzdata").joinpath("zoneinfo", *name.split("/")).read_bytes()
    *_, times, types, characters = struct.unpack(">6l", data[20:44])
    leaps = struct.unpack(">l", data[28:32])[0]
    first = times * 5 + types * 6 + characters + leaps * 8 + sum(struct.unpack(">2l", data[20:28]))
    second = data[44 + first :]
    assert second[:4] == b"TZif"
    (count,) = struct.unpack(">l", second[32:36])
    (kinds,) = struct.unpack(">l", second[36:40])
    moments = struct.unpack(f">{count}q", second[44 : 44 + count * 8])
    which = second[44 + count * 8 : 44 + count * 9]
    table = second[44 + count * 9 : 44 + count * 9 + kinds * 6]
    ahead = [struct.unpack(">l", table[i * 6 : i * 6 + 4])[0] for i in range(kinds)]
    shown = [ahead[i] for i in which]
    return [at for i, at in enumerate(moments) if at >= 0 and (i == 0 or shown[i] != shown[i - 1])]


NAMES = files("tzdata").joinpath("zones").read_text("utf-8").split()
LATER = range(2_050_000_000, 2_050_000_000 + 366 * 86_400, 6 * 3600)
"""A year in which all but a few zones follow the yearly rule at the end of their files."""


def test_no_zone_changes_its_clocks_twice_in_two_days() -> None:
    """In the whole database, since 1970: on this rest the pieces of a day and of its surroundings."""
    changes = {name: changes_of(name) for name in NAMES}
    assert len(changes) > 400
    assert len(changes["Europe/Paris"]) > 40
    close = {name: min((b - a for a, b in pairwise(at)), default=DAY) for name, at in changes.items()}
    assert [name for name, seconds in close.items() if seconds < 2 * 86_400] == []


def test_nor_does_the_rule_for_later_years() -> None:
    """In a year far ahead, looked at four times a day, clocks that change stay so for more than two days."""
    changing = 0
    for name in NAMES:
        zone = ZoneInfo(name)
        shown = [(at, offset(zone, at * SECOND)) for at in LATER]
        changes = [at for (_, before), (at, after) in pairwise(shown) if before != after]
        changing += bool(changes)
        assert all(b - a > 3 * 86_400 for a, b in pairwise(changes)), name
    assert changing > 100


@given(zones, moments)
def test_the_offset_is_that_of_the_clock(zone: ZoneInfo, at: int) -> None:
    """The instant plus the offset is what the zone's clock shows."""
    shown = to_datetime(at).astimezone(zone).replace(tzinfo=UTC)
    assert to_datetime(at + offset(zone, at)) == shown


@given(zones, moments, st.integers(1, 2 * 1440))
def test_pieces_are_whole_and_each_of_one_offset(zone: ZoneInfo, start: int, minutes: int) -> None:
    """They follow each other from start to end, and the offset changes nowhere but between them."""
    end = start + minutes * MINUTE
    parts = list(pieces(zone, start, end))
    assert [parts[0][0], *(until for _, until, _ in parts)] == [
        start,
        *(since for since, _, _ in parts[1:]),
        end,
    ]
    for since, until, ahead in parts:
        assert {offset(zone, at) for at in (since, (since + until) // 2, until - 1)} == {ahead}


@given(zones, moments)
def test_a_day_begins_when_the_clock_first_shows_it(zone: ZoneInfo, at: int) -> None:
    """The tick before its first instant shows an earlier day; the day at a moment holds that moment."""
    day = day_at(zone, at)
    first, after = first_instant(zone, day), first_instant(zone, day + 1)
    assert first <= at < after
    midnight = datetime.combine(EPOCH + timedelta(days=day), datetime.min.time())
    assert to_datetime(first - 1).astimezone(zone).replace(tzinfo=None) < midnight
    assert to_datetime(first).astimezone(zone).replace(tzinfo=None) >= midnight
