"""Documents of the files of a book by their texts. Of a large text only the campaign is read in which it was changed."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import TypeVar

from engine.rulebook.report.diagnostics import Code
from engine.rulebook.report.findings import Path, SourcePosition
from engine.rulebook.text import files, merge
from engine.rulebook.text.nodes import Document, PlainData
from engine.rulebook.text.yaml_events import LINE_BREAK

CAMPAIGNS = "campaigns"

_KEPT = 2 * files.MAX_FILES
"""Documents that are kept: those of two states of the largest book."""

_LARGE = 50_000
"""Characters from which on a text is not read anew for every change; a smaller one takes 40 ms."""

_MOST_LARGE = 4
"""Texts of which it is looked whether the next one is a change of theirs."""

_MOST_VALUES = 200_000
"""Values of a file beyond which its bounds have to be counted again."""

_MOST_PROBLEMS = 100
"""Problems of the whole or the part beyond which it is counted again whether there are too many."""

_REFERENCE = re.compile(r"(?:^|[\s,\[{:])[&*]\S", re.MULTILINE)
"""What may be an anchor, or an alias of one elsewhere."""

_ODD_BREAKS = ("\x85", "\u2028", "\u2029")
"""Line breaks that say something in a text."""

_ValueT = TypeVar("_ValueT")


@dataclass(slots=True)
class Documents:
    """The documents of files by the digest of their text, so that only what was changed is read anew."""

    kept: dict[bytes, Document] = field(default_factory=dict)
    _large: list[tuple[list[str], Document]] = field(default_factory=list)
    """The newest large ones with their lines, the newest last."""

    def compose(self, text: str) -> Document:
        """The document in the text; whoever takes sections out of it leaves the kept one whole."""
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
        document = self.kept.pop(digest, None) or self._read(text)
        self.kept[digest] = document
        while len(self.kept) > _KEPT:
            del self.kept[next(iter(self.kept))]
        data = document.data
        if isinstance(data, dict):
            data = {key: dict(value) if isinstance(value, dict) else value for key, value in data.items()}
        return replace(document, data=data)

    def _read(self, text: str) -> Document:
        if len(text) < _LARGE:
            return merge.compose_of_book(text)
        lines = LINE_BREAK.split(text)
        document = None
        if not any(sign in text for sign in _ODD_BREAKS):
            for old, before in reversed(self._large):
                document = document or recompose(before, old, lines)
        document = document or merge.compose_of_book(text)
        self._large = [*self._large[1 - _MOST_LARGE :], (lines, document)]
        return document


def alike(first: Sequence[str], other: Sequence[str]) -> int:
    """How many lines at the beginning are the same."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(first, other, strict=False)))


@dataclass(frozen=True, slots=True)
class _Entry:
    """A campaign of a document, which begins on a line of its own."""

    name: str
    start: int
    column: int
    end: int
    """The line at which what follows begins; all from 1."""


def recompose(before: Document, old: list[str], new: list[str]) -> Document | None:
    """The document of the new lines, where they differ from the old ones in one campaign only; else None.

    It is what reading all lines would give, problems in another order aside.
    """
    above = alike(old, new)
    below = alike(old[above:][::-1], new[above:][::-1])
    delta = len(new) - len(old)
    entry = _entry_around(before, old, above + 1, len(old) - below)
    if entry is None:
        return None
    part = _composed(
        old[entry.start - 1 : entry.end - 1],
        new[entry.start - 1 : entry.end - 1 + delta],
        entry,
        ends_line=entry.end <= len(old),
    )
    if part is None:
        return None
    data, read = _campaigns(before), _campaigns(part)
    if any(name in data for name in read if name != entry.name):
        return None
    campaigns: dict[str, PlainData] = {}
    for name, value in data.items():
        campaigns |= read if name == entry.name else {name: value}
    assert isinstance(before.data, dict)  # noqa: S101 it has campaigns
    gone = (CAMPAIGNS, entry.name)

    def moved(where: SourcePosition) -> SourcePosition:
        return (where[0] + delta, where[1]) if where[0] >= entry.end else where

    def joined(kept: Mapping[Path, _ValueT], added: Mapping[Path, _ValueT]) -> dict[Path, _ValueT]:
        return {path: value for path, value in kept.items() if path[:2] != gone} | {
            path: value for path, value in added.items() if len(path) > 1
        }

    values, keys = joined(before.values, part.values), joined(before.keys, part.keys)
    if delta:
        values = {
            path: where if path in part.values and len(path) > 1 else moved(where)
            for path, where in values.items()
        }
        keys = {
            path: where if path in part.keys and len(path) > 1 else moved(where)
            for path, where in keys.items()
        }
    if delta and any(problem.code is Code.DUPLICATE for problem in before.problems):
        return None  # its words name a line, which may have moved
    outside = [problem for problem in before.problems if not entry.start <= problem.position[0] < entry.end]
    return Document(
        data={**before.data, CAMPAIGNS: campaigns},
        values=values,
        keys=keys,
        lexemes=joined(before.lexemes, part.lexemes),
        problems=[
            *(replace(problem, position=moved(problem.position)) for problem in outside),
            *part.problems,
        ],
        poisoned={path for path in before.poisoned if path[:2] != gone} | part.poisoned,
    )


def _campaigns(document: Document) -> dict[str, PlainData]:
    data = document.data if isinstance(document.data, dict) else {}
    campaigns = data.get(CAMPAIGNS)
    return campaigns if isinstance(campaigns, dict) else {}


def _entry_around(document: Document, lines: list[str], first: int, last: int) -> _Entry | None:
    """The campaign that the lines from `first` to `last` are in; None where it may not end where the next one begins."""
    section = (CAMPAIGNS,)
    block = document.keys.get(section) == document.values.get(section)
    if len(document.values) > _MOST_VALUES or len(document.problems) > _MOST_PROBLEMS:
        return None
    if not (block and document.whole and isinstance(document.data, dict)):
        return None
    starts = {
        document.keys[CAMPAIGNS, name]: name
        for name in _campaigns(document)
        if (CAMPAIGNS, name) in document.keys
    }
    bounds = sorted(
        [
            *starts,
            *(document.keys[key,] for key in document.data if (key,) in document.keys),
            (len(lines) + 1, 1),
        ]
    )
    start = max((where for where in starts if where[0] <= first), default=None)
    if start is None:
        return None
    end = next(where for where in bounds if where > start)
    around = [where for where in (start, end) if where[0] <= len(lines)]
    if end[0] <= last or any(lines[line - 1][: column - 1].strip() for line, column in around):
        return None
    return _Entry(starts[start], *start, end[0])


def _composed(old: list[str], new: list[str], entry: _Entry, *, ends_line: bool) -> Document | None:
    """The document of the lines of a campaign alone, where everything stands as in the file; None if unsure."""
    text = "\n".join(new) + "\n" * ends_line
    if any(line[:1] not in ("", " ", "#") for line in new):
        return None
    if _REFERENCE.search(text) or _REFERENCE.search("\n".join(old)):
        return None
    part = merge.compose_of_book(f"{CAMPAIGNS}:{chr(10) * (entry.start - 1)}{text}")
    if (
        not part.whole
        or len(part.problems) > _MOST_PROBLEMS
        or not isinstance(part.data, dict)
        or list(part.data) != [CAMPAIGNS]
    ):
        return None
    places = [part.keys.get((CAMPAIGNS, name), (0, 0)) for name in _campaigns(part)]
    begins = (entry.start, entry.column) in places and {column for _, column in places} == {entry.column}
    return part if begins else None
