"""Reads context files: a customer, and how and when to decide for them, in YAML or JSON."""

import re
from contextlib import suppress
from pathlib import Path as File
from typing import Any, NamedTuple

from engine.api.v1.decisions_pb2 import DecideRequest
from engine.decide.compiled import CompiledBook
from engine.decide.experiments.bid_prices import BidPrice, BidPrices
from engine.decide.experiments.learning import Learned
from engine.model.instant import to_datetime
from engine.rulebook.report.diagnostics import Code, Diagnostic
from engine.rulebook.report.findings import Findings, Path, TooManyErrors
from engine.rulebook.text.files import MAX_FILE_BYTES
from engine.scenario.contexts import ContextLayer, ContextReader, moment
from engine.scenario.prices import StatedPriceReader
from engine.scenario.shapes import ContextShape
from engine.scenario.sources import read_document

_SURROGATES = re.compile(rb"(?<!\\)((?:\\\\)*)\\u([dD][89abAB]..)\\u([dD][c-fC-F]..)")
"""How JSON may escape a character beyond U+FFFF; YAML has no such escape."""


class GivenContext(NamedTuple):
    """What a context file says."""

    message: DecideRequest
    """The request."""
    prices: tuple[BidPrice, ...] = ()
    """Of what is scarce."""

    @property
    def learned(self) -> Learned:
        """The prices, for evaluations; nothing else is learned."""
        return Learned(BidPrices(self.prices))


class LoadedContext(NamedTuple):
    """A context file, or the diagnostics that say what is wrong with it."""

    given: GivenContext | None
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
    given = None
    with suppress(TooManyErrors):  # the last diagnostic says so
        document = read_document(name, content, findings, bool)  # everywhere but at the root
        if document is not None and document.whole:
            given = _context(document.data, (name,), compiled, findings)
    return LoadedContext(None if findings.failed else given, findings.sorted())


def _context(data: Any, path: Path, compiled: CompiledBook, findings: Findings) -> GivenContext | None:
    if data is None:
        findings.error(path, Code.EMPTY, "the file holds no customer", "it needs at least customer: li-na")
        return None
    contexts = ContextReader(compiled, findings)
    layer = contexts.layer(data, path, ContextShape)
    if layer is None:
        return None
    written = dict(layer.data)
    customer, text = written.pop("customer", "-"), written.pop("now", None)
    prices = StatedPriceReader(compiled, findings).read(written.pop("prices", None), (*path, "prices"))
    now = None if text is None else moment(text, compiled.book.timezone, (*path, "now"), findings)
    checked = contexts.checked(customer, [ContextLayer(written, path)], now or 0, path)
    if checked is not None and now is not None:
        checked.message.now.FromDatetime(to_datetime(now))
    return None if checked is None else GivenContext(checked.message, prices)


def _escaped(match: re.Match[bytes]) -> bytes:
    """The pair of surrogates as one escape of YAML."""
    high, low = int(match[2], 16), int(match[3], 16)
    return match[1] + f"\\U{0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00):08x}".encode()
