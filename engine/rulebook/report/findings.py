"""Collect the diagnostics of one load. Readers name paths of plain data; the collector knows where these are written."""

import difflib
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias, TypeVar

from engine.rulebook.report.diagnostics import Code, Diagnostic, Severity, Suggestion, quote

T = TypeVar("T")

Path: TypeAlias = tuple[str | int, ...]
"""The way to a value in the merged book: section, name, key, index …"""

SourcePosition: TypeAlias = tuple[int, int]
"""Line and column, from 1."""

SourcePlace: TypeAlias = tuple[str, int, int]
"""File, line and column."""

_COMPARISONS = 100_000
"""Names that a load compares for "did you mean" in all, so that a book full of mistakes does not take long."""

MOST_ERRORS = 1_000
"""Errors of one load; it stops there, so that the work and the memory for a broken book are bounded."""

MOST_COLUMNS = 10_000
"""Where in a line the length of what is reported is measured; further on, of texts without line breaks, it is 1."""

MOST_REMARKS = 10_000
"""Warnings and notes of one load that are kept; further ones are counted."""

_NEGATION = re.compile(r"(?:not\b|!) *", re.IGNORECASE)
"""How a condition in words begins that means its opposite."""


_WRITTEN = re.compile(r"""(?:"(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^\s,:\]}][^\s,\]}]*)""")
"""A key or a value as it is written: in quotes, or up to a blank, a comma or the end of what is around it."""


class Use(NamedTuple):
    """A name of the book where something refers to it."""

    target: Path
    """Where the name is declared: section and name, or further down, as a slot of a layer."""
    path: Path
    """Of the value that refers to it, or that its key refers to."""
    key: bool = False
    """Whether the key refers to it, and not the value."""
    offset: int = 0
    """Characters of the reference before the name: of `pattern.cart.item` 8 for `cart`."""
    placeholder: tuple[int, int] | None = None
    """Where in the text of the value the placeholder begins and ends that is the reference; None: the value is."""


class TooManyErrors(Exception):
    """Loading stops: there are MOST_ERRORS errors."""


class Superseded(Exception):
    """Loading stops: there is newer text, and nobody waits for what is found in this one."""


class ParseError(ValueError):
    """A text that cannot be parsed. Its message and hint are for the author of the book."""

    code = Code.VALUE

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint
        """How to write it."""

    def message(self, text: str) -> str:
        """The message of the diagnostic."""
        return f"{quote(text)}: {self}"


