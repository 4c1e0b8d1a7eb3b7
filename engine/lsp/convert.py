"""Positions of the loader, in characters, and of the protocol, in units of UTF-16 or what the editor asked for."""

import re
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from lsprotocol import types

from engine.authoring.fixes import Fix
from engine.authoring.names import Occurrence
from engine.rulebook.report.diagnostics import Code, Diagnostic, Severity
from engine.rulebook.text.yaml_events import LINE_BREAK

_PROTOCOL_BREAK = re.compile(r"\r\n|\n|\r")
"""YAML has further line breaks, such as U+2028, which are none for editors."""

_SEVERITIES = {
    Severity.ERROR: types.DiagnosticSeverity.Error,
    Severity.WARNING: types.DiagnosticSeverity.Warning,
    Severity.NOTE: types.DiagnosticSeverity.Information,
}


@dataclass(frozen=True)
class EditedText:
    """The text of a file, with the lines of the loader and of the protocol."""

    text: str
    units: Callable[[str], int]
    """How long a text is in the units of the editor."""

    @cached_property
    def lines(self) -> list[str]:
        """The lines of the loader."""
        return LINE_BREAK.split(self.text)

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *(match.end() for match in LINE_BREAK.finditer(self.text))]

    @cached_property
    def _protocol_starts(self) -> list[int]:
        return [0, *(match.end() for match in _PROTOCOL_BREAK.finditer(self.text))]

    def position(self, line: int, column: int) -> types.Position:
        """The protocol's position of a line and a column, both from 1; what lies behind the text is its end."""
        if line > len(self._starts):
            line, column = len(self._starts), len(self.text) + 1
        line = max(line, 1)
        end = self._starts[line] if line < len(self._starts) else len(self.text)
        offset = min(self._starts[line - 1] + max(column - 1, 0), end)
        row = bisect_right(self._protocol_starts, offset) - 1
        return types.Position(row, self.units(self.text[self._protocol_starts[row] : offset]))

    def line_and_column(self, position: types.Position) -> tuple[int, int]:
        """The line and column, both from 1, of a position of the protocol."""
        row = min(position.line, len(self._protocol_starts) - 1)
        start = self._protocol_starts[row]
        end = self._protocol_starts[row + 1] if row + 1 < len(self._protocol_starts) else len(self.text)
        offset, units = start, 0
        while offset < end and units < position.character and self.text[offset] not in "\r\n":
            units += self.units(self.text[offset])
            offset += 1
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1

    def range(self, line: int, column: int, length: int) -> types.Range:
        """The range of so many characters of a line."""
        return types.Range(self.position(line, column), self.position(line, column + length))

    def of(self, occurrence: Occurrence) -> types.Range:
        """The range of an occurrence."""
        return self.range(occurrence.line, occurrence.column, occurrence.length)


def diagnostic_of(diagnostic: Diagnostic, text: EditedText) -> types.Diagnostic:
    """The diagnostic, with its hint in a line of its own."""
    message = f"{diagnostic.message}\n{diagnostic.hint}" if diagnostic.hint else diagnostic.message
    return types.Diagnostic(
        range=text.range(diagnostic.line, diagnostic.column, diagnostic.length),
        message=message,
        severity=_SEVERITIES[diagnostic.severity],
        code=str(diagnostic.code),
        source="tact",
        tags=[types.DiagnosticTag.Unnecessary] if diagnostic.code is Code.UNUSED else None,
    )


def action_of(
    fix: Fix, diagnostic: Diagnostic, text_of: Callable[[str], EditedText], uri_of: Callable[[str], str]
) -> types.CodeAction:
    """The fix as a change of the book. text_of, uri_of: by the name of a file."""
    changes: dict[str, list[types.TextEdit]] = {}
    for edit in fix.edits:
        text = text_of(edit.file)
        where = types.Range(text.position(*edit.start), text.position(*edit.end))
        changes.setdefault(uri_of(edit.file), []).append(types.TextEdit(where, edit.text))
    return types.CodeAction(
        title=fix.title,
        kind=types.CodeActionKind.QuickFix,
        diagnostics=[diagnostic_of(diagnostic, text_of(diagnostic.file))],
        edit=types.WorkspaceEdit(changes=dict(changes)),
        is_preferred=fix.is_preferred,
    )
