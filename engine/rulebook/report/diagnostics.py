"""Diagnostics of a book, and how they are printed."""

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """Severity; a book with an error does not load."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Code(StrEnum):
    """Kind of a diagnostic; a closed set, for machines."""

    FILE = "file"
    """A file or folder that cannot be read, or that leads out of the book's folder."""
    TOO_LARGE = "too-large"
    """More bytes, nodes, nesting or names than a book may have."""
    ENCODING = "encoding"
    """Not text in UTF-8."""
    SYNTAX = "syntax"
    """Not the YAML that books are written in."""
    DUPLICATE = "duplicate"
    """The same key, or the same name, a second time."""
    UNKNOWN = "unknown"
    """A section, key, operator or name that does not exist."""
    MISSING = "missing"
    """Something required is not there."""
    EMPTY = "empty"
    """A key without a value, an empty list or mapping."""
    TYPE = "type"
    """A value of another type is needed."""
    VALUE = "value"
    """A value of the right type that is not allowed."""
    NAME = "name"
    """A name with characters that are not allowed in names."""
    OPERATOR = "operator"
    """An operator that does not fit the attribute's type."""
    CYCLE = "cycle"
    """An audience that contains itself, or a signal that refers to itself."""
    ZONE = "zone"
    """A local time that does not exist, or exists twice."""
    SENSITIVE = "sensitive"
    """A sensitive attribute is used without a lawful basis, or shown in content."""
    SENSITIVE_NAME = "sensitive-name"
    """An attribute or a field of events whose name reads like sensitive data, and which is not declared so (a warning)."""
    PROMISE = "promise"
    """A variant that promises something else than its offer, or than another variant of its campaign."""
    TEMPLATE = "template"
    """A text whose placeholders cannot be filled."""
    CONTENT = "content"
    """Content that is missing for a channel or a language, or whose format is unclear."""
    SEGMENTS = "segments"
    """A short message of several segments (a note), or of more than the channel's `max_segments` (a warning)."""
    NO_CONSENT = "no-consent"
    """A channel that needs no consent (a note)."""
    NO_EFFECT = "no-effect"
    """A rule that can never apply (a warning)."""
    BEYOND_KEPT = "beyond-kept"
    """A window or a number beyond the kept events (a warning), or a count of all time that holds without any (a note)."""
    LAPSES = "lapses"
    """A rule that counts for longer than contacts last of which nothing is reported (a note)."""
    UNUSED = "unused"
    """Declared and never used (a note)."""
    IGNORE = "ignore"
    """A comment `# tact: ignore` without a code, or with one that is unknown or an error (a warning)."""
    UNUSED_IGNORE = "unused-ignore"
    """A comment `# tact: ignore` whose code is not reported in its line (a note)."""
    NEVER_TRUE = "never-true"
    """A condition, or a part of one, that holds for no customer (a warning)."""
    ALWAYS_TRUE = "always-true"
    """A condition, or a part of one, that holds for every customer (a warning)."""
    CONTAINS_EMPTY = "contains-empty"
    """A test whether a text contains, begins or ends with an empty text, which every text does (a warning)."""
    MAY_BE_MISSING = "may-be-missing"
    """`ne` or `not_in` of an attribute that may be missing, which such a test does not pass (a note)."""
    UNREACHABLE_VARIANT = "unreachable-variant"
    """A variant whose condition contradicts its campaign's (a warning)."""
    SHADOWED = "shadowed"
    """A campaign for everybody that nothing blocks, before campaigns that can therefore never go (a warning)."""
    TIE = "tie"
    """Campaigns of equal tier and score that may fit the same customer (a note)."""
    NO_END = "no-end"
    """A commercial campaign that writes to a customer without limit, also after they have bought (a note)."""
    STOCK_BY_VIEWS = "stock-by-views"
    """A stock of which every page view of one visitor takes one (a note)."""
    NOTHING_SCARCE = "nothing-scarce"
    """Prices of what is scarce, in a book where nothing can be (a note)."""
    ONLY_PERSONALISED = "only-personalised"
    """A book that has nothing for customers who object to being profiled (a note)."""
    PAST = "past"
    """A period, a day or a condition that lies in the past for good (a note)."""
    DOMINATED = "dominated"
    """A cap, a gap or a limit that never blocks, since a stricter one always does before (a warning)."""
    MIDNIGHT_HOLE = "midnight-hole"
    """Quiet hours that are open around midnight (a warning)."""
    NIGHT = "night"
    """Days of a schedule with hours that cross midnight: those after it belong to the day before (a note)."""
    LOCALE_MISSING = "locale-missing"
    """A fallback (a warning) or a variant (a note) without a language that the content beside it has."""
    LOCALE_FIELD = "locale-field"
    """A language that leaves out a text of the default content, so that a message has two languages (a note)."""
    IGNORED_FILE = "ignored-file"
    """A file that looks like one of the book and is not read (a warning; of a backup a note)."""


