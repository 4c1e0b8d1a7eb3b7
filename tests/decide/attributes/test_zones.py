"""The customer's zone, and the time there."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.decide.attributes.zones import (
    CLOCK,
    Source,
    beside,
    by_country,
    local_time,
    plausible_zones,
    zone_of,
    zones_named,
    zones_of,
    zones_text,
)
from engine.model.instant import SECOND, from_datetime
from engine.model.values import Attributes, Value
from engine.rulebook.load import load_files

BOOK = ZoneInfo("Europe/Paris")


def coordinates(latitude: float, longitude: float, **more: Value) -> Attributes:
    """A location."""
    here: dict[str, Value] = {"location.latitude": latitude, "location.longitude": longitude}
    return here | {f"location.{name}": value for name, value in more.items()}


@pytest.mark.parametrize(
    ("given", "names", "source"),
    [
        ({}, ["Europe/Paris"], Source.BOOK),
        ({"profile.time_zone": "Asia/Tokyo", "location.time_zone": "Asia/Seoul"}, ["Asia/Tokyo"], Source.PROFILE),
        (coordinates(31.2, 121.5, time_zone="Asia/Seoul"), ["Asia/Seoul"], Source.LOCATION),
        (coordinates(31.2, 121.5, country="JP"), ["Asia/Shanghai"], Source.COORDINATES),
        (coordinates(43.8, 87.6), ["Asia/Shanghai", "Asia/Urumqi"], Source.COORDINATES),
        (coordinates(0, -150), ["Etc/GMT+10"], Source.COORDINATES),
        ({"location.country": "cn"}, ["Asia/Shanghai", "Asia/Urumqi"], Source.COUNTRY),
        ({"location.country": "JP", "location.latitude": 3.0}, ["Asia/Tokyo"], Source.COUNTRY),
        ({"location.country": "XX"}, ["Europe/Paris"], Source.BOOK),
        ({"profile.time_zone": "Mars/Base", "location.country": "NO"}, ["Europe/Oslo"], Source.COUNTRY),
        ({"profile.time_zone": "../secret"}, ["Europe/Paris"], Source.BOOK),
        ({"profile.time_zone": "Europe"}, ["Europe/Paris"], Source.BOOK),
        ({"profile.time_zone": 3, "location.country": 3}, ["Europe/Paris"], Source.BOOK),
    ],
)  # fmt: skip
def test_plausible_zones(given: Attributes, names: list[str], source: Source) -> None:
    """The first of profile, location, coordinates, country and book that gives a zone decides."""
    zones, known_from = zones_of(given, BOOK)
    assert sorted(zone.key for zone in zones) == names
    assert known_from is source


@settings(max_examples=200, deadline=None)
@given(st.floats(-90, 90), st.floats(-180, 180))
def test_every_place_has_a_zone(latitude: float, longitude: float) -> None:
    """Coordinates alone are enough everywhere, at the poles and the date line too."""
    assert zones_of(coordinates(latitude, longitude), BOOK).source is Source.COORDINATES


@pytest.mark.parametrize(
    ("country", "book", "zone"),
    [
        ("US", "Europe/Paris", "America/New_York"),
        ("US", "America/Denver", "America/Denver"),
        ("CN", "Asia/Shanghai", "Asia/Shanghai"),
    ],
)
def test_one_zone_of_several(country: str, book: str, zone: str) -> None:
    """The clock of a country with several zones is the book's, if it is one of them, else the first's."""
    assert zone_of({"location.country": country}, ZoneInfo(book)).key == zone


def test_countries() -> None:
    """Every country of the time zone database has a zone."""
    assert len(by_country()) > 240
    assert all(by_country().values())


def clock(moment: str, zone: str) -> dict[str, Value]:
    """The attributes of the customer's clock."""
    local = local_time(from_datetime(datetime.fromisoformat(moment)), ZoneInfo(zone))
    assert local is not None
    return {name.removeprefix("now."): read(local) for name, read in CLOCK.items()}


