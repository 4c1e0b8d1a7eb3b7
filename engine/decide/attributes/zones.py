"""The customer's time zone, and the time of a decision on their clock."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from functools import cache, lru_cache
from itertools import chain
from typing import NamedTuple
from zoneinfo import ZoneInfo

import tzfpy

from engine.decide.attributes.events import number_of
from engine.model.instant import Instant, to_datetime
from engine.model.values import Attributes, Value
from engine.rulebook.model.policies import WEEKDAYS
from engine.rulebook.text import timezones

CLOCK: Mapping[str, Callable[[datetime], Value]] = {
    "now.hour": lambda local: local.hour,
    "now.weekday": lambda local: WEEKDAYS[local.weekday()],
    "now.date": lambda local: local.date(),
    "now.month": lambda local: local.month,
}
"""By attribute, its value at a local time: hour 0 to 23, weekday, date, month 1 to 12."""


def local_time(now: Instant, zone: ZoneInfo) -> datetime | None:
    """Local time in the zone; None beyond the years 1 to 9999."""
    try:
        return to_datetime(now).astimezone(zone)
    except OverflowError:
        return None


_BESIDE = "beside "
"""Before the name of a book's zone, in the text of the zones that are plausible because nothing is known."""


NEEDS = (
    "profile.time_zone",
    "location.time_zone",
    "location.latitude",
    "location.longitude",
    "location.country",
)
"""The attributes from which zones are determined."""


class Source(StrEnum):
    """What a customer's zones were determined from."""

    PROFILE = "profile"
    LOCATION = "location"
    COORDINATES = "coordinates"
    COUNTRY = "country"
    BOOK = "book"
    """None of the attributes is given."""


class CustomerZones(NamedTuple):
    """The zones in which a customer may live."""

    zones: tuple[ZoneInfo, ...]
    """At least one; several if all of them are plausible."""
    source: Source


def zones_of(given: Attributes, book_zone: ZoneInfo) -> CustomerZones:
    """The plausible zones of a customer with these attributes; unknown names of zones and countries are ignored.

    A link of the tz database (US/Eastern) gives the zone that it stands for.
    """
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
    """One zone for the customer's clock: the book's zone if it is plausible, else the first plausible one.

    The zones of a country are in the order of zone.tab, which lists the most populous first as far as geography allows.
    """
    zones = zones_of(given, book_zone).zones
    return book_zone if book_zone in zones else zones[0]


def plausible_zones(given: Attributes, book_zone: ZoneInfo) -> tuple[ZoneInfo, ...]:
    """The zones in all of which a rule such as quiet hours must be kept for the customer.

    A customer of whom nothing is known is assumed to live in the book's zone, or in another zone of the same country.
    """
    zones, source = zones_of(given, book_zone)
    return beside(book_zone) if source is Source.BOOK else zones


def zones_text(given: Attributes, book_zone: ZoneInfo) -> str:
    """The plausible zones as a text, from which `zones_named` reads them: names, or what they were determined from."""
    zones, source = zones_of(given, book_zone)
    if source is Source.BOOK:
        return f"{_BESIDE}{book_zone.key}"
    country = given.get("location.country")
    if source is Source.COUNTRY and isinstance(country, str):
        return country.upper()
    return ",".join(zone.key for zone in zones)


@lru_cache(maxsize=1024)
def zones_named(text: str) -> tuple[ZoneInfo, ...]:
    """The zones of a text that `zones_text` wrote; those that do not exist any more are left out."""
    if text.startswith(_BESIDE):
        zone = _zone(text.removeprefix(_BESIDE))
        return () if zone is None else beside(zone)
    return by_country().get(text) or _existing(text.split(","))


def countries_of(given: Attributes, zones: tuple[ZoneInfo, ...]) -> tuple[str, ...]:
    """The country in which the customer is, by its ISO 3166-1 alpha-2 code; where it is not given, those of the zones.

    zones: where the customer may be.
    """
    country = given.get("location.country")
    if isinstance(country, str) and country.upper() in by_country():
        return (country.upper(),)
    return _countries_of_zones(zones)


@lru_cache(maxsize=1024)
def _countries_of_zones(zones: tuple[ZoneInfo, ...]) -> tuple[str, ...]:
    return tuple(country for country, own in by_country().items() if not set(own).isdisjoint(zones))


@cache
def beside(zone: ZoneInfo) -> tuple[ZoneInfo, ...]:
    """The zone, then the other zones of each country that has it; only the zone if zone.tab lists it for none."""
    countries = [zones for zones in by_country().values() if zone in zones]
    return tuple(dict.fromkeys((zone, *chain.from_iterable(countries))))


@cache
def by_country() -> Mapping[str, tuple[ZoneInfo, ...]]:
    """The zones of each country by its ISO 3166-1 alpha-2 code.

    Read from the package tzdata, once: compile_book calls it where a book needs it, so that no decision reads a file.
    """
    return {country: _existing(names) for country, names in timezones.by_country().items()}


def _at(latitude: float, longitude: float) -> tuple[ZoneInfo, ...]:
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        return ()
    return _existing(tzfpy.get_tzs(longitude, latitude))


def _existing(names: Iterable[str]) -> tuple[ZoneInfo, ...]:
    return tuple(zone for zone in map(_zone, names) if zone is not None)


@lru_cache(maxsize=1024)
def _zone(name: object) -> ZoneInfo | None:
    if not isinstance(name, str):
        return None
    try:
        return timezones.located(name)
    except (OSError, ValueError, KeyError):  # an unknown name, a directory, or no valid name
        return None
