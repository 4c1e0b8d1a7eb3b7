"""Analyse the files of a book as they stand in an editor: diagnostics, and where every name is written and used."""

import pathlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from zoneinfo import ZoneInfo

from engine.authoring.documents import Documents
from engine.model.instant import Instant, from_datetime
from engine.rulebook.load import Editing, read_sources
from engine.rulebook.model.book import Book
from engine.rulebook.report.diagnostics import Diagnostic
from engine.rulebook.report.findings import Path, SourcePlace, Use
from engine.rulebook.text import files
from engine.rulebook.text.files import Sources
from engine.rulebook.text.nodes import PlainData


@dataclass(frozen=True)
class Analysis:
    """What is known of the files of a book. Nothing in it changes."""

    book: Book | None
    """None if there is any error."""
    diagnostics: tuple[Diagnostic, ...]
    """Sorted by file, line, column and code."""
    data: Mapping[str, PlainData]
    """The sections of all files, without what could not be read."""
    keys: Mapping[Path, SourcePlace]
    """Where the key of each value is written."""
    values: Mapping[Path, SourcePlace]
    """Where each value is written."""
    uses: tuple[Use, ...]
    """What refers to which name."""
    lines: Mapping[str, list[str]]
    """The lines of each file that could be decoded."""

    @cached_property
    def used_by(self) -> Mapping[Path, list[Use]]:
        """The uses by what they refer to."""
        uses: dict[Path, list[Use]] = {}
        for use in dict.fromkeys(self.uses):
            uses.setdefault(use.target, []).append(use)
        return uses

    @cached_property
    def used_at(self) -> Mapping[tuple[Path, bool], list[Use]]:
        """The uses by where they are written: the path, and whether its key is it."""
        uses: dict[tuple[Path, bool], list[Use]] = {}
        for use in dict.fromkeys(self.uses):
            uses.setdefault((self.written(use), use.key), []).append(use)
        return uses

    def written(self, use: Use) -> Path:
        """The path of the text that refers: one name in place of a list is written where the list would be."""
        single = not use.key and use.path not in self.values and use.path[:-1] in self.values
        return use.path[:-1] if single else use.path

    @cached_property
    def by_file(self) -> Mapping[str, list[tuple[int, int, Path, bool]]]:
        """Where keys and values begin, in the order of each file: line, column, path and whether it is a key."""
        starts: dict[str, list[tuple[int, int, Path, bool]]] = {}
        for where, is_key in ((self.values, False), (self.keys, True)):
            for path, (file, line, column) in where.items():
                if is_key or self.keys.get(path) != (file, line, column):
                    starts.setdefault(file, []).append((line, column, path, is_key))
        for entries in starts.values():
            entries.sort(key=lambda entry: (entry[0], entry[1], entry[3], len(entry[2])))
        return starts


def read_contents(folder: pathlib.Path) -> dict[str, bytes]:
    """The files of the book in the folder by name, with its tables; what cannot be read is left out."""
    contents = dict(files.read_folder(folder).files)
    for table in sorted(folder.rglob("*.csv")):
        name = table.relative_to(folder).as_posix()
        with suppress(OSError):
            if files.is_table(name) and table.is_file() and table.stat().st_size <= files.MAX_FILE_BYTES:
                contents[name] = table.read_bytes()
    return contents


def analyse(
    contents: Mapping[str, bytes],
    now: Callable[[ZoneInfo], Instant] = lambda _: from_datetime(datetime.now(UTC)),
    documents: Documents | None = None,
    superseded: Callable[[], bool] = bool,
) -> Analysis:
    """The analysis of the files by name (relative to the book, with slashes). No content makes it raise.

    now: the moment against which schedules are held. documents: of earlier analyses; changed by this one. superseded: raise
    Superseded as soon as this is true.
    """
    tables = {name: content for name, content in contents.items() if files.is_table(name)}
    own = {name: content for name, content in contents.items() if files.belongs(name) and name not in tables}
    editing = Editing((documents or Documents()).compose, superseded=superseded)
    reading = read_sources(Sources(own, tables=tables), linted_at=now, editing=editing)
    findings = reading.findings
    return Analysis(
        reading.loaded.book,
        reading.loaded.diagnostics,
        reading.merged.data,
        findings.keys,
        findings.values,
        tuple(findings.uses),
        findings.sources,
    )
