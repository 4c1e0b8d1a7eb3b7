"""Names of a book: where they are declared, what refers to them, and what renaming one changes."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from engine.authoring.analyse import Analysis
from engine.authoring.place import spot_at
from engine.rulebook.model.policies import POLICY_SECTIONS
from engine.rulebook.report.diagnostics import Severity, quote
from engine.rulebook.report.findings import Path, Use
from engine.rulebook.text import nodes
from engine.rulebook.text.merge import is_name, is_words
from engine.rulebook.text.yaml_events import LINE_BREAK, decode

NAMED = (
    *("attributes", "places", "patterns", "signals", "channels", "placements"),
    *("audiences", "offers", "campaigns", "holdouts", "layers"),
)
"""Sections whose keys are names."""

_UNDECLARED = ("tags", "groups")
"""Kinds of names that are declared by using them."""

_INNER = {
    "campaigns": "variants",
    "layers": "slots",
    "patterns": "expose",
    "signals": "expose",
    "places": "fields",
}
"""Keys below whose value an entry of a section declares further names."""


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A name as it is written once."""

    file: str
    line: int
    column: int
    """Where it begins; both from 1."""
    length: int
    """In characters."""


@dataclass(frozen=True, slots=True)
class RenameError(Exception):
    """A name that cannot be given, or not now."""

    reason: str

    def __str__(self) -> str:
        return self.reason


def is_declaration(path: Path) -> bool:
    """Whether the key that the path ends in declares a name."""
    if len(path) == 2:
        return path[0] in NAMED
    if len(path) == 3 and path[:2] == ("events", "types"):
        return True
    if len(path) == 3 and path[0] == "pressure":
        return path[1] in POLICY_SECTIONS
    return len(path) == 4 and _INNER.get(str(path[0])) == path[2]


def name_at(analysis: Analysis, file: str, line: int, column: int) -> tuple[Path, Occurrence] | None:
    """What the name at the place refers to, and how it is written there; None if no name stands there."""
    spot = spot_at(analysis, file, line, column)
    if spot is None:
        return None
    written = [
        (use.target, occurrence_of(analysis, use)) for use in analysis.used_at.get((spot.path, spot.key), ())
    ]
    if spot.key and is_declaration(spot.path):
        written.append((spot.path, declaration(analysis, spot.path)))
    at = [
        (target, here)
        for target, here in written
        if here is not None and here.line == line and here.column <= column <= here.column + here.length
    ]
    return max(at, key=lambda pair: pair[1].column, default=None)


def declaration(analysis: Analysis, target: Path) -> Occurrence | None:
    """Where the name is declared; None for a name that is built in, unknown, or declared by its use."""
    if target[:2] == ("events", "types") and target not in analysis.keys:
        types = analysis.data.get("events")
        listed = types.get("types") if isinstance(types, dict) else None
        if isinstance(listed, list) and target[-1] in listed:
            path = (*target[:2], listed.index(str(target[-1])))
            return _occurrence(analysis, path, str(target[-1]), key=False)
        return None
    return _occurrence(analysis, target, str(target[-1]), key=True) if target in analysis.keys else None


def references(analysis: Analysis, target: Path) -> Iterator[Occurrence]:
    """Where the name is used; not where it is declared."""
    for use in analysis.used_by.get(target, ()):
        here = occurrence_of(analysis, use)
        if here is not None:
            yield here


