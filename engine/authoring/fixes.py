"""Fixes of diagnostics: the word that was meant, what mends a remark, or a comment that says that it is meant so."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from engine.authoring.analyse import Analysis
from engine.authoring.edits import Edit, edited
from engine.rulebook.report.diagnostics import Code, Diagnostic, Severity
from engine.rulebook.report.findings import Path

_IGNORE = re.compile(r"#\s*tact:\s*ignore\s+[^#]*?(?=\s*(?:#|$))")
_OF_COMMENTS = (Code.IGNORE, Code.UNUSED_IGNORE)


_LINE = re.compile(r"\bline [0-9]+")


@dataclass(frozen=True, slots=True)
class Fix:
    """A change of a book that takes a diagnostic away."""

    title: str
    edits: tuple[Edit, ...]
    is_preferred: bool = False
    """Whether it is what was most likely meant."""
    deleted: Path = ()
    """The declared name that it takes out, which scenarios may still write; empty if none."""


def fixes(diagnostic: Diagnostic) -> Iterator[Fix]:
    """The fixes of the diagnostic, in its line; the likeliest first."""
    if diagnostic.suggestion:
        column = _column(diagnostic)
        if column:
            title = f"Write {diagnostic.suggestion}"
            edit = _in_line(diagnostic, column, len(diagnostic.word), diagnostic.suggestion)
            yield Fix(title, (edit,), is_preferred=True)
    source = diagnostic.source
    if diagnostic.code in _OF_COMMENTS and not diagnostic.suggestion:
        yield from _without(diagnostic)
    elif diagnostic.severity is not Severity.ERROR and diagnostic.code not in _OF_COMMENTS and source.strip():
        title = f"Say that it is meant so: # tact: ignore {diagnostic.code}"
        written = _IGNORE.search(source)
        if written:
            yield Fix(title, (_in_line(diagnostic, written.end() + 1, 0, f", {diagnostic.code}"),))
        else:
            end = len(source.rstrip())
            comment = f"  # tact: ignore {diagnostic.code}"
            yield Fix(title, (_in_line(diagnostic, end + 1, len(source) - end, comment),))


def _in_line(diagnostic: Diagnostic, column: int, length: int, text: str) -> Edit:
    """The edit of a part of the diagnostic's line."""
    line = diagnostic.line
    return Edit(diagnostic.file, (line, column), (line, column + length), text)


def _column(diagnostic: Diagnostic) -> int:
    """Where the word stands in the line, from 1; 0 if it does not, as it is written in another way."""
    bounded = rf"(?<![\w-]){re.escape(diagnostic.word)}(?![\w-])"
    match = re.compile(bounded).search(diagnostic.source, diagnostic.column - 1)
    return match.start() + 1 if match else 0


def _without(diagnostic: Diagnostic) -> Iterator[Fix]:
    """The line without the code, or without the comment that has no other."""
    comment = _IGNORE.search(diagnostic.source)
    if comment is None or comment.end() < diagnostic.column:
        return
    codes = comment[0].partition("ignore")[2]
    code = diagnostic.source[diagnostic.column - 1 :].split(",")[0].split()[0]
    rest = [other for other in re.split(r"[\s,]+", codes.strip()) if other != code]
    blanks = len(diagnostic.source[: comment.start()]) - len(diagnostic.source[: comment.start()].rstrip())
    start = comment.start() - blanks if not rest else comment.start()
    text = f"# tact: ignore {', '.join(rest)}" if rest else ""
    yield Fix("Delete the comment", (_in_line(diagnostic, start + 1, comment.end() - start, text),))


def is_sound(
    fix: Fix,
    diagnostic: Diagnostic,
    before: Analysis,
    contents: Mapping[str, bytes],
    analyse_again: Callable[[Mapping[str, bytes]], Analysis],
) -> bool:
    """Whether the book loads after the fix, without the diagnostic, and without an error or a warning more than before."""
    after = analyse_again(edited(contents, fix.edits))
    if after.book is None:
        return False
    gone = _kinds(after)[_kind(diagnostic)] < _kinds(before)[_kind(diagnostic)]
    return gone and not _warnings(after) - _warnings(before)


def _kind(diagnostic: Diagnostic) -> tuple[str, str]:
    """What it says, wherever it stands: other lines move."""
    return diagnostic.code, _LINE.sub("", diagnostic.message)


def _kinds(analysis: Analysis) -> Counter[tuple[str, str]]:
    return Counter(map(_kind, analysis.diagnostics))


def _warnings(analysis: Analysis) -> Counter[str]:
    return Counter(
        diagnostic.code for diagnostic in analysis.diagnostics if diagnostic.severity is not Severity.NOTE
    )
