"""Load a book: from files to a checked model, or to diagnostics of everything that is wrong with it."""

import hashlib
import json
import re
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from zoneinfo import ZoneInfo

from engine.model.instant import Instant
from engine.rulebook.checks.content import check_named_formats
from engine.rulebook.checks.kept import KeptCheck
from engine.rulebook.checks.lapses import note_lapses
from engine.rulebook.checks.promises import warn_of_alike
from engine.rulebook.conditions.grammar import Grammar
from engine.rulebook.conditions.operands import OperandReader
from engine.rulebook.content.fields import ContentReader
from engine.rulebook.lint.lint import CODES, lint, lint_files
from engine.rulebook.model.book import BOOK_BUDGET, Book, Channel, ScarceKind, ScoreKind
from engine.rulebook.model.experiments import Attribution
from engine.rulebook.model.policies import WEEKDAYS, Quota
from engine.rulebook.report.diagnostics import Code, Diagnostic, quote
from engine.rulebook.report.findings import Findings, TooManyErrors
from engine.rulebook.sections import attributes, channels, offers
from engine.rulebook.sections.budgets import BudgetReader
from engine.rulebook.sections.campaigns import CampaignReader
from engine.rulebook.sections.caps import SelectorReader, WindowReader
from engine.rulebook.sections.derived import DerivedReader
from engine.rulebook.sections.experiments import ExperimentReader, attribution, unit
from engine.rulebook.sections.offers import ActiveReader
from engine.rulebook.sections.place_quotas import PlaceQuotaReader
from engine.rulebook.sections.places import PlaceReader
from engine.rulebook.sections.pressure import PressureReader
from engine.rulebook.shapes.faults import shaped
from engine.rulebook.shapes.sections import BookShape
from engine.rulebook.symbols import AttributeScope, SymbolTable
from engine.rulebook.text import datetimes, files, ignores, merge, regions, timezones
from engine.rulebook.text.files import Sources
from engine.rulebook.text.merge import Merged
from engine.rulebook.text.nodes import Document, PlainData

_OFFSET = re.compile(r"[A-Z]{2,5}|(?:GMT|UTC)? ?[-+].*")
"""An abbreviation or an offset, which is like the name of another one and means something else."""

_NAMED_ZONE = "name a place, whose clock changes are known: for example Europe/Paris"


@dataclass(frozen=True, slots=True)
class LoadedBook:
    """Result of loading: the book, and all diagnostics."""

    book: Book | None
    """None if there is any error."""
    diagnostics: tuple[Diagnostic, ...]
    """Sorted by file, line, column and code."""
    ignored: int = 0
    """Number of diagnostics that comments (`# tact: ignore CODE`) took out."""


@dataclass(frozen=True, slots=True)
class Editing:
    """How files are read while they are typed."""

    compose: Callable[[str], Document] = merge.compose_of_book
    """Reads the text of one file; editors keep the documents."""
    incomplete: Collection[str] = ()
    """Sections of which `compose` leaves entries out, so that their names are not known."""
    superseded: Callable[[], bool] = bool
    """Whether there is newer text; by default never."""


@dataclass(frozen=True, slots=True)
class SourceReading:
    """Result of reading files with what was found out on the way: what editors show of a book."""

    loaded: LoadedBook
    findings: Findings
    """Where everything is written, and who uses which name."""
    merged: Merged
    """What could be read, also of a book that does not load."""


def load(folder: Path) -> LoadedBook:
    """Load the book in a folder: all its YAML files except hidden ones and those below tests/. Never raises."""
    return load_sources(files.read_folder(folder), str(folder))


def load_files(
    contents: Mapping[str, bytes],
    *,
    linted_at: Callable[[ZoneInfo], Instant] | None = None,
    earlier: bool = False,
) -> LoadedBook:
    """Load a book from files by name (relative, with slashes), as `load` reads them from a folder. Never raises.

    linted_at, earlier: as of `load_sources`.
    """
    tables = {name: content for name, content in contents.items() if files.is_table(name)}
    own = {name: content for name, content in contents.items() if files.belongs(name) and name not in tables}
    sources = Sources(own, tables=tables)
    if len(sources.files) > files.MAX_FILES:
        sources.files.clear()
        sources.problem("", Code.TOO_LARGE, f"a book has at most {files.MAX_FILES:,} files")
    return load_sources(sources, "", linted_at, earlier=earlier)


