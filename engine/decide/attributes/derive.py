"""Derived attributes: aggregates, patterns, distances and the customer's clock."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date
from math import asin, cos, inf, radians, sin, sqrt
from typing import NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

from engine.conditions.ages import days_to_anniversary, is_day
from engine.conditions.model import attributes_of
from engine.decide.attributes import zones
from engine.decide.attributes.aggregates import Measurement, measured, measurement
from engine.decide.attributes.contacts import numbers_of_contacts
from engine.decide.attributes.events import History, history, number_of
from engine.decide.attributes.patterns import PatternSearch, exposed, find, pattern_search
from engine.decide.attributes.trends import trend_values
from engine.decide.attributes.zones import CLOCK, local_time
from engine.model.contact import MadeContact
from engine.model.event import Event
from engine.model.instant import Instant, Microseconds
from engine.model.trends import TrendSource
from engine.model.values import Attributes, Value
from engine.rulebook.model.derived import (
    NEAREST,
    RFM,
    ContactCount,
    Derived,
    Distance,
    PlaceSet,
    Signal,
    Site,
    Trend,
)

EARTH_RADIUS_KM = 6371.0088
"""Mean radius R1 = (2a + b) / 3 of the International Union of Geodesy and Geophysics (H. Moritz, "Geodetic Reference
System 1980", Journal of Geodesy 74, 2000)."""


def distance_km(latitude: float, longitude: float, to_latitude: float, to_longitude: float) -> float:
    """The great-circle distance in kilometres between two points in degrees, on a sphere: wrong by 0.6 % at most.

    Computed by the haversine formula, which stays accurate at small distances (R. W. Sinnott, "Virtues of the Haversine",
    Sky and Telescope 68(2), 1984).
    """
    north, south = radians(latitude), radians(to_latitude)
    half_height = sin((south - north) / 2) ** 2
    half_width = sin(radians(to_longitude - longitude) / 2) ** 2
    # Rounding may exceed 1 at antipodes.
    return 2 * EARTH_RADIUS_KM * asin(min(1.0, sqrt(half_height + cos(north) * cos(south) * half_width)))


_KM_A_DEGREE = radians(1) * EARTH_RADIUS_KM
"""Of latitude."""


Vector: TypeAlias = tuple[float, float, float]
"""A point of a sphere of radius 1."""


_ROUNDING = 1e-12
"""Far above the rounding of products of vectors, and above that of haversines: what differs by more is nearer by both."""


class NearestSearch(NamedTuple):
    """A set of places, compiled: in order of latitude."""

    name: str
    latitudes: tuple[float, ...]
    places: tuple[tuple[int, Site, Vector], ...]
    """With their positions in the book, and where they are on a sphere of radius 1."""
    attributes: tuple[Mapping[str, str], ...]
    """Of each, in the same order: its fields as attributes."""

    def find(self, latitude: float, longitude: float) -> tuple[Site, float]:
        """The nearest place, of equally near ones the first of the book, and its distance in kilometres."""
        index, km = self._find(latitude, longitude)
        return self.places[index][1], km

    def values(self, latitude: float, longitude: float) -> dict[str, Value]:
        """The attributes of the nearest place."""
        index, km = self._find(latitude, longitude)
        return {**self.attributes[index], f"{NEAREST}{self.name}.distance": km}

    def _find(self, latitude: float, longitude: float) -> tuple[int, float]:
        """Tries places away from the latitude on both sides, until the latitudes alone are farther than the nearest so far.

        The distance is computed of those only whose vector is as near: the product of two vectors is the larger, the nearer
        they are.
        """
        latitudes, places = self.latitudes, self.places
        x, y, z = _vector(latitude, longitude)
        above = bisect_left(latitudes, latitude)
        below, last = above - 1, len(latitudes)
        best, index, nearest, farthest = (inf, 0), 0, -2.0, inf
        while below >= 0 or above < last:
            down = latitude - latitudes[below] if below >= 0 else inf
            up = latitudes[above] - latitude if above < last else inf
            # Rounding must not end the search before a place that is equally near.
            if (min(up, down)) > farthest:
                break
            at = below if down < up else above
            number, site, (site_x, site_y, site_z) = places[at]
            product = x * site_x + y * site_y + z * site_z
            if product > nearest - _ROUNDING:
                km = distance_km(latitude, longitude, site.latitude, site.longitude)
                if (km, number) < best:
                    best, index = (km, number), at
                    farthest = (km * (1 + 1e-9) + 1e-9) / _KM_A_DEGREE
                nearest = max(product, nearest)
            if down < up:
                below -= 1
            else:
                above += 1
        return index, best[0]


def nearest_search(place_set: PlaceSet) -> NearestSearch:
    """Compile a set of places."""
    ordered = sorted(enumerate(place_set.places), key=lambda numbered: numbered[1].latitude)
    prefix = f"{NEAREST}{place_set.name}."
    return NearestSearch(
        place_set.name,
        tuple(site.latitude for _, site in ordered),
        tuple((number, site, _vector(site.latitude, site.longitude)) for number, site in ordered),
        tuple({prefix + name: text for name, text in site.fields.items()} for _, site in ordered),
    )


def _vector(latitude: float, longitude: float) -> Vector:
    phi, theta = radians(latitude), radians(longitude)
    return cos(phi) * cos(theta), cos(phi) * sin(theta), sin(phi)


PATTERN, SIGNAL = "pattern.", "signal."


IS_NEW = "customer.is_new"


_COORDINATES = ("location.latitude", "location.longitude")


@dataclass(frozen=True, slots=True)
class Derivation:
    """The derived attributes that a book refers to, compiled; a field is empty if the book uses none of its kind."""

    zone: ZoneInfo
    """The book's time zone."""
    measurements: tuple[Measurement, ...]
    searches: tuple[PatternSearch, ...]
    distances: tuple[Distance, ...]
    nearest: tuple[NearestSearch, ...]
    clock: tuple[str, ...]
    """The attributes of CLOCK."""
    anniversaries: tuple[tuple[str, str], ...]
    """Attributes, and the dates to whose anniversaries they count the days."""
    names: frozenset[str]
    """All names that the book refers to, of any kind."""
    needs: frozenset[str]
    """The given attributes from which it derives others."""
    contacts: tuple[ContactCount, ...] = ()
    trends: tuple[Trend, ...] = ()

    @property
    def uses_events(self) -> bool:
        """Whether anything is derived from a customer's events."""
        return bool(self.measurements or self.searches)

    @property
    def event_types(self) -> frozenset[str]:
        """The types of the events that it reads."""
        types = {measurement.aggregate.event for measurement in self.measurements}
        for pattern in (search.pattern for search in self.searches):
            types |= {step.event for step in (pattern.first, *pattern.then)}
            types |= {absence.event for absence in pattern.not_after}
        return frozenset(types)

    @property
    def reach(self) -> Microseconds | None:
        """Maximum age of an event that it reads; None if events of any age count.

        All other events of a pattern are later than its first event.
        """
        windows = [measurement.aggregate.within for measurement in self.measurements]
        windows += [search.pattern.first.within for search in self.searches]
        limited = [window for window in windows if window is not None]
        return max(limited, default=0) if len(limited) == len(windows) else None

    @property
    def names_from_events(self) -> frozenset[str]:
        """The attributes that are derived from events alone."""
        names = {measurement.aggregate.name for measurement in self.measurements}
        return frozenset(names).union(
            *(_names(PATTERN + search.pattern.name, search.pattern.expose) for search in self.searches)
        )

    @property
    def names_from_contacts(self) -> tuple[str, ...]:
        """The attributes that are derived from the customer's contacts."""
        return tuple(name for count in self.contacts for name in (count.name, count.sent) if name)

    def derive(
        self,
        given: Attributes,
        events: Iterable[Event],
        now: Instant,
        *,
        is_new: bool | None = None,
        contacts: Sequence[MadeContact] = (),
        trends: TrendSource | None = None,
    ) -> dict[str, Value]:
        """The derived values for a customer with these attributes and events; a missing value has no key.

        events: in any order; see `normalise` for which of them count. is_new: whether nothing is stored of the customer;
        None if that was not looked up. trends: where trends are read from; None: they are not known. Linear in the number
        of events; never raises on values of the model's types.
        """
        values = self.derive_from_events(events, now)
        values.update(numbers_of_contacts(self.contacts, contacts, now))
        if self.distances or self.nearest:
            self._add_distances(given, values)
        if self.clock or self.anniversaries:
            local = local_time(now, zones.zone_of(given, self.zone))
            if local is not None:
                values.update((name, CLOCK[name](local)) for name in self.clock)
                values.update(self._days_to_anniversaries(given, local.date()))
        if is_new is not None and IS_NEW in self.names:
            values[IS_NEW] = is_new
        if self.trends and trends is not None:
            values.update(trend_values(self.trends, trends, {**values, **given}, now))
        return values

    def _days_to_anniversaries(self, given: Attributes, today: date) -> Iterator[tuple[str, int]]:
        for name, source in self.anniversaries:
            day = given.get(source)
            if isinstance(day, date) and is_day(day):
                yield name, days_to_anniversary(day, today)

    def derive_from_events(self, events: Iterable[Event], now: Instant) -> dict[str, Value]:
        """The values of aggregates and patterns."""
        values: dict[str, Value] = {}
        if self.uses_events:
            self._add_from_events(history(events, now), values)
        return values

    def _add_from_events(self, past: History, values: dict[str, Value]) -> None:
        for compiled in self.measurements:
            number = measured(compiled, past)
            if number is not None:
                values[compiled.aggregate.name] = number
        for search in self.searches:
            chain = find(search, past)
            if chain is not None:
                name = PATTERN + search.pattern.name
                values[name] = True
                values.update(
                    (f"{name}.{key}", value) for key, value in exposed(search.pattern, chain).items()
                )

    def _add_distances(self, given: Attributes, values: dict[str, Value]) -> None:
        latitude, longitude = (number_of(given.get(name)) for name in _COORDINATES)
        if latitude is not None and longitude is not None:
            for distance in self.distances:
                values[distance.name] = distance_km(
                    latitude, longitude, distance.latitude, distance.longitude
                )
            for search in self.nearest:
                values.update(search.values(latitude, longitude))


def derivation(derived: Derived, names: Set[str], zone: ZoneInfo) -> Derivation:
    """Compile the derived attributes among these names: the book's, and those that every book has.

    names: attributes of any kind, also given ones, with those that signals refer to; see `closure`.
    """
    aggregates = [*derived.aggregates.values(), *RFM.values()]
    patterns = [
        pattern
        for pattern in derived.patterns.values()
        if _names(PATTERN + pattern.name, pattern.expose) & names
    ]
    distances = tuple(distance for distance in derived.distances.values() if distance.name in names)
    sets = {name.rpartition(".")[0] for name in names if name.startswith(NEAREST)}
    nearest = tuple(
        nearest_search(place_set) for name, place_set in derived.places.items() if f"{NEAREST}{name}" in sets
    )
    clock = tuple(name for name in CLOCK if name in names)
    anniversaries = tuple((name, day) for name, day in derived.anniversaries.items() if name in names)
    dated = bool(clock or anniversaries)
    if dated:
        zones.by_country()  # reads a file, which a decision must not
    return Derivation(
        zone,
        tuple(measurement(aggregate) for aggregate in aggregates if aggregate.name in names),
        tuple(pattern_search(pattern) for pattern in patterns),
        distances,
        nearest,
        clock,
        anniversaries,
        frozenset(names),
        frozenset(
            (
                *(_COORDINATES if distances or nearest else ()),
                *(zones.NEEDS if dated else ()),
                *(day for _, day in anniversaries),
                *(trend.attribute for trend in _trends(derived, names) if trend.attribute),
            )
        ),
        tuple(count for count in derived.contacts.values() if count.name in names),
        _trends(derived, names),
    )


def _trends(derived: Derived, names: Set[str]) -> tuple[Trend, ...]:
    """The trends among these names."""
    return tuple(
        trend for trend in derived.trends.values() if trend.count_name in names or trend.ratio_name in names
    )


def closure(derived: Derived, names: Iterable[str]) -> frozenset[str]:
    """The names, and all attributes that the signals among them refer to or expose, transitively."""
    owners = {
        name: signal
        for signal in derived.signals.values()
        for name in _names(SIGNAL + signal.name, signal.expose)
    }
    by_value = {trend.count_name: trend.attribute for trend in derived.trends.values() if trend.attribute}
    closed: set[str] = set()
    pending = list(names)
    while pending:
        name = pending.pop()
        if name not in closed:
            closed.add(name)
            if name in owners:
                pending += _names_of_signal(owners[name])
            if name in by_value:
                pending.append(by_value[name])
    return frozenset(closed)


def _names_of_signal(signal: Signal) -> Sequence[str]:
    own = _names(SIGNAL + signal.name, signal.expose)
    until = attributes_of(signal.until) if signal.until else frozenset()
    return [*own, *attributes_of(signal.when), *until, *signal.expose.values()]


def _names(name: str, expose: Mapping[str, object]) -> frozenset[str]:
    """The attributes of a pattern or a signal: its name, and one for each field that it exposes."""
    return frozenset((name, *(f"{name}.{field}" for field in expose)))