@pytest.mark.parametrize(
    ("moment", "zone", "hour", "weekday", "day"),
    [
        ("2026-03-29T00:59:59.999999+00:00", "Europe/Paris", 1, "sun", "2026-03-29"),
        ("2026-03-29T01:00:00+00:00", "Europe/Paris", 3, "sun", "2026-03-29"),
        ("2026-10-25T00:59:59+00:00", "Europe/Paris", 2, "sun", "2026-10-25"),
        ("2026-10-25T01:00:00+00:00", "Europe/Paris", 2, "sun", "2026-10-25"),
        ("2026-10-25T02:00:00+00:00", "Europe/Paris", 3, "sun", "2026-10-25"),
        ("2026-03-31T23:00:00+00:00", "Pacific/Kiritimati", 13, "wed", "2026-04-01"),
        ("2026-04-01T10:30:00+00:00", "Pacific/Pago_Pago", 23, "tue", "2026-03-31"),
        ("2011-12-30T09:59:59+00:00", "Pacific/Apia", 23, "thu", "2011-12-29"),
        ("2011-12-30T10:00:00+00:00", "Pacific/Apia", 0, "sat", "2011-12-31"),
        ("2026-01-01T00:00:00+00:00", "Asia/Kathmandu", 5, "thu", "2026-01-01"),
    ],
)
def test_the_clock(moment: str, zone: str, hour: int, weekday: str, day: str) -> None:
    """Hours, days and months are those of the zone: where clocks change, both ways, and across the date line."""
    shown = date.fromisoformat(day)
    expected = {"hour": hour, "weekday": weekday, "date": shown, "month": shown.month}
    assert clock(moment, zone) == expected


def test_the_ends_of_the_calendar() -> None:
    """Beyond the calendar there is no local time, and no error."""
    last = from_datetime(datetime(9999, 12, 31, 23, tzinfo=UTC))
    assert local_time(last, ZoneInfo("Asia/Tokyo")) is None
    assert local_time(last, ZoneInfo("UTC")) is not None
    assert local_time(300_000_000_000 * SECOND, ZoneInfo("UTC")) is None


@pytest.mark.parametrize(
    ("book", "expected", "count"),
    [
        ("Europe/Paris", ["Europe/Paris"], 1),
        ("Asia/Urumqi", ["Asia/Urumqi", "Asia/Shanghai"], 2),
        ("America/Denver", ["America/Denver", "America/New_York", "Pacific/Honolulu"], 29),
        ("UTC", ["UTC"], 1),
    ],
)
def test_who_is_unknown_lives_where_the_book_does(book: str, expected: list[str], count: int) -> None:
    """If nothing is known, all zones of the book's country are plausible, the book's own first."""
    zone = ZoneInfo(book)
    names = [plausible.key for plausible in plausible_zones({}, zone)]
    assert names[0] == book
    assert set(expected) <= set(names)
    assert len(names) == len(set(names)) == count
    assert tuple(map(ZoneInfo, names)) == beside(zone)


def test_what_is_known_goes_before_the_book() -> None:
    """A zone or a country is taken as it is, and the book's country does not matter."""
    assert plausible_zones({"profile.time_zone": "Asia/Tokyo"}, BOOK) == (ZoneInfo("Asia/Tokyo"),)
    assert plausible_zones({"location.country": "CN"}, ZoneInfo("America/Denver")) == by_country()["CN"]


def test_links_of_requests() -> None:
    """A link in a request is the zone that it stands for."""
    for source in ("profile", "location"):
        zones = zones_of({f"{source}.time_zone": "US/Pacific"}, BOOK).zones
        assert [zone.key for zone in zones] == ["America/Los_Angeles"]


def test_links_of_books() -> None:
    """A book in a link: the clock of the country's customers is the book's, and quiet hours hold in all its zones."""
    book = load_files({"book.yaml": b"book: {name: links, timezone: US/Pacific}\n"}).book
    assert book is not None
    zone = book.timezone
    assert zone_of({"location.country": "US"}, zone).key == "America/Los_Angeles"
    assert ZoneInfo("Pacific/Honolulu") in plausible_zones({}, zone)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({}, "beside America/New_York"),
        ({"location.country": "nz"}, "NZ"),
        ({"location.time_zone": "Asia/Tokyo"}, "Asia/Tokyo"),
        ({"profile.time_zone": "US/Eastern"}, "America/New_York"),
        ({"location.latitude": 43.8, "location.longitude": 87.6}, "Asia/Shanghai,Asia/Urumqi"),
    ],
)
def test_zones_are_read_from_their_text(given: Attributes, text: str) -> None:
    """A contact keeps the plausible zones in few words, and has the same zones by them later."""
    zone = ZoneInfo("America/New_York")
    assert zones_text(given, zone) == text
    assert zones_named(text) == plausible_zones(given, zone)
    assert zones_named("") == zones_named("Nowhere/At_All") == ()
