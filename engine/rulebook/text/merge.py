"""Merge the files of a book into one mapping of sections, without the parts that are wrong."""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field

from engine.rulebook.model.policies import POLICY_SECTIONS
from engine.rulebook.report.diagnostics import Code, Suggestion, quote
from engine.rulebook.report.findings import Findings, Path, SourcePosition
from engine.rulebook.text import hints, ignores, nodes, yaml_events
from engine.rulebook.text.files import MAX_BOOK_BYTES, MAX_FILE_BYTES, Sources
from engine.rulebook.text.ignores import Ignore
from engine.rulebook.text.mistakes import INVISIBLE
from engine.rulebook.text.nodes import Document, PlainData
from engine.rulebook.text.yaml_events import Unreadable

SECTIONS = (
    *("book", "attributes", "places", "events", "patterns", "signals"),
    *("channels", "placements", "audiences", "offers", "campaigns", "pressure", "holdouts", "layers"),
)

_NAMED = (
    *(("places",), ("patterns",), ("signals",), ("channels",), ("placements",)),
    *(("audiences",), ("offers",), ("campaigns",), ("holdouts",), ("layers",)),
    *(("pressure", section) for section in POLICY_SECTIONS),
)

_TYPICAL = {
    "campaigns": {"offer", "channels", "placements", "when", "variants"},
    "offers": {"value", "content", "stock", "tags"},
    "channels": {"kind", "consent", "address"},
    "placements": {"channel", "max_offers", "fallback"},
    "attributes": {"type", "one_of"},
    "audiences": {"all", "any", "none", "audience"},
}
"""Keys by which an entry of a section is known."""

MAX_VALUES = 1_000_000
"""Values that a book may have, in all its files; each takes some hundred bytes while it is loaded."""

_LONGEST_NAME = 100
_LETTERS = ("Ll", "Lo", "Lm")
_IN_WORDS = (*_LETTERS, "Mn", "Mc", "Nd")


@dataclass(slots=True)
class Merged:
    """The plain data of the book by section, name and key, without what could not be read."""

    data: dict[str, PlainData] = field(default_factory=dict)
    broken: set[Path] = field(default_factory=set)
    """Sections of which a part could not be read, so that unknown names may be in that part."""
    whole: bool = True
    """Whether every file could be read."""
    ignores: dict[str, tuple[Ignore, ...]] = field(default_factory=dict)
    """The comments that ignore diagnostics, by file."""

    def partial(self, section: str) -> bool:
        """Whether a part of the section could not be read."""
        return not self.whole or (section,) in self.broken

    def section(self, *path: str) -> dict[str, PlainData]:
        """The names in a section; empty if there is none."""
        here: PlainData = self.data
        for part in path:
            here = here.get(part) if isinstance(here, dict) else None
        return here if isinstance(here, dict) else {}


def compose_of_book(text: str) -> Document:
    """The document in the text of a file of a book."""
    return nodes.compose(text, book=True)


def merge(
    sources: Sources,
    findings: Findings,
    merged: Merged | None = None,
    compose: Callable[[str], Document] = compose_of_book,
) -> Merged:
    """Read all files and put their sections together, in `merged` if it is given; what is wrong goes to the findings."""
    merged = Merged() if merged is None else merged
    merged.whole = not sources.problems
    for problem in sources.problems:
        findings.report((problem.file, 1, 1), problem.code, problem.message, problem.hint)
    findings.start = min(sources.files, default="")
    room = MAX_BOOK_BYTES
    for name, content in sorted(sources.files.items()):
        room -= len(content)
        text = _text(name, content, findings, fits=room >= 0)
        document = (
            Document(whole=False) if text is None else _document(name, text, merged, findings, compose(text))
        )
        merged.whole &= document.whole
        _take(name, document, merged, findings)
        if len(findings.values) > MAX_VALUES:
            message = f"the book has more than {MAX_VALUES:,} values: what follows this file is not read"
            findings.report((name, 1, 1), Code.TOO_LARGE, message)
            merged.whole = False
            break
    _check_sections(merged, findings)
    findings.audiences = frozenset(merged.section("audiences"))
    merged.data = {key: _sorted(merged.data[key]) for key in sorted(merged.data)}
    return merged


