"""Collecting diagnostics: later stages know paths of plain data, the collector knows where they are written."""

import difflib
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from engine.rulebook.report.diagnostics import Code, Diagnostic, Severity

Path: TypeAlias = tuple[str | int, ...]
"""The way to a value in the merged book: section, name, key, index …"""


SourcePosition: TypeAlias = tuple[int, int]
"""Line and column, from 1."""


SourcePlace: TypeAlias = tuple[str, int, int]
"""File, line and column."""


_COMPARISONS = 100_000
"""How many names a load compares for "did you mean" in all, so that a book full of mistakes is answered soon."""


@dataclass(slots=True)
class Findings:
    """The diagnostics of one load, with what is needed to place them."""

    values: dict[Path, SourcePlace] = field(default_factory=dict)
    """Where each value is written."""
    keys: dict[Path, SourcePlace] = field(default_factory=dict)
    """Where each value's key is written."""
    poisoned: set[Path] = field(default_factory=set)
    """Paths with a finding that explains everything else that could be said about them."""
    recovered: set[Path] = field(default_factory=set)
    """Paths of named things with errors in their shape, of which the rest is checked all the same."""
    sources: dict[str, list[str]] = field(default_factory=dict)
    """The lines of each file."""
    start: str = ""
    """The file to name for what no file says."""
    _found: set[Diagnostic] = field(default_factory=set)
    _comparisons: int = _COMPARISONS

    def error(self, path: Path, code: Code, message: str, hint: str = "") -> None:
        """Add an error at the value of the path (or the nearest value around it)."""
        self._add(path, self._nearest(path), code, message, hint)

    def key_error(self, path: Path, code: Code, message: str, hint: str = "") -> None:
        """Add an error at the key that the path ends in."""
        self._add(path, self.keys.get(path) or self._nearest(path), code, message, hint)

    def remark(self, path: Path, code: Code, message: str, severity: Severity = Severity.NOTE) -> None:
        """Add a note or a warning at the key that the path ends in."""
        file, line, column = self.keys.get(path) or self._nearest(path)
        self.place(file, (line, column), Diagnostic("", 0, 0, code, message, severity))

    def place(self, file: str, position: SourcePosition, what: Diagnostic) -> None:
        """Add a diagnostic at a place of a file; its own place is ignored."""
        line, column = position
        lines = self.sources.get(file, ())
        source = lines[line - 1] if 0 < line <= len(lines) else ""
        self._found.add(
            Diagnostic(file, line, column, what.code, what.message, what.severity, what.hint, source)
        )

    def spoil(self, path: Path) -> None:
        """Say no more about the path: what is wrong with it is already said."""
        self.poisoned.add(path)

    def suggest(self, word: str, candidates: Collection[str]) -> str:
        """A hint that names the candidate most like the word; empty if none is like it."""
        if len(word) > 100 or self._comparisons < len(candidates):
            return ""
        self._comparisons -= len(candidates)
        matches = difflib.get_close_matches(word, candidates, n=1)
        if not matches:
            lowered = word.lower()
            matches = [each for each in candidates if each.lower() == lowered or each.endswith(f".{lowered}")]
        return f"did you mean '{matches[0]}'?" if matches else ""

    @property
    def failed(self) -> bool:
        """Whether there is an error."""
        return any(each.severity is Severity.ERROR for each in self._found)

    def sorted(self) -> tuple[Diagnostic, ...]:
        """All diagnostics, each once, by file, line, column and code."""
        return tuple(sorted(self._found))

    def _add(self, path: Path, place: SourcePlace, code: Code, message: str, hint: str) -> None:
        if path in self.poisoned:
            return
        file, line, column = place
        self.place(file, (line, column), Diagnostic("", 0, 0, code, message, hint=hint))

    def _nearest(self, path: Path) -> SourcePlace:
        for around in _prefixes(path):
            place = self.values.get(around)
            if place:
                return place
        return self.start, 1, 1


def _prefixes(path: Path) -> Iterable[Path]:
    return (path[:length] for length in range(len(path), 0, -1))
