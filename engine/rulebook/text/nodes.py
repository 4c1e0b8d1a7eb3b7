"""Compose YAML into plain data, with the position of each value and all problems.

What reads otherwise than its author meant it is reported, and read as it was meant (repairs.py).
"""

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias, Union

import yaml

from engine.rulebook.report.diagnostics import Code, Severity, quote
from engine.rulebook.report.findings import MOST_ERRORS, Path, SourcePosition
from engine.rulebook.text import repairs, yaml_events
from engine.rulebook.text.mistakes import Mistake
from engine.rulebook.text.scalars import CORE, ScalarError, YamlScalar, resolve, resolved
from engine.rulebook.text.yaml_events import LINE_BREAK, NodeStart, Placed, Unreadable

PlainData: TypeAlias = Union[YamlScalar, list["PlainData"], dict[str, "PlainData"]]  # noqa: UP007 - it names itself

MAX_DEPTH = 100
"""Nested lists and mappings."""

MAX_STEPS = 3_000_000
"""Lengths of the paths to all values of a file, together."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem at a position of the text."""

    position: SourcePosition
    code: Code
    message: str
    hint: str = ""
    severity: Severity = Severity.ERROR


@dataclass(slots=True)
class Document:
    """The content of one file."""

    data: PlainData = None
    values: dict[Path, SourcePosition] = field(default_factory=dict)
    keys: dict[Path, SourcePosition] = field(default_factory=dict)
    lexemes: dict[Path, str] = field(default_factory=dict)
    """How numbers, booleans and nulls are written."""
    problems: list[Problem] = field(default_factory=list)
    poisoned: set[Path] = field(default_factory=set)
    """Paths of values with a problem."""
    whole: bool = True
    """Whether the file could be read to its end."""


def compose(text: str, *, book: bool = False) -> Document:
    """The document in the text. Everything wrong with it is among its problems; never raises.

    book: whether it is a file of a book, whose texts are checked for what authors overlook.
    """
    document = Document()
    try:
        _Composer(yaml_events.read(text), document, LINE_BREAK.split(text), book).compose()
    except Unreadable as reason:
        document.problems = [
            problem
            for problem in document.problems
            if reason.code is Code.TOO_LARGE
            or abs(problem.position[0] - reason.position[0]) > (problem.code is Code.EMPTY)
        ]
        document.problems.append(Problem(reason.position, reason.code, reason.message, reason.hint))
        document.data, document.whole = None, False  # half a file is not reliable
    return document


