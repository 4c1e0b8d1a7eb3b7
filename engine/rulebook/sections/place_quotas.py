"""Reads capacities of places: so many contacts at each place of a set, from a number or a column of its table."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple

from engine.rulebook.model.derived import NEAREST, PlaceSet, Site
from engine.rulebook.model.policies import UNKNOWN_PLACE, PlaceQuota
from engine.rulebook.report.diagnostics import Code, quote
from engine.rulebook.report.findings import Findings, Path
from engine.rulebook.sections.caps import WindowReader
from engine.rulebook.shapes.faults import shaped
from engine.rulebook.shapes.pressure import CapacityEachShape
from engine.rulebook.shapes.sections import LARGEST_AMOUNT
from engine.rulebook.symbols import AttributeScope, SymbolTable
from engine.rulebook.text.nodes import PlainData

_LONGEST_NAME = 200
"""Characters: names are part of a counter's key, and keys of an index in PostgreSQL are bounded."""


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
        counters: set[str] = set()
        sound = True
        for site in places.set.places:
            name, number = site.fields.get(places.column, ""), self._limit(places.set, site, limit, path)
            if problem := _wrong_name(name, counters):
                self._report(places.set, site, path, places.column, problem)
                sound = False
            elif number is None:
                sound = False
            else:
                limits[name] = number
                counters.add(PlaceQuota.in_counter(name))
        return limits if sound else None

    def _limit(self, places: PlaceSet, site: Site, limit: int | str, path: Path) -> int | None:
        if isinstance(limit, int):
            return limit
        text = site.fields.get(limit, "")
        if text.isascii() and text.isdigit() and len(text.lstrip("0")) <= len(str(LARGEST_AMOUNT)):
            number = int(text)
            if number <= LARGEST_AMOUNT:
                return number
        message = f": {quote(text)} is no whole number from 0 to {LARGEST_AMOUNT:,}" if text else " is empty"
        self._report(places, site, path, limit, message)
        return None

    def _report(self, places: PlaceSet, site: Site, path: Path, column: str, problem: str) -> None:
        message = f"column {column}{problem}"
        if not places.file:
            self.findings.error(path, Code.VALUE, message)
            return
        position = (places.file, site.line, site.positions.get(column, 1))
        self.findings.report(position, Code.VALUE, f"row {site.line}, {message}")


def _wrong_name(name: str, counters: Collection[str]) -> str:
    """Why the place cannot have a counter of its own beside these; empty if it can."""
    if not name:
        return " is empty: places are told apart by it"
    if len(name) > _LONGEST_NAME:
        return (
            f": {quote(name)} has {len(name):,} characters, and the name of a place at most {_LONGEST_NAME}"
        )
    if not name.isprintable():
        return f": {quote(name)} has a control character"
    if name == UNKNOWN_PLACE:
        return f": {quote(name)} stands for customers of whom no place is known"
    if PlaceQuota.in_counter(name) in counters:
        return f": {quote(name)} is there twice, and places are told apart by it"
    return ""