def occurrence_of(analysis: Analysis, use: Use) -> Occurrence | None:
    """Where the use writes the name; None if it does not: it has escapes, an alias repeats it, or `rfm` implies it."""
    name, path = str(use.target[-1]), analysis.written(use)
    if use.placeholder is None:
        return _occurrence(analysis, path, name, key=use.key, offset=use.offset)
    text = _value(analysis, path)
    origin = analysis.values.get(path)
    if not isinstance(text, str) or origin is None:
        return None
    token = text[slice(*use.placeholder)]
    file, line, column = origin
    lines = analysis.lines.get(file, [])
    earlier = text.count(token, 0, use.placeholder[0])
    for number in range(line, min(line + text.count("\n") + 2 + len(text) // 40, len(lines)) + 1):
        start = column - 1 if number == line else 0
        while (start := lines[number - 1].find(token, start)) >= 0:
            if not earlier:
                blanks = len(token) - len(token[1:].lstrip()) - 1
                begin = start + 1 + blanks + use.offset
                fits = lines[number - 1].startswith(name, begin)
                return Occurrence(file, number, begin + 1, len(name)) if fits else None
            earlier -= 1
            start += 1
    return None


def _occurrence(
    analysis: Analysis, path: Path, name: str, *, key: bool, offset: int = 0
) -> Occurrence | None:
    origin = (analysis.keys if key else analysis.values).get(path)
    if origin is None:
        return None
    file, line, column = origin
    lines = analysis.lines.get(file, [])
    text = lines[line - 1] if line <= len(lines) else ""
    begin = column - 1 + (text[column - 1 : column] in ('"', "'")) + offset
    return Occurrence(file, line, begin + 1, len(name)) if text.startswith(name, begin) else None


def _is_aliased(analysis: Analysis, use: Use) -> bool:
    """Whether the use stands in what a YAML alias repeats: its text is where the anchor is."""
    origin = (analysis.keys if use.key else analysis.values).get(analysis.written(use))
    if origin is None:
        return False
    file, line, column = origin
    return analysis.lines[file][line - 1].startswith("*", column - 1)


def _value(analysis: Analysis, path: Path) -> object:
    here: object = analysis.data
    for part in path:
        if isinstance(here, dict):
            here = here.get(part)
        elif isinstance(here, list) and isinstance(part, int) and part < len(here):
            here = here[part]
        else:
            return None
    return here


def rename(analysis: Analysis, target: Path, name: str) -> list[Occurrence]:
    """All that is written of the name, to be replaced by the new one; raises RenameError with the reason why not.

    The book says the same of a new customer. What is kept or drawn by the name, contacts and groups, begins anew.
    """
    if analysis.book is None:
        raise RenameError(
            "the book has errors: mend them first, as something may refer to the name in what is not read"
        )
    if declaration(analysis, target) is None and target[0] not in _UNDECLARED:
        raise RenameError(f"{quote(str(target[-1]))} is not declared in this book")
    _check_new(analysis, target, name)
    uses = analysis.used_by.get(target, [])
    written = [occurrence_of(analysis, use) for use in uses if not _is_aliased(analysis, use)]
    if None in written:
        raise RenameError(f"{quote(str(target[-1]))} is meant in another way somewhere: rename it by hand")
    own = declaration(analysis, target)
    everywhere = [here for here in (own, *written) if here is not None]
    return list(dict.fromkeys(everywhere))


def replaced(contents: Mapping[str, bytes], occurrences: Iterable[Occurrence], name: str) -> dict[str, bytes]:
    """The files with the name in place of what is written at the occurrences; those without any as they are."""
    by_file: dict[str, list[Occurrence]] = {}
    for here in occurrences:
        by_file.setdefault(here.file, []).append(here)
    changed = dict(contents)
    for file, to_change in by_file.items():
        lines = re.split(
            f"({LINE_BREAK.pattern})", decode(contents[file])
        )  # every second one is a line break
        for here in sorted(
            to_change, key=lambda occurrence: (occurrence.line, occurrence.column), reverse=True
        ):
            index, begin = 2 * (here.line - 1), here.column - 1
            lines[index] = lines[index][:begin] + name + lines[index][begin + here.length :]
        changed[file] = "".join(lines).encode()
    return changed


def check_meaning(before: Analysis, after: Analysis, target: Path, name: str) -> None:
    """Raise RenameError if the book means something else after the renaming, as when a channel is no longer named `sms`."""
    old = str(target[-1])
    if before.book is None:
        return
    if after.book is None:
        first = next(error for error in after.diagnostics if error.severity is Severity.ERROR)
        raise RenameError(f"as {quote(name)} the book would have an error: {first.message}")
    if target[0] == "channels" and replace(before.book.channels[old], name=name) != after.book.channels[name]:
        raise RenameError(
            f"the channel {quote(old)} has its format by its name: write `format` before you rename it"
        )


def _check_new(analysis: Analysis, target: Path, name: str) -> None:
    if target[0] == "attributes":
        right, rule = (
            name.startswith("profile.") and is_words(name),
            "profile. and lower-case words, joined by dots",
        )
    elif len(target) == 4 and target[0] not in ("layers", "campaigns"):
        right, rule = is_words(name, dots=False), "a lower-case word of letters, digits and _"
    else:
        right, rule = is_name(name), "letters, digits, and . _ - after the first"
        if target[0] in ("patterns", "signals") and "." in name:
            right, rule = False, "letters, digits, and _ - after the first, without a dot"
    if not right:
        raise RenameError(f"{quote(name)} cannot be the name: {rule}")
    if nodes.compose(name).data != name:
        raise RenameError(f"{quote(name)} would be read as a number or a word of YAML")
    siblings = (*target[:-1], name)
    if declaration(analysis, siblings) is not None or siblings in analysis.used_by:
        raise RenameError(f"there is a {quote(name)} already")
