"""Compose YAML into plain data, with the position of each value and all problems.

Scalars follow the core schema of YAML 1.2 (https://yaml.org/spec/1.2.2/#103-core-schema).

PyYAML's own resolver follows YAML 1.1, in which Norway (`NO`) is false and 21:00 is 1260.
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias, Union

import yaml

from engine.rulebook.report.diagnostics import Code, quote
from engine.rulebook.report.findings import Path, SourcePosition
from engine.rulebook.text import yaml_events
from engine.rulebook.text.yaml_events import NodeStart, Placed, Unreadable

YamlScalar: TypeAlias = bool | int | float | str | None
PlainData: TypeAlias = Union[YamlScalar, list["PlainData"], dict[str, "PlainData"]]  # noqa: UP007 - it names itself

MAX_DEPTH = 100
"""Nested lists and mappings."""

_CORE = "tag:yaml.org,2002:"
_KINDS = {"null": type(None), "bool": bool, "int": int, "float": float, "str": str}
_NULL = frozenset(("", "~", "null", "Null", "NULL"))
_BOOLEAN = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_MAY_BE_NUMBER = frozenset("0123456789+-.")


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem at a position of the text."""

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
    """How numbers, booleans and nulls are written."""
    problems: list[Problem] = field(default_factory=list)
    poisoned: set[Path] = field(default_factory=set)
    """Paths of values with a problem."""
    whole: bool = True
    """Whether the file could be read to its end."""


def compose(text: str) -> Document:
    """The document in the text. Everything wrong with it is among its problems; never raises."""
    document = Document()
    try:
        _Composer(yaml_events.read(text), document).compose()
    except Unreadable as reason:
        document.problems.append(Problem(reason.position, reason.code, reason.message, reason.hint))
        document.data, document.whole = None, False  # half a file is not reliable
    return document


class _Composer:
    """Builds plain data from events, by recursion that MAX_DEPTH bounds.

    PyYAML's own composer recurses without bound in C, and does not keep where an alias is written (ADR 0002).
    """

    def __init__(self, events: Iterator[Placed], document: Document) -> None:
        self._events, self._document = events, document

    def compose(self) -> None:
        for event, position in self._inside():
            self._document.data = self._value(event, position, (), 0)

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
        if event.tag not in (None, "!", f"{_CORE}map" if mapping else f"{_CORE}seq"):
            self._problem(path, position, Code.SYNTAX, f"the tag {quote(event.tag)} is not allowed")
        return self._mapping(path, depth + 1) if mapping else self._list(path, depth + 1)

    def _mapping(self, path: Path | None, depth: int) -> dict[str, PlainData]:
        data: dict[str, PlainData] = {}
        empty = True
        entries = self._inside()
        for event, position in entries:
            empty = False
            key = self._key(event, position, path, data)
            value = self._value(*next(entries), _below(path, key), depth)
            if key is not None:
                data[key] = value
        if empty:
            self._report_empty(path, "mapping")
        return data

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
            yield event, position

    def _key(
        self, event: NodeStart, position: SourcePosition, path: Path | None, data: Mapping[str, PlainData]
    ) -> str | None:
        """The key of an entry of the mapping; None after reporting that it cannot be one."""
        if not isinstance(event, yaml.ScalarEvent):
            raise Unreadable(Code.SYNTAX, position, "a list or a mapping cannot be a key")
        key = _text(event)
        if key is None:
            self._problem(None, position, Code.SYNTAX, "a key must be text", "put it in quotes")
        elif key == "<<":
            self._problem(None, position, Code.SYNTAX, "merge keys (<<) are not part of YAML 1.2")
        elif key in data:
            self._problem(None, position, Code.DUPLICATE, f"the key {quote(key)} is here a second time")
        else:
            if path is not None:
                self._document.keys[*path, key] = position
            return key
        return None

    def _mark(self, path: Path | None, position: SourcePosition, *, block: bool = False) -> None:
        """Record the position of the value; for a block collection, the position of its key."""
        if path is not None:
            self._document.values[path] = self._document.keys.get(path, position) if block else position

    def _scalar(self, event: yaml.ScalarEvent, path: Path | None, position: SourcePosition) -> YamlScalar:
        try:
            value = _resolved(event)
        except ScalarError as error:
            self._problem(path, position, Code.VALUE, str(error))
            return None
        if value is None and path:
            message = "a key or an item without a value"
            self._problem(path, position, Code.EMPTY, message, "write one, or delete it")
        if path is not None and not isinstance(value, str):
            self._document.lexemes[path] = event.value
        return value

    def _report_empty(self, path: Path | None, kind: str) -> None:
        if path:
            position = self._document.values[path]
            self._problem(path, position, Code.EMPTY, f"an empty {kind}", "fill it, or delete its key")

    def _problem(
        self, path: Path | None, position: SourcePosition, code: Code, message: str, hint: str = ""
    ) -> None:
        self._document.problems.append(Problem(position, code, message, hint))
        if path:
            self._document.poisoned.add(path)


def _below(path: Path | None, key: str | int | None) -> Path | None:
    return None if path is None or key is None else (*path, key)


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


class ScalarError(ValueError):
    """A scalar that a book may not have. Its message is for the author of the book."""


def resolve(text: str) -> YamlScalar:
    """The value of a plain scalar; raises ScalarError for numbers that are not finite or exceed 64 bits."""
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
    # Python refuses to parse thousands of digits.
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
