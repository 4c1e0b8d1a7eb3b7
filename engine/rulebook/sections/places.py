"""The section `places`: places by their coordinates, and sets of places from a table, of which the nearest counts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from math import isfinite

from engine.rulebook.model.book import Attribute, AttributeType
from engine.rulebook.model.derived import NEAREST, PlaceSet, Site
from engine.rulebook.report.diagnostics import Code, quote
from engine.rulebook.report.findings import Findings, Path
from engine.rulebook.shapes.derived import PlaceFileShape, PlaceShape
from engine.rulebook.shapes.faults import shaped
from engine.rulebook.symbols import SymbolTable
from engine.rulebook.text.files import Sources, is_table
from engine.rulebook.text.merge import as_words, is_words
from engine.rulebook.text.nodes import PlainData
from engine.rulebook.text.tables import TableRow, read_table

DISTANCE = "distance"
"""The field of every place that is its distance from the customer, in kilometres."""

_BOUNDS = {"latitude": 90, "longitude": 180}
_MEANT = {"lat": "latitude", "lng": "longitude", "lon": "longitude", "long": "longitude"}
_MOST_TABLES = 20
_MOST_COLUMNS = 50


@dataclass(slots=True)
class PlaceReader:
    """Reads the places of one book; errors go to the findings."""

    sources: Sources
    findings: Findings
    tables: dict[str, PlainData] = field(default_factory=dict)
    """The cells of the tables that were read, by file: they are part of what the book says."""

    def read(self, data: Mapping[str, PlainData], *, partial: bool) -> SymbolTable[PlaceSet]:
        """The section `places`."""
        places: SymbolTable[PlaceSet] = SymbolTable("place", partial=partial)
        for name, value in data.items():
            path = ("places", name)
            if isinstance(value, dict) and "file" in value:
                places.add(name, self._from_file(name, value, path))
            else:
                shape = shaped(PlaceShape, value, path, self.findings)
                single = self._single(name, shape, path) if shape else None
                places.add(name, single, sound=path not in self.findings.recovered)
        return places

    def with_tables(self, data: Mapping[str, PlainData]) -> Mapping[str, PlainData]:
        """The book's data with the tables that its places name, by which its version is computed."""
        return {**data, "tables": self.tables} if self.tables else data

    def _single(self, name: str, shape: PlaceShape, path: Path) -> PlaceSet:
        for key in shape.fields:
            if key == DISTANCE:
                message = f"`{DISTANCE}` is how far away a place is"
                self.findings.key_error((*path, "fields", key), Code.NAME, message)
            elif not is_words(key, dots=False):
                self._report_name(key, (*path, "fields", key))
        return PlaceSet(name, (Site(shape.latitude, shape.longitude, shape.fields),), tuple(shape.fields))

    def _report_name(self, name: str, path: Path) -> None:
        meant = as_words(name)
        hint = f"write {meant}" if meant else "a lower-case word of letters, digits and _"
        self.findings.key_error(path, Code.NAME, f"{quote(name)} is not the name of a field", hint)

    def _from_file(self, name: str, value: PlainData, path: Path) -> PlaceSet | None:
        shape = shaped(PlaceFileShape, value, path, self.findings)
        if shape is None or path in self.findings.recovered:
            return None
        here = (*path, "file")
        if len(self.tables) == _MOST_TABLES and shape.file not in self.tables:
            self.findings.error(here, Code.TOO_LARGE, f"a book has at most {_MOST_TABLES} tables")
            return None
        content, reason = self.sources.table(shape.file)
        if content is None:
            hint = (
                self.findings.suggest(shape.file, self.sources.table_names()) if is_table(shape.file) else ""
            )
            self.findings.error(here, Code.FILE, f"{quote(shape.file)}: {reason}", hint)
            return None
        rows = read_table(shape.file, content, self.findings)
        if rows is None:
            return None
        self.tables[shape.file] = [list(row.cells) for row in rows]
        return _PlaceTable(rows[0], self.findings).read(name, rows[1:])


