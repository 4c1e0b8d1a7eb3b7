"""Complete what is being typed: keys, values and names, as the schema of the book has them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from engine.authoring.place import Cut, cut
from engine.authoring.schema import below
from engine.authoring.schema_of_shapes import Schema
from engine.rulebook.model.book import OFFER_PRICE


class CompletionKind(StrEnum):
    """What a completion is."""

    KEY = "key"
    VALUE = "value"
    ATTRIBUTE = "attribute"


@dataclass(frozen=True, slots=True)
class Completion:
    """Something that can be written at the cursor."""

    label: str
    kind: CompletionKind
    text: str
    """What is written in place of the word."""
    description: str = ""


@dataclass(frozen=True, slots=True)
class Completions:
    """What can be written in place of a word of a line."""

    start: int
    """The column of the word, from 0."""
    end: int
    """Behind it."""
    items: tuple[Completion, ...]


def complete(
    whole: Schema, lines: Sequence[str], line: int, column: int, *, only_names: bool = False
) -> Completions | None:
    """What can be written at the line and column, both from 0; None where nothing is known.

    whole: the schema of the book. only_names: leave keys and values to another program that knows the schema.
    """
    word = cut(list(lines), line, column)
    if word is None:
        return None
    if word.placeholder:
        items = _placeholders(whole)
    elif only_names:
        return None
    elif word.key:
        items = _keys(whole, word, has_colon=lines[line][word.end :].lstrip().startswith(":"))
    else:
        items = _values(whole, word, first=not lines[line][: word.start].strip(" -"))
    unique = {item.label: item for item in items}
    return Completions(word.start, word.end, tuple(unique.values()))


def _placeholders(whole: Schema) -> Iterator[Completion]:
    for name in (*_listed(whole["$defs"]["attribute"]), OFFER_PRICE):
        yield Completion(name, CompletionKind.ATTRIBUTE, name)


def _listed(node: Schema) -> Iterator[str]:
    for alternative in node.get("anyOf", [node]):
        yield from alternative.get("enum", ())


def _keys(whole: Schema, word: Cut, *, has_colon: bool) -> Iterator[Completion]:
    for node in below(whole, word.path):
        for key, inner in node.get("properties", {}).items():
            if key not in word.beside:
                kind = CompletionKind.ATTRIBUTE if "." in key else CompletionKind.KEY
                yield Completion(key, kind, key if has_colon else f"{key}: ", _described(whole, inner))


def _described(whole: Schema, node: Mapping[str, object]) -> str:
    if "description" in node or "$ref" not in node:
        return str(node.get("description", ""))
    target = whole["$defs"][str(node["$ref"]).removeprefix("#/$defs/")]
    return str(target.get("description", ""))


def _values(whole: Schema, word: Cut, *, first: bool) -> Iterator[Completion]:
    """first: whether nothing but blanks and dashes stands before the word, where a mapping can begin."""
    for node in below(whole, word.path):
        yield from _scalars(node, "")
        for key, inner in node.get("properties", {}).items():
            text = f"{key}: " if first else f"{{{key}: }}"
            yield Completion(key, CompletionKind.KEY, text, _described(whole, inner))
        if "items" in node and not first:
            for item in below(whole, (*word.path, 0)):
                yield from _scalars(item, "[]")


def _scalars(node: Schema, brackets: str) -> Iterator[Completion]:
    words = [*node.get("enum", ()), *([node["const"]] if "const" in node else ())]
    words += ["true", "false"] if node.get("type") == "boolean" else []
    words += [value for value in node.get("examples", ()) if isinstance(value, str | int | float)]
    for value in words:
        text = str(value).lower() if isinstance(value, bool) else str(value)
        shown = f"[{text}]" if brackets else text
        yield Completion(text, CompletionKind.VALUE, shown, node.get("description", ""))
