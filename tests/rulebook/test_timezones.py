"""Names of time zones that are links stand for a zone of their country."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest

from engine.rulebook.load import load_files
from engine.rulebook.text.timezones import NO_COUNTRY, by_country, located

LISTED = {name for names in by_country().values() for name in names}

WITHOUT_COUNTRY = NO_COUNTRY | {
    *("CST6CDT", "EST5EDT", "MST7MDT", "PST8PDT"),
    *("GMT", "GMT+0", "GMT-0", "GMT0", "Greenwich", "UCT", "UTC", "Universal", "Zulu"),
    *("Factory", "localtime", "posixrules"),
}
"""Beside Etc/…; the last two are the machine's own."""

MOMENTS = [datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=5 * step) for step in range(68 * 73)]
"""Every fifth day from 1970 to 2037."""


@pytest.mark.parametrize("name", sorted(available_timezones()))
def test_every_name(name: str) -> None:
    """A name is listed for a country, stands for one that is and has the same clock, or has no country."""
    zone = located(name)
    if name in LISTED or name in WITHOUT_COUNTRY or name.startswith("Etc/"):
        assert zone.key == name
        return
    assert zone.key in LISTED
    itself = ZoneInfo(name)
    assert [
        at for at in MOMENTS if at.astimezone(zone).utcoffset() != at.astimezone(itself).utcoffset()
    ] == []


@pytest.mark.parametrize(
    ("link", "zone", "country"),
    [
        ("US/Eastern", "America/New_York", "US"),
        ("Canada/Pacific", "America/Vancouver", "CA"),
        ("Asia/Calcutta", "Asia/Kolkata", "IN"),
        ("Europe/Kiev", "Europe/Kyiv", "UA"),
        ("Europe/Oslo", "Europe/Oslo", "NO"),
        ("Iceland", "Atlantic/Reykjavik", "IS"),
        ("Africa/Asmera", "Africa/Asmara", "ER"),
        ("Africa/Timbuktu", "Africa/Bamako", "ML"),
        ("America/Coral_Harbour", "America/Atikokan", "CA"),
        ("America/Virgin", "America/St_Thomas", "VI"),
        ("Antarctica/South_Pole", "Antarctica/McMurdo", "AQ"),
        ("Atlantic/Jan_Mayen", "Arctic/Longyearbyen", "SJ"),
        ("Pacific/Enderbury", "Pacific/Kanton", "KI"),
        ("Pacific/Ponape", "Pacific/Pohnpei", "FM"),
        ("Pacific/Truk", "Pacific/Chuuk", "FM"),
        ("Pacific/Yap", "Pacific/Chuuk", "FM"),
    ],
)
def test_own_country(link: str, zone: str, country: str) -> None:
    """A link stands for the zone of its own country, where the data links it across a border too."""
    assert located(link).key == zone
    assert zone in by_country()[country]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("Paris", "did you mean 'Europe/Paris'?"),
        ("Europe/Pariss", "did you mean 'Europe/Paris'?"),
        *((name, "name a place") for name in ("PST", "CEST", "GMT+1", "UTC+01:00", "+01:00")),
    ],
)
def test_an_unknown_name(name: str, hint: str) -> None:
    """An abbreviation or an offset is not taken for the misspelling of another one."""
    (diagnostic,) = load_files({"book.yaml": f"book: {{name: b, timezone: {name}}}".encode()}).diagnostics
    assert diagnostic.hint.startswith(hint)