class _Composer:
    """Builds plain data from events, by recursion that MAX_DEPTH bounds.

    PyYAML's own composer recurses without bound in C, and does not keep where an alias is written (ADR 0002).
    """

    def __init__(self, events: Iterator[Placed], document: Document, lines: list[str], book: bool) -> None:
        self._events, self._document, self._lines = events, document, lines
        self._book = book
        self._errors, self._steps = 0, 0
        self._anchors: dict[str, Mistake] = {}
        self._aliased: set[str] = set()

    def compose(self) -> None:
        for event, position in self._inside():
            self._document.data = self._value(event, position, (), 0)
        for anchor in self._anchors.keys() - self._aliased:
            self._mistake(self._anchors[anchor], Severity.WARNING)

    def _value(self, event: NodeStart, position: SourcePosition, path: Path | None, depth: int) -> PlainData:
        """The value of the node that begins with the event. path: None below a wrong key, whose value is dropped."""
        if isinstance(event, yaml.ScalarEvent):
            self._mark(path, position)
            return self._scalar(event, path, position)
        if depth == MAX_DEPTH:
            message = f"more than {MAX_DEPTH} lists and mappings inside each other"
            raise Unreadable(Code.TOO_LARGE, position, message)
        self._mark(path, position, block=not event.flow_style)
        mapping = isinstance(event, yaml.MappingStartEvent)
        if event.tag not in (None, "!", f"{CORE}map" if mapping else f"{CORE}seq"):
            self._problem(path, position, Code.SYNTAX, f"the tag {quote(event.tag)} is not allowed")
        return self._mapping(path, depth + 1, position) if mapping else self._list(path, depth + 1)

    def _mapping(self, path: Path | None, depth: int, start: SourcePosition) -> PlainData:
        data: dict[str, PlainData] = {}
        loose: list[yaml.ScalarEvent] = []
        last: repairs.FlowEntry | None = None
        empty = True
        entries = self._inside()
        for event, position in entries:
            empty = False
            if not isinstance(event, yaml.ScalarEvent):
                raise Unreadable(Code.SYNTAX, position, *self._wrong_key(event))
            following, where = next(entries)
            if repairs.is_loose(event, following):
                if not self._split(event, position, data):
                    loose.append(event)
                continue
            self._join(last, loose, data, path)
            key = self._key(event, following, position, path, data)
            value = self._value(following, where, _below(path, key), depth)
            if key is not None:
                data[key] = value
            last = (
                repairs.FlowEntry(key, following) if key and isinstance(following, yaml.ScalarEvent) else None
            )
        if loose and not data:
            meant, mistake = repairs.braced([event.value for event in loose], path, start)
            self._mistake(mistake)
            if path and not repairs.is_text(path):
                self._document.poisoned.add(path)
            return meant
        self._join(last, loose, data, path)
        if empty:
            self._report_empty(path, "mapping")
        return data

    def _split(self, event: yaml.ScalarEvent, position: SourcePosition, data: dict[str, PlainData]) -> bool:
        """Whether the key without a colon is an entry without a blank after its colon, which is then read."""
        meant = repairs.glued(event, position)
        if meant is None:
            return False
        key, value, mistake = meant
        self._mistake(mistake)
        data[key] = _as_meant(value)
        return True

    def _join(
        self,
        last: repairs.FlowEntry | None,
        loose: list[yaml.ScalarEvent],
        data: dict[str, PlainData],
        path: Path | None,
    ) -> None:
        """Report keys without a colon, as a part of the value before them if that is a plain text or number."""
        if loose and last and not last.value.style:
            position = yaml_events.position_of(last.value)
            text = repairs.written(self._lines, last.value, loose[-1])
            meant, mistake = repairs.joined(last, [event.value for event in loose], text, position)
            self._mistake(mistake)
            data[last.key] = _as_meant(meant)
            if path is not None and not repairs.is_text((*path, last.key)):
                self._document.poisoned.add((*path, last.key))
        elif loose:
            message, position = f"{quote(loose[0].value)} has no value", yaml_events.position_of(loose[0])
            self._problem(None, position, Code.SYNTAX, message, f"write {loose[0].value}: and its value")
        loose.clear()

    def _list(self, path: Path | None, depth: int) -> list[PlainData]:
        items: list[PlainData] = []
        for event, position in self._inside():
            items.append(self._value(event, position, _below(path, len(items)), depth))
        if not items:
            self._report_empty(path, "list")
        return items

    def _inside(self) -> Iterator[tuple[NodeStart, SourcePosition]]:
        """The first events of the nodes in the open collection, or of the root node. The caller reads the rest of each."""
        for event, position in self._events:
            if isinstance(event, yaml.CollectionEndEvent):
                return
            if self._book and event.anchor and position != yaml_events.position_of(event):
                self._aliased.add(event.anchor)
            yield event, position

    def _key(
        self,
        event: yaml.ScalarEvent,
        value: NodeStart,
        position: SourcePosition,
        path: Path | None,
        data: Mapping[str, PlainData],
    ) -> str | None:
        """The key of an entry of the mapping; None after reporting that it cannot be one."""
        key = _text(event)
        if key is None:
            self._problem(None, position, Code.SYNTAX, "a key must be text", "put it in quotes")
            return None
        unseen = repairs.unseen(key, position)
        meant = None if event.style else repairs.swallowed(key, value, position)
        if meant is None and not event.style and self._book:
            meant = repairs.curly_key(key, position)
        if unseen:
            self._mistake(unseen)
            key = repairs.clean(key)
        elif meant:
            key, mistake = meant
            self._mistake(mistake)
            if path is not None:
                self._document.poisoned.add((*path, key))
        key = unicodedata.normalize("NFC", key)
        if key == "<<":
            self._problem(None, position, Code.SYNTAX, "merge keys (<<) are not part of YAML 1.2")
        elif key in data:
            first = None if path is None else self._document.keys.get((*path, key))
            hint = f"line {first[0]} has it first" if first else ""
            self._problem(None, position, Code.DUPLICATE, f"the key {quote(key)} is here a second time", hint)
        else:
            if path is not None:
                self._document.keys[*path, key] = position
            return key
        return None

    def _wrong_key(self, event: NodeStart) -> tuple[str, str]:
        mark = event.start_mark
        before = self._lines[mark.line][: mark.column].rstrip() if mark else ""
        if before.endswith("{") and isinstance(event, yaml.MappingStartEvent):
            message = "a text that begins with {{ must be in quotes"
            return message, 'a placeholder has single braces: "{profile.first_name|friend}"'
        return "a list or a mapping cannot be a key", ""

    def _mark(self, path: Path | None, position: SourcePosition, *, block: bool = False) -> None:
        """Record the position of the value; for a block collection, the position of its key."""
        if path is not None:
            self._steps += len(path)
            if self._steps > MAX_STEPS:
                raise Unreadable(Code.TOO_LARGE, position, "too many values inside each other in this file")
            self._document.values[path] = self._document.keys.get(path, position) if block else position

    def _scalar(self, event: yaml.ScalarEvent, path: Path | None, position: SourcePosition) -> YamlScalar:
        try:
            value = resolved(event)
        except ScalarError as error:
            hint = "a text that begins with ! must be in quotes" if (event.tag or "").startswith("!") else ""
            self._problem(path, position, Code.VALUE, str(error), hint)
            return None
        if value is None and path:
            message, hint = "a key or an item without a value", "write one, or delete it"
            if event.anchor:
                message, hint = "a text that begins with & must be in quotes", f'write "&{event.anchor}"'
            self._problem(path, position, Code.EMPTY, message, hint)
        if path is not None and not isinstance(value, str):
            self._document.lexemes[path] = event.value
        return (
            self._checked(event, value, path, position)
            if self._book and path and isinstance(value, str)
            else value
        )

    def _checked(self, event: yaml.ScalarEvent, text: str, path: Path, position: SourcePosition) -> str:
        """The text as it was meant, after reporting what is easily overlooked: invisible characters, quotes, comments."""
        key = next((part for part in reversed(path) if isinstance(part, str)), "")
        free, operand = repairs.is_text(path), repairs.is_operand(path)
        curly = repairs.curly(text, key, position) if not event.style else None
        if curly:
            self._mistake(curly, Severity.WARNING if free else Severity.ERROR)
        if free:
            cut = repairs.cut(event, path, self._lines, position)
            if cut:
                self._mistake(cut, Severity.WARNING)
            if event.anchor and event.style not in ("|", ">"):
                self._anchors[event.anchor] = repairs.anchor(event.anchor, text, key, position)
            if event.tag == "!":
                self._mistake(repairs.bang(text, key, position), Severity.WARNING)
            return text
        start = position if not event.style else (position[0], position[1] + 1)
        unseen = repairs.unseen(text, start)
        if unseen:
            self._mistake(unseen, Severity.WARNING if operand else Severity.ERROR)
        if operand:
            return text
        meant = text[1:-1] if curly else text
        return repairs.clean(meant) if unseen else unicodedata.normalize("NFC", meant)

    def _report_empty(self, path: Path | None, kind: str) -> None:
        if path:
            position = self._document.values[path]
            self._problem(path, position, Code.EMPTY, f"an empty {kind}", "fill it, or delete its key")

    def _mistake(self, mistake: Mistake, severity: Severity = Severity.ERROR) -> None:
        self._add(Problem(mistake.position, Code.SYNTAX, mistake.message, mistake.hint, severity))

    def _problem(
        self, path: Path | None, position: SourcePosition, code: Code, message: str, hint: str = ""
    ) -> None:
        self._add(Problem(position, code, message, hint))
        if path:
            self._document.poisoned.add(path)

    def _add(self, problem: Problem) -> None:
        """Keeps the problem; after as many errors as are reported at all, reading the file ends."""
        self._document.problems.append(problem)
        self._errors += problem.severity is Severity.ERROR
        if self._errors >= MOST_ERRORS:
            message = f"more than {MOST_ERRORS:,} errors in this file: the rest of it is not read"
            raise Unreadable(Code.TOO_LARGE, problem.position, message)


def _below(path: Path | None, key: str | int | None) -> Path | None:
    return None if path is None or key is None else (*path, key)


def _as_meant(text: str) -> YamlScalar:
    try:
        return resolve(text)
    except ScalarError:
        return text


def _text(event: yaml.ScalarEvent) -> str | None:
    """The scalar as a key; None if it is no text."""
    try:
        value = resolved(event)
    except ScalarError:
        return None
    return value if isinstance(value, str) else None
