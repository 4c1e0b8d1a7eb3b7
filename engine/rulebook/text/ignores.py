"""Comments that drop warnings and notes of their line: `# tact: ignore CODE, CODE`."""

import re
from bisect import bisect_right
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

import yaml

from engine.rulebook.report.diagnostics import LEVELS, Code, Diagnostic, Severity, quote
from engine.rulebook.report.findings import Findings, SourcePlace, SourcePosition
from engine.rulebook.text import yaml_events

_COMMENT = re.compile(r"(?:^|(?<=\s))#\s*tact:\s*ignore(?![\w-])(?P<codes>[^#]*)")
_CODE = re.compile(r"[^\s,]+")
_BLOCK = ("|", ">")
_OF_COMMENTS = (Code.IGNORE, Code.UNUSED_IGNORE)


class Ignore(NamedTuple):
    """A comment that ignores diagnostics."""

    position: SourcePosition
    lines: range
    """The lines whose diagnostics it drops: its own, and those of a text that begins above and ends on it."""
    codes: tuple[tuple[str, SourcePosition], ...]
    """What it names, as written, and where."""


def read(text: str) -> tuple[Ignore, ...]:
    """The comments of the file that ignore diagnostics; those behind a syntax error are left out."""
    if "tact:" not in text:
        return ()
    lines = yaml_events.LINE_BREAK.split(text)
    comments = [(number, match) for number, line in enumerate(lines) for match in _COMMENT.finditer(line)]
    return tuple(_ignores(comments, yaml_events.scalars(text) if comments else []))


def apply(
    ignores: Mapping[str, Sequence[Ignore]], findings: Findings, *, unchecked: Collection[Code] = ()
) -> int:
    """Drop what the comments, by file, ignore, and report what is wrong with them; returns how many were dropped.

    Errors are never dropped. What is reported of the comments themselves can be ignored as well. unchecked: codes whose
    checks were not made, so that it is not known whether a line would have them.
    """
    checked = frozenset() if findings.failed else frozenset(Code) - frozenset(unchecked)
    dropped = 0
    for of_comments in (False, True):
        by_line = findings.by_line()
        ignored: set[Diagnostic] = set()
        for file, comments in ignores.items():
            for comment in comments:
                here = [diagnostic for line in comment.lines for diagnostic in by_line.get((file, line), ())]
                if not comment.codes and not of_comments:
                    hint = "name one: # tact: ignore unused"
                    _warn(findings, (file, *comment.position), "an ignore without a code", hint)
                for name, position in comment.codes:
                    if (name in _OF_COMMENTS) is not of_comments:
                        continue
                    location = (file, *position)
                    of_code = {diagnostic for diagnostic in here if diagnostic.code == name}
                    if _is_wrong(name, location, of_code, findings):
                        continue
                    if not of_code and name in checked:
                        _note_unused(name, location, findings)
                    ignored |= of_code
        findings.drop(ignored)
        dropped += len(ignored)
    return dropped


def _is_wrong(name: str, location: SourcePlace, of_code: Collection[Diagnostic], findings: Findings) -> bool:
    """Whether the code of a comment is unknown, or that of an error, which is reported."""
    if name not in set(Code):
        hint = findings.suggest(name, [*Code]) or "docs/reference/diagnostics.md lists the codes"
        _warn(findings, location, f"there is no code {quote(name)}", hint)
        return True
    errors = any(diagnostic.severity is Severity.ERROR for diagnostic in of_code)
    if errors or LEVELS.get(Code(name)) == (Severity.ERROR,):
        message = f"{quote(name)} is an error, and only warnings and notes can be ignored"
        _warn(findings, location, message, "mend the error, and delete the comment")
        return True
    return False


def _note_unused(name: str, location: SourcePlace, findings: Findings) -> None:
    message = f"there is no {quote(name)} in this line to ignore"
    hint = "delete it, or put it at the end of the line that is reported"
    findings.report(location, Code.UNUSED_IGNORE, message, hint, severity=Severity.NOTE)


def _warn(findings: Findings, location: SourcePlace, message: str, hint: str) -> None:
    findings.report(location, Code.IGNORE, message, hint, severity=Severity.WARNING)


def _ignores(
    comments: Sequence[tuple[int, re.Match[str]]], scalars: Sequence[yaml.ScalarToken]
) -> Iterator[Ignore]:
    starts = [(scalar.start_mark.line, scalar.start_mark.column) for scalar in scalars]
    for number, match in comments:
        start = (number, match.start())
        before = bisect_right(starts, start) - 1
        if before >= 0 and _holds(scalars[before], start):
            continue
        above = bisect_right(starts, (number, -1)) - 1
        first = starts[above][0] if above >= 0 and _ends_on(scalars[above], number) else number
        column = match.start("codes") + 1
        codes = tuple(
            (code[0], (number + 1, column + code.start())) for code in _CODE.finditer(match["codes"])
        )
        yield Ignore((number + 1, match.start() + 1), range(first + 1, number + 2), codes)


def _holds(scalar: yaml.ScalarToken, start: tuple[int, int]) -> bool:
    """Whether the text of the scalar holds the position; the line of a block scalar's `|` does not belong to it."""
    if scalar.style in _BLOCK and start[0] == scalar.start_mark.line:
        return False
    return start < (scalar.end_mark.line, scalar.end_mark.column)


def _ends_on(scalar: yaml.ScalarToken, number: int) -> bool:
    """Whether the scalar, which begins above the line, is a text that ends on it."""
    return scalar.style not in _BLOCK and scalar.end_mark.line == number
