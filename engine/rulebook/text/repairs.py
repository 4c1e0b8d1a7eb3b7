"""Recognise what YAML reads otherwise than its author meant it, and what was meant, so that reading can go on.

`{title: Socks, go with it}` is a mapping of two keys for YAML, and `{profile.first_name|friend}` one of a key without a value.
"""

import re
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

import yaml

from engine.rulebook.report.findings import Path, SourcePosition
from engine.rulebook.text import hints
from engine.rulebook.text.mistakes import CURLY, INVISIBLE, Mistake, name_of, no_blank
from engine.rulebook.text.yaml_events import NodeStart

_GLUED = re.compile(r"([\w.-]*[A-Za-z_][\w.-]*):([^\s:/].*)")
_SWALLOWED = re.compile(r"([^\s{\[]+) +[{\[]")
_COMMENT = re.compile(r"\s+#(?!\s*tact:\s*ignore(?![\w-]))")
_GLUED_COMMENT = re.compile(r"\s+#[^\s#]")
_IGNORE = re.compile(r"\s+#\s*tact:\s*ignore(?![\w-]).*")
_TEXTS = ("content", "locales", "lawful_basis")


class FlowEntry(NamedTuple):
    """An entry of a flow mapping whose value is a plain scalar."""

    key: str
    value: yaml.ScalarEvent


def is_loose(key: yaml.ScalarEvent, value: NodeStart) -> bool:
    """Whether the key has no colon: `b` in `{a: 1, b}`."""
    if not isinstance(value, yaml.ScalarEvent) or value.value or key.style or not key.value:
        return False
    marks = value.start_mark, value.end_mark, key.end_mark
    return len({mark.index for mark in marks if mark}) == 1


def written(lines: Sequence[str], first: yaml.ScalarEvent, last: yaml.ScalarEvent) -> str:
    """The text from the first scalar to the last one as it is written, in one line."""
    begin, end = first.start_mark, last.end_mark
    if begin is None or end is None:
        return str(first.value)
    if begin.line == end.line:
        return lines[begin.line][begin.column : end.column]
    inner = (line.strip() for line in lines[begin.line + 1 : end.line])
    return " ".join(
        (lines[begin.line][begin.column :].strip(), *inner, lines[end.line][: end.column].strip())
    )


def glued(key: yaml.ScalarEvent, position: SourcePosition) -> tuple[str, str, Mistake] | None:
    """Key, value and mistake of an entry without a blank after its colon."""
    match = _GLUED.fullmatch(key.value)
    return (match[1], match[2], no_blank(match[1], match[2], position)) if match else None


def swallowed(key: str, value: NodeStart, position: SourcePosition) -> tuple[str, Mistake] | None:
    """The key and the mistake of a line such as `cream {name: Cream}`, which YAML reads as the key `cream {name`."""
    match = _SWALLOWED.match(key)
    if match is None or not isinstance(value, yaml.ScalarEvent):
        return None
    rest = f"{key[match.end() - 1 :]}: {value.value}"
    return match[1], Mistake(position, f"no colon after '{match[1]}'", f"write {match[1]}: {rest}")


def joined(
    before: FlowEntry, loose: Sequence[str], text: str, position: SourcePosition
) -> tuple[str, Mistake]:
    """What the entry and the keys without a value behind it were meant as. text: as written."""
    if len(loose) == 1 and re.fullmatch(r"[-+]?[0-9][0-9.]*,[0-9]+", text):
        number = hints.number(text).removeprefix("write ") or text.replace(",", ".")
        return number, Mistake(
            position, f"a comma in the number {text}: it separates entries", f"write {before.key}: {number}"
        )
    meant = text.strip(CURLY)
    mark = "'" if '"' in meant else '"'
    message = f"a comma ends the text here, and '{loose[0]}' is no key"
    return text, Mistake(position, message, f"write {before.key}: {mark}{meant}{mark}")


