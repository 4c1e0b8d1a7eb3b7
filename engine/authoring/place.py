"""Find out what stands at a place of a book: of a key, a value, or a word that is just being typed."""

import re
from bisect import bisect_right
from dataclasses import dataclass

from engine.authoring.analyse import Analysis
from engine.rulebook.report.findings import Path
from engine.rulebook.text import nodes
from engine.rulebook.text.nodes import PlainData
from engine.rulebook.text.repairs import is_content

_MARK = "mark8f3a"
"""A word that no book has."""

_WORD = re.compile(r"[^\s,:\[\]{}\"'|#>]*")
_WORD_BEFORE = re.compile(r"[^\s,:\[\]{}\"'|#>]*\Z")
_TOP = re.compile(r"[^\s#-]")
_PLACEHOLDER = re.compile(r"(?<!\{)\{([^{}|:]*)\Z")
_CHUNK = 400
"""Lines around a word beyond which a file is not read as a whole to complete it."""


@dataclass(frozen=True, slots=True)
class Spot:
    """What is written at a place."""

    path: Path
    key: bool
    """Whether it is the key that the path ends in."""
    line: int
    column: int
    """Where it begins, from 1."""


def spot_at(analysis: Analysis, file: str, line: int, column: int) -> Spot | None:
    """The key or value that begins last before the place, on its line or, of a long text, above; None above the first."""
    entries = analysis.by_file.get(file, [])
    index = bisect_right(entries, (line, column), key=lambda entry: (entry[0], entry[1])) - 1
    if index < 0:
        return None
    first_line, first_column, path, key = entries[index]
    return Spot(path, key, first_line, first_column)


@dataclass(frozen=True, slots=True)
class Cut:
    """A word that is being typed, and where it would stand."""

    path: Path
    """Of the mapping or the list that it would be in, and its key or index; of a key the path of the mapping."""
    key: bool
    """Whether it would be a key."""
    word: str
    """What was typed of it, up to the cursor."""
    start: int
    """The column at which it begins, from 0."""
    end: int
    """Behind the whole word, which may go on after the cursor."""
    beside: frozenset[str] = frozenset()
    """Of a key: those that the mapping has already."""
    placeholder: bool = False
    """Whether it would be the attribute of a placeholder in a text."""


def cut(lines: list[str], line: int, column: int) -> Cut | None:
    """The word at the line and column, both from 0, taken out and found again; None if it is in no mapping or list."""
    text = lines[line] if line < len(lines) else ""
    before = _WORD_BEFORE.search(text[:column])
    start = before.start() if before else column
    after = _WORD.match(text, column)
    end = after.end() if after else column
    placeholder = _PLACEHOLDER.search(text[:column])
    word = text[start:column]
    first, last = _entry(lines, line)
    for marked in dict.fromkeys((_MARK, f"{_MARK}: 0", f"{_MARK}:", f'"{_MARK}"')):
        changed = [*lines[first:line], text[:start] + marked + text[end:], *lines[line + 1 : last]]
        document = nodes.compose("\n".join(_dedented(changed, lines, first)))
        where = _marked(document.data)
        if where is not None:
            path, key, beside = where
            return Cut(path, key, word, start, end, beside)
        if placeholder:
            inside = _text_with_mark(document.data)
            if inside is not None and is_content(inside):
                at = placeholder.start(1)
                return Cut(inside, False, text[at:column], at, end, placeholder=True)
    return None


def _entry(lines: list[str], line: int) -> tuple[int, int]:
    """The lines of a small file; of a large one those of the entry around the line, so that the rest is not read."""
    if len(lines) <= _CHUNK:
        return 0, len(lines)
    first = line
    while first > 0 and not _is_entry(lines[first]):
        first -= 1
    last = line + 1
    while last < len(lines) and not _is_entry(lines[last]):
        last += 1
    return first, last


def _is_entry(text: str) -> bool:
    """Whether the line begins a section, or a named entry of one: with at most two blanks before it."""
    return bool(_TOP.match(text.lstrip(" "))) and len(text) - len(text.lstrip(" ")) <= 2


def _dedented(chunk: list[str], lines: list[str], first: int) -> list[str]:
    """The chunk below the section that it is in."""
    if first == 0 or (lines[first][:1] not in (" ", "")):
        return chunk
    for text in reversed(lines[:first]):
        if _TOP.match(text):
            return [text, *chunk]
    return chunk


def _marked(data: PlainData) -> tuple[Path, bool, frozenset[str]] | None:
    """The path of the mark, whether it is a key, and the keys beside it."""
    pending: list[tuple[Path, PlainData]] = [((), data)]
    while pending:
        path, here = pending.pop()
        if here == _MARK:
            return path, False, frozenset()
        if isinstance(here, dict):
            if _MARK in here:
                return path, True, frozenset(here) - {_MARK}
            pending += [((*path, key), value) for key, value in here.items()]
        elif isinstance(here, list):
            pending += [((*path, index), value) for index, value in enumerate(here)]
    return None


def _text_with_mark(data: PlainData) -> Path | None:
    """The path of the text that the mark is in."""
    pending: list[tuple[Path, PlainData]] = [((), data)]
    while pending:
        path, here = pending.pop()
        if isinstance(here, str) and _MARK in here:
            return path
        if isinstance(here, dict):
            pending += [((*path, key), value) for key, value in here.items()]
        elif isinstance(here, list):
            pending += [((*path, index), value) for index, value in enumerate(here)]
    return None
