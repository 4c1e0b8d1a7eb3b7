"""Tables of a book: CSV files (RFC 4180, with commas, in UTF-8), with the position of each cell."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from engine.rulebook.report.diagnostics import Code
from engine.rulebook.report.findings import Findings, SourcePlace
from engine.rulebook.text import yaml_events
from engine.rulebook.text.files import MAX_FILE_BYTES

MOST_ROWS = 20_000
"""Rows of a table, without its header."""


@dataclass(frozen=True, slots=True)
class TableRow:
    """A row of a table."""

    file: str
    line: int
    """Of its last cell, from 1; programs for tables number rows so, too."""
    cells: Sequence[str]
    """Without blanks around them."""
    source: str
    """Its text, if it stands on one line; else empty."""

    def position(self, index: int) -> SourcePlace:
        """Where the cell begins; where the line does, if cells are quoted or there is no such cell."""
        parts = self.source.split(",")
        if '"' in self.source or len(parts) != len(self.cells) or index >= len(parts):
            return self.file, self.line, 1
        start = sum(len(part) + 1 for part in parts[:index])
        return self.file, self.line, start + len(parts[index]) - len(parts[index].lstrip()) + 1


def read_table(file: str, content: bytes, findings: Findings) -> list[TableRow] | None:
    """The rows that are not empty, the header first; None after reporting why they cannot be read."""
    if len(content) > MAX_FILE_BYTES:
        findings.report((file, 1, 1), Code.TOO_LARGE, "the file is larger than 1 MiB")
        return None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        findings.sources[file] = yaml_events.escaped_lines(content)
        findings.report(
            (file, 1, 1), Code.ENCODING, "the file is not text in UTF-8", "save it as CSV in UTF-8"
        )
        return None
    lines = findings.sources[file] = text.splitlines()
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        rows = list(_rows(file, reader, lines))
    except csv.Error as error:
        findings.report((file, max(reader.line_num, 1), 1), Code.SYNTAX, f"the row cannot be read: {error}")
        return None
    if len(rows) > MOST_ROWS + 1:
        message = f"a table has at most {MOST_ROWS:,} rows"
        findings.report((file, rows[MOST_ROWS + 1].line, 1), Code.TOO_LARGE, message)
        return None
    if not rows:
        findings.report((file, 1, 1), Code.EMPTY, "the table has no header")
        return None
    return rows


class _Cells(Protocol):
    """What `csv.reader` makes."""

    line_num: int

    def __iter__(self) -> Iterator[list[str]]: ...


def _rows(file: str, reader: _Cells, lines: Sequence[str]) -> Iterator[TableRow]:
    before = 0
    for cells in reader:
        line = reader.line_num
        source = lines[line - 1] if line == before + 1 and line <= len(lines) else ""
        before = line
        stripped = [cell.strip() for cell in cells]
        if any(stripped):
            yield TableRow(file, line, stripped, source)