def load_text(text: str) -> LoadedBook:
    """Load a book from the text that another load of it has given it (`Book.text`). Never raises on a book's account."""
    contents: dict[str, str] = json.loads(text)
    return load_files({name: content.encode() for name, content in contents.items()}, earlier=True)


def load_linted(folder: Path, now: Callable[[ZoneInfo], Instant]) -> LoadedBook:
    """Load the book in a folder and lint it. now: the moment against which periods are held, by the book's time zone.

    Of a book of 1,000 campaigns it takes about 70 % of the time of loading, so servers do not lint.
    """
    return load_sources(files.read_folder(folder), str(folder), now)


def load_sources(
    sources: Sources,
    folder: str = "",
    linted_at: Callable[[ZoneInfo], Instant] | None = None,
    *,
    earlier: bool = False,
) -> LoadedBook:
    """Load a book from files that were read from the folder. Never raises.

    linted_at: also lint it, as of this moment by the book's time zone. earlier: an earlier version has loaded it, so that
    languages that do not exist are no errors.
    """
    return read_sources(sources, folder, linted_at, earlier=earlier).loaded


def read_sources(
    sources: Sources,
    folder: str = "",
    linted_at: Callable[[ZoneInfo], Instant] | None = None,
    *,
    earlier: bool = False,
    editing: Editing = Editing(),
) -> SourceReading:
    """As `load_sources`, with all that was found out; raises Superseded if `editing` says that there is newer text."""
    if not sources.files and not sources.problems:
        sources.problem(folder, Code.FILE, "there are no YAML files", "a book is a folder of *.yaml files")
    findings = Findings(earlier=earlier, superseded=editing.superseded)
    book, ignored, merged = None, 0, Merged(broken={(section,) for section in editing.incomplete})
    with suppress(TooManyErrors):  # the last diagnostic says so
        merge.merge(sources, findings, merged, editing.compose)
        book = _book(merged, sources, findings) if sources.files else None
        if book is not None:
            note_lapses(book, findings)
            check_named_formats(book, findings)
        if linted_at is not None:
            findings.check_superseded()
            lint_files(sources.ignored, findings)
            if book is not None and not findings.failed:
                lint(book, merged.data, linted_at(book.timezone), findings)
        ignored = ignores.apply(merged.ignores, findings, unchecked=() if linted_at else CODES)
    if book is None or findings.failed:
        return SourceReading(LoadedBook(None, findings.sorted(), ignored), findings, merged)
    loaded = LoadedBook(replace(book, text=_text(sources)), findings.sorted(), ignored)
    return SourceReading(loaded, findings, merged)


def _text(sources: Sources) -> str:
    """The files as a JSON object, by name; they are UTF-8, as the book has loaded."""
    contents = {name: content.decode() for name, content in sorted(sources.files.items())}
    return json.dumps(contents, ensure_ascii=False)