def _text(name: str, content: bytes, findings: Findings, *, fits: bool) -> str | None:
    """The text of the file; None after reporting why it cannot be read."""
    try:
        if len(content) > MAX_FILE_BYTES:
            raise Unreadable(Code.TOO_LARGE, (1, 1), "the file is larger than 1 MiB", "split it into several")
        if not fits:
            raise Unreadable(Code.TOO_LARGE, (1, 1), "the book is larger than 64 MiB")
        text = yaml_events.decode(content)
    except Unreadable as reason:
        if reason.code is Code.ENCODING:
            findings.sources[name] = yaml_events.escaped_lines(content)
        findings.report((name, *reason.position), reason.code, reason.message, reason.hint)
        return None
    findings.sources[name] = yaml_events.LINE_BREAK.split(text)
    return text


def _document(name: str, text: str, merged: Merged, findings: Findings, document: Document) -> Document:
    """The document in the text of the file, after reporting what is wrong with it."""
    merged.ignores[name] = ignores.read(text)
    misplaced = isinstance(document.data, dict) and any(
        key not in SECTIONS and _home(value, (key,)) for key, value in document.data.items()
    )
    # A section is empty because its entries stand beside it, or an entry because its keys do, in an item of a list.
    following = (_heads(document) if misplaced else set()) | _listed(document)
    for problem in document.problems:
        if problem.code is Code.EMPTY and problem.position in following:
            continue
        findings.report(
            (name, *problem.position), problem.code, problem.message, problem.hint, severity=problem.severity
        )
    return document


def _listed(document: Document) -> set[SourcePosition]:
    """Where the values of entries are written whose section is a list in place of a mapping."""
    return {
        position
        for path, position in document.values.items()
        if (path[:1] != ("pressure",) and len(path) == 3 and isinstance(path[1], int))
        or (path[:1] == ("pressure",) and len(path) == 4 and isinstance(path[2], int))
    }


def _heads(document: Document) -> set[SourcePosition]:
    """Where the values of sections are written."""
    return {position for path, position in document.values.items() if len(path) == 1}


def _without_dashes(value: PlainData) -> str:
    """For a list of named entries."""
    named = isinstance(value, list) and all(isinstance(item, dict) for item in value)
    return "take the dashes out: the names of its entries are keys" if named and value else ""


def _take(name: str, document: Document, merged: Merged, findings: Findings) -> None:
    """Add a file's sections to the book."""
    if document.data is None:
        return
    if not isinstance(document.data, dict):
        findings.report((name, *document.values[()]), Code.TYPE, "a file must be a mapping of sections")
        merged.whole = False
        return
    rejected = _misshapen(name, document, merged, findings)
    _combine(document.data, merged.data, (), rejected)
    _restore_texts(document)
    for where, into in ((document.values, findings.values), (document.keys, findings.keys)):
        for path, (line, column) in where.items():
            if not _below(path, rejected):
                into.setdefault(path, (name, line, column))
    for path, lexeme in document.lexemes.items():
        if not _below(path, rejected):
            findings.lexemes.setdefault(path, lexeme)
    findings.poisoned.update(path for path in document.poisoned if not _below(path, rejected))
    for path in rejected - merged.broken:
        file, line, _ = findings.keys.get(path, (name, 1, 1))
        message = f"{quote(str(path[-1]))} is already defined in {file}, line {line}"
        findings.report((name, *document.keys[path]), Code.DUPLICATE, message)


def _below(path: Path, rejected: set[Path]) -> bool:
    return bool(rejected) and (path[:1] in rejected or path[:2] in rejected or path[:3] in rejected)


def _misshapen(name: str, document: Document, merged: Merged, findings: Findings) -> set[Path]:
    """Report and remove sections that are no mappings; returns their paths."""
    misshapen: set[Path] = set()
    data = document.data if isinstance(document.data, dict) else {}
    pressure = data.get("pressure")
    for inside, around in ((data, ()), (pressure if isinstance(pressure, dict) else {}, ("pressure",))):
        for key in [*(SECTIONS if not around else POLICY_SECTIONS)]:
            path = (*around, key)
            if key in inside and (not isinstance(inside[key], dict) or path in document.poisoned):
                misshapen.add(path)
                merged.broken.add(path)
                text = inside.pop(key)
                if path not in document.poisoned:
                    message = f"`{'.'.join(path)}` must be a mapping"
                    hint = hints.entries(text) if isinstance(text, str) else _without_dashes(text)
                    findings.report((name, *document.values[path]), Code.TYPE, message, hint)
    return misshapen


