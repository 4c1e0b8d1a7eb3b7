"""Errors of a large book soon after a change: only the campaigns that were changed are read, and the rest of the book.

The whole analysis follows, and is what counts. Until then what it said last stands, moved to where it is written now.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from engine.authoring.analyse import Analysis
from engine.authoring.documents import CAMPAIGNS, Documents, alike
from engine.authoring.place import spot_at
from engine.rulebook.load import Editing, read_sources
from engine.rulebook.report.diagnostics import Diagnostic, Severity
from engine.rulebook.text import files
from engine.rulebook.text.files import Sources
from engine.rulebook.text.nodes import Document, PlainData

MANY_CAMPAIGNS = 200
"""From so many campaigns on errors are looked for in the changed ones first; fewer are analysed as soon."""


def is_large(analysis: Analysis) -> bool:
    """Whether the book is so large that its whole analysis is awaited too long."""
    return len(_campaigns(analysis)) >= MANY_CAMPAIGNS


def _campaigns(analysis: Analysis) -> Mapping[str, PlainData]:
    campaigns = analysis.data.get(CAMPAIGNS)
    return campaigns if isinstance(campaigns, dict) else {}


def changed_diagnostics(
    contents: Mapping[str, bytes], before: Analysis, documents: Documents
) -> tuple[Diagnostic, ...]:
    """The errors of what was changed since the analysis, and its other diagnostics, in the order of the files."""
    known, unchanged = _campaigns(before), set[str]()

    def compose(text: str) -> Document:
        document = documents.compose(text)
        campaigns = document.data.get(CAMPAIGNS) if isinstance(document.data, dict) else None
        if isinstance(document.data, dict) and isinstance(campaigns, dict):
            same = {name for name, value in campaigns.items() if known.get(name) == value}
            unchanged.update(same)
            rest = {name: value for name, value in campaigns.items() if name not in same}
            return replace(document, data={**document.data, CAMPAIGNS: rest})
        return document

    tables = {name: content for name, content in contents.items() if files.is_table(name)}
    own = {name: content for name, content in contents.items() if files.belongs(name) and name not in tables}
    reading = read_sources(Sources(own, tables=tables), editing=Editing(compose, (CAMPAIGNS,)))
    errors = (error for error in reading.loaded.diagnostics if error.severity is Severity.ERROR)
    return tuple(sorted({*errors, *_carried(before, reading.findings.sources, unchanged)}))


def _carried(before: Analysis, lines: Mapping[str, list[str]], unchanged: set[str]) -> Iterator[Diagnostic]:
    """What the analysis said of campaigns that did not change, and its remarks on all else, where these are written now."""
    moves = {file: _Move(old, lines.get(file, [])) for file, old in before.lines.items()}
    for diagnostic in before.diagnostics:
        spot = spot_at(before, diagnostic.file, diagnostic.line, diagnostic.column)
        path = spot.path if spot else ()
        stands = path[:1] == (CAMPAIGNS,) and len(path) > 1 and path[1] in unchanged
        if (stands or diagnostic.severity is not Severity.ERROR) and diagnostic.file in moves:
            line = moves[diagnostic.file].line(diagnostic.line)
            if line:
                yield replace(diagnostic, line=line)


class _Move:
    """How far the lines below a change are moved."""

    def __init__(self, old: list[str], new: list[str]) -> None:
        self._same_above = alike(old, new)
        below = alike(old[self._same_above :][::-1], new[self._same_above :][::-1])
        self._below = len(old) - below
        self._delta = len(new) - len(old)

    def line(self, number: int) -> int:
        """Where the line is now, from 1; 0 if it was changed."""
        if number <= self._same_above:
            return number
        return number + self._delta if number > self._below else 0
