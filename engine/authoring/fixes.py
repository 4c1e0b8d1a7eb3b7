"""Fixes of diagnostics: the word that was meant, or a comment that says that it is meant so."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from engine.rulebook.report.diagnostics import Code, Diagnostic, Severity

_IGNORE = re.compile(r"#\s*tact:\s*ignore\s+[^#]*?(?=\s*(?:#|$))")
_OF_COMMENTS = (Code.IGNORE, Code.UNUSED_IGNORE)


@dataclass(frozen=True, slots=True)
class Fix:
    """A change of one line."""

    title: str
    start: int
    """The column at which it begins, from 1."""
    length: int
    """How many characters it replaces."""
    text: str
    is_preferred: bool = False
    """Whether it is what was most likely meant."""


def fixes(diagnostic: Diagnostic) -> Iterator[Fix]:
    """The fixes of the diagnostic, in its line; the likeliest first."""
    if diagnostic.suggestion:
        column = _column(diagnostic)
        if column:
            title = f"Write {diagnostic.suggestion}"
            yield Fix(title, column, len(diagnostic.word), diagnostic.suggestion, is_preferred=True)
    source = diagnostic.source
    if diagnostic.code is Code.UNUSED_IGNORE:
        yield from _without(diagnostic)
    elif diagnostic.severity is not Severity.ERROR and diagnostic.code not in _OF_COMMENTS and source.strip():
        title = f"Say that it is meant so: # tact: ignore {diagnostic.code}"
        written = _IGNORE.search(source)
        if written:
            yield Fix(title, written.end() + 1, 0, f", {diagnostic.code}")
        else:
            end = len(source.rstrip())
            yield Fix(title, end + 1, len(source) - end, f"  # tact: ignore {diagnostic.code}")


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
    yield Fix("Delete the comment", start + 1, comment.end() - start, text)