def _combine(new: dict[str, PlainData], into: dict[str, PlainData], path: Path, rejected: set[Path]) -> None:
    """Add the new keys. Sections are combined; any other key that exists already is rejected."""
    for key, value in new.items():
        here = (*path, key)
        present = into.get(key)
        section = (path == ("pressure",) and key in POLICY_SECTIONS) or (not path and key in SECTIONS)
        if section and isinstance(value, dict) and (present is None or isinstance(present, dict)):
            below = into[key] = {} if present is None else present
            _combine(value, below, here, rejected)
        elif key in into:
            rejected.add(here)
        else:
            into[key] = value


def _restore_texts(document: Document) -> None:
    """Replace numbers and booleans in content by the texts as written: a price of 1.50 stays 1.50."""
    for path, lexeme in document.lexemes.items():
        if _is_content_field(path) and path not in document.poisoned:
            fields: PlainData = document.data
            for part in path[:-1]:
                fields = fields[part] if isinstance(fields, dict) and isinstance(part, str) else None
            if isinstance(fields, dict):
                fields[str(path[-1])] = lexeme


def _is_content_field(path: Path) -> bool:
    """Whether the value at the path is a field of content, by channel, language, or both."""
    below = path[4:] if path[:1] == ("campaigns",) and path[2:3] == ("variants",) else path[2:]
    if path[0] not in ("campaigns", "offers") or below[:1] not in (("content",), ("locales",)):
        return False
    return len(below) == 3 or (len(below) == 4 and below[0] == "locales")


def _check_sections(merged: Merged, findings: Findings) -> None:
    """Report unknown sections, sections that are no mappings, and names that are none."""
    pressure = merged.section("pressure")
    for data, path, known in ((merged.data, (), SECTIONS), (pressure, ("pressure",), POLICY_SECTIONS)):
        for key in list(data):
            here = (*path, key)
            if key not in known:
                hint = findings.suggest(key, known) or _home(data[key], here)
                findings.key_error(here, Code.UNKNOWN, f"there is no section {quote(key)}", hint)
                merged.whole = False
    for section in _NAMED:
        for name in merged.section(*section):
            check_name(name, (*section, name), findings)


def _home(entry: PlainData, path: Path) -> str:
    """A hint for an entry that stands beside its section instead of in it; empty if no section is likely."""
    keys = set(entry) if isinstance(entry, dict) else set()
    section = next((name for name, typical in _TYPICAL.items() if keys & typical), "")
    return f"indent it and its lines below `{section}:`" if section and len(path) == 1 else ""


def check_name(name: str, path: Path, findings: Findings) -> None:
    """Report a name with characters that are not allowed in names."""
    if not is_name(name):
        meant = "-".join(name.lower().split())
        hint = "up to 100 letters, digits, and . _ - after the first"
        hint = Suggestion(f"write {meant}", name, meant) if is_name(meant) else hint
        findings.key_error(path, Code.NAME, f"{quote(name)} is not a name", hint)


def is_name(text: str) -> bool:
    """Whether the text can be a name: letters and digits of any script with their marks, and `.`, `_`, `-` after the first."""
    kinds = [unicodedata.category(character) for character in text]
    return (
        0 < len(text) <= _LONGEST_NAME
        and (kinds[0][0] == "L" or kinds[0] == "Nd")
        and all(kind[0] in "LM" or kind == "Nd" or c in "._-" for c, kind in zip(text, kinds, strict=True))
        and not INVISIBLE.search(text)
    )


def is_words(text: str, *, dots: bool = True) -> bool:
    """Whether the text can be the name of an attribute or a field: lower-case words, joined by dots.

    A word has letters of any script without capitals, their marks, digits and `_`, and begins with a letter.
    """
    return len(text) <= _LONGEST_NAME and all(map(_is_word, text.split(".") if dots else (text,)))


def _is_word(text: str) -> bool:
    kinds = [unicodedata.category(character) for character in text]
    return (
        bool(text)
        and kinds[0] in _LETTERS
        and all(kind in _IN_WORDS or c == "_" for c, kind in zip(text, kinds, strict=True))
        and not INVISIBLE.search(text)
    )


def as_words(text: str) -> str:
    """The name that the text was meant as, for a hint: in lower case, with _ for blanks and hyphens; empty for none."""
    meant = unicodedata.normalize("NFC", re.sub(r"[ -]", "_", text).lower())
    return meant if is_words(meant) else ""


def _sorted(data: PlainData) -> PlainData:
    """The data with sorted keys, so that the order in which they are written does not matter."""
    if isinstance(data, dict):
        return {key: _sorted(data[key]) for key in sorted(data)}
    return [_sorted(item) for item in data] if isinstance(data, list) else data