_ERROR, _WARNING, _NOTE = Severity
LEVELS: Mapping[Code, tuple[Severity, ...]] = {
    **dict.fromkeys((Code.FILE, Code.ENCODING, Code.DUPLICATE, Code.MISSING), (_ERROR,)),
    **dict.fromkeys((Code.EMPTY, Code.TYPE, Code.NAME, Code.OPERATOR, Code.CYCLE, Code.ZONE), (_ERROR,)),
    **dict.fromkeys((Code.SENSITIVE, Code.VALUE, Code.PROMISE), (_ERROR,)),
    Code.SENSITIVE_NAME: (_WARNING,),
    Code.TOO_LARGE: (_ERROR, _NOTE),
    **dict.fromkeys((Code.SYNTAX, Code.UNKNOWN, Code.TEMPLATE), (_ERROR, _WARNING)),
    Code.CONTENT: (_ERROR, _WARNING, _NOTE),
    Code.SEGMENTS: (_WARNING, _NOTE),
    Code.NO_CONSENT: (_NOTE,),
    Code.NO_EFFECT: (_WARNING,),
    Code.UNUSED: (_NOTE,),
    Code.IGNORE: (_WARNING,),
    Code.UNUSED_IGNORE: (_NOTE,),
    Code.BEYOND_KEPT: (_WARNING, _NOTE),
    Code.LAPSES: (_NOTE,),
    **dict.fromkeys((Code.NEVER_TRUE, Code.ALWAYS_TRUE, Code.CONTAINS_EMPTY, Code.SHADOWED), (_WARNING,)),
    **dict.fromkeys((Code.UNREACHABLE_VARIANT, Code.DOMINATED, Code.MIDNIGHT_HOLE), (_WARNING,)),
    **dict.fromkeys((Code.LOCALE_MISSING, Code.IGNORED_FILE), (_WARNING, _NOTE)),
    **dict.fromkeys(
        (Code.NO_END, Code.STOCK_BY_VIEWS, Code.NOTHING_SCARCE, Code.ONLY_PERSONALISED), (_NOTE,)
    ),
    **dict.fromkeys((Code.MAY_BE_MISSING, Code.TIE, Code.PAST, Code.NIGHT, Code.LOCALE_FIELD), (_NOTE,)),
}
"""The severities with which each code is reported, the gravest first."""


@dataclass(frozen=True, slots=True, order=True)
class Diagnostic:
    """A diagnostic at a position of a file; line and column count characters from 1.

    The order of the fields is the order in which diagnostics sort: by file, line, column, code.
    """

    file: str
    line: int
    column: int
    code: Code
    message: str
    severity: Severity = Severity.ERROR
    hint: str = ""
    """What to do about it, such as "did you mean 'profile.age'?"; may be empty."""
    source: str = ""
    """The line of the file, for the excerpt; empty for no excerpt."""
    length: int = 1
    """How many characters of the line, from the column on, it is about."""
    word: str = ""
    """What `suggestion` stands for: in the line, at the column or behind it; empty without a suggestion."""
    suggestion: str = ""
    """What was probably meant by `word`; empty if nothing is known to be like it."""


class Suggestion(str):
    """A hint that tells programs, too, what to write in place of which word."""

    __slots__ = ("replacement", "word")
    word: str
    replacement: str

    def __new__(cls, hint: str, word: str, replacement: str) -> "Suggestion":
        """The hint for people, what is written, and what was probably meant."""
        made = super().__new__(cls, hint)
        made.word, made.replacement = word, replacement
        return made


_WIDTH = 110
_COLORS = {Severity.ERROR: "31;1", Severity.WARNING: "33;1", Severity.NOTE: "36"}


def quote(text: str) -> str:
    """The text in single quotes, cut to 60 characters and made printable, for messages."""
    shown = text if len(text) <= 60 else f"{text[:57]}..."
    return f"'{_printable(shown)}'"


def render(diagnostics: Iterable[Diagnostic], color: bool = False) -> str:
    """The diagnostics as text for people: `file:line:column: code: message`, the source line, a caret, the hint.

    Control characters of the files are never passed on; `color` adds ANSI colours. Empty for no diagnostics.
    """
    return "".join(f"{line}\n" for diagnostic in diagnostics for line in _lines(diagnostic, color))


def in_short(diagnostic: Diagnostic) -> str:
    """The diagnostic in one line, without the source."""
    return next(iter(_lines(diagnostic, color=False)))


def _lines(diagnostic: Diagnostic, color: bool) -> Iterable[str]:
    paint = _COLORS[diagnostic.severity]
    location = f"{_printable(diagnostic.file)}:{diagnostic.line}:{diagnostic.column}"
    suffix = "" if diagnostic.severity is Severity.ERROR else f" ({diagnostic.severity})"
    code = _painted(diagnostic.code, paint, color)
    yield f"{_painted(location, '1', color)}: {code}: {_printable(diagnostic.message)}{suffix}"
    if diagnostic.source.strip():
        excerpt, caret = _excerpt(diagnostic.source, diagnostic.column)
        yield f"    {excerpt}".rstrip()
        yield f"    {caret}{_painted('^', paint, color)}"
    if diagnostic.hint:
        yield f"    {_printable(diagnostic.hint)}"


def _excerpt(source: str, column: int) -> tuple[str, str]:
    """The part of the line around the column, and the blanks before the caret."""
    start = max(0, column - 1 - _WIDTH // 2) if len(source) > _WIDTH else 0
    shown = _printable(source[start : start + _WIDTH])
    # A wide (for example Chinese) character takes two columns of a terminal.
    before = shown[: column - 1 - start]
    return shown, " " * sum(
        2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in before
    )


def _printable(text: str) -> str:
    """The text with a blank for each tab, and � for each other character that is not printable."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else " " if character == "\t" else "�" for character in text
    )


def _painted(text: str, paint: str, color: bool) -> str:
    return f"\x1b[{paint}m{text}\x1b[0m" if color else text
