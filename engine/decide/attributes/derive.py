"""Distances on the Earth."""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from math import asin, cos, radians, sin, sqrt
from zoneinfo import ZoneInfo

from engine.conditions.model import attributes_of
from engine.decide.attributes import zones
from engine.decide.attributes.aggregates import RFM, Measurement, measured, measurement
from engine.decide.attributes.events import History, history, number_of
from engine.decide.attributes.patterns import PatternSearch, exposed, found, pattern_search
from engine.decide.attributes.zones import CLOCK, local_time
from engine.model.event import Event
from engine.model.instant import Instant, Microseconds
from engine.model.values import Attributes, Value
from engine.rulebook.model.derived import Derived, Distance, Signal

EARTH_RADIUS_KM = 6371.0088
"""Mean radius R1 = (2a + b) / 3 of the International Union of Geodesy and Geophysics (H. Moritz, "Geodetic Reference
System 1980", Journal of Geodesy 74, 2000)."""


def distance_km(latitude: float, longitude: float, to_latitude: float, to_longitude: float) -> float:
    """The great-circle distance in kilometres between two places in degrees, on a sphere: wrong by 0.6 % at most.

    By the haversine formula, which keeps its digits at small distances (R. W. Sinnott, "Virtues of the Haversine", Sky and
    Telescope 68(2), 1984).
    """
    north, south = radians(latitude), radians(to_latitude)
    half_height = sin((south - north) / 2) ** 2
    half_width = sin(radians(to_longitude - longitude) / 2) ** 2
    # Rounding may lead beyond 1 at antipodes.
    return 2 * EARTH_RADIUS_KM * asin(min(1.0, sqrt(half_height + cos(north) * cos(south) * half_width)))


PATTERN, SIGNAL = "pattern.", "signal."


IS_NEW = "customer.is_new"


_PLACE = ("location.latitude", "location.longitude")


@dataclass(frozen=True, slots=True)
class Derivation:
    """What is to be derived, made ready; every field is empty where nothing of the kind is wanted."""

    zone: ZoneInfo
    """The book's."""
    measurements: tuple[Measurement, ...]
    searches: tuple[PatternSearch, ...]
    distances: tuple[Distance, ...]
    clock: tuple[str, ...]
    wanted: frozenset[str]
    needs: frozenset[str]
    """The given attributes that it reads."""

    @property
    def uses_events(self) -> bool:
        """Whether a customer's events matter."""
        return bool(self.measurements or self.searches)

    @property
    def event_types(self) -> frozenset[str]:
        """The types of the events that matter."""
        types = {one.aggregate.event for one in self.measurements}
        for pattern in (one.pattern for one in self.searches):
            types |= {step.event for step in (pattern.first, *pattern.then)}
            types |= {absence.event for absence in pattern.not_after}
        return frozenset(types)

    @property
    def reach(self) -> Microseconds | None:
        """How long ago the oldest event that matters happened; None: any time.

        Whatever else a pattern looks at is later than its first event.
        """
        windows = [one.aggregate.within for one in self.measurements]
        windows += [one.pattern.first.within for one in self.searches]
        known = [one for one in windows if one is not None]
        return max(known, default=0) if len(known) == len(windows) else None

    @property
    def of_events(self) -> frozenset[str]:
        """The attributes that are derived from events alone."""
        names = {one.aggregate.name for one in self.measurements}
        return frozenset(names).union(
            *(_names(PATTERN + one.pattern.name, one.pattern.expose) for one in self.searches)
        )

    def derive(
        self, given: Attributes, events: Iterable[Event], now: Instant, *, is_new: bool | None = None
    ) -> dict[str, Value]:
        """The derived values for a customer with these attributes and events; what is missing has no key.

        Events come in any order; see `normalise` for which of them count. `is_new`: what the caller knows of the customer;
        None: nothing. Linear in the number of events; never raises on values of the model's types.
        """
        values = self.derive_from_events(events, now)
        if self.distances:
            self._of_place(given, values)
        if self.clock:
            local = local_time(now, zones.zone_of(given, self.zone))
            if local is not None:
                values.update((name, CLOCK[name](local)) for name in self.clock)
        if is_new is not None and IS_NEW in self.wanted:
            values[IS_NEW] = is_new
        return values

    def derive_from_events(self, events: Iterable[Event], now: Instant) -> dict[str, Value]:
        """Those of the derived values that come from events."""
        values: dict[str, Value] = {}
        if self.uses_events:
            self._of_events(history(events, now), values)
        return values

    def _of_events(self, past: History, values: dict[str, Value]) -> None:
        for each in self.measurements:
            number = measured(each, past)
            if number is not None:
                values[each.aggregate.name] = number
        for one in self.searches:
            chain = found(one, past)
            if chain is not None:
                name = PATTERN + one.pattern.name
                values[name] = True
                values.update((f"{name}.{key}", value) for key, value in exposed(one.pattern, chain).items())

    def _of_place(self, given: Attributes, values: dict[str, Value]) -> None:
        latitude, longitude = (number_of(given.get(name)) for name in _PLACE)
        if latitude is not None and longitude is not None:
            for one in self.distances:
                values[one.name] = distance_km(latitude, longitude, one.latitude, one.longitude)


def derivation(derived: Derived, wanted: Set[str], zone: ZoneInfo) -> Derivation:
    """What of the book's derived attributes, and of those that every book has, is to be derived for these names.

    `wanted` names attributes of any kind, also given ones; see `closure` for what signals want.
    """
    aggregates = [*derived.aggregates.values(), *RFM.values()]
    patterns = [one for one in derived.patterns.values() if _names(PATTERN + one.name, one.expose) & wanted]
    distances = tuple(one for one in derived.distances.values() if one.name in wanted)
    clock = tuple(name for name in CLOCK if name in wanted)
    if clock:
        zones.by_country()  # read now, not within a decision
    return Derivation(
        zone,
        tuple(measurement(one) for one in aggregates if one.name in wanted),
        tuple(pattern_search(one) for one in patterns),
        distances,
        clock,
        frozenset(wanted),
        frozenset((*(_PLACE if distances else ()), *(zones.NEEDS if clock else ()))),
    )


def closure(derived: Derived, names: Iterable[str]) -> frozenset[str]:
    """The names, and all that the signals among them look at or expose, and the signals among those, and so on."""
    owners = {
        name: signal
        for signal in derived.signals.values()
        for name in _names(SIGNAL + signal.name, signal.expose)
    }
    wanted: set[str] = set()
    pending = list(names)
    while pending:
        name = pending.pop()
        if name not in wanted:
            wanted.add(name)
            if name in owners:
                pending += _of_signal(owners[name])
    return frozenset(wanted)


def _of_signal(signal: Signal) -> Sequence[str]:
    own = _names(SIGNAL + signal.name, signal.expose)
    until = attributes_of(signal.until) if signal.until else frozenset()
    return [*own, *attributes_of(signal.when), *until, *signal.expose.values()]


def _names(name: str, expose: Mapping[str, object]) -> frozenset[str]:
    """The attributes of a pattern or a signal."""
    return frozenset((name, *(f"{name}.{field}" for field in expose)))
