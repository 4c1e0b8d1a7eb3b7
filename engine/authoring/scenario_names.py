"""Names of a book as its scenarios write them, so that they are renamed with the book."""

from collections.abc import Iterator, Mapping
from pathlib import Path as Folder

from engine.authoring.names import Occurrence
from engine.rulebook.report.findings import Path
from engine.rulebook.text import files, nodes
from engine.rulebook.text.nodes import Document
from engine.rulebook.text.yaml_events import LINE_BREAK, Unreadable, decode

_FOLDER = "tests"

_KEYS: Mapping[str, frozenset[str]] = {
    "campaigns": frozenset(("campaign", "campaigns")),
    "offers": frozenset(("offer",)),
    "channels": frozenset(("channel", "channels", "preferred_channels")),
    "placements": frozenset(("placement",)),
    "signals": frozenset(("signals",)),
    "events": frozenset(("type", "event")),
}
"""Of a section, the keys whose values are its names."""

_RULES = frozenset(("by", "blocked_by"))
"""Keys whose values are names of rules: those of a campaign are written behind its name and a slash."""

_REASONS = "reasons"
"""The key whose values are a code and, behind a blank, the name of what it is about."""

_OBJECTIONS = "objections"
"""The key whose values are purposes: that of a channel by its name is written behind `channel:`."""

_OF_CHANNEL = "channel:"

_ASSIGNED = "assigned"
"""The key below which campaigns are keys."""

_FREE = ("profile", "content", "weather", "location")
"""Keys below which callers and authors name what they like."""

_ATTRIBUTES = "profile"


def read_scenarios(folder: Folder) -> dict[str, bytes]:
    """The scenario files of the book in the folder, by their names relative to it; what cannot be read is left out."""
    read = files.read_folder(folder / _FOLDER) if (folder / _FOLDER).is_dir() else files.Sources()
    return {f"{_FOLDER}/{name}": content for name, content in read.files.items()}


def in_scenarios(contents: Mapping[str, bytes], target: Path) -> Iterator[Occurrence]:
    """Where the files write the name of a campaign, offer, channel, placement, signal, event type or attribute of the profile.

    Files that are no YAML are left out, and so is the name where it stands for anything else.
    """
    for file, content in sorted(contents.items()):
        try:
            text = decode(content)
        except Unreadable:
            continue
        document, lines = nodes.compose(text), LINE_BREAK.split(text)
        for name, line, column, offset in _written(document, target):
            begin = column - 1 + (lines[line - 1][column - 1 : column] in ('"', "'")) + offset
            if lines[line - 1].startswith(name, begin):
                yield Occurrence(file, line, begin + 1, len(name))


def _written(document: Document, target: Path) -> Iterator[tuple[str, int, int, int]]:
    """The name as it is written, the line and column of the key or value, and how far behind its beginning."""
    section, name = str(target[0]), str(target[-1])
    around = {"attributes": _ATTRIBUTES, "campaigns": _ASSIGNED}.get(section)
    own = name.removeprefix(f"{_ATTRIBUTES}.") if section == "attributes" else name
    for path, position in document.keys.items():
        if path[-2:] == (around, own):
            yield own, *position, 0
    if len(target) > 2 and target[:2] != ("events", "types"):
        return
    keys = _KEYS.get(section, frozenset())
    for path, position in document.values.items():
        if keys and not any(part in _FREE for part in path):
            key = next((part for part in reversed(path) if isinstance(part, str)), "")
            offset = _offset(key, _value(document, path), name, keys)
            if offset is not None:
                yield name, *position, offset


def _offset(key: str, value: object, name: str, keys: frozenset[str]) -> int | None:
    """How far behind the beginning of the key's value the name stands; None where it does not."""
    if key in keys and value == name:
        return 0
    if key == _OBJECTIONS and "channel" in keys and value == _OF_CHANNEL + name:
        return len(_OF_CHANNEL)
    if not isinstance(value, str) or key not in (*_RULES, _REASONS):
        return None
    start = value.find(" ") + 1 if key == _REASONS else 0
    rest = value[start:]
    return start if rest.startswith(f"{name}/") or (start and rest == name) else None


def _value(document: Document, path: Path) -> object:
    here: object = document.data
    for part in path:
        if isinstance(here, dict):
            here = here.get(part)
        elif isinstance(here, list) and isinstance(part, int):
            here = here[part]
    return here
