"""Plain YAML scalars by the core schema of YAML 1.2 (https://yaml.org/spec/1.2.2/#103-core-schema).

PyYAML's own resolver follows YAML 1.1, in which Norway (`NO`) is false and 21:00 is 1260.
"""

import math
import re
from dataclasses import dataclass, field
from typing import TypeAlias, Union

import yaml

from engine.rulebook.report.diagnostics import Code, quote
from engine.rulebook.report.findings import Path, SourcePosition
from engine.rulebook.text import yaml_events
from engine.rulebook.text.yaml_events import Unreadable

YamlScalar: TypeAlias = bool | int | float | str | None


_NULL = frozenset(("", "~", "null", "Null", "NULL"))


_BOOLEAN = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")


_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")


_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


_MAY_BE_NUMBER = frozenset("0123456789+-.")


class ScalarError(ValueError):
    """A number that a book may not have; its text is the message for the author."""


def resolve(text: str) -> YamlScalar:
    """The value of a plain scalar; raises ScalarError for what is no finite number of 64 bits."""
    if text in _NULL:
        return None
    if text in _BOOLEAN:
        return _BOOLEAN[text]
    if text[0] not in _MAY_BE_NUMBER:
        return text
    if _INTEGER.fullmatch(text):
        return _integer(text)
    if _FLOAT.fullmatch(text):
        return _float(text)
    if _NOT_FINITE.fullmatch(text):
        raise ScalarError("infinite and undefined numbers are not allowed")
    return text


def _integer(text: str) -> int:
    base = {"0o": 8, "0x": 16}.get(text[:2], 10)
    # Python refuses to read thousands of digits; nobody needs them.
    digits = text.lstrip("+-0") if base == 10 else text[2:].lstrip("0")
    number = int(text if base == 10 else text[2:], base) if len(digits) < 70 and len(text) < 4000 else 2**64
    if not -(2**63) <= number < 2**63:
        raise ScalarError("the number does not fit into 64 bits")
    return number


def _float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ScalarError("the number is too large")
    return number


PlainData: TypeAlias = Union[YamlScalar, list["PlainData"], dict[str, "PlainData"]]  # noqa: UP007 - it names itself


MAX_DEPTH = 100
"""Lists and mappings inside each other."""


_CORE = "tag:yaml.org,2002:"


