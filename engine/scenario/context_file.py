"""Reads context files: a customer, and how and when to decide for them, in YAML or JSON."""

import re
from contextlib import suppress
from pathlib import Path as File
from typing import Any, NamedTuple

from engine.api.v1.decisions_pb2 import DecideRequest
from engine.decide.compiled import CompiledBook
from engine.model.instant import to_datetime
from engine.rulebook.report.diagnostics import Code, Diagnostic
from engine.rulebook.report.findings import Findings, Path, TooManyErrors
from engine.rulebook.text.files import MAX_FILE_BYTES
from engine.scenario.contexts import ContextLayer, ContextReader, moment
from engine.scenario.shapes import ContextShape
from engine.scenario.sources import read_document

_SURROGATES = re.compile(rb"(?<!\\)((?:\\\\)*)\\u([dD][89abAB]..)\\u([dD][c-fC-F]..)")
"""How JSON may escape a character beyond U+FFFF; YAML has no such escape."""


class LoadedContext(NamedTuple):
    """The request of a context file, or the diagnostics that say what is wrong with it."""

    message: DecideRequest | None
    """None if there is any error."""
    diagnostics: tuple[Diagnostic, ...]


def load_context(file: File, compiled: CompiledBook) -> LoadedContext:
    """The request in a context file, YAML or JSON; a time without a zone takes the book's. Never raises."""
    name = str(file)
    findings = Findings(start=name)
    try:
        with file.open("rb") as opened:
            content = opened.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        findings.error((name,), Code.FILE, f"the file cannot be read: {error.strerror}")
        return LoadedContext(None, findings.sorted())
    if len(content) <= MAX_FILE_BYTES:
        content = _SURROGATES.sub(_escaped, content)
    message = None
    with suppress(TooManyErrors):  # the last diagnostic says so
        document = read_document(name, content, findings, bool)  # everywhere but at the root
        if document is not None and document.whole:
            message = _context(document.data, (name,), compiled, findings)
    return LoadedContext(None if findings.failed else message, findings.sorted())


def _context(data: Any, path: Path, compiled: CompiledBook, findings: Findings) -> DecideRequest | None:
    if data is None:
        findings.error(path, Code.EMPTY, "the file holds no customer", "it needs at least customer: li-na")
        return None
    contexts = ContextReader(compiled, findings)
    layer = contexts.layer(data, path, ContextShape)
    if layer is None:
        return None
    written = dict(layer.data)
    customer, text = written.pop("customer", "-"), written.pop("now", None)
    now = None if text is None else moment(text, compiled.book.timezone, (*path, "now"), findings)
    checked = contexts.checked(customer, [ContextLayer(written, path)], now or 0, path)
    if checked is not None and now is not None:
        checked.message.now.FromDatetime(to_datetime(now))
    return None if checked is None else checked.message


def _escaped(match: re.Match[bytes]) -> bytes:
    """The pair of surrogates as one escape of YAML."""
    high, low = int(match[2], 16), int(match[3], 16)
    return match[1] + f"\\U{0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00):08x}".encode()
