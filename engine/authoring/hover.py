"""Say what stands at a place: what a name means and who uses it, or what a key is for."""

from collections.abc import Iterator
from dataclasses import dataclass

from engine.authoring.analyse import Analysis
from engine.authoring.names import Occurrence, declaration, name_at, references
from engine.authoring.place import spot_at
from engine.authoring.schema import below
from engine.authoring.schema_of_shapes import Schema
from engine.conditions.model import All, Any_, Audience, Condition, None_, Test
from engine.conditions.trace import text_of
from engine.rulebook.report.findings import Path

_MOST_LINES = 12
_MOST_USERS = 8
_NOUNS = {"tags": "tag", "groups": "group", "attributes": "attribute", "places": "place"}


@dataclass(frozen=True, slots=True)
class Hover:
    """A text in Markdown about what is written at an occurrence."""

    text: str
    at: Occurrence | None


def hover(analysis: Analysis, whole: Schema, file: str, line: int, column: int) -> Hover | None:
    """What is known of the place, line and column from 1; None where nothing is. whole: the schema of the book."""
    named = name_at(analysis, file, line, column)
    if named is not None:
        return Hover("\n\n".join(_of_name(analysis, named[0])), named[1])
    spot = spot_at(analysis, file, line, column)
    if spot is None or spot.line != line:
        return None
    words = dict.fromkeys(node.get("description", "") for node in below(whole, spot.path))
    text = "\n\n".join(word for word in words if word)
    return Hover(f"**{spot.path[-1]}**: {text}", None) if text and spot.path else None


def _of_name(analysis: Analysis, target: Path) -> Iterator[str]:
    section, name = str(target[0]), str(target[-1])
    noun = _NOUNS.get(
        section, section.removesuffix("s") if len(target) < 4 else str(target[2]).removesuffix("s")
    )
    yield f"**{noun}** `{name}`"
    if section == "audiences" and analysis.book is not None and name in analysis.book.audiences:
        yield said(analysis.book.audiences[name])
    own = declaration(analysis, target)
    if own is not None:
        yield f"```yaml\n{_source(analysis, own)}\n```"
    users = used_by(analysis, target)
    if users:
        more = f" and {len(users) - _MOST_USERS:,} more" if len(users) > _MOST_USERS else ""
        yield f"used by {', '.join(f'`{user}`' for user in users[:_MOST_USERS])}{more}"
    elif own is not None:
        yield "used by nothing"


def used_by(analysis: Analysis, target: Path) -> list[str]:
    """The entries that use the name, as `campaigns/welcome`, in the order in which they were read."""
    uses = analysis.used_by.get(target, ())
    entries = (use.path[: 3 if use.path[0] == "pressure" else 2] for use in uses)
    return list(dict.fromkeys("/".join(map(str, entry)) for entry in entries))


def count_uses(analysis: Analysis, target: Path) -> int:
    """How often the name is written where it is used."""
    return sum(1 for _ in references(analysis, target))


def said(condition: Condition) -> str:
    """The condition in words: `profile.age lt 30 and (audience north or audience south)`."""
    match condition:
        case Test() | Audience():
            return text_of(condition)
        case All(parts=parts):
            return " and ".join(map(_inside, parts)) or "everybody"
        case Any_(parts=parts):
            return " or ".join(map(_inside, parts))
        case None_(parts=parts):
            return f"not ({' or '.join(map(said, parts))})"


def _inside(condition: Condition) -> str:
    is_group = isinstance(condition, All | Any_) and len(condition.parts) > 1
    return f"({said(condition)})" if is_group else said(condition)


def _source(analysis: Analysis, own: Occurrence) -> str:
    """The lines of the entry: its own, and those below that are indented deeper."""
    lines = analysis.lines[own.file]
    first = lines[own.line - 1]
    depth = len(first) - len(first.lstrip())
    taken = [first[depth:]]
    for text in lines[own.line :]:
        if text.strip() and len(text) - len(text.lstrip()) <= depth:
            break
        taken.append(text[depth:])
    while not taken[-1].strip():
        taken.pop()
    return "\n".join(taken if len(taken) <= _MOST_LINES else [*taken[: _MOST_LINES - 1], "…"])
