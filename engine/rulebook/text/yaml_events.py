"""YAML text as a flat stream of events, with aliases expanded within a budget."""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeAlias

import yaml

from engine.rulebook.report.diagnostics import Code
from engine.rulebook.report.findings import SourcePosition
from engine.rulebook.text import mistakes

MAX_EXPANDED = 100_000
"""Nodes that aliases may add to a file."""

LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
"""Line breaks, as YAML counts them."""

_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ERRORS = (yaml.YAMLError, ValueError, OverflowError, RecursionError)
_LOADER: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

NodeStart: TypeAlias = yaml.ScalarEvent | yaml.CollectionStartEvent
"""The event that a node begins with: a scalar is one event, a list or a mapping ends with another."""

NodePart: TypeAlias = NodeStart | yaml.CollectionEndEvent

Placed: TypeAlias = tuple[NodePart, SourcePosition]
"""An event and where it is written; for what an alias stands for, where the alias is written."""


class Unreadable(Exception):
    """Why a file cannot be read any further."""

    def __init__(self, code: Code, position: SourcePosition, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.code, self.position, self.message, self.hint = code, position, message, hint


def decode(content: bytes) -> str:
    """The text of a file in UTF-8; raises Unreadable for any other encoding and for control characters."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")):
        raise Unreadable(Code.ENCODING, (1, 1), "the file is in UTF-16 or UTF-32", "save it as UTF-8")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8-sig", "replace")
        byte = content[error.start : error.start + 1]
        latin = byte.decode("cp1252", "ignore")
        message = f"the byte 0x{byte.hex().upper()} is not UTF-8"
        message += f"; in Latin-1 (Windows-1252) it is '{latin}'" if latin else ""
        hint = "save the file as UTF-8 (in the editor: save as, encoding UTF-8)"
        raise Unreadable(Code.ENCODING, _end_of(before), message, hint) from None
    forbidden = _FORBIDDEN.search(text)
    if forbidden:
        name = f"U+{ord(forbidden[0]):04X}"
        raise Unreadable(
            Code.ENCODING,
            _end_of(text[: forbidden.start()]),
            f"the file holds the control character {name}",
            "delete it",
        )
    return text


def escaped_lines(content: bytes) -> list[str]:
    """The lines of a file that `decode` refuses, for excerpts; bytes that are not UTF-8 are escaped."""
    return LINE_BREAK.split(content.decode("utf-8-sig", "backslashreplace"))


def read(text: str) -> Iterator[Placed]:
    """The events of the nodes of the one document in the text; raises Unreadable."""
    return _Expansion().expand(_parsed(text))


def scalars(text: str) -> list[yaml.ScalarToken]:
    """The scalars as they are written, up to the first syntax error."""
    tokens: list[yaml.ScalarToken] = []
    with suppress(*_ERRORS):  # `read` reports it
        tokens.extend(
            token for token in yaml.scan(text, Loader=_LOADER) if isinstance(token, yaml.ScalarToken)
        )
    return tokens


def _parsed(text: str) -> Iterator[NodePart | yaml.AliasEvent]:
    documents = 0
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            if isinstance(event, NodePart | yaml.AliasEvent):
                yield event
            documents += isinstance(event, yaml.DocumentStartEvent)
            if documents > 1:
                raise Unreadable(Code.SYNTAX, position_of(event), "a second document; a file holds one")
    except yaml.MarkedYAMLError as error:
        raise Unreadable(Code.SYNTAX, *mistakes.behind(error, LINE_BREAK.split(text))) from None
    except _ERRORS as error:
        raise Unreadable(Code.SYNTAX, (1, 1), f"not YAML: {str(error).splitlines()[0]}") from None


@dataclass(slots=True)
class _Expansion:
    """Remembers the events of anchored nodes and repeats them for aliases."""

    log: list[NodePart] = field(default_factory=list)
    """Events since the first anchor."""
    spans: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Where in the log each finished anchor's node begins and ends."""
    open: list[tuple[str | None, int]] = field(default_factory=list)
    """The collections around the current event: anchor and begin."""
    added: int = 0

    def expand(self, events: Iterator[NodePart | yaml.AliasEvent]) -> Iterator[Placed]:
        for event in events:
            position = position_of(event)
            if isinstance(event, yaml.AliasEvent):
                begin, end = self._span(str(event.anchor), position)
                for repeated in self.log[begin:end]:
                    self.log.append(repeated)
                    yield repeated, position
            else:
                self._remember(event)
                yield event, position

    def _remember(self, event: NodePart) -> None:
        begin = len(self.log)
        anchor = getattr(event, "anchor", None)
        if self.log or anchor:
            self.log.append(event)
        if isinstance(event, yaml.CollectionStartEvent):
            self.open.append((anchor, begin))
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, begin = self.open.pop()
        if anchor and not isinstance(event, yaml.CollectionStartEvent):
            self.spans[anchor] = begin, len(self.log)

    def _span(self, anchor: str, position: SourcePosition) -> tuple[int, int]:
        if any(anchor == around for around, _ in self.open):
            raise Unreadable(Code.CYCLE, position, f"the alias *{anchor} is inside of what it stands for")
        if anchor not in self.spans:
            raise Unreadable(Code.SYNTAX, position, f"the alias *{anchor} has no anchor &{anchor} before it")
        begin, end = self.spans[anchor]
        self.added += end - begin
        if self.added > MAX_EXPANDED:
            raise Unreadable(
                Code.TOO_LARGE, position, f"aliases repeat more than {MAX_EXPANDED:,} nodes in this file"
            )
        return begin, end


def position_of(event: yaml.Event) -> SourcePosition:
    """Where the event begins."""
    mark = event.start_mark
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)


def _end_of(text: str) -> SourcePosition:
    lines = LINE_BREAK.split(text)
    return len(lines), len(lines[-1]) + 1
