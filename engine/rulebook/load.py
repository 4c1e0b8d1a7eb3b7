"""The version of a book: a hash of what it says, however it is spread over files."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from engine.rulebook.conditions.grammar import Grammar
from engine.rulebook.conditions.operands import OperandReader
from engine.rulebook.content.fields import ContentReader
from engine.rulebook.model.book import Book
from engine.rulebook.model.experiments import Experiments
from engine.rulebook.model.policies import WEEKDAYS
from engine.rulebook.report.diagnostics import Code, Diagnostic, quote
from engine.rulebook.report.findings import Findings
from engine.rulebook.sections import attributes, audiences, channels, derived, offers
from engine.rulebook.sections.campaigns import CampaignReader
from engine.rulebook.sections.caps import SelectorReader, WindowReader
from engine.rulebook.sections.derived import DerivedReader
from engine.rulebook.sections.experiments import ExperimentReader
from engine.rulebook.sections.pressure import PressureReader
from engine.rulebook.sections.schedules import ActiveReader
from engine.rulebook.shapes.faults import shaped
from engine.rulebook.shapes.sections import BookShape
from engine.rulebook.symbols import AttributeScope
from engine.rulebook.text import datetimes, files, merge
from engine.rulebook.text.files import Sources
from engine.rulebook.text.merge import Merged
from engine.rulebook.text.nodes import PlainData


def version_of(data: Mapping[str, PlainData]) -> str:
    """SHA-256, hexadecimal, of the merged book as canonical JSON: sorted keys, no blanks, UTF-8."""
    text = json.dumps(data, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    # YAML can write half a surrogate pair by escapes in no way; "surrogatepass" keeps the hash total all the same.
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True)
class LoadedBook:
    """What loading gives."""

    book: Book | None
    """None if there is any error."""
    diagnostics: tuple[Diagnostic, ...]
    """Everything that was found, by file, line, column and code."""


def load(folder: Path) -> LoadedBook:
    """Load the book in a folder: all its YAML files but hidden ones and those below tests/. Never raises."""
    return load_sources(files.read_folder(folder), str(folder))


def load_files(contents: Mapping[str, bytes]) -> LoadedBook:
    """Load a book from files by name (relative, with slashes), as `load` reads them from a folder. Never raises."""
    sources = Sources({name: content for name, content in contents.items() if files.belongs(name)})
    if len(sources.files) > files.MAX_FILES:
        sources.files.clear()
        sources.problem("", Code.TOO_LARGE, f"a book has at most {files.MAX_FILES:,} files")
    return load_sources(sources)


def load_sources(sources: Sources, where: str = "") -> LoadedBook:
    """Load a book from files as they were read from the folder `where`. Never raises."""
    if not sources.files and not sources.problems:
        sources.problem(where, Code.FILE, "there are no YAML files", "a book is a folder of *.yaml files")
    findings = Findings()
    merged = merge.merge(sources, findings)
    book = _book(merged, findings) if sources.files else None
    return LoadedBook(None if findings.failed else book, findings.sorted())


def _book(merged: Merged, findings: Findings) -> Book | None:
    """The book of the merged data, section after section, each knowing those before it."""
    shape, zone = _head(merged, findings)

    def lost(section: str) -> bool:
        return not merged.whole or (section,) in merged.broken

    lawful = frozenset(shape.lawful_basis) if shape else frozenset()
    declared = attributes.read(merged.section("attributes"), findings, partial=lost("attributes"))
    attribute_scope = AttributeScope(declared, lawful, frozenset(merged.section("attributes")))
    derivation = DerivedReader.declare(merged, attribute_scope, OperandReader(zone, findings), lost)
    kept = derived.read_events(merged.section("events"), findings)
    windows = WindowReader(attribute_scope, findings, WEEKDAYS.index(shape.week_starts if shape else "mon"))
    reach = channels.read(
        merged.section("channels"), attribute_scope, windows.capacity, findings, partial=lost("channels")
    )
    contents = ContentReader(reach, attribute_scope, findings)
    periods = ActiveReader(zone, findings)
    proposals = offers.read(merged.section("offers"), contents, periods, partial=lost("offers"))
    slots = channels.read_placements(
        merged.section("placements"), reach, proposals, findings, partial=lost("placements")
    )
    grammar = derivation.grammar
    grammar.audiences.partial = lost("audiences")
    audiences.read(merged.section("audiences"), grammar)
    signals = derivation.signals.read(grammar, merged.section("audiences"))
    chances = ExperimentReader(zone, shape.salt if shape else "", findings)
    layers = chances.layers(merged.section("layers"), partial=lost("layers"))
    reader = CampaignReader(
        reach, slots, proposals, grammar, contents, periods, windows, chances, layers, findings
    )
    campaigns = reader.read(merged.section("campaigns"), partial=lost("campaigns"))
    selectors = SelectorReader(reach, proposals, campaigns, findings)
    policies = PressureReader(selectors, windows, findings).read(merged)
    holdouts = chances.holdouts(merged.section("holdouts"), selectors)
    if shape is None or findings.failed:
        return None
    _note_unused(attribute_scope, grammar, reader, findings)
    return Book(
        shape.name,
        version_of(merged.data),
        zone,
        shape.locale,
        shape.salt,
        dict(sorted((declared.found | attribute_scope.exposed()).items())),
        reach.found,
        slots.found,
        dict(sorted(grammar.audiences.found.items())),
        proposals.found,
        campaigns.found,
        policies,
        derivation.derived(signals),
        kept,
        Experiments(holdouts, layers.found),
    )


def _head(merged: Merged, findings: Findings) -> tuple[BookShape | None, ZoneInfo]:
    """The section `book` and its time zone; UTC stands in for one that is wrong."""
    utc = ZoneInfo("UTC")
    if "book" not in merged.data:
        if merged.whole:
            hint = "book: {name: my-book, timezone: Europe/Paris}"
            findings.error(
                (), Code.MISSING, "the book has no section `book` with its name and time zone", hint
            )
        return None, utc
    if ("book",) in merged.broken:
        return None, utc
    shape = shaped(BookShape, merged.data["book"], ("book",), findings)
    if shape is None:
        return None, utc
    if shape.timezone not in datetimes.zones():
        hint = findings.suggest(shape.timezone, sorted(datetimes.zones()))
        message = f"there is no time zone {quote(shape.timezone)}"
        findings.error(("book", "timezone"), Code.UNKNOWN, message, hint)
        return shape, utc
    return shape, ZoneInfo(shape.timezone)


def _note_unused(
    attribute_scope: AttributeScope, grammar: Grammar, reader: CampaignReader, findings: Findings
) -> None:
    for section, noun, names in (
        ("attributes", "attribute", attribute_scope.unused()),
        ("places", "place", grammar.distances.places.unused()),
        ("patterns", "pattern", attribute_scope.concluded["pattern"].unused()),
        ("signals", "signal", attribute_scope.concluded["signal"].unused()),
        ("audiences", "audience", grammar.audiences.unused()),
        ("offers", "offer", reader.offers.unused()),
        ("layers", "layer", reader.layers.unused()),
    ):
        for name in names:
            findings.remark((section, name), Code.UNUSED, f"the {noun} {quote(name)} is not used")
