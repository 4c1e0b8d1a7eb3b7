"""Names of time zones: the zone that an older name of the tz database stands for."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

_BACKWARD = {
    "Africa/Asmera": "Africa/Asmara",
    "Africa/Timbuktu": "Africa/Bamako",
    "America/Coral_Harbour": "America/Atikokan",
    "America/Virgin": "America/St_Thomas",
    "Antarctica/South_Pole": "Antarctica/McMurdo",
    "Atlantic/Jan_Mayen": "Arctic/Longyearbyen",
    "Iceland": "Atlantic/Reykjavik",
    "Pacific/Ponape": "Pacific/Pohnpei",
    "Pacific/Truk": "Pacific/Chuuk",
    "Pacific/Yap": "Pacific/Chuuk",
}
"""Links whose zone was merged with that of another country, to the zone of their own.

tzdata.zi links them across the border (Iceland to Africa/Abidjan); the file `backward` of the tz database names these
after `#=`, except Jan Mayen's, which shares the country SJ with Svalbard.
"""

NO_COUNTRY = frozenset(("CET", "EET", "EST", "HST", "MET", "MST", "WET"))
"""Abbreviations that tzdata.zi links to a city, though they say no country; they remain themselves."""


@cache
def by_country() -> Mapping[str, tuple[str, ...]]:
    """The names of the zones of each country by its ISO 3166-1 alpha-2 code, in the order of zone.tab of tzdata."""
    names: dict[str, list[str]] = {}
    for line in _lines("zone.tab"):
        if line and not line.startswith("#"):
            country, _, name, *_ = line.split("\t")
            names.setdefault(country, []).append(name)
    return {country: tuple(zone_names) for country, zone_names in names.items()}


def located(name: str) -> ZoneInfo:
    """The zone of the name; of a link (US/Eastern) the zone of its country (America/New_York), which has the same clock.

    A name without a country, such as UTC or EST, gives the zone of that name. Raises what ZoneInfo raises.
    """
    return ZoneInfo(_targets().get(name, name))


@cache
def _targets() -> Mapping[str, str]:
    """By link the name in zone.tab; links of no country are missing."""
    listed = {name for names in by_country().values() for name in names}
    links = {link: target for kind, target, link in _fields("tzdata.zi") if kind == "L"} | _BACKWARD
    targets = {}
    for link in links.keys() - listed - NO_COUNTRY:
        target = link
        while target in links and target not in listed:
            target = links[target]
        if target in listed:
            targets[link] = target
    return targets


def _fields(file: str) -> list[list[str]]:
    return [fields for line in _lines(file) if len(fields := line.split()) == 3]


def _lines(file: str) -> list[str]:
    return files("tzdata").joinpath("zoneinfo", file).read_text("utf-8").splitlines()
