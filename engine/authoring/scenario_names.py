"""Names of a book as its scenarios write them, so that they are renamed with the book."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path as Folder
from typing import NamedTuple

from engine.authoring.edits import Edit
from engine.authoring.names import Occurrence, RenameError
from engine.model.decision import ReasonCode
from engine.rulebook.model.book import BOOK_BUDGET
from engine.rulebook.report.diagnostics import quote
from engine.rulebook.report.findings import Path, SourcePosition
from engine.rulebook.text import files, nodes
from engine.rulebook.text.nodes import Document, PlainData
from engine.rulebook.text.yaml_events import LINE_BREAK, Unreadable, decode

_FOLDER = "tests"

_SECTIONS: Mapping[str, str] = {
    "campaign": "campaigns",
    "campaigns": "campaigns",
    "offer": "offers",
    "channel": "channels",
    "channels": "channels",
    "preferred_channels": "channels",
    "placement": "placements",
    "signals": "signals",
}
"""Of a key, the section whose names its values are."""

_OF_CHANNEL = "channel:"
"""What stands before the name of a channel whose purpose is its own, where a person objects to it."""

_RULES = ("by", "blocked_by")
"""Keys whose values are names of rules."""

_OF_OWNERS: Mapping[str, str] = {
    "stock": "offers",
    "capacity": "channels",
    "capacity_each": "channels",
    "channel_budget": "channels",
}
"""Of a rule that is named by its owner and a slash, what follows and the section of the owner; other owners are campaigns."""

REASONS: Mapping[str, str] = {
    **dict.fromkeys((ReasonCode.NO_CONSENT, ReasonCode.OBJECTED, ReasonCode.UNREACHABLE), "channels"),
    **dict.fromkeys((ReasonCode.NO_VARIANT, ReasonCode.NOT_WORTH_IT), "channels"),
    **dict.fromkeys((ReasonCode.CHOSEN, ReasonCode.CONTROL, ReasonCode.RAMPING), "campaigns"),
    ReasonCode.FALLBACK: "placements",
    ReasonCode.HELD_OUT: "holdouts",
    ReasonCode.OTHER_SLOT: "layers",
}
"""Of the code of a reason, the section of the name that follows it; others are followed by a rule."""

_DRAWN: Mapping[str, str] = {"holdouts": "holdouts", "layers": "layers", "ramps": "campaigns"}
"""Keys below `assigned` that are no campaigns, and the sections of the names below them."""

_BUDGETS = "budgets.yaml"
"""The file with budgets, which are written in words."""

_IN_WORDS: Mapping[str, re.Pattern[str]] = {
    "channels": re.compile(r" on (\S+)"),
    "offers": re.compile(r" of offer (\S+)"),
    "campaigns": re.compile(r" of campaign (\S+)"),
    "attributes": re.compile(r" values of (\S+)"),
}
"""How a budget writes the names of a section."""

_TAKEN = re.compile(r"\s*(\S+) taken")

_FREE = ("profile", "content", "weather", "location")
"""Keys below which callers and authors name what they like."""

_PROFILE = "profile"


class _Mention(NamedTuple):
    """A name in a scenario."""

    target: Path
    """Where the book declares it. A rule of contact pressure has no section: its name is its own among all of them."""
    offset: int = 0
    """Characters before it in the key or the value."""


def read_scenarios(folder: Folder) -> dict[str, bytes]:
    """The scenario files of the book in the folder, by their names relative to it; what cannot be read is left out."""
    read = files.read_folder(folder / _FOLDER) if (folder / _FOLDER).is_dir() else files.Sources()
    return {f"{_FOLDER}/{name}": content for name, content in read.files.items()}


def in_scenarios(
    contents: Mapping[str, bytes], target: Path, data: Mapping[str, PlainData] | None = None
) -> Iterator[Occurrence]:
    """Where the files write the name that the book declares at the target; of an attribute in parts its last part.

    data: of the book, to know whose a variant is that stands without its campaign. Files that are no YAML are left out,
    and so is the name where it stands for anything else.
    """
    wanted = target[-1:] if target[0] == "pressure" else target
    for file, content in sorted(contents.items()):
        try:
            text = decode(content)
        except Unreadable:
            continue
        document, lines = nodes.compose(text), LINE_BREAK.split(text)
        if file.rpartition("/")[2] == _BUDGETS:
            written = _in_words(document, target)
        elif target[0] == "attributes":
            written = _attributes(document, target)
        else:
            written = _names(document, wanted, data or {})
        for name, (line, column), offset in written:
            begin = column - 1 + (lines[line - 1][column - 1 : column] in ('"', "'")) + offset
            if lines[line - 1].startswith(name, begin):
                yield Occurrence(file, line, begin + 1, len(name))


def renamed_in_scenarios(
    contents: Mapping[str, bytes], target: Path, name: str, data: Mapping[str, PlainData]
) -> list[Edit]:
    """What renaming changes in the files.

    Raises RenameError for an attribute that they write in parts, of which others than the last would have to change.
    """
    edits = []
    old, new = _own(str(target[-1])), _own(name)
    for here in in_scenarios(contents, target, data):
        text = name
        if here.length < len(str(target[-1])):  # an attribute below `profile`
            above = old[: len(old) - here.length]
            if not new.startswith(above):
                raise RenameError(
                    f"{here.file}, line {here.line}, writes {quote(str(target[-1]))} in parts: rename it there by hand"
                )
            text = new[len(above) :]
        edits.append(Edit(here.file, (here.line, here.column), (here.line, here.column + here.length), text))
    return edits


def _in_words(document: Document, target: Path) -> Iterator[tuple[str, SourcePosition, int]]:
    """The name in budgets; there attributes are written whole."""
    section, name = str(target[0]), str(target[-1])
    pattern = _IN_WORDS.get(section) if len(target) == 2 else None
    for path, position in document.values.items():
        value = _value(document, path)
        if pattern is None or not isinstance(value, str):
            continue
        for match in pattern.finditer(value):
            if match[1] == name:
                yield name, position, match.start(1)
        taken = _TAKEN.match(value)
        if taken and _rule(taken[1]).target == target:
            yield name, position, taken.start(1)


def _own(attribute: str) -> str:
    return attribute.removeprefix(f"{_PROFILE}.")


def _attributes(document: Document, target: Path) -> Iterator[tuple[str, SourcePosition, int]]:
    """The keys of an attribute of the profile, which may be written in parts: the last part, and where it begins."""
    own = _own(str(target[-1]))
    for path, position in document.keys.items():
        if _PROFILE in path[:-1]:
            start = path.index(_PROFILE) + 1
            if ".".join(map(str, path[start:])) == own:
                yield str(path[-1]), position, 0


def _names(
    document: Document, target: Path, data: Mapping[str, PlainData]
) -> Iterator[tuple[str, SourcePosition, int]]:
    """The name as it is written, the line and column of the key or value, and how far behind its beginning."""
    for path, position in document.keys.items():
        mention = _of_key(path)
        if mention is not None and mention.target == target:
            yield str(target[-1]), position, mention.offset
    for path, position in document.values.items():
        value = _value(document, path)
        if isinstance(value, str):
            mention = _of_variant(document, path, value, target, data) or _of_value(path, value)
            if mention is not None and mention.target == target:
                yield str(target[-1]), position, mention.offset


def _of_key(path: Path) -> _Mention | None:
    """What a key names: below `assigned` and `prices` keys are names."""
    if any(part in _FREE for part in path[:-1]):
        return None
    name = str(path[-1])
    if path[-2:-1] == ("prices",):
        return _rule(name)
    if path[-2:-1] == ("assigned",):
        return None if name in (*_DRAWN, "trials") else _Mention(("campaigns", name))
    if path[-3:-2] == ("assigned",):
        section = _DRAWN.get(str(path[-2]))
        return _Mention((section, name)) if section else _rule(name)
    return None


def _of_value(path: Path, value: str) -> _Mention | None:
    """What a value names, by its key and what is around it."""
    keys = [part for part in path if isinstance(part, str)]
    key = keys[-1] if keys else ""
    if keys[-3:-1] == ["assigned", "layers"]:
        return _Mention(("layers", key, "slots", value))
    if "assigned" in keys or any(part in _FREE for part in keys):
        return None
    if keys[-2:-1] in (["events"], ["record"], ["trends"]):  # of an event callers name the other fields
        if key == ("event" if keys[-2] == "trends" else "type"):
            return _Mention(("events", "types", value))
        section = _SECTIONS.get(key) if keys[-2] == "record" and key in ("campaign", "channel") else None
    elif key == "objections":
        name = value.removeprefix(_OF_CHANNEL)
        return _Mention(("channels", name), len(_OF_CHANNEL)) if name != value else None
    elif key in _RULES or key == "reasons":
        return _reason(value) if key == "reasons" else _rule(value)
    else:
        section = _SECTIONS.get(key)
    return _Mention((section, value)) if section else None


def _reason(text: str) -> _Mention:
    """What stands behind the code of a reason and a blank."""
    code, _, name = text.partition(" ")
    mention = _Mention((REASONS[code], name)) if code in REASONS else _rule(name)
    return mention._replace(offset=len(code) + 1)


def _rule(name: str) -> _Mention:
    """What the name of a rule names: its own, or its owner, behind whom a slash stands."""
    owner, slash, rest = name.partition("/")
    if name == BOOK_BUDGET:
        return _Mention((name,))
    return (
        _Mention((_OF_OWNERS.get(rest.partition("/")[0], "campaigns"), owner)) if slash else _Mention((name,))
    )


def _of_variant(
    document: Document, path: Path, value: str, target: Path, data: Mapping[str, PlainData]
) -> _Mention | None:
    """What a key `variant` names: a variant of the campaign beside it, or of the only one that has such a variant."""
    own = path[:-1] if path and isinstance(path[-1], int) else path
    if own[-1:] != ("variant",) or any(part in _FREE for part in path) or len(target) != 4:
        return None
    expected = [_value(document, own[:-1]), _value(document, own[:-2]) if own[-2:-1] == ("not",) else None]
    campaigns = [around.get("campaign") for around in expected if isinstance(around, dict)]
    named = [campaign for campaign in campaigns if isinstance(campaign, str)] or _owners(value, data)
    return _Mention(("campaigns", named[0], "variants", value)) if named else None


def _owners(variant: str, data: Mapping[str, PlainData]) -> list[str]:
    """The one campaign that has such a variant; none if several have."""
    campaigns, owners = data.get("campaigns"), []
    for name, stated in campaigns.items() if isinstance(campaigns, dict) else ():
        variants = stated.get("variants") if isinstance(stated, dict) else None
        owners += [name] if isinstance(variants, dict) and variant in variants else []
    return owners if len(owners) == 1 else []


def _value(document: Document, path: Path) -> object:
    here: object = document.data
    for part in path:
        if isinstance(here, dict):
            here = here.get(part)
        elif isinstance(here, list) and isinstance(part, int):
            here = here[part]
    return here