def version_of(data: Mapping[str, PlainData]) -> str:
    """SHA-256 of the merged book as canonical JSON (sorted keys, no blanks, UTF-8), hexadecimal.

    It does not depend on how the book is spread over files.
    """
    text = json.dumps(data, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    # YAML has no escape for half a surrogate pair; "surrogatepass" keeps the hash total all the same.
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _book(merged: Merged, sources: Sources, findings: Findings) -> Book | None:
    """The book in the merged data. Sections are read in order: each needs the names of those before it."""
    shape, zone = _head(merged, findings)
    lawful = frozenset(shape.lawful_basis) if shape else frozenset()
    declared = attributes.read(merged.section("attributes"), findings, partial=merged.partial("attributes"))
    attribute_scope = AttributeScope(declared, lawful, frozenset(merged.section("attributes")))
    places = PlaceReader(sources, findings)
    derivation = DerivedReader.declare(merged, attribute_scope, OperandReader(zone, findings), places)
    windows = WindowReader(attribute_scope, findings, WEEKDAYS.index(shape.week_starts if shape else "mon"))
    budgets = BudgetReader((shape and shape.currency) or "", windows, findings)
    place_sets = derivation.grammar.distances.places
    place_quotas = PlaceQuotaReader(place_sets, attribute_scope, windows, findings)
    capacities = (windows.capacity, place_quotas.read)
    given = (merged.section("channels"), attribute_scope, capacities, budgets, findings)
    channel_table = channels.read(*given, partial=merged.partial("channels"))
    book_budget = _book_budget(shape, budgets, channel_table)
    contents = ContentReader(channel_table, attribute_scope, shape.locale if shape else "en", findings)
    periods = ActiveReader(zone, findings)
    offer_table = offers.read(merged.section("offers"), contents, periods, partial=merged.partial("offers"))
    needed = (merged.section("placements"), channel_table, offer_table, findings)
    placement_table = channels.read_placements(*needed, partial=merged.partial("placements"))
    grammar, signals = derivation.read_conditions(merged, offer_table)
    experiments = _experiments(shape, zone, attribute_scope, findings)
    book_attribution = _attribution(shape, findings)
    layers = experiments.layers(merged.section("layers"), partial=merged.partial("layers"))
    reader = CampaignReader(
        *(channel_table, placement_table, offer_table, grammar, contents, periods, windows, budgets),
        *(experiments, layers, book_attribution, findings),
    )
    campaigns = reader.read(merged.section("campaigns"), partial=merged.partial("campaigns"))
    selectors = SelectorReader(channel_table, offer_table, campaigns, findings)
    policies = PressureReader(selectors, windows, grammar, findings).read(merged)
    samples = experiments.read(merged, selectors, policies, campaigns.values, layers.values)
    if shape is None or findings.failed:
        return None
    _note_unused(attribute_scope, grammar, reader, findings)
    warn_of_alike(offer_table.values.values(), campaigns.values.values(), findings)
    KeptCheck(derivation.event_store, findings).check(grammar.behaviours.uses, derivation.patterns.values)
    return Book(
        shape.name,
        version_of(places.with_tables(merged.data)),
        zone,
        shape.locale,
        shape.salt,
        dict(sorted((declared.values | attribute_scope.derived()).items())),
        channel_table.values,
        placement_table.values,
        dict(sorted(grammar.audiences.values.items())),
        offer_table.values,
        campaigns.values,
        policies,
        derivation.derived(signals),
        derivation.event_store,
        samples,
        book_attribution,
        dict(sorted(derivation.event_types.values.items())),
        shape.currency or "",
        ScoreKind(shape.arbitration.score),
        book_budget,
        ScarceKind(shape.arbitration.scarce),
    )


def _book_budget(
    shape: BookShape | None, budgets: BudgetReader, channel_table: SymbolTable[Channel]
) -> Quota | None:
    """Of the whole book; None if it has none."""
    if shape is None or shape.budget is None:
        return None
    return budgets.read(BOOK_BUDGET, shape.budget, ("book", "budget"), channel_table.values.values())


def _head(merged: Merged, findings: Findings) -> tuple[BookShape | None, ZoneInfo]:
    """The section `book` and its time zone; UTC stands in for a wrong one."""
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
    wrong = regions.wrong_tag(shape.locale, registered=not findings.earlier)
    if wrong and ("book", "locale") not in findings.poisoned:
        findings.error(("book", "locale"), Code.VALUE, f"{quote(shape.locale)} {wrong[0]}", wrong[1])
    _check_currency(shape.currency, findings)
    if shape.timezone not in datetimes.zones():
        is_offset = _OFFSET.fullmatch(shape.timezone)
        hint = _NAMED_ZONE if is_offset else findings.suggest(shape.timezone, sorted(datetimes.zones()))
        message = f"there is no time zone {quote(shape.timezone)}"
        findings.error(("book", "timezone"), Code.UNKNOWN, message, hint)
        return shape, utc
    return shape, timezones.located(shape.timezone)


def _check_currency(currency: str | None, findings: Findings) -> None:
    if currency is None:
        return
    from engine.rulebook.text.cldr import currencies  # noqa: PLC0415 -- loads Babel's data

    if currency not in currencies():
        hint = findings.suggest(currency.upper(), sorted(currencies())) or "a code of ISO 4217, such as EUR"
        findings.error(("book", "currency"), Code.UNKNOWN, f"there is no currency {quote(currency)}", hint)


def _experiments(
    shape: BookShape | None, zone: ZoneInfo, attribute_scope: AttributeScope, findings: Findings
) -> ExperimentReader:
    book_unit = unit(shape.unit if shape else None, ("book", "unit"), attribute_scope, findings)
    return ExperimentReader(zone, shape.salt if shape else "", attribute_scope, book_unit, findings)


def _attribution(shape: BookShape | None, findings: Findings) -> Attribution:
    """Of campaigns that do not say otherwise."""
    data = shape.attribution if shape else None
    return attribution(data, Attribution(), ("book", "attribution"), findings)


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