_KINDS = {"null": type(None), "bool": bool, "int": int, "float": float, "str": str}


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong at a place of the text."""

    position: SourcePosition
    code: Code
    message: str
    hint: str = ""


@dataclass(slots=True)
class Document:
    """The content of one file."""

    data: PlainData = None
    values: dict[Path, SourcePosition] = field(default_factory=dict)
    keys: dict[Path, SourcePosition] = field(default_factory=dict)
    lexemes: dict[Path, str] = field(default_factory=dict)
    """How numbers and booleans are written."""
    problems: list[Problem] = field(default_factory=list)
    poisoned: set[Path] = field(default_factory=set)
    """Paths that a problem is about."""
    whole: bool = True
    """Whether the file could be read to its end."""


@dataclass(slots=True)
class _Frame:
    """A collection that is being read."""

    into: dict[str, PlainData] | list[PlainData]
    path: Path | None
    """None: below a key that is an error; its content is read and dropped."""
    start: SourcePosition
    key: str | None = None
    """The key whose value comes next."""
    target: Path | None = None
    """The path of that value."""
    used: bool = False
    """Whether anything stands in it, be it an error."""


def compose(text: str) -> Document:
    """The document in the text; what is wrong with it is among its problems, never raised."""
    document = Document()
    composer = _Composer(document)
    try:
        for event, position in yaml_events.read(text):
            composer.take(event, position)
    except Unreadable as reason:
        document.problems.append(Problem(reason.position, reason.code, reason.message, reason.hint))
        document.data, document.whole = None, False  # half a file says nothing reliable
    return document


class _Composer:
    """Builds the data from events with a stack of its own, so that no nesting exhausts Python's."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._stack: list[_Frame] = []

    def take(self, event: yaml.Event, position: SourcePosition) -> None:
        """Go on by one event."""
        if isinstance(event, yaml.CollectionEndEvent):
            self._close()
        elif self._expects_key():
            self._key(event, position)
        elif isinstance(event, yaml.ScalarEvent):
            path = self._locate(position, scalar=True)
            self._attach(self._scalar(event, path, position))
        elif isinstance(event, yaml.CollectionStartEvent):
            self._open(event, position)

    def _expects_key(self) -> bool:
        return bool(self._stack) and isinstance(self._stack[-1].into, dict) and self._stack[-1].key is None

    def _key(self, event: yaml.Event, position: SourcePosition) -> None:
        if not isinstance(event, yaml.ScalarEvent):
            raise Unreadable(Code.SYNTAX, position, "a list or a mapping cannot be a key")
        frame = self._stack[-1]
        frame.target, frame.used = None, True
        key = frame.key = _text(event)
        if key is None:
            frame.key = ""
            self._problem(None, position, Code.SYNTAX, "a key must be text", "put it in quotes")
            return
        if key == "<<":
            self._problem(None, position, Code.SYNTAX, "merge keys (<<) are not part of YAML 1.2")
        elif key in frame.into:
            self._problem(None, position, Code.DUPLICATE, f"the key {quote(key)} is here a second time")
        elif frame.path is not None:
            frame.target = (*frame.path, key)
            self._document.keys[frame.target] = position

    def _open(self, event: yaml.CollectionStartEvent, position: SourcePosition) -> None:
        if len(self._stack) == MAX_DEPTH:
            raise Unreadable(
                Code.TOO_LARGE, position, f"more than {MAX_DEPTH} lists and mappings inside each other"
            )
        path = self._locate(position, scalar=bool(event.flow_style))
        into: dict[str, PlainData] | list[PlainData] = {} if isinstance(event, yaml.MappingStartEvent) else []
        if event.tag not in (None, "!", f"{_CORE}map" if isinstance(into, dict) else f"{_CORE}seq"):
            self._problem(path, position, Code.SYNTAX, f"the tag {quote(event.tag)} is not allowed")
        self._attach(into, advance=False)
        self._stack.append(_Frame(into, path, position))

    def _close(self) -> None:
        frame = self._stack.pop()
        if not frame.into and not frame.used and frame.path:
            kind = "mapping" if isinstance(frame.into, dict) else "list"
            position = self._document.values[frame.path]
            self._problem(frame.path, position, Code.EMPTY, f"an empty {kind}", "fill it, or delete its key")
        if self._stack:
            self._stack[-1].key = None

    def _locate(self, position: SourcePosition, *, scalar: bool) -> Path | None:
        """The path of the value that comes now; it is marked at its key if it begins on a line of its own."""
        path = self._path()
        if path is not None:
            self._document.values[path] = position if scalar else self._document.keys.get(path, position)
        return path

    def _path(self) -> Path | None:
        if not self._stack:
            return ()
        frame = self._stack[-1]
        if isinstance(frame.into, dict):
            return frame.target
        return None if frame.path is None else (*frame.path, len(frame.into))

    def _attach(self, value: PlainData, *, advance: bool = True) -> None:
        if not self._stack:
            self._document.data = value
            return
        frame = self._stack[-1]
        if isinstance(frame.into, list):
            frame.into.append(value)
        else:
            if frame.target is not None:
                frame.into[str(frame.target[-1])] = value
            elif frame.path is None and frame.key is not None:
                frame.into[frame.key] = value
            if advance:
                frame.key = None

    def _scalar(self, event: yaml.ScalarEvent, path: Path | None, position: SourcePosition) -> YamlScalar:
        try:
            value = _resolved(event)
        except ScalarError as error:
            self._problem(path, position, Code.VALUE, str(error))
            return None
        if value is None and path:
            self._problem(
                path, position, Code.EMPTY, "a key or an item without a value", "write one, or delete it"
            )
        if path is not None and not isinstance(value, str):
            self._document.lexemes[path] = event.value
        return value

    def _problem(
        self, path: Path | None, position: SourcePosition, code: Code, message: str, hint: str = ""
    ) -> None:
        self._document.problems.append(Problem(position, code, message, hint))
        if path:
            self._document.poisoned.add(path)


def _text(event: yaml.ScalarEvent) -> str | None:
    """The scalar as a key; None if it is no text."""
    try:
        value = _resolved(event)
    except ScalarError:
        return None
    return value if isinstance(value, str) else None


def _resolved(event: yaml.ScalarEvent) -> YamlScalar:
    if event.tag is None:
        return resolve(event.value) if event.implicit[0] else str(event.value)
    if event.tag in ("!", f"{_CORE}str"):
        return str(event.value)
    kind = _KINDS.get(event.tag.removeprefix(_CORE)) if event.tag.startswith(_CORE) else None
    if kind is None:
        raise ScalarError(f"the tag {quote(event.tag)} is not allowed")
    value = resolve(event.value)
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise ScalarError(f"the tag !!{event.tag.removeprefix(_CORE)} does not fit the value")
    return value