def braced(loose: Sequence[str], path: Path | None, position: SourcePosition) -> tuple[str, Mistake]:
    """What a mapping was meant as that has nothing but keys without a value: a text that begins with a placeholder."""
    text = f"{{{', '.join(loose)}}}"
    key = f"{path[-1]}: " if path and isinstance(path[-1], str) else ""
    message = "a text that begins with { must be in quotes"
    hint = f'write {key}"{text}"'
    test = hints.test(loose[0]) if len(loose) == 1 else ""
    if test:
        return text, Mistake(position, f"'{loose[0]}' has no value", test)
    if not (path and is_text(path)) and not any("|" in name for name in loose):
        message = f"'{loose[0]}' has no value"
        hint = f'write {key}[{", ".join(loose)}] for a list, or {key}"{text}" for a text'
    return text, Mistake(position, message, hint)


def is_text(path: Path) -> bool:
    """Whether the value at the path is for people: any character can be meant in it."""
    return any(part in _TEXTS for part in path[1:]) or path[-1:] in (("name",), ("description",))


def is_content(path: Path) -> bool:
    """Whether the value at the path is sent to customers."""
    return any(part in ("content", "locales") for part in path[1:])


def is_operand(path: Path) -> bool:
    """Whether the value at the path is compared with what callers send."""
    return any(isinstance(part, str) and ("." in part or part == "where") for part in path[2:])


def unseen(text: str, position: SourcePosition) -> Mistake | None:
    """An invisible character in the text, whose first character is at the position."""
    match = INVISIBLE.search(text)
    if match is None:
        return None
    line, column = position
    hint = "delete it, or type a blank in its place"
    message = f"the invisible character {name_of(match[0])} in '{clean(text)}'"
    return Mistake((line, column + match.start()), message, hint)


def clean(text: str) -> str:
    """The text in NFC, with blanks for invisible blanks and without other invisible characters."""
    shown = INVISIBLE.sub(lambda match: " " if unicodedata.category(match[0]) == "Zs" else "", text)
    return unicodedata.normalize("NFC", shown).strip()


def curly(text: str, key: str, position: SourcePosition) -> Mistake | None:
    """Curly quotes around a text, which YAML takes for a part of it."""
    if len(text) < 2 or text[0] not in CURLY or text[-1] not in CURLY:
        return None
    label = f"{key}: " if key else ""
    return Mistake(position, f"curly quotes ({text[0]}) are part of the text", f'write {label}"{text[1:-1]}"')


def bang(text: str, key: str, position: SourcePosition) -> Mistake:
    """A text behind `! `, which YAML reads as a tag."""
    label = f"{key}: " if key else ""
    return Mistake(position, "a ! before a text is no part of it", f'write {label}"! {text}"')


def anchor(name: str, text: str, key: str, position: SourcePosition) -> Mistake:
    """A text behind `&name `, which YAML reads as a name for the text; no alias uses it."""
    label = f"{key}: " if key else ""
    message = f"&{name} before a text is no part of it, and no alias *{name} uses it"
    return Mistake(position, message, f'write {label}"&{name} {text}"')


def curly_key(key: str, position: SourcePosition) -> tuple[str, Mistake] | None:
    """The key without curly quotes around it, and the mistake."""
    mistake = curly(key, "", position)
    if mistake is None:
        return None
    return key[1:-1], Mistake(position, f"curly quotes ({key[0]}) are part of the key", f"write {key[1:-1]}:")


def cut(
    event: yaml.ScalarEvent, path: Path, lines: Sequence[str], position: SourcePosition
) -> Mistake | None:
    """A plain text that ends at ` #`, where a comment begins; outside of content, at ` #` without a blank behind it."""
    mark = event.end_mark
    if event.style or mark is None or mark.line >= len(lines):
        return None
    rest = lines[mark.line][mark.column :]
    comment = _COMMENT if is_content(path) else _GLUED_COMMENT
    if not event.value or not comment.match(rest):
        return None
    key = next((part for part in reversed(path) if isinstance(part, str)), "")
    rest = _IGNORE.sub("", rest)
    written = f"{event.value}{rest.rstrip()}".rstrip("}]" if "{" in lines[mark.line] else "")
    message = f"a comment begins at ' #': the text is only '{event.value}'"
    return Mistake(position, message, f'write {key}: "{written}"')
