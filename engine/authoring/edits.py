"""Changes of the text of a book that leave the rest as it is written: an entry is taken out, added, or written anew."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import yaml

from engine.authoring.analyse import Analysis
from engine.rulebook.report.findings import Path, SourcePosition
from engine.rulebook.text.yaml_events import LINE_BREAK, decode

_LOADER: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Edit:
    """A text in place of a part of a file; nothing is replaced where the part is empty."""

    file: str
    start: SourcePosition
    """Line and column, from 1."""
    end: SourcePosition
    """Behind the part."""
    text: str


def edited(contents: Mapping[str, bytes], edits: Iterable[Edit]) -> dict[str, bytes]:
    """The files after the edits, which do not overlap."""
    changed = dict(contents)
    for edit in sorted(edits, key=lambda edit: edit.start, reverse=True):
        text = decode(changed[edit.file])
        starts = [0, *(match.end() for match in LINE_BREAK.finditer(text))]
        begin, end = (
            min(starts[line - 1] + column - 1, len(text)) if line <= len(starts) else len(text)
            for line, column in (edit.start, edit.end)
        )
        mark = b"\xef\xbb\xbf" if changed[edit.file].startswith(b"\xef\xbb\xbf") else b""
        changed[edit.file] = mark + f"{text[:begin]}{edit.text}{text[end:]}".encode()
    return changed


class _Entry(NamedTuple):
    """An entry of a mapping, or an item of a list."""

    start: SourcePosition
    """Of the key or the item; from 0, as all positions of PyYAML."""
    value: yaml.Node
    around: yaml.CollectionNode
    number: int
    """Among the entries around it."""


@dataclass(slots=True)
class BookText:
    """The text of a book that loads, and edits of its entries by their paths."""

    analysis: Analysis
    _files: dict[str, "_FileText"] = field(default_factory=dict)

    def deletion(self, path: Path, *, above: int = 0) -> Edit | None:
        """The edit that takes out an entry; what would then be empty goes with it, up to so many levels above.

        None where the entry is not written as one, or too much would go.
        """
        file, entry = self._at(path)
        while file and entry and len(entry.around.value) == 1:
            entry = file.around.get(id(entry.around)) if above else None
            above -= 1
        return file.without(entry, entry) if file and entry else None

    def deletions(self, path: Path, keys: Collection[str]) -> list[Edit]:
        """The edits that take those of the keys out of the mapping at the path that it has; none if it had no others."""
        file, entry = self._at(path)
        if not file or not entry or not isinstance(entry.value, yaml.MappingNode):
            return []
        inside = list(_entries(entry.value))
        gone = [index for index, (key, _) in enumerate(entry.value.value) if key.value in keys]
        if len(gone) == len(inside):
            return []
        first = [index for index in gone if index - 1 not in gone]
        last = [index for index in gone if index + 1 not in gone]
        return [file.without(inside[start], inside[end]) for start, end in zip(first, last, strict=True)]

    def addition(self, path: Path, entries: Mapping[str, str]) -> Edit | None:
        """The edit that adds entries, as they are to be written, to the mapping at the path; None where none can be."""
        file, entry = self._at(path)
        if not file or not entry or not isinstance(entry.value, yaml.MappingNode) or not entry.value.value:
            return None
        if any(key.value in entries for key, _ in entry.value.value):
            return None
        *_, last = _entries(entry.value)
        lines = [f"{key}: {text}" for key, text in entries.items()]
        end = _end(last.value)
        if entry.value.flow_style:
            return file.edit(end, end, "".join(f", {line}" for line in lines))
        blanks = " " * last.start[1]
        in_lines = isinstance(last.value, yaml.CollectionNode) and not last.value.flow_style
        if in_lines or _is_long(last.value):
            return file.edit(last.start, last.start, "".join(f"{line}\n{blanks}" for line in lines))
        behind = (end[0], len(file.lines[end[0]]))
        return file.edit(behind, behind, "".join(f"\n{blanks}{line}" for line in lines))

    def replacement(self, path: Path, text: str) -> Edit | None:
        """The edit that writes the text in place of an entry, key and value; None where it is not written as one."""
        file, entry = self._at(path)
        return file.edit(entry.start, _end(entry.value), text) if file and entry else None

    def written(self, path: Path) -> str | None:
        """The value of an entry as it is written; None where it is not, or on several lines."""
        file, entry = self._at(path)
        if not file or not entry:
            return None
        start, end = _mark(entry.value.start_mark), _end(entry.value)
        return file.lines[start[0]][start[1] : end[1]] if start[0] == end[0] else None

    def _at(self, path: Path) -> tuple["_FileText | None", _Entry | None]:
        key = path in self.analysis.keys
        origin = (self.analysis.keys if key else self.analysis.values).get(path)
        if origin is None:
            return None, None
        name, line, column = origin
        if name not in self._files:
            self._files[name] = _FileText(name, self.analysis.lines[name])
        file = self._files[name]
        return file, file.entries.get((line - 1, column - 1, key))


class _FileText:
    """The entries of one file by where they begin, keys apart from items of lists."""

    def __init__(self, name: str, lines: list[str]) -> None:
        self.name, self.lines = name, lines
        self.entries: dict[tuple[int, int, bool], _Entry] = {}
        self.around: dict[int, _Entry] = {}
        """By the identity of a collection, the entry that it is the value of."""
        root = yaml.compose("\n".join(lines), Loader=_LOADER)
        seen: set[int] = set()
        pending = [root] if root is not None else []
        while pending:
            node = pending.pop()
            if id(node) in seen or not isinstance(node, yaml.CollectionNode):
                continue  # what an alias repeats is written where the anchor is
            seen.add(id(node))
            for entry in _entries(node):
                self.entries[(*entry.start, isinstance(node, yaml.MappingNode))] = entry
                self.around.setdefault(id(entry.value), entry)
                pending.append(entry.value)

    def without(self, first: _Entry, last: _Entry) -> Edit:
        """The edit that takes out the entries from the first to the last, which are not all around them."""
        begin, end, siblings = _begin(first), _end(last.value), list(_entries(first.around))
        before = siblings[first.number - 1] if first.number else None
        after = siblings[last.number + 1] if last.number + 1 < len(siblings) else None
        if first.around.flow_style:
            if after is not None:
                return self.edit(begin, after.start)
            return self.edit(_end(before.value) if before and self._is_bare(before, begin) else begin, end)
        if not self.lines[begin[0]][: begin[1]].strip():
            return self.edit((begin[0], 0), self._next_line(last, end))
        return self.edit(begin, after.start if after is not None else end)  # the first key behind a dash

    def _is_bare(self, before: _Entry, begin: SourcePosition) -> bool:
        """Whether nothing but a comma is written between the entry before and the place."""
        (line, column), between = _end(before.value), ""
        while line < begin[0]:
            between, line, column = between + self.lines[line][column:], line + 1, 0
        return (between + self.lines[line][column : begin[1]]).strip(" \t,") == ""

    def _next_line(self, entry: _Entry, end: SourcePosition) -> SourcePosition:
        """Where the line behind the entry begins; blank lines behind a long text are none of it."""
        if not _is_long(_last(entry.value)):
            return end[0] + 1, 0
        line = end[0] + bool(end[1])
        while line - 1 > entry.start[0] and not self.lines[line - 1].strip():
            line -= 1
        return line, 0

    def edit(self, start: SourcePosition, end: SourcePosition, text: str = "") -> Edit:
        """The edit of the part of the file."""
        return Edit(self.name, (start[0] + 1, start[1] + 1), (end[0] + 1, end[1] + 1), text)


def _entries(node: yaml.CollectionNode) -> Iterator[_Entry]:
    for index, inner in enumerate(node.value):
        start, value = (inner[0], inner[1]) if isinstance(node, yaml.MappingNode) else (inner, inner)
        yield _Entry(_mark(start.start_mark), value, node, index)


def _mark(mark: yaml.Mark | None) -> SourcePosition:
    return (mark.line, mark.column) if mark is not None else (0, 0)


def _begin(entry: _Entry) -> SourcePosition:
    """Where the entry begins: an item of a list in lines at its dash."""
    if isinstance(entry.around, yaml.SequenceNode) and not entry.around.flow_style:
        return entry.start[0], _mark(entry.around.start_mark)[1]
    return entry.start


def _end(node: yaml.Node) -> SourcePosition:
    """Behind the last character of the node; PyYAML has collections in lines end where the next token begins."""
    return _mark(_last(node).end_mark)


def _last(node: yaml.Node) -> yaml.Node:
    """The last node inside of what is written in lines; otherwise the node itself."""
    while isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        node = last[1] if isinstance(node, yaml.MappingNode) else last
    return node


def _is_long(node: yaml.Node) -> bool:
    """Whether it is a text in lines, behind `|` or `>`, which ends where the next token begins."""
    return isinstance(node, yaml.ScalarNode) and node.style in ("|", ">")
