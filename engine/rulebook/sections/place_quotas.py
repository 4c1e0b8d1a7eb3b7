"""Reads capacities of places: so many contacts at each place of a set, from a number or a column of its table."""

from dataclasses import dataclass
from typing import NamedTuple

from engine.rulebook.model.derived import NEAREST, PlaceSet, Site
from engine.rulebook.model.policies import PlaceQuota
from engine.rulebook.report.diagnostics import Code, quote
from engine.rulebook.report.findings import Findings, Path
from engine.rulebook.sections.caps import WindowReader
from engine.rulebook.shapes.faults import shaped
from engine.rulebook.shapes.pressure import CapacityEachShape
from engine.rulebook.symbols import AttributeScope, SymbolTable
from engine.rulebook.text.nodes import PlainData

_LARGEST = 2**53
"""Limits are integers that JSON holds exactly."""


class _Places(NamedTuple):
    set: PlaceSet
    column: str
    """Tells its places apart."""


@dataclass(frozen=True, slots=True)
class PlaceQuotaReader:
    """Reads the capacities of places; errors go to the findings, those of cells with the line of their table."""

    place_sets: SymbolTable[PlaceSet]
    attribute_scope: AttributeScope
    windows: WindowReader
    findings: Findings

    def read(self, channel: str, value: PlainData, path: Path) -> PlaceQuota | None:
        """The capacity of each place for the channel at the path; None after reporting what is wrong with it."""
        self.windows.check_above_zero(value, path)
        shape = shaped(CapacityEachShape, value, path, self.findings)
        if shape is None:
            return None
        places = self._places(shape.by, (*path, "by"))
        window = self.windows.capacity_period(shape.per, path)
        if places is None or window is None:
            return None
        limits = self._limits(places, shape.limit, path)
        return None if limits is None else PlaceQuota(f"{channel}/capacity_each", shape.by, limits, window)

    def _places(self, by: str, path: Path) -> _Places | None:
        prefix, _, rest = by.partition(".")
        name, _, column = rest.partition(".")
        if f"{prefix}." != NEAREST or not column:
            message = f"{quote(by)} does not name the nearest place of a set"
            hint = "write `nearest`, the set, and a column that tells its places apart: nearest.dealers.name"
            self.findings.error(path, Code.VALUE, message, hint)
            return None
        attribute = self.attribute_scope.use(by, path, self.findings)
        place_set = self.place_sets.values.get(name)
        if attribute is None or place_set is None:
            return None
        if column not in place_set.fields:
            self.findings.error(path, Code.VALUE, f"{quote(column)} is no column: it does not name a place")
            return None
        return _Places(place_set, column)

    def _limits(self, places: _Places, limit: int | str, path: Path) -> dict[str, int] | None:
        """By the name of the place, how many; None after reporting what is wrong with a cell."""
        if isinstance(limit, str) and limit not in places.set.fields:
            message = f"the places {quote(places.set.name)} have no column {quote(limit)}"
            hint = self.findings.suggest(limit, places.set.fields)
            self.findings.error((*path, "limit"), Code.UNKNOWN, message, hint)
            return None
        limits: dict[str, int] = {}
        sound = True
        for site in places.set.places:
            name, number = site.fields.get(places.column, ""), self._limit(places.set, site, limit, path)
            if problem := _wrong_name(name, places.column, limits):
                self._report(places.set, site, path, problem)
                sound = False
            elif number is None:
                sound = False
            else:
                limits[name] = number
        return limits if sound else None

    def _limit(self, places: PlaceSet, site: Site, limit: int | str, path: Path) -> int | None:
        if isinstance(limit, int):
            return limit
        text = site.fields.get(limit, "")
        if text.isascii() and text.isdigit() and int(text) <= _LARGEST:
            return int(text)
        message = (
            f"column {limit}: {quote(text)} is no whole number from 0 on"
            if text
            else f"column {limit} is empty"
        )
        self._report(places, site, path, message)
        return None

    def _report(self, places: PlaceSet, site: Site, path: Path, message: str) -> None:
        if places.file:
            self.findings.report((places.file, site.line, 1), Code.VALUE, f"row {site.line}, {message}")
        else:
            self.findings.error(path, Code.VALUE, message)


def _wrong_name(name: str, column: str, limits: dict[str, int]) -> str:
    """Why places cannot be told apart; empty if they can."""
    if not name:
        return f"column {column} is empty: places are told apart by it"
    counter = PlaceQuota.in_counter(name)
    if name in limits or any(PlaceQuota.in_counter(other) == counter for other in limits):
        return f"column {column}: {quote(name)} is there twice, and places are told apart by it"
    return ""