@dataclass(slots=True)
class Findings:
    """The diagnostics of one load, and where the values of the book are written."""

    values: dict[Path, SourcePlace] = field(default_factory=dict)
    """Where each value is written."""
    keys: dict[Path, SourcePlace] = field(default_factory=dict)
    """Where each value's key is written."""
    lexemes: dict[Path, str] = field(default_factory=dict)
    """How numbers, booleans and nulls are written."""
    poisoned: set[Path] = field(default_factory=set)
    """Paths with a diagnostic that explains any further one; errors at them are dropped."""
    recovered: set[Path] = field(default_factory=set)
    """Paths of named entries with errors in their shape; the rest of them is checked all the same."""
    sources: dict[str, list[str]] = field(default_factory=dict)
    """The lines of each file."""
    audiences: frozenset[str] = frozenset()
    """The names of the book's audiences, for hints."""
    earlier: bool = False
    """Whether an earlier version has loaded the book: then what only later ones refuse is let pass, for replays."""
    start: str = ""
    """The file of diagnostics whose path is written nowhere."""
    superseded: Callable[[], bool] = bool
    """Whether there is newer text, so that loading is to stop; by default never."""
    uses: list[Use] = field(default_factory=list)
    """The names that were looked up, and from where."""
    placeholder: tuple[int, int] | None = None
    """Where in its text the placeholder is that is being read; None outside of placeholders."""
    _diagnostics: set[Diagnostic] = field(default_factory=set)
    _comparisons: int = _COMPARISONS
    _errors: int = 0
    _remarks: int = 0

    def error(self, path: Path, code: Code, message: str, hint: str = "") -> None:
        """Add an error at the value of the path, or at the nearest value around it."""
        if path not in self.poisoned:
            self.report(self._nearest(path), code, message, hint)

    def key_error(self, path: Path, code: Code, message: str, hint: str = "") -> None:
        """Add an error at the key that the path ends in."""
        if path not in self.poisoned:
            self.report(self.keys.get(path) or self._nearest(path), code, message, hint)

    def remark(
        self, path: Path, code: Code, message: str, severity: Severity = Severity.NOTE, hint: str = ""
    ) -> None:
        """Add a note or a warning at the key that the path ends in."""
        self.report(self.key_location(path), code, message, hint, severity=severity)

    def report(
        self,
        location: SourcePlace,
        code: Code,
        message: str,
        hint: str = "",
        *,
        severity: Severity = Severity.ERROR,
    ) -> None:
        """Add a diagnostic where the caller says; raises TooManyErrors once there are too many."""
        file, line, column = location
        lines = self.sources.get(file, ())
        source = lines[line - 1] if 0 < line <= len(lines) else ""
        word, suggestion = (hint.word, hint.replacement) if isinstance(hint, Suggestion) else ("", "")
        length = _length(source, column)
        details = (message, severity, str(hint), source, length, word, suggestion)
        diagnostic = Diagnostic(file, line, column, code, *details)
        if diagnostic not in self._diagnostics:
            self._add(diagnostic)

    def _add(self, diagnostic: Diagnostic) -> None:
        if diagnostic.severity is Severity.ERROR:
            self._errors += 1
            self._diagnostics.add(diagnostic)
            if self._errors >= MOST_ERRORS:
                raise TooManyErrors
        else:
            self._remarks += 1
            if self._remarks <= MOST_REMARKS:
                self._diagnostics.add(diagnostic)

    def check_superseded(self) -> None:
        """Raise Superseded if there is newer text; called now and then by whatever takes long."""
        if self.superseded():
            raise Superseded

    def use(self, target: Path, path: Path, *, key: bool = False, offset: int = 0) -> None:
        """Keep that the path, or its key, refers to the name that is declared at the target; raises Superseded."""
        self.check_superseded()
        self.uses.append(Use(target, path, key, offset, self.placeholder))

    def parse(self, path: Path, text: str | None, parser: Callable[[str], T], hint: str = "") -> T | None:
        """The parsed text; None for None, and after reporting the ParseError that the parser raised.

        hint: for errors that have none of their own.
        """
        if text is None:
            return None
        try:
            return parser(text)
        except ParseError as error:
            self.error(path, error.code, error.message(text), error.hint or hint)
            return None

    def poison(self, path: Path) -> None:
        """Drop further errors at the path."""
        self.poisoned.add(path)

    def suggest(self, word: str, candidates: Collection[str]) -> str:
        """A hint that names the candidate most like the word; empty if none is like it."""
        nearest = self.nearest(word, candidates)
        return Suggestion(f"did you mean '{nearest}'?", word, nearest) if nearest else ""

    def nearest(self, word: str, candidates: Collection[str]) -> str:
        """The candidate most like the word; empty if none is like it."""
        if len(word) > 100 or self._comparisons < len(candidates):
            return ""
        self._comparisons -= len(candidates)
        matches = difflib.get_close_matches(word, candidates, n=1)
        if not matches:
            lowered = word.lower()
            ends = (f".{lowered}", f"/{lowered}")
            matches = [name for name in candidates if name.lower() == lowered or name.lower().endswith(ends)]
        return matches[0] if matches else ""

    def audience_hint(self, text: str) -> str:
        """A hint for a text where a condition is needed: the audience that it names or nearly names; empty for none.

        A text that begins with `not` or `!` gives the opposite.
        """
        negated = _NEGATION.match(text)
        audience = self.nearest(text[negated.end() :] if negated else text, self.audiences)
        if not audience:
            return ""
        return f"write {{none: [{{audience: {audience}}}]}}" if negated else f"write {{audience: {audience}}}"

    @property
    def failed(self) -> bool:
        """Whether there is an error."""
        return any(diagnostic.severity is Severity.ERROR for diagnostic in self._diagnostics)

    def by_line(self) -> dict[tuple[str, int], list[Diagnostic]]:
        """The diagnostics by file and line."""
        lines: dict[tuple[str, int], list[Diagnostic]] = defaultdict(list)
        for diagnostic in self._diagnostics:
            lines[diagnostic.file, diagnostic.line].append(diagnostic)
        return lines

    def drop(self, diagnostics: Collection[Diagnostic]) -> None:
        """Take the diagnostics back."""
        self._diagnostics.difference_update(diagnostics)

    def sorted(self) -> tuple[Diagnostic, ...]:
        """All diagnostics without duplicates, by file, line, column and code; the last one says if there are more."""
        return (*sorted(self._diagnostics), *self._rest())

    def _rest(self) -> Iterable[Diagnostic]:
        if self._errors < MOST_ERRORS and self._remarks <= MOST_REMARKS:
            return
        last = max(self._diagnostics)
        if self._errors >= MOST_ERRORS:
            message, severity = f"stopped after {self._errors:,} errors; there may be more", Severity.ERROR
        else:
            message = f"and {self._remarks - MOST_REMARKS:,} more warnings and notes"
            severity = Severity.WARNING
        yield Diagnostic(last.file, last.line, last.column, Code.TOO_LARGE, message, severity)

    def location(self, path: Path) -> SourcePlace:
        """Where the value of the path is written, or the nearest one around it."""
        return self._nearest(path)

    def key_location(self, path: Path) -> SourcePlace:
        """Where the key that the path ends in is written, or the nearest value around it."""
        return self.keys.get(path) or self._nearest(path)

    def _nearest(self, path: Path) -> SourcePlace:
        for around in _prefixes(path):
            location = self.values.get(around)
            if location:
                return location
        return self.start, 1, 1


def _length(source: str, column: int) -> int:
    """Characters of the key or the value at the column; 1 where there is none."""
    written = _WRITTEN.match(source, column - 1) if column <= MOST_COLUMNS else None
    return max(len(written[0].rstrip(":")), 1) if written else 1


def _prefixes(path: Path) -> Iterable[Path]:
    return (path[:length] for length in range(len(path), 0, -1))