@dataclass(frozen=True, slots=True)
class _PlaceTable:
    """A table of places: the columns latitude and longitude, and one for each field."""

    header: TableRow
    findings: Findings

    def read(self, name: str, rows: Sequence[TableRow]) -> PlaceSet | None:
        """The places of the rows; None after reporting what is wrong with any of them."""
        if not self._check_header():
            return None
        if not rows:
            message = "there is no row below the header"
            self.findings.report((self.header.file, self.header.line, 1), Code.EMPTY, message)
            return None
        places = [site for row in rows if (site := self._site(row)) is not None]
        fields = tuple(column for column in self.header.cells if column not in _BOUNDS)
        if len(places) < len(rows):
            return None
        return PlaceSet(name, tuple(places), fields, is_table=True, file=self.header.file)

    def _check_header(self) -> bool:
        columns, sound = self.header.cells, True
        for index, column in enumerate(columns):
            message, hint = self._wrong_column(index, column)
            if message:
                self._report(self.header, index, Code.NAME, message, hint)
                sound = False
        for needed in _BOUNDS:
            if needed not in columns:
                close = [name for name in columns if _MEANT.get(name.lower()) == needed]
                close += get_close_matches(needed, columns, n=1)
                hint = f"is it {quote(close[0])}? Write {needed}" if close else ""
                if len(columns) == 1 and ";" in columns[0]:
                    hint = "separate the cells by commas"
                self._report(self.header, 0, Code.MISSING, f"there is no column {needed}", hint)
                sound = False
        return sound

    def _wrong_column(self, index: int, column: str) -> tuple[str, str]:
        """What is wrong with the column, and a hint; empty if nothing is."""
        if index >= _MOST_COLUMNS:
            return f"a table of places has at most {_MOST_COLUMNS} columns", ""
        if column == DISTANCE:
            return f"`{DISTANCE}` is how far away a place is: it has no column", ""
        if column in self.header.cells[:index]:
            return f"the column {quote(column)} is here a second time", ""
        if not is_words(column, dots=False) and not (len(self.header.cells) == 1 and ";" in column):
            meant = as_words(column)
            hint = f"write {meant}" if meant else "a lower-case word of letters, digits and _"
            return f"{quote(column)} is not the name of a field", hint
        return "", ""

    def _site(self, row: TableRow) -> Site | None:
        columns = self.header.cells
        if len(row.cells) != len(columns):
            message = f"row {row.line} has {len(row.cells)} cells, and the header {len(columns)}"
            self._report(row, 0, Code.SYNTAX, message, "put a cell with a comma in double quotes")
            return None
        cells = dict(zip(columns, row.cells, strict=True))
        degrees = {column: self._degrees(row, column) for column in _BOUNDS}
        latitude, longitude = degrees["latitude"], degrees["longitude"]
        if latitude is None or longitude is None:
            return None
        fields = {name: cell for name, cell in cells.items() if name not in _BOUNDS and cell}
        positions = {name: row.position(index)[2] for index, name in enumerate(columns)}
        return Site(latitude, longitude, fields, row.line, positions)

    def _degrees(self, row: TableRow, column: str) -> float | None:
        index = self.header.cells.index(column)
        text, bound = row.cells[index], _BOUNDS[column]
        try:
            number = float(text)
        except ValueError:
            number = float("nan")
        if isfinite(number) and -bound <= number <= bound:
            return number
        hint = "write a point before the decimals" if "," in text else ""
        message = f"row {row.line}, column {column}: {quote(text)} is no number from -{bound} to {bound}"
        self._report(row, index, Code.VALUE, message, hint)
        return None

    def _report(self, row: TableRow, index: int, code: Code, message: str, hint: str) -> None:
        self.findings.report(row.position(index), code, message, hint)


def attributes_of(places: SymbolTable[PlaceSet]) -> SymbolTable[Mapping[str, Attribute]]:
    """The attributes of the nearest place of each set, by field."""
    return SymbolTable(
        "place",
        {name: _attributes(place_set) for name, place_set in places.values.items()},
        places.broken,
        places.partial,
        places.used,
    )


def _attributes(place_set: PlaceSet) -> dict[str, Attribute]:
    prefix = f"{NEAREST}{place_set.name}."
    texts = {name: Attribute(prefix + name, AttributeType.TEXT) for name in place_set.fields}
    return {**texts, DISTANCE: Attribute(prefix + DISTANCE, AttributeType.NUMBER, 0)}
