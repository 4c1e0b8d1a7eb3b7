"""The moment of a decision as the customer's clock shows it."""

from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum
from functools import cache, lru_cache
from importlib.resources import files
from typing import NamedTuple
from zoneinfo import ZoneInfo

import tzfpy

from engine.decide.attributes.events import number_of
from engine.model.instant import Instant, to_datetime
from engine.model.values import Attributes, Value
from engine.rulebook.model.policies import WEEKDAYS

CLOCK: Mapping[str, Callable[[datetime], Value]] = {
    "now.hour": lambda local: local.hour,
    "now.weekday": lambda local: WEEKDAYS[local.weekday()],
    "now.date": lambda local: local.date(),
    "now.month": lambda local: local.month,
}
"""By attribute, what is read off the clock: hours 0 to 23, days, ISO dates, months 1 to 12."""


def local_time(now: Instant, zone: ZoneInfo) -> datetime | None:
    """The moment on the zone's clock; None beyond the years 1 to 9999."""
    try:
        return to_datetime(now).astimezone(zone)
    except OverflowError:
        return None


NEEDS = (
    "profile.time_zone",
    "location.time_zone",
    "location.latitude",
    "location.longitude",
    "location.country",
)
"""The attributes that are looked at."""


class Source(StrEnum):
    """What a customer's zones are known from."""

    PROFILE = "profile"
    LOCATION = "location"
    COORDINATES = "coordinates"
    COUNTRY = "country"
    BOOK = "book"
    """Nothing is known of the customer."""


class CustomerZones(NamedTuple):
    """The zones in which a customer may be."""

    zones: tuple[ZoneInfo, ...]
    """At least one; several where all of them are plausible."""
    source: Source


def zones_of(given: Attributes, book_zone: ZoneInfo) -> CustomerZones:
    """The plausible zones of a customer with these attributes; names that are no zones and no countries say nothing."""
    for source in (Source.PROFILE, Source.LOCATION):
        zone = _zone(given.get(f"{source}.time_zone"))
        if zone is not None:
            return CustomerZones((zone,), source)
    latitude = number_of(given.get("location.latitude"))
    longitude = number_of(given.get("location.longitude"))
    if latitude is not None and longitude is not None:
        zones = _at(latitude, longitude)
        if zones:
            return CustomerZones(zones, Source.COORDINATES)
    country = given.get("location.country")
    zones = by_country().get(country.upper(), ()) if isinstance(country, str) else ()
    return CustomerZones(zones, Source.COUNTRY) if zones else CustomerZones((book_zone,), Source.BOOK)


def zone_of(given: Attributes, book_zone: ZoneInfo) -> ZoneInfo:
    """One zone for the customer's clock: the book's if it is among the plausible ones, else the first of them.

    The zones of a country are in the order of zone.tab, which puts the more populous ones first where geography lets it.
    """
    zones = zones_of(given, book_zone).zones
    return book_zone if book_zone in zones else zones[0]


def plausible_zones(given: Attributes, book_zone: ZoneInfo) -> tuple[ZoneInfo, ...]:
    """The zones in every one of which a promise to the customer has to be kept, such as quiet hours.

    Of a customer of whom nothing is known it is supposed that he lives where the book does: in the book's zone, or in
    another one of the same country.
    """
    zones, source = zones_of(given, book_zone)
    return beside(book_zone) if source is Source.BOOK else zones


@cache
def beside(zone: ZoneInfo) -> tuple[ZoneInfo, ...]:
    """The zone, then the other zones of each country that has it; alone where zone.tab lists it for none."""
    return tuple(
        dict.fromkeys((zone, *(each for all_ in by_country().values() if zone in all_ for each in all_)))
    )


@cache
def by_country() -> Mapping[str, tuple[ZoneInfo, ...]]:
    """The zones of each country by its ISO 3166-1 alpha-2 code; read from the package tzdata once."""
    table = files("tzdata").joinpath("zoneinfo", "zone.tab").read_text("utf-8")
    names: dict[str, list[str]] = {}
    for line in table.splitlines():
        if line and not line.startswith("#"):
            country, _, name, *_ = line.split("\t")
            names.setdefault(country, []).append(name)
    return {country: _known(each) for country, each in names.items()}


def _at(latitude: float, longitude: float) -> tuple[ZoneInfo, ...]:
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        return ()
    return _known(tzfpy.get_tzs(longitude, latitude))


def _known(names: list[str]) -> tuple[ZoneInfo, ...]:
    return tuple(zone for zone in map(_zone, names) if zone is not None)


@lru_cache(maxsize=1024)
def _zone(name: object) -> ZoneInfo | None:
    if not isinstance(name, str):
        return None
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):  # no such name, a directory, or no name at all
        return None
